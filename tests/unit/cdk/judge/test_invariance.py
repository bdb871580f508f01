"""Names, order and tags mean nothing: no false alarm, and the same faults of the same change."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest
from voice_cdk.judge.check import judge
from voice_cdk.judge.templates import from_templates

from tests.unit.cdk.judge.reference import NETWORK, platform

Templates = dict[str, Any]


def shuffled(value: Any, chance: random.Random) -> Any:
    """The same objects with their names in another order."""
    if isinstance(value, dict):
        names = list(value)
        chance.shuffle(names)
        return {name: shuffled(value[name], chance) for name in names}
    return [shuffled(part, chance) for part in value] if isinstance(value, list) else value


def renamed(templates: Templates, chance: random.Random) -> Templates:
    """Every logical id another one."""
    text = json.dumps(templates)
    names = [name for template in templates.values() for name in template["Resources"]]
    for name in names:
        new = f"N{chance.randrange(16**12):012x}"
        text = re.sub(rf'"{name}"', f'"{new}"', text)
    found: Templates = json.loads(text)
    return found


def tagged(templates: Templates) -> Templates:
    for template in templates.values():
        for resource in template["Resources"].values():
            if resource["Type"].startswith("AWS::EC2::"):
                resource["Properties"].setdefault("Tags", []).append({"Key": "team", "Value": "nat64 sip grafana"})
    return templates


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_found_under_other_names_in_another_order(seed: int) -> None:
    chance = random.Random(seed)
    templates = tagged(shuffled(renamed(platform().templates(), chance), chance))
    assert judge(from_templates(templates)) == []


def test_a_fault_is_the_same_one_in_another_order() -> None:
    def told(templates: Templates) -> set[str]:
        del templates[NETWORK]["Resources"]["AAppsAToDatabase"]
        return {str(fault) for fault in judge(from_templates(templates))}

    assert told(platform().templates()) == told(tagged(shuffled(platform().templates(), random.Random(7))))
