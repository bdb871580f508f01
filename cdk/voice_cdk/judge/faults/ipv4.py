"""IPv4 that could cross the transit gateway."""

from __future__ import annotations

from collections.abc import Iterator

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.keys import Fault
from voice_cdk.judge.model import TargetKind


def check(context: Context) -> Iterator[Fault]:
    """Routes for IPv4 that lead to a transit gateway, or that one has."""
    for route in context.model.routes:
        if route.kind is TargetKind.TGW and route.destination.version == 4:
            yield _fault(str(route.key), f"a route of a VPC leads {route.destination} to the transit gateway")
    for tgw_route in context.model.tgw_routes:
        if tgw_route.destination.version == 4 and tgw_route.attachment is not None:
            yield _fault(str(tgw_route.key), f"the transit gateway has a route to {tgw_route.destination}")


def _fault(resource: str, what: str) -> Fault:
    return Fault(kind="ipv4", resource=resource, reason=f"{what}; between VPCs there is IPv6 alone")
