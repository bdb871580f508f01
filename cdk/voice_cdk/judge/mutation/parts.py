"""Parts of a resource: where they are, and copies in which one is another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from voice_cdk.judge.keys import Json, Key
from voice_cdk.judge.templates import Assembly

Path = tuple[str | int, ...]
REMOVED = object()
"""Instead of a value: the part is taken away."""


@dataclass(frozen=True)
class Mutant:
    """Changed templates, and what was changed."""

    kind: str
    key: Key
    detail: str
    assembly: Assembly

    def __str__(self) -> str:
        return f"{self.kind}: {self.key} {self.detail}"


@dataclass(frozen=True)
class Part:
    """A part of a resource's properties; `inside` a function of CloudFormation, or plain."""

    path: Path
    value: Json
    inside: bool = False

    @property
    def name(self) -> str:
        """The name of the property that it is, or is an item of."""
        names = [step for step in self.path if isinstance(step, str)]
        return names[-1] if names else ""

    @property
    def leaf(self) -> bool:
        """Whether there is nothing below it but a function's arguments."""
        return is_function(self.value) or not isinstance(self.value, dict | list)

    def __str__(self) -> str:
        return ".".join(map(str, self.path))


def is_function(value: Json) -> bool:
    """Whether it is a function of CloudFormation."""
    return isinstance(value, dict) and len(value) == 1 and str(next(iter(value))).startswith(("Fn::", "Ref"))


def parts(value: Json, path: Path = (), *, inside: bool = False) -> Iterator[Part]:
    """Every part, those inside of functions too, from the outside in."""
    if path:
        yield Part(path, value, inside)
    inside = inside or is_function(value)
    if isinstance(value, dict):
        for name, part in value.items():
            yield from parts(part, (*path, name), inside=inside)
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from parts(part, (*path, number), inside=inside)


def changed(value: Json, path: Path, other: Json) -> Json:
    """A copy with one part changed, or removed."""
    if not path:
        return other
    head, rest = path[0], path[1:]
    copied: Json = dict(value) if isinstance(value, dict) else list(value)
    if not rest and other is REMOVED:
        del copied[head]
    else:
        copied[head] = changed(value[head], rest, other)
    return copied


def at(value: Json, path: Path) -> Json:
    """The part at a path."""
    for step in path:
        value = value[step]
    return value


def properties(resource: Mapping[str, Json]) -> Mapping[str, Json]:
    """A resource's properties, also where it has none."""
    found: Mapping[str, Json] = resource.get("Properties") or {}
    return found


def rewritten(assembly: Assembly, key: Key, resource: Mapping[str, Json] | None) -> Assembly:
    """The same templates with one resource written otherwise, or not at all."""
    return assembly.with_stack(assembly.stacks[key.stack].with_resource(key.logical_id, resource))


def mutant(kind: str, assembly: Assembly, key: Key, part: Part, other: Json, detail: str = "") -> Mutant:
    """One part of one resource's properties changed, or removed."""
    resource = assembly.stacks[key.stack].resources[key.logical_id]
    found = changed(properties(resource), part.path, other)
    told = f"{part} {detail}".rstrip()
    return Mutant(kind, key, told, rewritten(assembly, key, {**resource, "Properties": found}))
