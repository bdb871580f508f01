"""What waits for what on a deployment: references, DependsOn, and stacks that others are deployed after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

from voice_cdk.judge.intrinsics import VARIABLE
from voice_cdk.judge.keys import Json, Key
from voice_cdk.judge.resolve import Resolver


def references(raw: Json) -> Iterator[str]:
    """Logical ids that a part of a template speaks of, parameters among them."""
    if isinstance(raw, list):
        for part in raw:
            yield from references(part)
    elif isinstance(raw, dict):
        for name, value in raw.items():
            if name in SPEAKING:
                yield from SPEAKING[name](value)
            else:
                yield from references(value)


def _ref(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value


def _attribute(value: Json) -> Iterator[str]:
    head = value[0] if isinstance(value, list) and value else value
    if isinstance(head, str):
        yield head.split(".")[0]


def _sub(value: Json) -> Iterator[str]:
    pattern = value[0] if isinstance(value, list) and value else value
    if isinstance(pattern, str):
        yield from (match.split(".")[0].strip() for match in VARIABLE.findall(pattern))
    if isinstance(value, list):
        yield from references(value[1:])


SPEAKING: dict[str, Callable[[Json], Iterator[str]]] = {"Ref": _ref, "Fn::GetAtt": _attribute, "Fn::Sub": _sub}


def imports(raw: Json) -> Iterator[Json]:
    """Names that a part of a template imports."""
    if isinstance(raw, list):
        for part in raw:
            yield from imports(part)
    elif isinstance(raw, dict):
        for name, value in raw.items():
            if name == "Fn::ImportValue":
                yield value
            else:
                yield from imports(value)


def listed(value: Json) -> list[str]:
    """DependsOn, which is a name or a list of names."""
    if isinstance(value, str):
        return [value]
    return [str(part) for part in value] if isinstance(value, list) else []


class Order:
    """Who waits for whom."""

    def __init__(self, resolver: Resolver) -> None:
        self.resolver = resolver
        self._direct: dict[Key, frozenset[Key]] = {}
        self._all: dict[Key, frozenset[Key]] = {}

    def direct(self, key: Key) -> frozenset[Key]:
        """What a resource names itself."""
        if key not in self._direct:
            raw = self.resolver.raw(key)
            names = {*references(raw.get("Properties")), *listed(raw.get("DependsOn"))}
            keys = {Key(key.stack, name) for name in names}
            self._direct[key] = frozenset(one for one in keys if self.resolver.stands(one) and one != key)
        return self._direct[key]

    def before(self, key: Key) -> frozenset[Key]:
        """Everything of the same stack that is there before a resource is made."""
        if key not in self._all:
            found: set[Key] = set()
            open_ends = [key]
            while open_ends:
                for one in self.direct(open_ends.pop()) - found:
                    found.add(one)
                    open_ends.append(one)
            self._all[key] = frozenset(found)
        return self._all[key]

    @cached_property
    def stacks(self) -> dict[str, frozenset[str]]:
        """Stacks that are deployed before each stack, nearest and all others."""
        nearest: dict[str, set[str]] = {}
        for name, stack in self.resolver.assembly.stacks.items():
            exporters = {self.resolver.exporter(str(one)) for one in imports(stack.template["Resources"])}
            nearest[name] = {one for one in {*stack.after, *exporters} if one and one in self.resolver.assembly.stacks}
        found = {}
        for name in nearest:
            seen: set[str] = set()
            open_ends = [name]
            while open_ends:
                for one in nearest[open_ends.pop()] - seen:
                    seen.add(one)
                    open_ends.append(one)
            found[name] = frozenset(seen)
        return found

    def waits(self, key: Key, other: Key) -> bool:
        """Whether `other` is there before `key` is made."""
        if key.stack == other.stack:
            return other in self.before(key)
        return other.stack in self.stacks.get(key.stack, frozenset())
