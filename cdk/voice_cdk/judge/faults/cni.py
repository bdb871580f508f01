"""What gives pods their addresses, the VPC CNI: its role, what that may do, and in which VPC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.faults.permissions import allows, conditions, listed, role_of, statements
from voice_cdk.judge.keys import Fault, Json, Key

NAME = "vpc-cni"
LOOKS = (
    "ec2:DescribeInstanceTypes", "ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeTags",
)  # fmt: skip
CHANGES = {
    "network-interface": ("ec2:AssignIpv6Addresses", "ec2:CreateTags", "ec2:ModifyNetworkInterfaceAttribute"),
    "security-group": ("ec2:ModifyNetworkInterfaceAttribute",),
}
"""By what it changes, or puts an interface into. Amazon VPC CNI, docs/iam-policy.md, "IPv6 mode"."""


def check(context: Context) -> Iterator[Fault]:
    """Each add-on that is one."""
    for key in context.resolver.of_type("AWS::EKS::Addon"):
        properties = context.resolver.properties(key)
        if properties.get("AddonName") == NAME:
            yield from _addon(context, key, properties)


def _addon(context: Context, key: Key, properties: Mapping[str, Json]) -> Iterator[Fault]:
    associated = [one for one in properties.get("PodIdentityAssociations") or [] if isinstance(one, dict)]
    if not any(one.get("RoleArn") for one in associated) and not properties.get("ServiceAccountRoleArn"):
        yield _fault(key, "vpc-cni has no role of its own")
    if "enableNetworkPolicy" not in str(properties.get("ConfigurationValues")):
        reason = (
            "its ConfigurationValues do not set enableNetworkPolicy: network policies would be taken and do nothing"
        )
        yield Fault(kind="flag", resource=str(key), reason=reason)
    vpc = _vpc(context, str(properties.get("ClusterName")))
    for one in associated:
        role = role_of(context, one.get("RoleArn"))
        missing = list(_missing(context, role, vpc)) if role else []
        if role and missing:
            yield _fault(role, f"may not {', '.join(missing)}: nodes get no addresses for pods ({key})")
        if one.get("ServiceAccount") != "aws-node":
            yield _fault(key, "vpc-cni runs as aws-node, nothing else")


def _vpc(context: Context, cluster: str) -> str:
    """The id of the VPC that a cluster is in; empty if that is not of these templates."""
    key = context.resolver.owners.get(cluster)
    network = context.resolver.property(key, "ResourcesVpcConfig") if key else None
    for subnet in (network.get("SubnetIds") or []) if isinstance(network, dict) else []:
        owner = context.resolver.owners.get(str(subnet))
        if owner:
            return str(context.resolver.property(owner, "VpcId"))
    return ""


def _missing(context: Context, role: Key, vpc: str) -> Iterator[str]:
    for action in LOOKS:
        if not _may(context, role, action, "*", vpc):
            yield action
    for kind, actions in CHANGES.items():
        for action in actions:
            if not _may(context, role, action, f":{kind}/any", vpc):
                yield f"{action} on a {kind} of its VPC"


def _may(context: Context, role: Key, action: str, resource: str, vpc: str) -> bool:
    """Whether an action is allowed, not by a statement for another VPC."""
    return any(
        allows(statement, action, resource) and not _elsewhere(statement, vpc)
        for statement in statements(context, role)
    )


def _elsewhere(statement: Mapping[str, Json], vpc: str) -> bool:
    named = [listed(keys.get("ec2:Vpc")) for keys in conditions(statement).values() if isinstance(keys, dict)]
    return any(vpcs and vpc and not any(one.endswith(f"/{vpc}") for one in vpcs) for vpcs in named)


def _fault(key: Key, reason: str) -> Fault:
    return Fault(kind="permission", resource=str(key), reason=reason)
