"""The transit gateway: IPv6 only, a route table for each role, every route written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from voice_cdk.config import plan
from voice_cdk.stacks.flowlogs import FlowLogs
from voice_cdk.stacks.routing import Prefix, Target
from voice_cdk.stacks.subnet import Addresses
from voice_cdk.stacks.vpc import Vpc

_OPTIONS = {"Ipv6Support": "enable"}
"""The library renders its own type of this in a spelling that AWS refuses."""


class Role(StrEnum):
    """What a VPC is; its packets are routed by the table of its role."""

    SHARED = "Shared"
    COMMUNICATIONS = "Communications"
    CLIENTS = "Clients"


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """A VPC at the transit gateway: its id, and what its VPC routes to the gateway by."""

    identity: str
    gateway: Target


class TransitGateway(Construct):
    """What joins the VPCs. It learns nothing: a VPC reaches what the table of its role says, and no more."""

    def __init__(self, scope: Construct, name: str, *, logs: FlowLogs) -> None:
        super().__init__(scope, name)
        gateway = ec2.CfnTransitGateway(
            self,
            "Gateway",
            auto_accept_shared_attachments="disable",
            default_route_table_association="disable",
            default_route_table_propagation="disable",
            vpn_ecmp_support="disable",
        )
        self.identity = gateway.ref
        self._tables = {role: self._table(role) for role in Role}
        logs.of_transit_gateway(self, gateway.ref)
        cdk.Tags.of(gateway).add("Name", name)

    def _table(self, role: Role) -> str:
        table = ec2.CfnTransitGatewayRouteTable(self, role.value, transit_gateway_id=self.identity)
        cdk.Tags.of(table).add("Name", role.value)
        return table.ref

    def attach(self, vpc: Vpc, zones: Sequence[str], role: Role) -> Attachment:
        """Attach a VPC, by a subnet in each of `zones`: from elsewhere nothing of it reaches the gateway."""
        # AWS attaches no IPv6-only subnets.
        subnets = [vpc.add_subnet(plan.Role.ATTACHMENT, zone, Addresses.DUAL) for zone in zones]
        attachment = ec2.CfnTransitGatewayAttachment(
            vpc,
            "Transit",
            transit_gateway_id=self.identity,
            vpc_id=vpc.identity,
            subnet_ids=[subnet.identity for subnet in subnets],
            options=_OPTIONS,
        )
        cdk.Tags.of(attachment).add("Name", vpc.node.id)
        ec2.CfnTransitGatewayRouteTableAssociation(
            vpc,
            "TransitTable",
            transit_gateway_attachment_id=attachment.ref,
            transit_gateway_route_table_id=self._tables[role],
        )
        target = Target(kind="transit_gateway_id", identity=self.identity, usable_after=attachment)
        return Attachment(identity=attachment.ref, gateway=target)

    def route(self, vpc: Vpc, name: str, *, role: Role, prefix: Prefix, to: Attachment) -> None:
        """Route `prefix`, which is of `vpc` and known once that is attached as `to`, for the VPCs of a role."""
        ec2.CfnTransitGatewayRoute(
            vpc,
            f"From{role.value}{name}",
            transit_gateway_route_table_id=self._tables[role],
            destination_cidr_block=prefix.cidr,
            transit_gateway_attachment_id=to.identity,
        )
