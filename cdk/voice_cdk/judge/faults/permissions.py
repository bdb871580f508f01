"""What machines may do: their roles, and what their roles' policies allow."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.keys import Json, Key
from voice_cdk.judge.model import Member


def machine_roles(context: Context, host: Member) -> Iterator[Key]:
    """Roles of the machines that name a host's interface, or are the host."""
    for kind in ("AWS::EC2::Instance", "AWS::EC2::LaunchTemplate"):
        for key in context.resolver.of_type(kind):
            if key == host.key or _names(context, key, host):
                for one in context.order.before(key):
                    if context.resolver.kind(one) == "AWS::IAM::Role" and _starts_with(context, key, one):
                        yield one


def _starts_with(context: Context, machine: Key, role: Key) -> bool:
    profiles = context.resolver.of_type("AWS::IAM::InstanceProfile")
    near = context.order.direct(machine)
    return any(profile in near and role in context.order.direct(profile) for profile in profiles)


def _names(context: Context, key: Key, host: Member) -> bool:
    properties = context.resolver.properties(key)
    data = properties.get("LaunchTemplateData", properties)
    text = f"{data.get('UserData')} {data.get('NetworkInterfaces')}" if isinstance(data, dict) else ""
    return any(re.search(re.escape(identifier) + r"(?![\w.])", text) for identifier in host.ids)


def grants(context: Context, role: Key, action: str, arn: str) -> bool:
    """Whether a role's policies allow an action on a resource, by the end of its ARN."""
    return any(_allows(statement, action, arn) for statement in statements(context, role))


def statements(context: Context, role: Key) -> Iterator[Mapping[str, Json]]:
    """What a role's policies say."""
    documents = [one.get("PolicyDocument") for one in context.resolver.properties(role).get("Policies") or []]
    for key in context.resolver.of_type("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy"):
        properties = context.resolver.properties(key)
        named = [*(properties.get("Roles") or []), properties.get("RoleName")]
        if any(context.resolver.owners.get(str(one)) == role for one in named):
            documents.append(properties.get("PolicyDocument"))
    for document in documents:
        found = document.get("Statement", []) if isinstance(document, dict) else []
        yield from (one for one in (found if isinstance(found, list) else [found]) if isinstance(one, dict))


def _allows(statement: Mapping[str, Json], action: str, arn: str) -> bool:
    if statement.get("Effect") != "Allow":
        return False
    acts = any(fnmatchcase(action.lower(), one.lower()) for one in _listed(statement.get("Action")))
    resources = _listed(statement.get("Resource"))
    return acts and any(one == "*" or fnmatchcase("arn:aws:ec2:x:x" + arn, _any_place(one)) for one in resources)


def _listed(value: Json) -> list[str]:
    return [str(part) for part in value] if isinstance(value, list) else [str(value)]


def _any_place(arn: str) -> str:
    """An ARN of EC2 with region and account left open."""
    parts = arn.split(":", 5)
    return ":".join(["arn:aws:ec2:x:x", parts[5]]) if len(parts) == 6 else arn
