"""What a route says: where to, and by what; each with the resources that AWS must have made before."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from aws_cdk import CfnResource
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from voice_cdk.config.values.ranges import WELL_KNOWN
from voice_cdk.stacks.waiting import await_resources


class Family(StrEnum):
    """The address family of a prefix."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"


@dataclass(frozen=True, kw_only=True)
class Prefix:
    """A range of addresses.

    Attributes:
        cidr: its text; a token where only AWS knows it.
        known_after: what must be there before AWS can tell it. A VPC has no IPv6 prefix until its
            AWS::EC2::VPCCidrBlock is made, and CloudFormation doesn't see that the one needs the other.
    """

    cidr: str
    family: Family = Family.IPV6
    known_after: CfnResource | None = None


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a route leads to.

    Attributes:
        kind: the property of AWS::EC2::Route that names it, in Python's spelling.
        identity: the value of that property.
        usable_after: what must be there before AWS takes a route to it: gateways have to be attached.
    """

    kind: str
    identity: str
    usable_after: CfnResource | None = None


INTERNET = Prefix(cidr="::/0")
INTERNET_IPV4 = Prefix(cidr="0.0.0.0/0", family=Family.IPV4)
TRANSLATED = Prefix(cidr=str(WELL_KNOWN))
"""Every address that DNS64 writes for a name that has IPv4 only (RFC 6052)."""


def add_route(scope: Construct, name: str, table: str, prefix: Prefix, target: Target) -> ec2.CfnRoute:
    """A route of the VPC route table `table`."""
    destination = "destination_cidr_block" if prefix.family is Family.IPV4 else "destination_ipv6_cidr_block"
    properties = {destination: prefix.cidr, target.kind: target.identity}
    route = ec2.CfnRoute(scope, name, route_table_id=table, **properties)
    await_resources(route, prefix.known_after, target.usable_after)
    return route
