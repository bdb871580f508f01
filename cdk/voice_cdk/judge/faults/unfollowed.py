"""What could let packets pass or keep them back, and is not followed here: its platform is not judged whole."""

from __future__ import annotations

from collections.abc import Iterator

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.keys import Fault

KINDS = (
    "AWS::EC2::NetworkAclEntry",
    "AWS::EC2::SubnetNetworkAclAssociation",
    "AWS::EC2::VPCPeeringConnection",
    "AWS::EC2::TransitGatewayPeeringAttachment",
    "AWS::EC2::TransitGatewayConnect",
    "AWS::EC2::GatewayRouteTableAssociation",
    "AWS::EC2::VPNGatewayRoutePropagation",
    "AWS::EC2::VPNConnection",
    "AWS::EC2::ClientVpnEndpoint",
    "AWS::EC2::RouteServer",
    "AWS::VpcLattice::ServiceNetworkVpcAssociation",
)


def check(context: Context) -> Iterator[Fault]:
    """Each resource of these types."""
    for key in context.resolver.of_type(*KINDS):
        kind = context.resolver.kind(key).removeprefix("AWS::").replace("::", " ")
        reason = f"{kind}: its effect on packets is not followed, so nothing here is sure of what it lets pass"
        yield Fault(kind="not judged", resource=str(key), reason=reason)
