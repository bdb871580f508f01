"""References to what is not there, and whatever else kept a template from being resolved."""

from __future__ import annotations

from collections.abc import Iterator

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.keys import Fault, Key
from voice_cdk.judge.order import listed, references


def check(context: Context) -> Iterator[Fault]:
    """All resources, also those that the model doesn't look into."""
    for key in context.resolver.keys:
        context.resolver.properties(key)
    yield from context.model.problems
    yield from context.resolver.problems
    for key in context.resolver.keys:
        raw = context.resolver.raw(key)
        for name in listed(raw.get("DependsOn")):
            if not context.resolver.stands(Key(key.stack, name)):
                yield _fault(key, f"DependsOn {name}: the template has no resource of this name")
        if key in context.order.before(key):
            yield _fault(key, "waits for itself, by way of what it refers to")
    for stack in context.resolver.assembly.stacks.values():
        for name, output in stack.template.get("Outputs", {}).items():
            for wanted in references(output):
                known = wanted in stack.resources or wanted in stack.template.get("Parameters", {})
                if not known and not wanted.startswith("AWS::"):
                    yield _fault(Key(stack.name, name), f"an output of {wanted}, which is not there")


def _fault(key: Key, reason: str) -> Fault:
    return Fault(kind="unresolved", resource=str(key), reason=reason)
