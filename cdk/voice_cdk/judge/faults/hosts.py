"""Rights of hosts: they may read, attach and move what their user data names, and people get at them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.faults.permissions import (
    MACHINES,
    grants,
    listed,
    machines_of,
    managed,
    mentions,
    roles_of_machine,
    statements,
    user_data,
)
from voice_cdk.judge.faults.rights import needs
from voice_cdk.judge.keys import Fault, Key

READ_SECRET = "secretsmanager:GetSecretValue"  # noqa: S105 - the name of an action
SECRET = "AWS::SecretsManager::Secret"  # noqa: S105 - the name of a type
PREFIX = re.compile(r"\baws:([\w./-]+/)")
"""How user data says "all secrets that are called so"."""
MOVE_ROUTE = "ec2:ReplaceRoute"
ATTACH_VOLUME = "ec2:AttachVolume"
SESSIONS = ("ssm:UpdateInstanceInformation", *(
    f"ssmmessages:{end}{what}Channel" for end in ("Create", "Open") for what in ("Control", "Data")
))  # fmt: skip
"""What an agent of Session Manager asks: all of it, or nobody gets at the host."""


def check(context: Context) -> Iterator[Fault]:
    """Each instance and launch template that has a role."""
    for machine in context.resolver.of_type(*MACHINES):
        for role in roles_of_machine(context, machine):
            yield from _machine(context, machine, role)


def _machine(context: Context, machine: Key, role: Key) -> Iterator[Fault]:
    """Secrets and volumes that its user data names, and a way for people to get at it."""
    text = user_data(context, machine)
    for secret in context.resolver.of_type(SECRET):
        name = f"id-{secret.stack}.{secret.logical_id}"
        if mentions(text, name):
            yield from needs(context, role, (READ_SECRET,), name, f"whose user data names it ({machine})")
    for volume in context.resolver.of_type("AWS::EC2::Volume"):
        name = f"id-{volume.stack}.{volume.logical_id}"
        if mentions(text, name) and not (
            grants(context, role, ATTACH_VOLUME, f":volume/{name}")
            and grants(context, role, ATTACH_VOLUME, ":instance/i-1")
        ):
            yield _fault(role, f"may not {ATTACH_VOLUME} {volume}, which its user data names ({machine})")
    yield from _tables(context, machine, role, text)
    yield from _credentials(context, machine, role, text)
    if not {"AmazonSSMManagedInstanceCore", "AmazonSSMManagedEC2InstanceDefaultPolicy"} & managed(context, role):
        yield from needs(context, role, SESSIONS, "*", f"so nobody gets at {machine} by Session Manager")


def _credentials(context: Context, machine: Key, role: Key, text: str) -> Iterator[Fault]:
    """Secrets that it is told of by the beginning of their names, and those that it may read and is not told of."""
    reading = [one for one in statements(context, role) if READ_SECRET in listed(one.get("Action"))]
    for prefix in sorted(set(PREFIX.findall(text))):
        ends = [one.rpartition(":secret:")[2] for statement in reading for one in listed(statement.get("Resource"))]
        if not any(fnmatchcase(f"{prefix}x", end) for end in ends):
            yield _fault(
                role, f"may not {READ_SECRET} on what is called {prefix}…, of which its user data speaks ({machine})"
            )
    for statement in reading if "id-" in text else ():
        for resource in listed(statement.get("Resource")):
            prefix = resource.rpartition(":secret:")[2].removesuffix("*")
            if resource.startswith("arn:") and prefix.endswith("/") and f"aws:{prefix}" not in text:
                reason = f"its user data does not speak of secrets called {prefix}…, which it may read"
                yield Fault(kind="user data", resource=str(machine), reason=reason)
    alone = len(list(machines_of(context, role))) == 1
    for secret in context.resolver.of_type(SECRET) if alone and "id-" in text else ():
        name = f"id-{secret.stack}.{secret.logical_id}"
        if not mentions(text, name) and grants(context, role, READ_SECRET, name):
            reason = f"its user data does not name {secret}, which it may read"
            yield Fault(kind="user data", resource=str(machine), reason=reason)


def _tables(context: Context, machine: Key, role: Key, text: str) -> Iterator[Fault]:
    """Route tables that it is told of are those whose routes it may move."""
    tables = {table: f"id-{table.stack}.{table.logical_id}" for table in context.model.tables.values()}
    told = {table for table, name in tables.items() if mentions(text, name)}
    may = {table for table, name in tables.items() if grants(context, role, MOVE_ROUTE, f":route-table/{name}")}
    for table in sorted(told - may):
        yield _fault(role, f"may not {MOVE_ROUTE} in {table}, which its user data names ({machine})")
    for table in sorted(may - told) if told else ():
        yield Fault(kind="user data", resource=str(machine), reason=f"names no {table}, whose routes it may move")


def _fault(key: Key, reason: str) -> Fault:
    return Fault(kind="permission", resource=str(key), reason=reason)
