"""Roles: taken by those that work with them, by nobody else, and each somebody's."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from voice_cdk.judge.faults.context import POLICIES, Context
from voice_cdk.judge.faults.permissions import acts, conditions, listed, of_document, role_of
from voice_cdk.judge.keys import Fault, Json, Key

ASSUME = "sts:AssumeRole"
POD_IDENTITY = ("sts:AssumeRole", "sts:TagSession")
USES: tuple[tuple[str, tuple[str, ...], str, tuple[str, ...]], ...] = (
    ("AWS::IAM::InstanceProfile", ("Roles",), "ec2.amazonaws.com", (ASSUME,)),
    ("AWS::Lambda::Function", ("Role",), "lambda.amazonaws.com", (ASSUME,)),
    ("AWS::EC2::FlowLog", ("DeliverLogsPermissionArn",), "vpc-flow-logs.amazonaws.com", (ASSUME,)),
    ("AWS::EKS::Cluster", ("RoleArn",), "eks.amazonaws.com", (ASSUME,)),
    ("AWS::EKS::Nodegroup", ("NodeRole",), "ec2.amazonaws.com", (ASSUME,)),
    ("AWS::EKS::Addon", ("PodIdentityAssociations", "RoleArn"), "pods.eks.amazonaws.com", POD_IDENTITY),
    ("AWS::EKS::PodIdentityAssociation", ("RoleArn",), "pods.eks.amazonaws.com", POD_IDENTITY),
    ("AWS::SSM::Association", ("Parameters", "AutomationAssumeRole"), "ssm.amazonaws.com", (ASSUME,)),
)
"""Type, where it names its role, the service that takes the role, by which actions."""
TAKING = frozenset(f"sts:{name}" for name in (
    "AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "SetContext", "SetSourceIdentity", "TagSession",
))  # fmt: skip
"""Actions that whom a role trusts may ask (IAM user guide, "Modify a role trust policy")."""
SCOPE = {"aws:SourceAccount", "aws:SourceArn"}


def check(context: Context) -> Iterator[Fault]:
    """Each role, by what works with it."""
    users = defaultdict(list)
    for kind, path, service, actions in USES:
        for key in context.resolver.of_type(kind):
            for value in _values(context.resolver.properties(key), path):
                role = role_of(context, value)
                if role:
                    users[role].append((key, service, actions))
                elif str(value).startswith("id-"):
                    reason = f"{path[-1]} names {value.removeprefix('id-')}, which is no role"
                    yield Fault(kind="refused", resource=str(key), reason=reason)
    for role in context.resolver.of_type("AWS::IAM::Role"):
        yield from _role(context, role, users[role])


def _values(value: Json, path: tuple[str, ...]) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _values(one, path)
    elif not path:
        yield str(value)
    elif isinstance(value, dict) and path[0] in value:
        yield from _values(value[path[0]], path[1:])


def _role(context: Context, role: Key, users: list[tuple[Key, str, tuple[str, ...]]]) -> Iterator[Fault]:
    trust = list(of_document(context.resolver.properties(role).get("AssumeRolePolicyDocument")))
    trusted: set[str] = set()
    for statement in trust:
        principal = statement.get("Principal")
        services = listed(principal.get("Service")) if isinstance(principal, dict) else []
        trusted |= {*services} if acts(statement, ASSUME) else set()
        if _everybody(principal) and not statement.get("Condition"):
            yield _fault("permission", role, "lets everybody take it (Principal *)")
        for action in listed(statement.get("Action")):
            if action not in TAKING:
                yield _fault("permission", role, f"its trust allows {action}; {ASSUME} is what it needs")
    if not any(_able(statement) for statement in trust):
        yield _fault("permission", role, "nobody may take it: its AssumeRolePolicyDocument allows no principal")
    for key, service, actions in users:
        for action in actions:
            if not any(_trusts(statement, service, action) for statement in trust):
                yield _fault("permission", role, f"does not let {service} take it by {action}, which {key} wants")
    for service in sorted(trusted - {service for _, service, _ in users}) if users else ():
        yield _fault("permission", role, f"lets {service} take it, and nothing here works with it so")
    yield from _conditions(role, trust)
    if not users and not context.is_named(role, but_by=POLICIES):
        yield _fault("unused role", role, "this role is nobody's; remove it, or see whose it was")


def _conditions(role: Key, trust: list[Json]) -> Iterator[Fault]:
    """A service that works for whole accounts takes a role for one alone only where its condition says so."""
    for statement in trust:
        principal = statement.get("Principal")
        services = listed(principal.get("Service")) if isinstance(principal, dict) else []
        said = {name for one in conditions(statement).values() if isinstance(one, dict) for name in one}
        for service in services:
            if service in FOR_ANY_ACCOUNT and not said & SCOPE:
                reason = f"lets {service} take it for any account: name aws:SourceAccount in its Condition"
                yield _fault("permission", role, reason)


FOR_ANY_ACCOUNT = frozenset({"vpc-flow-logs.amazonaws.com", "ssm.amazonaws.com"})
"""Services that a stranger could send to our role (IAM user guide, "The confused deputy problem")."""


def _able(statement: Json) -> bool:
    """Whether a statement lets anybody take the role."""
    principal = statement.get("Principal")
    named = [one for kind in principal.values() for one in listed(kind)] if isinstance(principal, dict) else [principal]
    takes = any(TAKE.fullmatch(action) for action in listed(statement.get("Action")))
    return statement.get("Effect") == "Allow" and takes and any(named)


TAKE = re.compile(r"sts:(AssumeRole(WithSAML|WithWebIdentity)?|\*)|\*")


def _trusts(statement: Json, service: str, action: str) -> bool:
    principal = statement.get("Principal")
    services = listed(principal.get("Service")) if isinstance(principal, dict) else []
    return statement.get("Effect") == "Allow" and service in services and acts(statement, action)


def _everybody(principal: Json) -> bool:
    return principal == "*" or (isinstance(principal, dict) and "*" in listed(principal.get("AWS")))


def _fault(kind: str, role: Key, reason: str) -> Fault:
    return Fault(kind=kind, resource=str(role), reason=reason)
