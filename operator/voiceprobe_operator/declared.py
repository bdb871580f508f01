"""What users declared in one namespace, good and bad apart. Nothing here does I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from voiceprobe_operator.model import Client, InvalidSpecError, Probe, Reference, parse_client, parse_probe, reference


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


def declared(namespace: str, clients: Sequence[Mapping[str, Any]], probes: Sequence[Mapping[str, Any]]) -> Declared:
    """Read the objects of `namespace`. A bad VoiceClient keeps no probe from working."""
    invalid: dict[Reference, str] = {}
    client = parse_client(namespace, None)
    for body in clients:
        try:
            client = parse_client(namespace, body)
        except InvalidSpecError as error:
            invalid[reference(body)] = str(error)
    good = []
    for body in probes:
        try:
            good.append(parse_probe(body))
        except InvalidSpecError as error:
            invalid[reference(body)] = str(error)
    return Declared(client, tuple(good), invalid)
