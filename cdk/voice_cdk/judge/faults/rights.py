"""Rights: logs, automations and the cluster may do what they are there for."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.faults.permissions import allowed, grants, listed, managed, role_of
from voice_cdk.judge.keys import Fault, Json, Key

LOGS = ("logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams")
AUTOMATIONS = {
    "AWSConfigRemediation-RemoveVPCDefaultSecurityGroupRules": (
        "ec2:DescribeSecurityGroups", "ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress",
        "ssm:StartAutomationExecution", "ssm:GetAutomationExecution",
    ),
}  # fmt: skip
"""Systems Manager Automation runbook reference, "Required IAM permissions"."""
MANAGED = (
    ("AWS::EKS::Cluster", "RoleArn", ({"AmazonEKSClusterPolicy"},)),
    ("AWS::EKS::Nodegroup", "NodeRole", (
        {"AmazonEKSWorkerNodePolicy", "AmazonEKSWorkerNodeMinimalPolicy"},
        {"AmazonEC2ContainerRegistryPullOnly", "AmazonEC2ContainerRegistryReadOnly"},
    )),
)  # fmt: skip
"""Type, its role, and of AWS's policies one of each set."""


def check(context: Context) -> Iterator[Fault]:
    """Flow logs, then automations, then the cluster."""
    for log in context.resolver.of_type("AWS::EC2::FlowLog"):
        properties = context.resolver.properties(log)
        target = str(properties.get("LogDestination") or f"{properties.get('LogGroupName')}.Arn")
        if role := role_of(context, properties.get("DeliverLogsPermissionArn")):
            yield from needs(context, role, LOGS, target, f"so {log} stays empty")
    yield from _automations(context)
    yield from _cluster(context)


def needs(context: Context, role: Key, actions: tuple[str, ...], resource: str, why: str) -> Iterator[Fault]:
    """A fault where a role may not do something on a resource, with what comes of it."""
    missing = [action for action in actions if not grants(context, role, action, resource)]
    if missing:
        place = resource.removeprefix("id-") if resource.startswith("id-") else "what it needs"
        yield _fault(role, f"may not {', '.join(missing)} on {place}, {why}")


def _automations(context: Context) -> Iterator[Fault]:
    for key in context.resolver.of_type("AWS::SSM::Association"):
        properties = context.resolver.properties(key)
        needed = AUTOMATIONS.get(str(properties.get("Name")))
        parameters = properties.get("Parameters")
        if needed and isinstance(parameters, dict):
            yield from _automation(context, key, needed, parameters)


def _automation(context: Context, key: Key, needed: tuple[str, ...], parameters: Json) -> Iterator[Fault]:
    named = listed(parameters.get("AutomationAssumeRole"))
    roles = [role for name in named if (role := role_of(context, name))]
    if not roles:
        yield Fault(kind="permission", resource=str(key), reason="names no role (AutomationAssumeRole) to run with")
    for role in roles:
        missing = _missing(context, role, needed)
        if missing:
            yield _fault(role, f"may not {', '.join(missing)}, which {key} asks")
        for group in listed(parameters.get("GroupId")):
            for action in needed:
                if "Revoke" in action and not grants(context, role, action, f":security-group/{group}"):
                    yield _fault(role, f"may not {action} on {group.removeprefix('id-')}, which {key} asks")


def _cluster(context: Context) -> Iterator[Fault]:
    for kind, name, wanted in MANAGED:
        for key in context.resolver.of_type(kind):
            role = role_of(context, context.resolver.properties(key).get(name))
            for some in wanted if role else ():
                if role and not some & managed(context, role):
                    yield _fault(role, f"has none of AWS's {' or '.join(sorted(some))}, which {key} works with")


def _missing(context: Context, role: Key, actions: tuple[str, ...]) -> list[str]:
    """Actions that a role's policies allow nowhere."""
    given = allowed(context, role)
    return [action for action in actions if not any(fnmatchcase(action, one) for one in given)]


def _fault(key: Key, reason: str) -> Fault:
    return Fault(kind="permission", resource=str(key), reason=reason)
