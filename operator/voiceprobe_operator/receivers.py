"""Who is told of a client's alerts, as its VoiceClient says. Nothing here does I/O.

Secrets are only named here: `SecretKey` says where one is found, in the client's own namespace and in no other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_SECRET_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", re.ASCII)
SEVERITIES = ("warning", "critical")


@dataclass(frozen=True, slots=True)
class SecretKey:
    """A value in a Secret of the client's namespace."""

    name: str
    key: str


@dataclass(frozen=True, slots=True)
class Email:
    """Mail to all of `addresses`."""

    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Webhook:
    """An HTTP POST to `url`, with `Authorization: {scheme} {credentials}` if there are credentials."""

    url: str | SecretKey
    scheme: str = "Bearer"
    credentials: SecretKey | None = None


@dataclass(frozen=True, slots=True)
class Receiver:
    """Somebody who is told of alerts of some severities."""

    name: str
    channel: Email | Webhook
    severities: tuple[str, ...] = SEVERITIES

    def secrets(self) -> Iterator[SecretKey]:
        """What it takes from Secrets."""
        if isinstance(self.channel, Webhook):
            yield from (found for found in (self.channel.url, self.channel.credentials) if isinstance(found, SecretKey))


def secret_names(receivers: Sequence[Receiver]) -> frozenset[str]:
    """The Secrets that `receivers` need."""
    return frozenset(found.name for receiver in receivers for found in receiver.secrets())


def parse_receivers(spec: Sequence[Mapping[str, Any]]) -> tuple[Receiver, ...]:
    """Receivers as the API server stored them, with the CRD's defaults; raises KeyError or ValueError for a bad one."""
    return tuple(_receiver(one) for one in spec)


def _receiver(spec: Mapping[str, Any]) -> Receiver:
    # In the order of SEVERITIES: the same declaration in another order is the same.
    severities = tuple(one for one in SEVERITIES if one in spec.get("severities", SEVERITIES))
    channel = Email(tuple(spec["email"]["addresses"])) if "email" in spec else _webhook(spec["webhook"])
    return Receiver(spec["name"], channel, severities)


def _webhook(spec: Mapping[str, Any]) -> Webhook:
    url = spec["url"] if "url" in spec else _secret_key(spec["urlSecretRef"])
    if (authorization := spec.get("authorization")) is None:
        return Webhook(url)
    return Webhook(url, authorization.get("scheme", "Bearer"), _secret_key(authorization["credentialsSecretRef"]))


def _secret_key(spec: Mapping[str, Any]) -> SecretKey:
    # The CRD says the same, but an older CRD may still be installed, and this becomes part of an address.
    if not _SECRET_NAME.fullmatch(spec["name"]):
        raise ValueError(f"{spec['name']!r} is not the name of a Secret")
    return SecretKey(spec["name"], spec["key"])
