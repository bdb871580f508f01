"""What users declared in one namespace, good and bad apart. Nothing here does I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from voiceprobe_operator.model import (
    Allotment,
    Client,
    InvalidSpecError,
    Probe,
    Reference,
    parse_access,
    parse_allotment,
    parse_client,
    parse_probe,
    reference,
)
from voiceprobe_operator.numbers import NumberRights


@dataclass(frozen=True, slots=True)
class Declared:
    """What stands in a client's namespace. `invalid` says of each spec that cannot work why."""

    client: Client
    probes: tuple[Probe, ...]
    invalid: Mapping[Reference, str]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is declared at all."""
        return not self.probes and not self.invalid and self.client.ref is None

    @property
    def client_is_good(self) -> bool:
        """Whether `client` is what is declared, not what stands in for a VoiceClient that cannot work."""
        return all(ref.kind != "VoiceClient" for ref in self.invalid)

    @property
    def references(self) -> tuple[Reference, ...]:
        """Every object there is."""
        client = () if self.client.ref is None else (self.client.ref,)
        return (*(probe.ref for probe in self.probes), *client, *self.invalid)


@dataclass(frozen=True, slots=True)
class Spec:
    """One object's spec, read: `value` is a sentence if it cannot work. `access` is a VoiceClient's that cannot."""

    ref: Reference
    value: Probe | Client | Allotment | str
    access: str | None = None


def spec(body: Mapping[str, Any]) -> Spec:
    """The spec of `body`, one of our objects as the API server gives it."""
    ref = reference(body)
    try:
        if ref.kind == "VoiceClient":
            return Spec(ref, parse_client(ref.namespace, body))
        if ref.kind == "NumberAllotment":
            return Spec(ref, parse_allotment(body))
        return Spec(ref, parse_probe(body))
    except InvalidSpecError as error:
        return Spec(ref, str(error), parse_access(body) if ref.kind == "VoiceClient" else None)


def declared(namespace: str, specs: Iterable[Spec], rights: Callable[[Reference], NumberRights]) -> Declared:
    """What stands in `namespace`, which holds `specs`, each probe with its rights to its numbers.

    A bad VoiceClient keeps no probe from working.
    """
    client, probes, invalid = parse_client(namespace, None), [], {}
    for one in specs:
        if isinstance(one.value, str):
            invalid[one.ref] = one.value
            if one.ref.kind == "VoiceClient":
                client = replace(client, access=one.access)
        elif isinstance(one.value, Client):
            client = one.value
        elif isinstance(one.value, Probe):
            probes.append(replace(one.value, rights=rights(one.ref)))
    return Declared(client, tuple(probes), invalid)
