"""Subnets: blocks that overlap or lie outside of their VPC, zones, what AWS wants of IPv6-only ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.keys import Fault
from voice_cdk.judge.model import Network, Role, Subnet, Vpc

FIXED = frozenset({Role.SIP, Role.STRONGSWAN, Role.GRAFANA, Role.NAT64})
BOTH = frozenset({Role.STRONGSWAN, Role.NAT64})
FEW = 4
"""Fewer subnets show no plan."""


def check(context: Context) -> Iterator[Fault]:
    """Each VPC's subnets, and VPCs to each other."""
    model = context.model
    of_vpc = defaultdict(list)
    for subnet in model.subnets.values():
        of_vpc[subnet.vpc].append(subnet)
        yield from _alone(context, subnet)
    for vpc, subnets in of_vpc.items():
        yield from _together(subnets)
        if vpc in model.vpcs:
            yield from _inside(model.vpcs[vpc], subnets)
    yield from _vpcs(list(model.vpcs.values()))
    yield from _tables(context)
    yield from _addresses(context)
    yield from _plan(context)
    yield from _sizes(context)


def _tables(context: Context) -> Iterator[Fault]:
    for subnet in context.model.subnets.values():
        vpc = context.model.table_vpcs.get(subnet.table or "", subnet.vpc)
        if vpc != subnet.vpc:
            reason = f"its route table {context.model.tables[subnet.table or '']} is of another VPC; AWS refuses that"
            yield Fault(kind="refused", resource=str(subnet.key), reason=reason)


def _addresses(context: Context) -> Iterator[Fault]:
    """Fixed addresses lie in the subnet, and are nobody else's."""
    taken: dict[object, str] = {}
    for member in context.model.members:
        subnet = context.model.subnets[member.subnet]
        for address in (member.ipv4, member.ipv6):
            block = subnet.block(address.version) if address else None
            if address and not (block and address in block):
                reason = f"its address {address} is not in its subnet {subnet.key} ({block or 'which has none'})"
                yield Fault(kind="block", resource=str(member.key), reason=reason)
            if address and (member.vpc, address) in taken:
                reason = f"its address {address} is {taken[member.vpc, address]}'s, too"
                yield Fault(kind="block", resource=str(member.key), reason=reason)
            taken[member.vpc, address] = member.name
        if member.role in FIXED and member.ipv6 and not (member.fixed or member.spare):
            reason = "its IPv6 address is not fixed (Ipv6Addresses): settings, names and selectors would change with it"
            yield Fault(kind="address", resource=str(member.key), reason=reason)
        own = context.resolver.properties(member.key)
        if member.role in BOTH and member.ipv4 and not member.spare and not own.keys() & {"PrivateIpAddress"}:
            reason = "its IPv4 address is not fixed (PrivateIpAddress), and what it passes on goes by it"
            yield Fault(kind="address", resource=str(member.key), reason=reason)


def _plan(context: Context) -> Iterator[Fault]:
    """Where a folder's subnets have the same number in both of their VPC's blocks, one that has not is misplaced."""
    numbers = {}
    for subnet in context.model.subnets.values():
        vpc = context.model.vpcs.get(subnet.vpc)
        places = [_place(block, vpc) for block in (subnet.ipv4, subnet.ipv6) if block and vpc]
        if len(places) == 2:
            numbers[subnet.key] = places
    odd = [key for key, (first, second) in numbers.items() if first != second]
    if len(numbers) >= FEW and len(odd) * 5 < len(numbers):
        for key in odd:
            reason = f"is number {numbers[key][0]} of its VPC's IPv4 block and {numbers[key][1]} of the IPv6 one; "
            yield Fault(kind="block", resource=str(key), reason=reason + "all others have one number in both")


def _sizes(context: Context) -> Iterator[Fault]:
    """Where each VPC is cut into the same number of subnets, one of another size is a slip."""
    cuts: dict[int, list[Subnet]] = defaultdict(list)
    for subnet in context.model.subnets.values():
        vpc = context.model.vpcs.get(subnet.vpc)
        whole = next((block for block in vpc.blocks if block.version == 4), None) if vpc else None
        if subnet.ipv4 and whole:
            cuts[subnet.ipv4.prefixlen - whole.prefixlen].append(subnet)
    usual = max(cuts, key=lambda cut: len(cuts[cut]), default=0)
    odd = [subnet for cut, found in cuts.items() if cut != usual for subnet in found]
    if len(cuts[usual]) >= FEW and len(odd) * 5 < len(cuts[usual]):
        for subnet in odd:
            reason = f"{subnet.ipv4} is not of the size that all others have in their VPCs, 1 of {1 << max(usual, 0)}"
            yield Fault(kind="block", resource=str(subnet.key), reason=reason)


def _place(block: Network, vpc: Vpc) -> int:
    """A subnet's number in its VPC, counted in subnets of its size."""
    for whole in vpc.blocks:
        if whole.version == block.version and block.subnet_of(whole):  # type: ignore[arg-type]
            return (int(block.network_address) - int(whole.network_address)) // block.num_addresses
    return -1


def _alone(context: Context, subnet: Subnet) -> Iterator[Fault]:
    def fault(reason: str, kind: str = "refused") -> Fault:
        return Fault(kind=kind, resource=str(subnet.key), reason=reason)

    region = context.resolver.assembly.stacks[subnet.key.stack].region
    if not subnet.zone:
        yield fault("names no availability zone, so AWS chooses one", "zone")
    elif not subnet.zone.startswith((region, "parameter-", "use", "euw", "apn", "aps")):
        yield fault(f"availability zone {subnet.zone} is not of {region}", "zone")
    if subnet.native and subnet.ipv4:
        yield fault("Ipv6Native takes no CidrBlock")
    if subnet.native and not (subnet.ipv6 and subnet.assign_ipv6):
        yield fault("Ipv6Native needs an Ipv6CidrBlock and AssignIpv6AddressOnCreation")
    if not subnet.native and not subnet.ipv4:
        yield fault("has no CidrBlock, and is not Ipv6Native")
    if subnet.assign_ipv6 and not subnet.ipv6:
        yield fault("AssignIpv6AddressOnCreation without an Ipv6CidrBlock")
    if subnet.ipv6 and subnet.ipv6.prefixlen != 64:
        yield fault(f"{subnet.ipv6} is no /64")
    if subnet.ipv4 and not 16 <= subnet.ipv4.prefixlen <= 28:
        yield fault(f"{subnet.ipv4} is not between /16 and /28")
    if subnet.ipv6 and not subnet.assign_ipv6:
        yield fault("AssignIpv6AddressOnCreation is off: what starts there gets no IPv6 address", "flag")
    if subnet.dns64 and not subnet.ipv6:
        yield fault("EnableDns64 without an IPv6 block", "flag")
    if len(subnet.associations) > 1:
        yield fault(f"is associated with {len(subnet.associations)} route tables; AWS takes one")


def _together(subnets: list[Subnet]) -> Iterator[Fault]:
    for number, one in enumerate(subnets):
        for other in subnets[number + 1 :]:
            for version in (4, 6):
                mine, theirs = one.block(version), other.block(version)
                if mine and theirs and mine.overlaps(theirs):
                    reason = f"{theirs} overlaps {mine} of {one.key}: one block can't be two subnets'"
                    yield Fault(kind="block", resource=str(other.key), family=f"ipv{version}", reason=reason)


def _inside(vpc: Vpc, subnets: list[Subnet]) -> Iterator[Fault]:
    for subnet in subnets:
        for version in (4, 6):
            block = subnet.block(version)
            blocks = [one for one in vpc.blocks if one.version == version]
            if block and not any(block.subnet_of(one) for one in blocks):  # type: ignore[arg-type]
                reason = f"{block} lies outside of its VPC's {', '.join(map(str, blocks)) or 'blocks, which are none'}"
                yield Fault(kind="block", resource=str(subnet.key), family=f"ipv{version}", reason=reason)


def _vpcs(vpcs: list[Vpc]) -> Iterator[Fault]:
    for vpc in vpcs:
        for block in vpc.blocks:
            if block.version == 4 and not 16 <= block.prefixlen <= 28:
                yield Fault(kind="refused", resource=str(vpc.key), reason=f"{block} is not between /16 and /28")
    for number, one in enumerate(vpcs):
        for other in vpcs[number + 1 :]:
            for mine in one.blocks:
                for theirs in other.blocks:
                    if mine.version == theirs.version and mine.overlaps(theirs):
                        reason = f"{theirs} overlaps {mine} of {one.key}; a transit gateway can't tell them apart"
                        yield Fault(kind="block", resource=str(other.key), reason=reason)
