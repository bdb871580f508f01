"""What EC2 wants to be there without a request naming it; the emulator does not ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from voice_cdk.judge.keys import Json
from voice_cdk.proving.emulating.requests import Client
from voice_cdk.proving.emulating.values import MissingError


def _route(ec2: Client, properties: Mapping[str, Json]) -> None:
    if "GatewayId" not in properties and "TransitGatewayId" not in properties:
        return
    (table,) = ec2.describe_route_tables(RouteTableIds=[properties["RouteTableId"]])["RouteTables"]
    if "GatewayId" in properties:
        _has_internet_gateway(ec2, table["VpcId"])
    else:
        _is_attached(ec2, table["VpcId"], properties["TransitGatewayId"])


def _nat_gateway(ec2: Client, properties: Mapping[str, Json]) -> None:
    if properties.get("ConnectivityType") != "private":
        (subnet,) = ec2.describe_subnets(SubnetIds=[properties["SubnetId"]])["Subnets"]
        _has_internet_gateway(ec2, subnet["VpcId"])


def _has_internet_gateway(ec2: Client, vpc: str) -> None:
    of_vpc = [{"Name": "attachment.vpc-id", "Values": [vpc]}]
    if not ec2.describe_internet_gateways(Filters=of_vpc)["InternetGateways"]:
        raise MissingError("its VPC has no internet gateway when it is needed")


def _is_attached(ec2: Client, vpc: str, gateway: str) -> None:
    found = ec2.describe_transit_gateway_vpc_attachments()["TransitGatewayVpcAttachments"]
    if not any((one["VpcId"], one["TransitGatewayId"]) == (vpc, gateway) for one in found):
        raise MissingError("its VPC isn't attached to the transit gateway when it is needed")


CONDITIONS: Mapping[str, Callable[[Client, Mapping[str, Json]], None]] = {"Route": _route, "NatGateway": _nat_gateway}
