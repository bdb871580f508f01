"""Gateway endpoints: in the tables of all subnets that would go out for the service else, and of their own VPC."""

from __future__ import annotations

from collections.abc import Iterator

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.keys import Fault
from voice_cdk.judge.model import TargetKind

WAYS_OUT = frozenset({TargetKind.NAT, TargetKind.EGRESS_ONLY})


def check(context: Context) -> Iterator[Fault]:
    """Each of them."""
    model = context.model
    out = {route.table for route in model.routes if route.kind in WAYS_OUT}
    standing = {model.subnets[member.subnet].table for member in model.members}
    for key in context.resolver.of_type("AWS::EC2::VPCEndpoint"):
        properties = context.resolver.properties(key)
        if properties.get("VpcEndpointType", "Gateway") != "Gateway":
            continue
        tables = [str(table) for table in properties.get("RouteTableIds") or []]
        vpc = str(properties.get("VpcId"))
        for table in tables:
            if model.table_vpcs.get(table, vpc) != vpc:
                yield _fault(str(key), f"its route table {model.tables[table]} is of another VPC; AWS refuses that")
            if table in model.tables and table not in standing & out:
                yield _fault(str(key), f"serves nobody in {model.tables[table]}")
        if len(set(tables)) < len(tables):
            yield _fault(str(key), "names a route table twice")
        for name in sorted(one for one in (standing & out) - {*tables} if one):
            if model.table_vpcs.get(name) == vpc:
                yield _fault(str(key), f"is not in {model.tables[name]}, where the service is asked by a way out")
        if properties.get("IpAddressType", "ipv4") != "dualstack":
            yield _fault(str(key), "is not dualstack: what has IPv6 alone goes past it")


def _fault(resource: str, reason: str) -> Fault:
    return Fault(kind="endpoint", resource=resource, reason=reason)
