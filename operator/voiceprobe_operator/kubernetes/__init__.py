"""The calls to the Kubernetes API that kopf does not make for us."""

from voiceprobe_operator.kubernetes.api import GROUP, PAGE, PLURALS, VERSION, Kubernetes, login
from voiceprobe_operator.kubernetes.election import Election
from voiceprobe_operator.kubernetes.secrets import Secrets

__all__ = ["GROUP", "PAGE", "PLURALS", "VERSION", "Election", "Kubernetes", "Secrets", "login"]
