"""Gateway endpoints: in the tables of all subnets that would go out for the service else, and of their own VPC."""

from __future__ import annotations

from collections.abc import Iterator

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.keys import Fault, Json
from voice_cdk.judge.model import Role, TargetKind

GATEWAYS = frozenset({"s3", "dynamodb", "s3express"})
WAYS_OUT = frozenset({TargetKind.NAT, TargetKind.EGRESS_ONLY})
ALL_WAYS_OUT = WAYS_OUT | {TargetKind.INTERNET}


def check(context: Context) -> Iterator[Fault]:
    """Each of them."""
    model = context.model
    out = {route.table for route in model.routes if route.kind in WAYS_OUT}
    standing = {model.subnets[member.subnet].table for member in model.members}
    translated = {model.subnets[one.subnet].table for one in model.nat_gateways.values() if one.subnet in model.subnets}
    asked = (standing & out) | (translated & {route.table for route in model.routes if route.kind in ALL_WAYS_OUT})
    for key in context.resolver.of_type("AWS::EC2::VPCEndpoint"):
        properties = context.resolver.properties(key)
        yield from _kind(str(key), properties)
        if properties.get("VpcEndpointType", "Gateway") != "Gateway":
            continue
        tables = [str(table) for table in properties.get("RouteTableIds") or []]
        vpc = str(properties.get("VpcId"))
        for table in tables:
            if model.table_vpcs.get(table, vpc) != vpc:
                yield _fault(str(key), f"its route table {model.tables[table]} is of another VPC; AWS refuses that")
            if table in model.tables and table not in asked:
                yield _fault(str(key), f"serves nobody in {model.tables[table]}")
        if len(set(tables)) < len(tables):
            yield _fault(str(key), "names a route table twice")
        for name in sorted(one for one in (standing & out) - {*tables} if one):
            if model.table_vpcs.get(name) == vpc:
                yield _fault(str(key), f"is not in {model.tables[name]}, where the service is asked by a way out")
        alone = _without_ipv4(context, tables)
        if alone and properties.get("IpAddressType", "ipv4") != "dualstack":
            yield _fault(str(key), "is not dualstack: what has IPv6 alone goes past it")


def _without_ipv4(context: Context, tables: list[str]) -> bool:
    """Whether pods, or something in a subnet without IPv4, ask by one of these tables."""
    subnets = [context.model.subnets[one.subnet] for one in context.model.of(Role.PODS)]
    subnets += [subnet for subnet in context.model.subnets.values() if subnet.native]
    return any(subnet.table in tables for subnet in subnets)


def _kind(resource: str, properties: Json) -> Iterator[Fault]:
    """Each type has properties of its own."""
    gateway = properties.get("VpcEndpointType", "Gateway") == "Gateway"
    service = str(properties.get("ServiceName")).rsplit(".", 1)[-1]
    if gateway and service not in GATEWAYS and not service.startswith("parameter-"):
        yield Fault(kind="refused", resource=resource, reason=f"AWS has no gateway endpoint for {service}")
    elif not gateway and properties.get("RouteTableIds"):
        yield Fault(kind="refused", resource=resource, reason="names route tables, and is no gateway endpoint")
    elif not gateway and not properties.get("SubnetIds"):
        yield Fault(kind="refused", resource=resource, reason="stands in no subnet (SubnetIds)")
    if gateway and properties.get("IpAddressType") == "dualstack":
        options = properties.get("DnsOptions")
        if not isinstance(options, dict) or options.get("DnsRecordIpType") != "dualstack":
            yield _fault(resource, "DnsRecordIpType is not dualstack: the service's name gives IPv4 alone")


def _fault(resource: str, reason: str) -> Fault:
    return Fault(kind="endpoint", resource=resource, reason=reason)
