"""One subnet, and the route table that it gets with its first route."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from ipaddress import IPv4Network

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from voice_cdk.stacks.routing import Prefix, Target, add_route
from voice_cdk.stacks.waiting import await_resources


class Addresses(StrEnum):
    """Which addresses a subnet has."""

    IPV4 = "ipv4"
    DUAL = "dual"
    IPV6 = "ipv6"


class Subnet(Construct):
    """One subnet. Until it has a route of its own it is in its VPC's main table, in which there is none but `local`.

    Attributes:
        zone: its availability zone.
        identity: its id, for what stands in it.
        ipv4: its IPv4 prefix; None if it has IPv6 only.
        ipv6: its IPv6 prefix; None if it has IPv4 only.
        vpc: the id of its VPC.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        vpc: str,
        zone: str,
        ipv4: IPv4Network | None,
        ipv6: Prefix | None,
        dns64: bool = False,
    ) -> None:
        """With `dns64`, names that have IPv4 only get an address of 64:ff9b::/96, so all of that has to be routed."""
        super().__init__(scope, name)
        self.zone, self.ipv4, self.ipv6, self.vpc = zone, ipv4, ipv6, vpc
        self._subnet = ec2.CfnSubnet(
            self,
            "Subnet",
            vpc_id=vpc,
            availability_zone=zone,
            cidr_block=None if ipv4 is None else str(ipv4),
            ipv6_cidr_block=None if ipv6 is None else ipv6.cidr,
            ipv6_native=True if ipv4 is None else None,
            assign_ipv6_address_on_creation=None if ipv6 is None else True,
            enable_dns64=True if dns64 else None,
            # AWS names hosts after their IPv4 address by default, which those of an IPv6-only subnet haven't got.
            private_dns_name_options_on_launch=_RESOURCE_NAME if ipv4 is None else None,
        )
        if ipv6 is not None:
            await_resources(self._subnet, ipv6.known_after)
        self.identity = self._subnet.ref
        cdk.Tags.of(self).add("Name", f"{scope.node.id}/{name}")

    @cached_property
    def table(self) -> str:
        """The id of its route table, which is made when it is first asked for."""
        table = ec2.CfnRouteTable(self, "Table", vpc_id=self.vpc).ref
        ec2.CfnSubnetRouteTableAssociation(self, "Association", subnet_id=self.identity, route_table_id=table)
        return table

    def route(self, name: str, prefix: Prefix, target: Target) -> None:
        """Route `prefix` to `target`."""
        add_route(self, f"To{name}", self.table, prefix, target)

    def address(self, number: int) -> str:
        """The fixed IPv6 address of the host with this number; known to AWS alone, so a token."""
        if self.ipv6 is None:
            raise ValueError(f"{self.node.path} has no IPv6 addresses")
        network = cdk.Fn.select(0, cdk.Fn.split("::/", self.ipv6.cidr))
        return cdk.Fn.join("", [network, f"::{number:x}"])


_RESOURCE_NAME = {"HostnameType": "resource-name", "EnableResourceNameDnsAAAARecord": True}
