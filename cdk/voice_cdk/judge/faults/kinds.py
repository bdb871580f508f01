"""Statements of roles: each action is one of the service that its resources are of."""

from __future__ import annotations

from collections.abc import Iterator

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.faults.permissions import listed, statements
from voice_cdk.judge.intrinsics import UNKNOWN, unknown
from voice_cdk.judge.keys import Fault, Json, Key

SERVICES = {
    "elasticloadbalancingv2": "elasticloadbalancing", "stepfunctions": "states", "opensearchservice": "es",
    "applicationautoscaling": "application-autoscaling", "certificatemanager": "acm", "efs": "elasticfilesystem",
}  # fmt: skip
"""Services that are called otherwise in policies than in types."""
NAMES = ("arn:", "id-", "parameter-", "*", "${")
"""How ARNs begin, also those that templates leave open."""
TWO = {"kms": {"kms"}, "rds-db": {"rds", "rds-db"}, "s3express": {"s3"}}


def check(context: Context) -> Iterator[Fault]:
    """Each statement of each role that names its resources."""
    for role in context.resolver.of_type("AWS::IAM::Role"):
        for statement in statements(context, role):
            resources = listed(statement.get("Resource"))
            yield from _names(role, resources)
            services = {_service(context, one) for one in resources}
            if not resources or None in services or unknown(statement.get("Resource")):
                continue
            yield from _actions(role, statement, services, resources)


def _names(role: Key, resources: list[str]) -> Iterator[Fault]:
    for one in resources:
        if not one.startswith(NAMES) and not unknown(one) and one != str(UNKNOWN):
            reason = f"has a statement for {one!r}, which is no ARN: CloudFormation's own or a whole one is wanted"
            yield Fault(kind="refused", resource=str(role), reason=reason)


def _actions(role: Key, statement: Json, services: set[str | None], resources: list[str]) -> Iterator[Fault]:
    actions = {one: TWO.get(_of(one), {_of(one)}) for one in listed(statement.get("Action"))}
    wrong = [one for one, its_own in actions.items() if one != "*" and not its_own & services]
    if wrong:
        told = ", ".join(one.removeprefix("id-") for one in resources[:2])
        reason = f"has a statement for {', '.join(wrong[:3])} on {told}: no action on such a resource"
        yield Fault(kind="permission", resource=str(role), reason=reason)
    for service in sorted(str(one) for one in services):
        if not any(one == "*" or service in its_own for one, its_own in actions.items()):
            named = [one.removeprefix("id-") for one in resources]
            reason = f"has a statement that names {', '.join(named[:3])}, and no action of {service}"
            yield Fault(kind="permission", resource=str(role), reason=reason)


def _of(action: str) -> str:
    return action.partition(":")[0].lower()


def _service(context: Context, resource: str) -> str | None:
    """The service that a resource is of; None where that is not known."""
    if resource.startswith("arn:"):
        service = resource.split(":")[2]
        return service if service and "*" not in service else None
    head = resource.removesuffix("/*").removesuffix(":*")
    key = context.resolver.owners.get(head) or context.resolver.owners.get(head.rpartition(".")[0])
    if key is None or not context.resolver.kind(key).startswith("AWS::"):
        return None
    name = context.resolver.kind(key).split("::")[1].lower()
    return SERVICES.get(name, name)
