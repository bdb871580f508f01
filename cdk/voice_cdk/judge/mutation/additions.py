"""Things added that should not be there: rules for everybody, routes by the transit gateway, second ones."""

from __future__ import annotations

from collections.abc import Iterator

from voice_cdk.judge.keys import Json, Key
from voice_cdk.judge.mutation.parts import Mutant, properties, rewritten
from voice_cdk.judge.resolve import Resolver
from voice_cdk.judge.templates import Assembly

EVERYBODY = ({"CidrIp": "0.0.0.0/0"}, {"CidrIpv6": "::/0"})
TO_ALL = ("0.0.0.0/0", "::/0", "10.0.0.0/8", "2001:db8::/32")
TWICE = frozenset({
    "AWS::EC2::Route", "AWS::EC2::TransitGatewayRoute", "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::EC2::TransitGatewayRouteTableAssociation", "AWS::EC2::SecurityGroupIngress", "AWS::EC2::Subnet",
    "AWS::EC2::EIPAssociation", "AWS::EC2::VPCGatewayAttachment", "AWS::ElasticLoadBalancingV2::Listener",
})  # fmt: skip
"""Types of which AWS takes no second one that says the same."""


def all_of_them(assembly: Assembly) -> Iterator[Mutant]:
    """Every addition."""
    resolver = Resolver(assembly)
    for key in sorted(resolver.of_type("AWS::EC2::SecurityGroup")):
        yield from _rules(assembly, resolver, key)
    for key in sorted(resolver.of_type("AWS::EC2::RouteTable")):
        yield from _routes(assembly, resolver, key)
    for key in sorted(resolver.of_type("AWS::EC2::TransitGatewayRouteTable")):
        yield from _tgw_routes(assembly, resolver, key)
    for kind in sorted(TWICE):
        for key in sorted(resolver.of_type(kind)):
            yield _added("twice", assembly, key, resolver.raw(key))


def _added(kind: str, assembly: Assembly, key: Key, resource: Json, detail: str = "") -> Mutant:
    new = Key(key.stack, f"{key.logical_id}Added")
    return Mutant(kind, key, detail, rewritten(assembly, new, resource))


def _rules(assembly: Assembly, resolver: Resolver, key: Key) -> Iterator[Mutant]:
    resource = resolver.raw(key)
    for name in ("SecurityGroupIngress", "SecurityGroupEgress"):
        for peer in EVERYBODY:
            rule = {"IpProtocol": "-1", **peer}
            longer = [*(properties(resource).get(name) or []), rule]
            found = rewritten(assembly, key, {**resource, "Properties": {**properties(resource), name: longer}})
            yield Mutant("rule added", key, f"{name} {next(iter(peer.values()))}", found)


def _routes(assembly: Assembly, resolver: Resolver, key: Key) -> Iterator[Mutant]:
    """By whatever gateways the template has: what is of another VPC, AWS refuses."""
    kinds = {
        "GatewayId": "AWS::EC2::InternetGateway", "EgressOnlyInternetGatewayId": "AWS::EC2::EgressOnlyInternetGateway",
        "NatGatewayId": "AWS::EC2::NatGateway", "TransitGatewayId": "AWS::EC2::TransitGateway",
    }  # fmt: skip
    for target, kind in kinds.items():
        for owner in [one for one in sorted(resolver.of_type(kind)) if one.stack == key.stack][:1]:
            for network in TO_ALL:
                family = "DestinationIpv6CidrBlock" if ":" in network else "DestinationCidrBlock"
                written = {"RouteTableId": {"Ref": key.logical_id}, family: network, target: {"Ref": owner.logical_id}}
                route = {"Type": "AWS::EC2::Route", "Properties": written}
                yield _added("route added", assembly, key, route, f"{network} by {owner.logical_id}")


def _tgw_routes(assembly: Assembly, resolver: Resolver, key: Key) -> Iterator[Mutant]:
    for owner in sorted(resolver.of_type("AWS::EC2::TransitGatewayAttachment")):
        if owner.stack == key.stack:
            for network in TO_ALL:
                written = {
                    "TransitGatewayRouteTableId": {"Ref": key.logical_id}, "DestinationCidrBlock": network,
                    "TransitGatewayAttachmentId": {"Ref": owner.logical_id},
                }  # fmt: skip
                route = {"Type": "AWS::EC2::TransitGatewayRoute", "Properties": written}
                yield _added("route added", assembly, key, route, f"{network} to {owner.logical_id}")
