"""Texts and lists that AWS refuses whatever they are of: an empty text, one thing twice in a list."""

from __future__ import annotations

import json
from collections.abc import Iterator

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.intrinsics import unknown
from voice_cdk.judge.keys import Fault, Json, Key

MAY_BE_EMPTY = frozenset({
    "Description", "ExcludeCharacters", "Prefix", "SecretString", "Value", "AlarmDescription", "Content", "Default",
    "Body", "ClientToken", "SetIdentifier", "UserData",
})  # fmt: skip
"""Properties that take an empty text. That user data is empty is told elsewhere."""
FREE = frozenset({"PolicyDocument", "AssumeRolePolicyDocument", "KeyPolicy", "Parameters", "Policies", "Tags"})
"""Properties in which the same may stand twice, or whose names are somebody's own."""


def check(context: Context) -> Iterator[Fault]:
    """Each resource of AWS's; what custom ones take is theirs."""
    for key in context.resolver.keys:
        if context.resolver.kind(key).startswith("AWS::"):
            yield from _inside(key, "", context.resolver.properties(key))


def _inside(key: Key, name: str, value: Json) -> Iterator[Fault]:
    if isinstance(value, dict):
        for part, inner in value.items():
            if part not in FREE:
                yield from _inside(key, part, inner)
    elif isinstance(value, list):
        yield from _twice(key, name, value)
        for inner in value:
            yield from _inside(key, name, inner)
    elif value == "" and name not in MAY_BE_EMPTY:
        yield _refused(key, f"{name} is empty")


def _twice(key: Key, name: str, parts: list[Json]) -> Iterator[Fault]:
    seen: set[str] = set()
    for part in parts:
        written = json.dumps(part, sort_keys=True, default=str)
        if written in seen and not unknown(part):
            told = str(part).removeprefix("id-") if isinstance(part, str) else "the same"
            yield _refused(key, f"{name} has {told} twice; AWS refuses that")
        seen.add(written)


def _refused(key: Key, reason: str) -> Fault:
    return Fault(kind="refused", resource=str(key), reason=reason)
