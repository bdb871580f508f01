"""What roles may do: whose they are, and what their policies allow."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.keys import Json, Key
from voice_cdk.judge.model import Member

PROFILE = "AWS::IAM::InstanceProfile"
MACHINES = ("AWS::EC2::Instance", "AWS::EC2::LaunchTemplate")


def machine_roles(context: Context, host: Member) -> Iterator[Key]:
    """Roles of the machines that name a host's interface, or are the host."""
    for key in context.resolver.of_type(*MACHINES):
        if key == host.key or any(named(context, key, identifier) for identifier in host.ids):
            yield from roles_of_machine(context, key)


def roles_of_machine(context: Context, machine: Key) -> Iterator[Key]:
    """Roles of an instance or launch template, by its instance profile."""
    near = context.order.direct(machine)
    for profile in context.resolver.of_type(PROFILE):
        if profile in near:
            for one in sorted(context.order.direct(profile)):
                if context.resolver.kind(one) == "AWS::IAM::Role":
                    yield one


def machines_of(context: Context, role: Key) -> Iterator[Key]:
    """Instances and launch templates that work with a role."""
    for machine in context.resolver.of_type(*MACHINES):
        if role in roles_of_machine(context, machine):
            yield machine


def user_data(context: Context, machine: Key) -> str:
    """What a machine is told at its first start."""
    properties = context.resolver.properties(machine)
    data = properties.get("LaunchTemplateData", properties)
    return str(data.get("UserData")) if isinstance(data, dict) else ""


def named(context: Context, machine: Key, identifier: str) -> bool:
    """Whether a machine's user data or interfaces name a resource."""
    properties = context.resolver.properties(machine)
    data = properties.get("LaunchTemplateData", properties)
    interfaces = data.get("NetworkInterfaces") if isinstance(data, dict) else ""
    return mentions(f"{user_data(context, machine)} {interfaces}", identifier)


def mentions(text: str, identifier: str) -> bool:
    """Whether a text names a resource, and not one whose name begins alike."""
    return re.search(re.escape(identifier) + r"(?![\w.])", text) is not None


def role_of(context: Context, value: Json) -> Key | None:
    """The role that a name or an ARN is of, where it is of these templates."""
    key = context.resolver.owners.get(str(value).removesuffix(".Arn"))
    return key if key and context.resolver.kind(key) == "AWS::IAM::Role" else None


def grants(context: Context, role: Key, action: str, resource: str) -> bool:
    """Whether a role's policies allow an action on a resource: its ARN; of EC2's, the end of it from `:` on."""
    return any(allows(statement, action, resource) for statement in statements(context, role))


def statements(context: Context, role: Key) -> Iterator[Mapping[str, Json]]:
    """What a role's policies say."""
    for document in [*inline(context.resolver.properties(role)), *context.policies.get(role, [])]:
        yield from of_document(document)


def inline(properties: Mapping[str, Json]) -> list[Json]:
    """Documents of the policies that are written inside of a role."""
    found = properties.get("Policies")
    return [one.get("PolicyDocument") for one in (found if isinstance(found, list) else []) if isinstance(one, dict)]


def allowed(context: Context, role: Key) -> set[str]:
    """Actions that a role's policies allow, on whatever."""
    some = (one for one in statements(context, role) if one.get("Effect") == "Allow")
    return {action for statement in some for action in listed(statement.get("Action"))}


def of_document(document: Json) -> Iterator[Mapping[str, Json]]:
    """The statements of a policy document."""
    found = document.get("Statement", []) if isinstance(document, dict) else []
    yield from (one for one in (found if isinstance(found, list) else [found]) if isinstance(one, dict))


def allows(statement: Mapping[str, Json], action: str, resource: str) -> bool:
    """Whether a statement allows an action on a resource, whatever its condition."""
    if statement.get("Effect") != "Allow" or not acts(statement, action):
        return False
    whole = f"arn:aws:ec2:x:x{resource}" if resource.startswith(":") else resource
    return any(one == "*" or fnmatchcase(whole, _any_place(one)) for one in listed(statement.get("Resource")))


def conditions(statement: Mapping[str, Json]) -> Mapping[str, Json]:
    """The operators of a statement's Condition."""
    found = statement.get("Condition")
    return found if isinstance(found, dict) else {}


def acts(statement: Mapping[str, Json], action: str) -> bool:
    """Whether a statement is about an action."""
    return any(fnmatchcase(action.lower(), one.lower()) for one in listed(statement.get("Action")))


def listed(value: Json) -> list[str]:
    """A text or a list of them, as a list."""
    if value is None:
        return []
    return [str(part) for part in value] if isinstance(value, list) else [str(value)]


def managed(context: Context, role: Key) -> set[str]:
    """Names of AWS's own policies that a role has."""
    return {one.rsplit("/", 1)[-1] for one in listed(context.resolver.properties(role).get("ManagedPolicyArns"))}


def _any_place(arn: str) -> str:
    """An ARN of EC2 with region and account left open."""
    parts = arn.split(":", 5)
    return ":".join(["arn:aws:ec2:x:x", parts[5]]) if len(parts) == 6 and parts[2] == "ec2" else arn
