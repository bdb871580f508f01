"""Names, order and tags mean nothing: no false alarm, and the same faults of the same change."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.cdk.judge.builder import Builder
from tests.unit.cdk.judge.operated import operated
from tests.unit.cdk.judge.reference import NETWORK, platform
from voice_cdk.judge.check import judge
from voice_cdk.judge.templates import from_templates

Templates = dict[str, Any]


def shuffled(value: Any, chance: random.Random) -> Any:
    """The same objects with their names in another order."""
    if isinstance(value, dict):
        names = list(value)
        chance.shuffle(names)
        return {name: shuffled(value[name], chance) for name in names}
    return [shuffled(part, chance) for part in value] if isinstance(value, list) else value


def renamed(templates: Templates, chance: random.Random) -> Templates:
    """Every logical id another one, and whatever names it."""
    return {stack: _renamed(template, chance) for stack, template in templates.items()}


def _renamed(template: Any, chance: random.Random) -> Any:
    new = {name: f"N{chance.randrange(16**12):012x}" for name in template["Resources"]}

    def named(value: Any, key: str = "") -> Any:
        if key in {"Ref", "DependsOn"} and isinstance(value, str):
            return new.get(value, value)
        if key == "Fn::GetAtt":
            return [new[value[0]], *value[1:]]
        if isinstance(value, dict):
            return {name: named(part, name) for name, part in value.items()}
        return [named(part, key) for part in value] if isinstance(value, list) else value

    resources = {new[name]: named(resource) for name, resource in template["Resources"].items()}
    return {**named(template), "Resources": resources}


def tagged(templates: Templates) -> Templates:
    for template in templates.values():
        for resource in template["Resources"].values():
            if resource["Type"].startswith("AWS::EC2::"):
                resource["Properties"].setdefault("Tags", []).append({"Key": "team", "Value": "nat64 sip grafana"})
    return templates


LISTS = frozenset({
    "Action", "DependsOn", "Dimensions", "GroupSet", "LoadBalancerAttributes", "Resource", "RouteTableIds",
    "SecurityGroupEgress", "SecurityGroupIngress", "Statement", "SubnetIds", "Subnets", "Tags",
})  # fmt: skip
"""Lists whose order means nothing."""


def lists_shuffled(value: Any, chance: random.Random, name: str = "") -> Any:
    """The same with items of such lists in another order."""
    if isinstance(value, dict):
        return {key: lists_shuffled(part, chance, key) for key, part in value.items()}
    if not isinstance(value, list):
        return value
    parts = [lists_shuffled(part, chance) for part in value]
    if name in LISTS:
        chance.shuffle(parts)
    return parts


def test_a_rule_in_two_halves_lets_pass_the_same() -> None:
    templates = operated().templates()
    for template in templates.values():
        for resource in template["Resources"].values():
            for name in ("SecurityGroupIngress", "SecurityGroupEgress"):
                rules = resource["Properties"].get(name, [])
                resource["Properties"] |= {name: [half for rule in rules for half in halves(rule)]} if rules else {}
    assert judge(from_templates(templates)) == []


def halves(rule: Any) -> list[Any]:
    """A rule of several ports as two."""
    first, last = rule.get("FromPort", 0), rule.get("ToPort", 0)
    if first >= last:
        return [rule]
    return [{**rule, "ToPort": (first + last) // 2}, {**rule, "FromPort": (first + last) // 2 + 1}]


@pytest.mark.parametrize("build", [platform, operated])
@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_found_under_other_names_in_another_order(seed: int, build: Callable[[], Builder]) -> None:
    chance = random.Random(seed)
    templates = tagged(lists_shuffled(shuffled(renamed(build().templates(), chance), chance), chance))
    assert judge(from_templates(templates)) == []


def test_stacks_are_called_as_one_likes() -> None:
    templates = {f"T{number}": template for number, template in enumerate(operated().templates().values())}
    assert judge(from_templates(templates)) == []


def test_a_fault_is_the_same_one_in_another_order() -> None:
    def told(templates: Templates) -> set[str]:
        del templates[NETWORK]["Resources"]["AAppsAToDatabase"]
        return {str(fault) for fault in judge(from_templates(templates))}

    assert told(platform().templates()) == told(tagged(shuffled(platform().templates(), random.Random(7))))
