"""VPC-B, unified communications: the database, and what translates for it."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from voice_cdk.config import plan
from voice_cdk.config.model import Config, DbAccess
from voice_cdk.config.plan import Role
from voice_cdk.stacks.routing import INTERNET, Prefix, Target, add_route
from voice_cdk.stacks.subnet import Addresses, Subnet
from voice_cdk.stacks.vpc import Safeguards, Vpc


class CommunicationsVpc(Vpc):
    """VPC-B.

    Attributes:
        database: the subnets of the database.
        answering: those that answer whoever asks it: its own, or those of what translates.
        asked: by name, the prefixes at which it is asked. Others route them to this VPC, and nothing else of it.
        own_prefix: before the database's IPv4 address it makes its IPv6 address (/96), for whoever asks it by name and
            has to make that by itself; None: AWS's resolver does, or there is nothing to be made.
    """

    def __init__(self, scope: Construct, name: str, *, config: Config, safeguards: Safeguards) -> None:
        super().__init__(scope, name, ipv4=config.communications, safeguards=safeguards)
        self._managed = config.db_access is DbAccess.MANAGED
        self.own_prefix: str | None = None
        if config.db_access is DbAccess.NATIVE:
            self.database = [self.add_subnet(Role.DATABASE, zone, Addresses.DUAL) for zone in config.zones]
            self.answering = self.database
            self.asked = {subnet.node.id: subnet.ipv6 for subnet in self.database if subnet.ipv6 is not None}
        else:
            self.database = [self.add_subnet(Role.DATABASE, zone, Addresses.IPV4) for zone in config.zones]
            self.answering = [self.add_subnet(Role.NAT64, zone, Addresses.DUAL) for zone in config.zones]
            self.asked = {"Nat64": self._nat64_prefix(config)}
        if config.db_access is DbAccess.NAT64:
            self._let_hosts_out()

    def _nat64_prefix(self, config: Config) -> Prefix:
        if not plan.has_own_prefix(config):
            return Prefix(cidr=str(plan.nat64_prefix(config)))
        # AWS takes a route within a VPC if its destination is a whole subnet: this one, in which there is nothing.
        prefix = self.numbered(plan.PREFIX_SUBNET)
        Subnet(self, "Prefix", vpc=self.identity, zone=config.zones[0], ipv4=None, ipv6=prefix)
        self.own_prefix = cdk.Fn.join("", [cdk.Fn.select(0, cdk.Fn.split("/", prefix.cidr)), "/96"])
        return prefix

    def _let_hosts_out(self) -> None:
        """The hosts that translate ask AWS for secrets, and for routes and interfaces that they take over."""
        egress_only = self.add_egress_only_gateway()
        for subnet in self.answering:
            subnet.route("Internet", INTERNET, egress_only)

    @property
    def naming_facts(self) -> dict[str, str]:
        """What a host has to know to find the database by its name."""
        return {} if self.own_prefix is None else {"VOICE_DNS64_PREFIX": self.own_prefix}

    def answering_to(self, zones: Sequence[str]) -> list[Subnet]:
        """Those that answer a VPC which is attached in `zones`."""
        # A packet stays in its zone. A host may take over its neighbour's, a NAT gateway doesn't.
        return [subnet for subnet in self.answering if subnet.zone in zones or not self._managed]

    def attachment_in(self, zone: str) -> Subnet:
        """The subnet by which packets come from the transit gateway in a zone."""
        return self.subnets[Role.ATTACHMENT, zone]

    def translate(self, scope: Construct, subnet: Subnet, translator: Target) -> None:
        """Have what comes into `subnet` for the database, or out of it, translated by `translator`."""
        add_route(scope, f"Nat64From{subnet.node.id}", subnet.table, self.asked["Nat64"], translator)

    def add_managed_translators(self) -> None:
        """NAT gateways of AWS's that translate, one in each zone; they reach this VPC and no internet."""
        for subnet in self.answering:
            gateway = ec2.CfnNatGateway(subnet, "Nat", subnet_id=subnet.identity, connectivity_type="private")
            self.translate(self, self.attachment_in(subnet.zone), self.watched(subnet, gateway))
