"""Names with IPv4 alone: what DNS64 writes must lead somewhere, all of 64:ff9b::/96."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address

from voice_cdk.judge import policy, traffic
from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.keys import Fault
from voice_cdk.judge.model import WELL_KNOWN, Member, Role
from voice_cdk.judge.outside import ANYBODY
from voice_cdk.judge.walk import End

WHY_NOT = "voice:dns64"
"""A subnet's tag that says why names of the internet need not be reached from it."""


def check(context: Context) -> Iterator[Fault]:
    """Each member in a subnet with DNS64, if its security groups would let it go there."""
    for member in context.model.members:
        subnet = context.model.subnets[member.subnet]
        if subnet.dns64 and member.ipv6 and WHY_NOT not in context.tags(subnet.key):
            yield from _member(context, member)


def _member(context: Context, member: Member) -> Iterator[Fault]:
    address = WELL_KNOWN[int(ANYBODY[0] if isinstance(ANYBODY[0], IPv4Address) else 0)]
    may = traffic.common(context.flows.world.admits(member, False, address), policy.HTTPS)
    if not may or member.role in {Role.CONTROL_PLANE, Role.BALANCER, Role.ENDPOINT} or not member.ipv6:
        return
    way = context.flows.walker.send(member.subnet, member, member.ipv6, address)
    if way.end is not End.INTERNET:
        yield Fault(
            kind="dns64", resource=str(context.model.subnets[member.subnet].key), source=str(member),
            destination="internet", port="tcp/443", family="ipv6", zone=member.zone,
            reason=f"names that have IPv4 alone get addresses of {WELL_KNOWN} that lead nowhere ({way.reason}); "
            f"route all of it to a NAT gateway, close 443 to it, or tag the subnet {WHY_NOT} with the reason why not",
        )  # fmt: skip
