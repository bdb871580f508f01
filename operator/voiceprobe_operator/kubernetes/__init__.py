"""The calls to the Kubernetes API that kopf does not make for us."""

from voiceprobe_operator.kubernetes.api import GROUP, PLURALS, VERSION, Kubernetes, login

__all__ = ["GROUP", "PLURALS", "VERSION", "Kubernetes", "login"]
