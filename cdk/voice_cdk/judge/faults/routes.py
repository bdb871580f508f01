"""Routes: prefixes that their targets can do something with."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.keys import Fault
from voice_cdk.judge.model import WELL_KNOWN, Member, Role, Route, TargetKind

OUT = frozenset({TargetKind.INTERNET, TargetKind.EGRESS_ONLY})
OUTSIDE = frozenset(map(ip_network, ("0.0.0.0/0", "::/0", "2000::/3")))


def check(context: Context) -> Iterator[Fault]:
    """IPv6 to NAT gateways, and whatever leads to a NAT64 or StrongSwan host."""
    for route in context.model.routes:
        if route.kind is TargetKind.NAT and route.destination.version == 6:
            yield from _nat(context, route)
        if route.kind is TargetKind.NAT and route.destination.version == 4 and route.destination not in OUTSIDE:
            reason = f"leads {route.destination} to a NAT gateway: IPv4 that is not all of the internet's"
            yield Fault(kind="route", resource=str(route.key), reason=reason)
        if route.kind in OUT and route.destination not in OUTSIDE and route.destination not in _clients(context):
            reason = f"leads {route.destination} to the internet: neither all of it, nor a client's prefix"
            yield Fault(kind="route", resource=str(route.key), reason=reason)
        host = context.flows.world.host(route.target)
        if host and route.kind in {TargetKind.INTERFACE, TargetKind.INSTANCE}:
            yield from _host(context, route, host)
        if route.kind is TargetKind.OTHER:
            reason = "leads to something that this platform has no use for"
            yield Fault(kind="route", resource=str(route.key), reason=reason)


def _nat(context: Context, route: Route) -> Iterator[Fault]:
    if route.destination != WELL_KNOWN and route.destination not in _of_transit(context):
        reason = f"leads {route.destination} to a NAT gateway, which translates all of {WELL_KNOWN} and nothing else"
        yield Fault(kind="route", resource=str(route.key), reason=reason)


def _of_transit(context: Context) -> set[object]:
    return {route.destination for route in context.model.tgw_routes}


def _host(context: Context, route: Route, host: Member) -> Iterator[Fault]:
    told = ""
    if host.role is Role.NAT64 and route.destination not in _of_transit(context):
        told = "what the transit gateway leads to the VPC for translation"
    if host.role is Role.STRONGSWAN and route.destination not in _clients(context):
        told = "prefixes of the client"
    if told:
        reason = f"leads {route.destination} to {host}, where {told} should go and nothing else"
        yield Fault(kind="route", resource=str(route.key), reason=reason)


def _clients(context: Context) -> set[object]:
    return {network for one in context.model.tunnels.values() for network in one.prefixes | one.gateways}
