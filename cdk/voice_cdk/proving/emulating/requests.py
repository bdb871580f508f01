"""What CloudFormation asks EC2 for a resource of each type. Names are the API's and the templates' own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from voice_cdk.judge.keys import Json

Client = Any
"""EC2's API; boto3 makes its methods when it runs."""
NEVER_SENT = frozenset({"Tags"})
"""Properties that no request here carries."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One type's.

    Attributes:
        operation: the method that makes it.
        identity: where in the answer its id is; nothing: it has none.
        renamed: properties that the API calls otherwise.
        listed: properties of one value of which the API takes several.
        inside: a parameter that all properties go into.
        switch: the method that sets `switches` afterwards, one by one.
        attributes: other attributes than its id, by their place in the answer.
    """

    operation: str
    identity: tuple[str | int, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    listed: frozenset[str] = frozenset()
    inside: str = ""
    switch: str = ""
    switches: frozenset[str] = frozenset()
    attributes: Mapping[str, tuple[str | int, ...]] = field(default_factory=dict)

    def send(self, ec2: Client, properties: Mapping[str, Json]) -> dict[str, Json]:
        """Make one resource; return its attributes. Errors are boto3's."""
        afterwards = self.switches | NEVER_SENT
        given = {
            self.renamed.get(name, name): [value] if name in self.listed else value
            for name, value in properties.items()
            if name not in afterwards
        }
        answer = getattr(ec2, self.operation)(**({self.inside: given} if self.inside else given))
        if not self.identity:
            return {}
        identity = _at(answer, self.identity)
        for name in sorted(self.switches & properties.keys()):
            value = properties[name]
            change = value if isinstance(value, dict) else {"Value": value}
            getattr(ec2, self.switch)(**{str(self.identity[-1]): identity, name: change})
        return {"Ref": identity, **{name: _at(answer, path) for name, path in self.attributes.items()}}


def _at(answer: Json, path: tuple[str | int, ...]) -> Json:
    for step in path:
        answer = answer[step]
    return answer


_ATTACHMENT = Request(
    operation="create_transit_gateway_vpc_attachment",
    identity=("TransitGatewayVpcAttachment", "TransitGatewayAttachmentId"),
)

REQUESTS: Mapping[str, Request] = {
    "VPC": Request(
        operation="create_vpc", identity=("Vpc", "VpcId"), switch="modify_vpc_attribute",
        switches=frozenset({"EnableDnsHostnames", "EnableDnsSupport"}),
    ),
    "VPCCidrBlock": Request(
        operation="associate_vpc_cidr_block", identity=("Ipv6CidrBlockAssociation", "AssociationId")
    ),
    "Subnet": Request(
        operation="create_subnet", identity=("Subnet", "SubnetId"), switch="modify_subnet_attribute",
        switches=frozenset({"MapPublicIpOnLaunch", "AssignIpv6AddressOnCreation", "EnableDns64"}),
    ),
    "RouteTable": Request(operation="create_route_table", identity=("RouteTable", "RouteTableId")),
    "SubnetRouteTableAssociation": Request(operation="associate_route_table", identity=("AssociationId",)),
    "Route": Request(operation="create_route"),
    "InternetGateway": Request(
        operation="create_internet_gateway", identity=("InternetGateway", "InternetGatewayId")
    ),
    "VPCGatewayAttachment": Request(operation="attach_internet_gateway"),
    "EgressOnlyInternetGateway": Request(
        operation="create_egress_only_internet_gateway",
        identity=("EgressOnlyInternetGateway", "EgressOnlyInternetGatewayId"),
    ),
    "EIP": Request(
        operation="allocate_address", identity=("PublicIp",), attributes={"AllocationId": ("AllocationId",)}
    ),
    "EIPAssociation": Request(operation="associate_address", identity=("AssociationId",)),
    "NatGateway": Request(operation="create_nat_gateway", identity=("NatGateway", "NatGatewayId")),
    "NetworkInterface": Request(
        operation="create_network_interface", identity=("NetworkInterface", "NetworkInterfaceId"),
        renamed={"GroupSet": "Groups"}, switch="modify_network_interface_attribute",
        switches=frozenset({"SourceDestCheck"}),
    ),
    "FlowLog": Request(
        operation="create_flow_logs", identity=("FlowLogIds", 0), renamed={"ResourceId": "ResourceIds"},
        listed=frozenset({"ResourceId"}),
    ),
    "Volume": Request(operation="create_volume", identity=("VolumeId",)),
    "VPCEndpoint": Request(operation="create_vpc_endpoint", identity=("VpcEndpoint", "VpcEndpointId")),
    "TransitGateway": Request(
        operation="create_transit_gateway", identity=("TransitGateway", "TransitGatewayId"), inside="Options"
    ),
    "TransitGatewayAttachment": _ATTACHMENT,
    "TransitGatewayVpcAttachment": _ATTACHMENT,
    "TransitGatewayRouteTable": Request(
        operation="create_transit_gateway_route_table",
        identity=("TransitGatewayRouteTable", "TransitGatewayRouteTableId"),
    ),
    "TransitGatewayRouteTableAssociation": Request(operation="associate_transit_gateway_route_table"),
    "TransitGatewayRoute": Request(operation="create_transit_gateway_route"),
}  # fmt: skip
