"""Security groups: of the right VPC, somebody's, and never the VPC's default one."""

from __future__ import annotations

from collections.abc import Iterator

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.keys import Fault
from voice_cdk.judge.model import WELL_KNOWN, Network, Role
from voice_cdk.judge.modelling.security import MADE_BY_AWS

WITHOUT = frozenset({Role.CONTROL_PLANE})


def check(context: Context) -> Iterator[Fault]:
    """Members' groups, groups' members, and rules that speak of a group elsewhere."""
    yield from _of_members(context)
    yield from _of_rules(context)
    yield from _nobodys(context)
    yield from _default_ones(context)
    yield from _unsaid(context)
    yield from _of_clients(context)


def _of_clients(context: Context) -> Iterator[Fault]:
    """Hosts of a client talk to its prefixes and gateways, whole ones."""
    model = context.model
    for vpc, tunnel in model.tunnels.items():
        hosts = [one for one in model.of(Role.SIP, Role.STRONGSWAN) if one.vpc == vpc]
        groups = {group for one in hosts for group in one.groups}
        inside = [block for one in model.vpcs.values() for block in one.blocks] + [WELL_KNOWN]
        for rule in model.rules:
            network = rule.network
            if rule.group not in groups or not network or rule.place == MADE_BY_AWS or not network.prefixlen:
                continue
            ours = any(block.version == network.version and block.overlaps(network) for block in inside)
            if not ours and network not in tunnel.prefixes | tunnel.gateways:
                reason = f"{rule.place}: {network} is neither a prefix nor a gateway of this client".lstrip(": ")
                yield Fault(kind="rule", resource=str(rule.key), reason=reason)


def _unsaid(context: Context) -> Iterator[Fault]:
    """A group without any egress rule of its own lets everything out."""
    for rule in context.model.rules:
        own = context.resolver.kind(rule.key) == "AWS::EC2::SecurityGroup"
        if own and rule.place == MADE_BY_AWS and rule.network and rule.network.version == 6:
            reason = "says nothing of egress, so AWS lets everything out: write a rule, to nobody if need be"
            yield Fault(kind="group", resource=str(rule.key), reason=reason)


def _of_members(context: Context) -> Iterator[Fault]:
    groups = context.model.groups
    for member in context.model.members:
        if not member.groups and not member.spare:
            reason = "names no security group, so it gets the VPC's default one"
            yield Fault(kind="group", resource=str(member.key), reason=reason)
        for name in member.groups:
            group = groups.get(name)
            if group and group.vpc and group.vpc != member.vpc:
                reason = f"its security group {group.key} is of another VPC; AWS refuses that"
                yield Fault(kind="refused", resource=str(member.key), reason=reason)


def _of_rules(context: Context) -> Iterator[Fault]:
    groups = context.model.groups
    for rule in context.model.rules:
        own = groups.get(rule.group)
        if rule.peer_group is not None:
            other = groups.get(rule.peer_group)
            if other and own and other.vpc and own.vpc and other.vpc != own.vpc:
                reason = f"a rule speaks of {other.key}, a group of another VPC, which matches nothing there"
                yield Fault(kind="group", resource=str(rule.key), reason=reason)
        elif rule.network is not None and rule.place != MADE_BY_AWS and not _meant(context, rule.network):
            reason = f"{rule.place}: {rule.network} is neither a part of these VPCs, a client's, nor everybody".lstrip(
                ": "
            )
            yield Fault(kind="rule", resource=str(rule.key), reason=reason)


def _meant(context: Context, network: Network) -> bool:
    """Whether a network is one that a person would write: everybody, a VPC, a subnet, one address, somebody outside."""
    model = context.model
    if network.prefixlen == 0 or network in _known(context):
        return True
    if network.prefixlen < SHORTEST[network.version] and str(network) != "2000::/3":
        return False
    if network.num_addresses == 1:
        return network.network_address in context.flows.world.at or not _inside(context, network)
    return not _inside(context, network) and not any(
        network.overlaps(block)
        for vpc in model.vpcs.values()
        for block in vpc.blocks
        if block.version == network.version
    )


def _known(context: Context) -> set[Network]:
    model = context.model
    known: set[Network] = {block for vpc in model.vpcs.values() for block in vpc.blocks}
    for subnet in model.subnets.values():
        known |= {block for block in (subnet.ipv4, subnet.ipv6) if block}
    known |= set(context.flows.world.prefixes)
    known |= {route.destination for route in model.routes} | {route.destination for route in model.tgw_routes}
    return known


def _inside(context: Context, network: Network) -> bool:
    return network.version == 6 and network.overlaps(WELL_KNOWN)


def _nobodys(context: Context) -> Iterator[Fault]:
    taken = {group for member in context.model.members for group in member.groups}
    taken |= {rule.peer_group for rule in context.model.rules if rule.peer_group}
    for group in context.model.groups.values():
        if group.id not in taken and not _named(context, group.id):
            reason = "this security group is nobody's; remove it, or see whom it was for"
            yield Fault(kind="unused group", resource=str(group.key), reason=reason)


def _named(context: Context, identifier: str) -> bool:
    """Whether a resource that the model does not know has the group: parameters of an application, an EFS."""
    known = ("AWS::EC2::SecurityGroup",)
    for key in context.resolver.keys:
        if not context.resolver.kind(key).startswith(known) and identifier in str(context.resolver.properties(key)):
            return True
    return False


SHORTEST = {4: 8, 6: 16}
"""No network that somebody has is larger."""
CLOSING = "AWSConfigRemediation-RemoveVPCDefaultSecurityGroupRules"
"""The one of AWS's own documents that closes it."""
CLOSERS = ("AWS::SSM::Association", "Custom::VpcRestrictDefaultSG")


def _default_ones(context: Context) -> Iterator[Fault]:
    """No template can close the group that a VPC is born with; something has to do it afterwards."""
    found = [context.resolver.properties(key) for key in context.resolver.of_type(*CLOSERS)]
    texts = [str(one) for one in found if not str(one.get("Name", "")).startswith("AWS") or one["Name"] == CLOSING]
    for vpc in context.model.vpcs.values():
        if not any(f"'{vpc.id}.DefaultSecurityGroup'" in text for text in texts):
            reason = "nothing closes its default security group, which lets everything out, and its members talk"
            yield Fault(kind="group", resource=str(vpc.key), reason=reason)
