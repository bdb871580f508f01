"""cfn-lint: the schemas of resources, references, and what IAM and services are known to refuse."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from functools import cache

from cfnlint.config import ConfigMixIn
from cfnlint.decode import convert_dict
from cfnlint.runner import Runner

from voice_cdk.judge.templates import Stack
from voice_cdk.proving.findings import Finding

TOOL = "cfn-lint"


@cache
def _runner(region: str) -> Runner:
    """Its rules, loaded once."""
    return Runner(ConfigMixIn(regions=[region]))


def lint(stack: Stack) -> Iterator[Finding]:
    """What cfn-lint says of one template."""
    template = convert_dict(deepcopy(dict(stack.template)))
    for match in _runner(stack.region).validate_template(template):
        path = getattr(match, "path", None) or []
        resource = str(path[1]) if len(path) > 1 and path[0] == "Resources" else ""
        yield Finding(tool=TOOL, rule=match.rule.id, stack=stack.name, resource=resource, detail=match.message)
