"""cloudformation-validate: AWS's own schemas and rules, and beside them our Guard rules, as at every synthesis."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from cloudformation_validate import (
    CompositeEngine,
    CompositeEngineConfig,
    Diagnostic,
    RuleOrigin,
    Severity,
    TemplateContent,
    file_to_external_rule_source,
)

from voice_cdk.judge.templates import Stack
from voice_cdk.proving.findings import Finding

TOOL = "cloudformation-validate"
GUARD = "guard rules"
RULES = Path(__file__).resolve().parents[1] / "stacks" / "rules.guard"


@cache
def _engine() -> CompositeEngine:
    return CompositeEngine(CompositeEngineConfig(guard_rules=[file_to_external_rule_source(str(RULES))]))


def validate(stack: Stack) -> Iterator[Finding]:
    """What AWS's rules say of one template; not what is but advice."""
    for one in _diagnostics(stack):
        if one.source is not RuleOrigin.GUARD and one.severity is not Severity.INFO:
            yield _finding(TOOL, stack, one)


def guard(stack: Stack) -> Iterator[Finding]:
    """What our rules say of one template."""
    for one in _diagnostics(stack):
        if one.source is RuleOrigin.GUARD:
            yield _finding(GUARD, stack, one)


def _diagnostics(stack: Stack) -> list[Diagnostic]:
    content = TemplateContent(json.dumps(stack.template), stack.name)
    return list(_engine().validate_template(content).diagnostics)


def _finding(tool: str, stack: Stack, one: Diagnostic) -> Finding:
    resource = str(one.entity.logical_id) if one.entity else ""
    return Finding(tool=tool, rule=one.rule_id, stack=stack.name, resource=resource, detail=one.message)
