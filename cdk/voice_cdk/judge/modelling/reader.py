"""Read properties of resources: each of the wanted type, or a fault and nothing."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TypeVar

from voice_cdk.judge.intrinsics import unknown
from voice_cdk.judge.keys import Fault, Json, Key
from voice_cdk.judge.model import Address, Network
from voice_cdk.judge.resolve import Resolver

Kind = TypeVar("Kind", IPv4Address, IPv6Address)


class Source:
    """Resolved resources, and the faults that reading them brings up."""

    def __init__(self, resolver: Resolver) -> None:
        self.resolver = resolver
        self.faults: dict[Fault, None] = {}

    def each(self, *kinds: str) -> Iterator[Reader]:
        """Every resource of some types."""
        for key in self.resolver.of_type(*kinds):
            yield Reader(self, key, self.resolver.properties(key))

    def owner(self, identifier: str | None, *kinds: str) -> Key | None:
        """The resource of one of `kinds` that an identifier belongs to."""
        key = self.resolver.owners.get(identifier or "")
        return key if key and self.resolver.kind(key) in kinds else None


class Reader:
    """Properties of one resource, or of a part of it."""

    def __init__(self, source: Source, key: Key, properties: Json) -> None:
        self.source = source
        self.key = key
        self.id = f"id-{key.stack}.{key.logical_id}"
        self.kind = source.resolver.kind(key)
        self.properties = properties if isinstance(properties, dict) else {}

    def wrong(self, reason: str, kind: str = "refused") -> None:
        """Note what AWS would refuse."""
        self.source.faults[Fault(kind=kind, resource=str(self.key), reason=reason)] = None

    def has(self, *names: str) -> bool:
        """Whether one of the properties is there."""
        return any(name in self.properties for name in names)

    def text(self, name: str) -> str:
        """A text, empty where there is none."""
        value = self.properties.get(name)
        return "" if value is None else str(value)

    def number(self, name: str, default: int = 0) -> int:
        """A number, also one written as text."""
        value = self.properties.get(name)
        try:
            return default if value is None else int(value)
        except (TypeError, ValueError):
            self.wrong(f"{name} {value} is no number")
            return default

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean, also one written as text, or as `enable`."""
        value = self.properties.get(name)
        return default if value is None else str(value).lower() in {"true", "enable", "enabled"}

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts; a single one counts as a list."""
        value = self.properties.get(name)
        if value is None:
            return ()
        return tuple(str(part) for part in value) if isinstance(value, list) else tuple(str(value).split(","))

    def parts(self, name: str) -> list[Reader]:
        """A list of objects."""
        value = self.properties.get(name) or []
        listed = value if isinstance(value, list) else [value]
        return [Reader(self.source, self.key, part) for part in listed if isinstance(part, dict)]

    def part(self, name: str) -> Reader:
        """An object."""
        return Reader(self.source, self.key, self.properties.get(name))

    def network(self, name: str) -> Network | None:
        """A block in CIDR notation."""
        value = self.properties.get(name)
        if value is None or unknown(value):
            return None
        if "/" not in str(value):
            self.wrong(f"{name} {value} is no block: it has no prefix length")
            return None
        try:
            return ip_network(str(value))
        except ValueError as error:
            self.wrong(f"{name} {value} is no block: {error}")
            return None

    def address(self, name: str, kind: type[Kind]) -> Kind | None:
        """An address of one family."""
        value = self.properties.get(name)
        if value is None or unknown(value):
            return None
        try:
            found: Address = ip_address(str(value))
        except ValueError:
            self.wrong(f"{name} {value} is no address")
            return None
        return found if isinstance(found, kind) else None
