"""Where alerts are sent: one Grafana contact point for each receiver, and the policy that leads to them. No I/O here.

Grafana never gives back what is secret in a contact point. So a keyed fingerprint of it is part of the uid: another
secret makes another contact point of the same name, written before the old one is removed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from voiceprobe_operator import names
from voiceprobe_operator.dashboards import Json
from voiceprobe_operator.fingerprints import keyed
from voiceprobe_operator.receivers import SEVERITIES, Email, Receiver, SecretKey, Webhook

Secrets = Mapping[str, Mapping[str, str]]
"""The Secrets that receivers name, by name and then by key. One that is not there is left out."""

# The same words as in the CRD, for an address that comes out of a Secret.
_URL = re.compile(r"https?://[A-Za-z0-9[][!-z|~]{0,2000}", re.ASCII)
_LINE = re.compile(r"[\x20-\x7e]{1,4096}", re.ASCII)
# Alertmanager's own defaults for the last two. Alerts of one evaluation come together, so there is no need to wait.
_TIMING = {"group_wait": "10s", "group_interval": "5m", "repeat_interval": "4h"}


class UnusableSecretError(Exception):
    """A receiver needs something of a Secret that is not there or cannot be used; the text says what, and where."""


@dataclass(frozen=True, slots=True)
class ContactPoint:
    """Grafana gives `visible` back to whoever may read contact points, and never `secret`.

    A webhook's address is visible, also one that came out of a Secret.
    """

    uid: str
    visible: Json = field(repr=False)
    secret: Json = field(repr=False)

    @property
    def name(self) -> str:
        """What a policy calls it."""
        return str(self.visible["name"])

    def model(self) -> Json:
        """What Grafana is given."""
        return {**self.visible, "settings": {**self.visible["settings"], **self.secret}}


def contact_point(receiver: Receiver, secrets: Secrets, key: str) -> ContactPoint:
    """The contact point of a receiver; `key` is for the fingerprint. Raises UnusableSecretError."""
    if isinstance(receiver.channel, Email):
        kind, settings, secret = "email", {"addresses": ";".join(receiver.channel.addresses)}, {}
    else:
        kind, settings, secret = "webhook", *_webhook(receiver, receiver.channel, secrets)
    name = names.contact_point(receiver.name)
    uid = f"{names.CONTACT_POINT_PREFIX}{keyed([receiver.name, kind, secret], key)[:32]}"
    return ContactPoint(uid, {"uid": uid, "name": name, "type": kind, "settings": settings}, secret)


def _webhook(receiver: Receiver, webhook: Webhook, secrets: Secrets) -> tuple[dict[str, str], dict[str, str]]:
    settings = {"url": _url(receiver, webhook.url, secrets), "httpMethod": "POST"}
    if webhook.credentials is None:
        return settings, {}
    credentials = _value(receiver, webhook.credentials, secrets)
    if not _LINE.fullmatch(credentials):
        text = f"receiver {receiver.name}: {_where(webhook.credentials)} is not one line of ASCII, 4096 at most"
        raise UnusableSecretError(text)
    return {**settings, "authorization_scheme": webhook.scheme}, {"authorization_credentials": credentials}


def _url(receiver: Receiver, url: str | SecretKey, secrets: Secrets) -> str:
    if isinstance(url, str):
        return url
    found = _value(receiver, url, secrets)
    if not _URL.fullmatch(found):
        raise UnusableSecretError(f"receiver {receiver.name}: {_where(url)} holds no address such as https://host/path")
    return found


def _value(receiver: Receiver, wanted: SecretKey, secrets: Secrets) -> str:
    if (secret := secrets.get(wanted.name)) is None:
        raise UnusableSecretError(f"receiver {receiver.name}: there is no Secret {wanted.name} in the namespace")
    if not (value := secret.get(wanted.key, "").strip()):
        raise UnusableSecretError(f"receiver {receiver.name}: Secret {wanted.name} has no key {wanted.key} with text")
    return value


def _where(wanted: SecretKey) -> str:
    return f"key {wanted.key} of Secret {wanted.name}"


def silence() -> Json:
    """The mute timing that always mutes."""
    return {"name": names.SILENCE, "time_intervals": [{"times": [{"start_time": "00:00", "end_time": "24:00"}]}]}


def policy(receivers: Sequence[Receiver], root: str) -> Json:
    """The tree of notification policies: each receiver gets what it asked for, and nobody else gets anything.

    One message tells of all probes with the same trouble. The last branch takes every alert and is always mute, since
    `root`, the contact point that every organisation is born with, mails to an address that belongs to a stranger.
    """
    return {
        "receiver": root,
        "group_by": ["alertname"],
        **_TIMING,
        "routes": [
            *(_route(receiver) for receiver in receivers),
            {"receiver": root, "object_matchers": [["alertname", "=~", ".+"]], "mute_time_intervals": [names.SILENCE]},
        ],
    }


def _route(receiver: Receiver) -> Json:
    asked = "|".join(one for one in SEVERITIES if one in receiver.severities)
    return {
        "receiver": names.contact_point(receiver.name),
        "object_matchers": [["severity", "=~", asked]],
        "continue": True,
    }
