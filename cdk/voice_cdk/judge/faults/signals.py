"""A host that does not come up fails its deployment: somebody waits for its signal, and it may give one."""

from __future__ import annotations

from collections.abc import Iterator

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.faults.permissions import allowed, roles_of_machine, user_data
from voice_cdk.judge.keys import Fault, Json, Key

GROUP, SIGNAL = "AWS::AutoScaling::AutoScalingGroup", "cloudformation:SignalResource"


def check(context: Context) -> Iterator[Fault]:
    """Groups of machines, by what they wait for and what their machines may do."""
    for key in context.resolver.of_type(GROUP):
        template = context.resolver.properties(key).get("LaunchTemplate")
        named = template.get("LaunchTemplateId") if isinstance(template, dict) else None
        machine = context.resolver.owners.get(str(named))
        if machine is not None:
            yield from _group(context, key, machine)


def _group(context: Context, key: Key, machine: Key) -> Iterator[Fault]:
    raw, text = context.resolver.raw(key), user_data(context, machine)
    waits = isinstance(_part(raw.get("CreationPolicy"), "ResourceSignal"), dict)
    rolls = _part(_part(raw.get("UpdatePolicy"), "AutoScalingRollingUpdate"), "WaitOnResourceSignals")
    may = any(SIGNAL in allowed(context, role) for role in roles_of_machine(context, machine))
    words = set(text.replace("'", " ").split())
    told = key.logical_id in words
    others = {one.logical_id for one in context.resolver.of_type(GROUP) if one.stack == key.stack and one != key}
    if not waits and (may or told):
        yield _fault(key, "has no CreationPolicy: a host that does not come up would be taken for one that does")
    if waits and not may:
        yield _fault(machine, f"its role may not {SIGNAL}, for which {key} waits")
    if waits and not told and words & others:
        yield _fault(machine, f"its user data names {', '.join(sorted(words & others))}; {key} waits for its signal")
    if waits and str(rolls).lower() != "true":
        yield _fault(key, "its UpdatePolicy does not wait for signals (WaitOnResourceSignals), as its creation does")


def _part(value: Json, name: str) -> Json:
    return value.get(name) if isinstance(value, dict) else None


def _fault(key: Key, reason: str) -> Fault:
    return Fault(kind="signal", resource=str(key), reason=reason)
