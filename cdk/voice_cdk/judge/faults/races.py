"""First deployments: what needs something that is made in the same stack, and does not wait for it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.keys import Fault, Key
from voice_cdk.judge.model import TargetKind
from voice_cdk.judge.order import references

Parts = Mapping[str, list[Key]]
MACHINES = ("AWS::EC2::Instance", "AWS::AutoScaling::AutoScalingGroup", "AWS::EKS::Nodegroup")
ROLE_USERS = (
    *MACHINES,
    "AWS::Lambda::Function",
    "AWS::EKS::Cluster",
    "AWS::EKS::Addon",
    "AWS::EKS::PodIdentityAssociation",
    "AWS::EC2::FlowLog",
    "AWS::SSM::Association",
)


def check(context: Context) -> Iterator[Fault]:
    """IPv6 blocks, attachments, gateways, policies, and ways of a machine that starts."""
    yield from _ipv6_blocks(context)
    yield from _transit(context)
    yield from _gateways(context)
    yield from _policies(context)
    yield from _machines(context)
    yield from _logs(context)


LOGS = (
    ("AWS::RDS::DBCluster", "DBClusterIdentifier", "/aws/rds/cluster/{}/"),
    ("AWS::EKS::Cluster", "Name", "/aws/eks/{}/"),
)


def _logs(context: Context) -> Iterator[Fault]:
    """A service makes its log group itself, for ever and unencrypted, where the template's isn't there before it."""
    for kind, name, pattern in LOGS:
        for key in context.resolver.of_type(kind):
            prefix = pattern.format(context.resolver.properties(key).get(name))
            for log in context.resolver.of_type("AWS::Logs::LogGroup"):
                if str(context.resolver.properties(log).get("LogGroupName")).startswith(prefix):
                    yield from _fault(context, key, [log], "writes this log group")


def _fault(context: Context, key: Key, others: list[Key], why: str) -> Iterator[Fault]:
    """A fault, unless `key` waits for one of `others`."""
    if others and not any(context.order.waits(key, other) for other in others):
        reason = f"{why}, and does not wait for {others[0]}: add it to DependsOn"
        yield Fault(kind="race", resource=str(key), reason=reason)


def _by_vpc(context: Context, kind: str, *, ipv6: bool = False) -> dict[str, list[Key]]:
    found = defaultdict(list)
    for key in context.resolver.of_type(kind):
        properties = context.resolver.properties(key)
        if not ipv6 or properties.keys() & {
            "AmazonProvidedIpv6CidrBlock",
            "Ipv6CidrBlock",
            "Ipv6Pool",
            "Ipv6IpamPoolId",
        }:
            found[str(properties.get("VpcId"))].append(key)
    return found


def _ipv6_blocks(context: Context) -> Iterator[Fault]:
    """Whatever reads a VPC's IPv6 blocks is made after VPCCidrBlock."""
    blocks = _by_vpc(context, "AWS::EC2::VPCCidrBlock", ipv6=True)
    vpcs = {key.logical_id: f"id-{key}".replace("/", ".") for key in context.resolver.of_type("AWS::EC2::VPC")}
    for key in context.resolver.keys:
        text = json.dumps(context.resolver.raw(key).get("Properties", {}))
        if "Ipv6CidrBlocks" not in text and not _own_block(context, key):
            continue
        for name in {*references(context.resolver.raw(key).get("Properties"))} & vpcs.keys():
            if f'"{name}", "Ipv6CidrBlocks"' in text or f"{name}.Ipv6CidrBlocks" in text or _own_block(context, key):
                here = f"id-{key.stack}.{name}"
                yield from _fault(context, key, blocks.get(here, []), f"needs the IPv6 block of {key.stack}/{name}")


def _own_block(context: Context, key: Key) -> bool:
    return context.resolver.kind(key) == "AWS::EC2::Subnet" and "Ipv6CidrBlock" in context.resolver.properties(key)


def _transit(context: Context) -> Iterator[Fault]:
    """A route to a transit gateway is refused while the VPC is not attached."""
    vpc_of = {subnet.table: subnet.vpc for subnet in context.model.subnets.values()}
    attached = defaultdict(list)
    for attachment in context.model.attachments.values():
        attached[attachment.vpc].append(attachment.key)
    for route in context.model.routes:
        if route.kind is TargetKind.TGW:
            waits_for = attached.get(vpc_of.get(route.table, ""), [])
            yield from _fault(context, route.key, waits_for, "leads to a transit gateway that the VPC is attached to")


def _gateways(context: Context) -> Iterator[Fault]:
    """Routes to an internet gateway, public NAT gateways and addresses need it attached."""
    attached = _by_vpc(context, "AWS::EC2::VPCGatewayAttachment")
    vpc_of = {subnet.table: subnet.vpc for subnet in context.model.subnets.values()}
    for route in context.model.routes:
        if route.kind is TargetKind.INTERNET:
            yield from _fault(
                context, route.key, attached.get(vpc_of.get(route.table, ""), []), "needs the gateway attached"
            )
    for gateway in context.model.nat_gateways.values():
        subnet = context.model.subnets.get(gateway.subnet)
        if subnet and gateway.public:
            yield from _fault(context, gateway.key, attached.get(subnet.vpc, []), "needs the internet gateway attached")
    for key, vpc in _addresses(context):
        yield from _fault(context, key, attached.get(vpc, []), "needs the internet gateway attached")


def _addresses(context: Context) -> Iterator[tuple[Key, str]]:
    """Elastic IPs and their associations, each with the VPC that it is used in."""
    users = {member.key: member.vpc for member in context.model.members if not member.spare}
    for gateway in context.model.nat_gateways.values():
        if gateway.subnet in context.model.subnets:
            users[gateway.key] = context.model.subnets[gateway.subnet].vpc
    for user, vpc in users.items():
        for key in context.order.direct(user):
            if context.resolver.kind(key) == "AWS::EC2::EIP" and key.stack == user.stack:
                yield key, vpc
    for key in context.resolver.of_type("AWS::EC2::EIPAssociation"):
        for user in sorted(context.order.direct(key) & users.keys()):
            yield key, users[user]
            for address in context.order.direct(key):
                if context.resolver.kind(address) == "AWS::EC2::EIP":
                    yield address, users[user]


def _policies(context: Context) -> Iterator[Fault]:
    """What starts with a role needs the role's policies: it asks for secrets at once."""
    policies = defaultdict(list)
    for key in context.resolver.of_type("AWS::IAM::Policy", "AWS::IAM::RolePolicy"):
        properties = context.resolver.properties(key)
        for role in [*(properties.get("Roles") or []), properties.get("RoleName")]:
            if owner := context.resolver.owners.get(str(role)):
                policies[owner].append(key)
    for kind in ROLE_USERS:
        for key in context.resolver.of_type(kind):
            for role in context.order.before(key) & policies.keys():
                if _is_its_own(context, key, role):
                    for policy in policies[role]:
                        if policy.stack == key.stack and key not in context.order.before(policy):
                            yield from _fault(context, key, [policy], f"starts with the role {role}")


def _is_its_own(context: Context, key: Key, role: Key) -> bool:
    """Whether a resource works with a role: names it, its instance profile, or a launch template that does."""
    near = set(context.order.direct(key))
    kinds = {"AWS::IAM::InstanceProfile", "AWS::EC2::LaunchTemplate"}
    for _ in range(2):
        near |= {o for one in near if context.resolver.kind(one) in kinds for o in context.order.direct(one)}
    return role in near


def _machines(context: Context) -> Iterator[Fault]:
    """A machine that starts needs its subnet's route table and the ways out of it."""
    out = {TargetKind.INTERNET, TargetKind.EGRESS_ONLY, TargetKind.NAT}
    for member in context.model.members:
        subnet = context.model.subnets[member.subnet]
        machines = member.machines or {member.key}
        for machine in [] if member.spare else sorted(machines):
            if context.resolver.kind(machine) in MACHINES:
                for association in subnet.associations:
                    if association.stack == machine.stack:
                        yield from _fault(context, machine, [association], "starts in a subnet")
                for route in context.model.routes:
                    near = route.table == subnet.table and route.destination.prefixlen == 0 and route.kind in out
                    if near and route.key.stack == machine.stack:
                        yield from _fault(context, machine, [route.key], "starts in a subnet with a way out")
