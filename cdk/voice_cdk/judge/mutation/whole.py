"""Resources, properties and items taken away; what a resource waits for, and what becomes of it when it is deleted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from voice_cdk.judge.keys import Json, Key
from voice_cdk.judge.mutation.parts import REMOVED, Mutant, Part, is_function, mutant, rewritten
from voice_cdk.judge.order import Order, listed
from voice_cdk.judge.resolve import Resolver
from voice_cdk.judge.templates import Assembly

LOOSE = frozenset({"PolicyDocument", "AssumeRolePolicyDocument", "KeyPolicy", "Parameters", "Policies"})
"""Lists in which the same twice is the same."""
POLICIES = ("DeletionPolicy", "UpdateReplacePolicy")


def resource_removed(assembly: Assembly, key: Key, kind: str) -> Iterator[Mutant]:
    """A resource alone: what names it still does."""
    yield Mutant("removed", key, kind.rsplit("::", 1)[-1], rewritten(assembly, key, None))


def parts_removed(assembly: Assembly, key: Key, found: list[Part]) -> Iterator[Mutant]:
    """Each property at any depth, and each item of each list."""
    for part in found:
        if part.inside or (isinstance(part.value, list) and not part.value):
            continue
        item = isinstance(part.path[-1], int)
        if item or not (isinstance(part.value, dict | list) and not is_function(part.value) and len(part.path) > 1):
            yield mutant("item removed" if item else "property removed", assembly, key, part, REMOVED)


def items_twice(assembly: Assembly, key: Key, found: list[Part]) -> Iterator[Mutant]:
    """The first item of each list once more, where that means something."""
    for part in found:
        if isinstance(part.value, list) and part.value and not part.inside and not LOOSE & {str(p) for p in part.path}:
            again = [*part.value, part.value[0]]
            yield mutant("item twice", assembly, key, part, again, str(part.name))


def user_data_altered(assembly: Assembly, key: Key, found: list[Part]) -> Iterator[Mutant]:
    """Each piece that user data is joined from."""
    for part in found:
        if "UserData" in part.path and part.path[-3:-1] == ("Fn::Join", 1) and part.value != "":
            yield mutant("user data altered", assembly, key, part, REMOVED)


def policies_changed(assembly: Assembly, key: Key, resource: Mapping[str, Json]) -> Iterator[Mutant]:
    """What is kept when its stack goes is deleted with it."""
    for name in POLICIES:
        if resource.get(name) in {"Retain", "Snapshot", "RetainExceptOnCreate"}:
            yield Mutant("deleted with its stack", key, name, rewritten(assembly, key, {**resource, name: "Delete"}))
    if "CreationPolicy" in resource:
        left = {name: value for name, value in resource.items() if name != "CreationPolicy"}
        yield Mutant("not waited for", key, "CreationPolicy", rewritten(assembly, key, left))


def dependencies_removed(assembly: Assembly, key: Key, resource: Mapping[str, Json]) -> Iterator[Mutant]:
    """Each entry of DependsOn that others do not imply."""
    names = listed(resource.get("DependsOn"))
    for name in names:
        left = [one for one in names if one != name]
        found = rewritten(assembly, key, {**resource, "DependsOn": left})
        if Key(key.stack, name) not in Order(Resolver(found)).before(key):
            yield Mutant("dependency removed", key, name, found)
