"""The same templates under other names, in another order, with other words: nothing that AWS would do differently."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import replace

from voice_cdk.judge.keys import Json
from voice_cdk.judge.templates import Assembly, Stack

TAG = {"Key": "team", "Value": "nat64 sip grafana 0.0.0.0/0"}
NAMED = re.compile(r"\$\{(\w+)([.}])")
"""A resource in a text of Fn::Sub."""


def disguised(assembly: Assembly, seed: int) -> Assembly:
    """A copy with every logical id another one, everything in another order, and tags on whatever has some."""
    chance = random.Random(seed)  # noqa: S311 - an order, no secret
    return Assembly({name: _stack(stack, chance) for name, stack in assembly.stacks.items()})


def _stack(stack: Stack, chance: random.Random) -> Stack:
    names = {name: f"R{chance.randrange(16**12):012x}" for name in stack.template["Resources"]}
    template = _renamed(stack.template, names)
    template["Resources"] = {names[name]: value for name, value in template["Resources"].items()}
    for resource in template["Resources"].values():
        tags = resource.get("Properties", {}).get("Tags")
        if isinstance(tags, list) and "AutoScaling" not in resource["Type"]:  # whose tags say more than others'
            tags.append(TAG)
        resource["Metadata"] = {"note": "10.0.0.0/8"}
    return replace(stack, template=_shuffled(template, chance))


def _renamed(value: Json, names: Mapping[str, str]) -> Json:
    """A copy in which references and dependencies follow their resources."""
    if isinstance(value, list):
        return [_renamed(part, names) for part in value]
    if not isinstance(value, dict):
        return value
    return {key: _reference(key, part, names) for key, part in value.items()}


def _reference(key: str, part: Json, names: Mapping[str, str]) -> Json:
    if key == "Ref" and isinstance(part, str):
        return names.get(part, part)
    if key == "DependsOn":
        return [names[name] for name in part] if isinstance(part, list) else names[part]
    if key == "Fn::GetAtt" and isinstance(part, list):
        return [names[part[0]], *part[1:]]
    if key == "Fn::Sub" and isinstance(part, str):
        return NAMED.sub(lambda match: f"${{{names.get(match[1], match[1])}{match[2]}", part)
    return _renamed(part, names)


def _shuffled(value: Json, chance: random.Random) -> Json:
    """A copy with the names of every object in another order; lists stay as they are."""
    if isinstance(value, list):
        return [_shuffled(part, chance) for part in value]
    if not isinstance(value, dict):
        return value
    names = list(value)
    chance.shuffle(names)
    return {name: _shuffled(value[name], chance) for name in names}
