"""Interfaces that outlive their machines: who starts with one must be allowed to attach it."""

from __future__ import annotations

from collections.abc import Iterator

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.faults.permissions import conditions, grants, machine_roles, statements
from voice_cdk.judge.keys import Fault, Json, Key
from voice_cdk.judge.model import Member

ATTACH = "ec2:AttachNetworkInterface"
TAG = "ec2:ResourceTag/"


def check(context: Context) -> Iterator[Fault]:
    """Each interface that a group of machines attaches by what runs on them."""
    for member in context.model.members:
        for machine in sorted(member.machines):
            group = context.resolver.kind(machine) == "AWS::AutoScaling::AutoScalingGroup"
            if group and machine != member.key and not member.spare:
                yield from _member(context, member, machine)


def _member(context: Context, member: Member, machine: Key) -> Iterator[Fault]:
    roles = list(machine_roles(context, member))
    arn = f":network-interface/id-{member.key.stack}.{member.key.logical_id}"
    both = (arn, ":instance/i-1")
    if not any(all(grants(context, role, ATTACH, one) for one in both) for role in roles):
        reason = f"its machine's role may not attach it ({ATTACH} on this interface and on instances)"
        yield Fault(kind="permission", resource=str(member.key), reason=reason)
    tags = context.resolver.properties(machine).get("Tags")
    listed = tags if isinstance(tags, list) else []
    given = {(str(tag.get("Key")), str(tag.get("Value"))) for tag in listed if _propagates(tag)}
    own = set(context.tags(member.key).items())
    for role in roles:
        for statement in statements(context, role):
            for name, value in _wanted(statement):
                for key, has in ((machine, given), (member.key, own)):
                    if (name, value) not in has:
                        reason = f"its role attaches what is tagged {name}={value} alone, which this is not"
                        yield Fault(kind="permission", resource=str(key), reason=reason)


def _propagates(tag: Json) -> bool:
    return isinstance(tag, dict) and str(tag.get("PropagateAtLaunch")).lower() == "true"


def _wanted(statement: Json) -> Iterator[tuple[str, str]]:
    """Tags that a statement about attaching wants of a machine."""
    if ATTACH in str(statement.get("Action")) and ":instance/" in str(statement.get("Resource")):
        equals = conditions(statement).get("StringEquals")
        for name, value in equals.items() if isinstance(equals, dict) else ():
            if name.startswith(TAG):
                yield name.removeprefix(TAG), str(value)
