"""Transit gateways: attachments, tables, routes."""

from __future__ import annotations

from collections import defaultdict

from voice_cdk.judge.keys import Key
from voice_cdk.judge.model import Attachment, TgwRoute
from voice_cdk.judge.modelling.network import known
from voice_cdk.judge.modelling.reader import Source

ATTACHMENTS = ("AWS::EC2::TransitGatewayAttachment", "AWS::EC2::TransitGatewayVpcAttachment")
TABLE = "AWS::EC2::TransitGatewayRouteTable"


def attachments(source: Source) -> dict[str, Attachment]:
    """VPC attachments by identifier."""
    tables = defaultdict(list)
    for association in source.each("AWS::EC2::TransitGatewayRouteTableAssociation"):
        known(association, "TransitGatewayRouteTableId", TABLE)
        known(association, "TransitGatewayAttachmentId", *ATTACHMENTS)
        table = association.text("TransitGatewayRouteTableId")
        tables[association.text("TransitGatewayAttachmentId")].append(table)
    found = {}
    for attachment in source.each(*ATTACHMENTS):
        known(attachment, "TransitGatewayId", "AWS::EC2::TransitGateway")
        known(attachment, "VpcId", "AWS::EC2::VPC")
        options = attachment.part("Options")
        found[attachment.id] = Attachment(
            key=attachment.key,
            id=attachment.id,
            vpc=attachment.text("VpcId"),
            gateway=attachment.text("TransitGatewayId"),
            subnets=attachment.texts("SubnetIds"),
            ipv6=options.flag("Ipv6Support"),
            appliance=options.flag("ApplianceModeSupport"),
            tables=tuple(tables[attachment.id]),
        )
    return found


def tables(source: Source) -> dict[str, Key]:
    """Route tables of transit gateways by identifier."""
    found = {}
    for table in source.each(TABLE):
        known(table, "TransitGatewayId", "AWS::EC2::TransitGateway")
        found[table.id] = table.key
    return found


def routes(source: Source) -> list[TgwRoute]:
    """Routes of those tables: static ones, and what attachments propagate is not followed (see the check on it)."""
    found = []
    for route in source.each("AWS::EC2::TransitGatewayRoute"):
        known(route, "TransitGatewayRouteTableId", TABLE)
        destination = route.network("DestinationCidrBlock")
        attachment = None if route.flag("Blackhole") else route.text("TransitGatewayAttachmentId")
        if attachment == "":
            route.wrong("a route of a transit gateway has an attachment, or is a Blackhole")
        elif attachment is not None:
            known(route, "TransitGatewayAttachmentId", *ATTACHMENTS)
        if destination:
            table = route.text("TransitGatewayRouteTableId")
            found.append(TgwRoute(route.key, table, destination, attachment))
        else:
            route.wrong("has no DestinationCidrBlock")
    return found
