"""What could let packets pass or keep them back, and is not followed here: nothing is right for want of a look."""

from __future__ import annotations

from collections.abc import Iterator

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.keys import Fault, Json, Key

FOLLOWED = frozenset(
    f"AWS::EC2::{name}"
    for name in (
        "EIP", "EIPAssociation", "EgressOnlyInternetGateway", "FlowLog", "Instance", "InternetGateway",
        "LaunchTemplate", "NatGateway", "NetworkInterface", "NetworkInterfaceAttachment", "PrefixList", "Route",
        "RouteTable", "SecurityGroup", "SecurityGroupEgress", "SecurityGroupIngress", "Subnet",
        "SubnetRouteTableAssociation", "TransitGateway", "TransitGatewayAttachment", "TransitGatewayRoute",
        "TransitGatewayRouteTable", "TransitGatewayRouteTableAssociation", "TransitGatewayRouteTablePropagation",
        "TransitGatewayVpcAttachment", "VPC", "VPCCidrBlock", "VPCEndpoint", "VPCGatewayAttachment",
    )
)  # fmt: skip
HARMLESS = frozenset(
    f"AWS::EC2::{name}"
    for name in (
        "CapacityReservation", "CapacityReservationFleet", "CustomerGateway", "DHCPOptions",
        "Host", "IPAM", "IPAMAllocation", "IPAMPool", "IPAMPoolCidr", "IPAMResourceDiscovery", "IPAMScope",
        "InstanceConnectEndpoint", "KeyPair", "LocalGatewayRouteTable", "NetworkAcl", "NetworkInsightsAnalysis",
        "NetworkInsightsPath", "NetworkPerformanceMetricSubscription", "PlacementGroup", "SnapshotBlockPublicAccess",
        "VPCDHCPOptionsAssociation", "VPCEndpointConnectionNotification", "VPNGateway", "Volume", "VolumeAttachment",
    )
)  # fmt: skip
"""Types that no packet's way depends on: a network ACL is nothing's and a VPN gateway leads nowhere by itself."""
SEEN = frozenset(
    f"AWS::{name}"
    for name in (
        "AutoScaling::AutoScalingGroup", "EKS::Cluster", "EKS::Nodegroup", "ElasticLoadBalancingV2::LoadBalancer",
        "Lambda::Function", "RDS::DBCluster", "RDS::DBInstance", "RDS::DBSubnetGroup", "CloudFormation::Stack",
        "SSM::Association", "SSM::Parameter",
    )
)  # fmt: skip
"""Types that name subnets or security groups and are followed, or do nothing in them."""
ENDPOINTS = frozenset({"Gateway", "Interface", "None"})
OTHER_NETWORKS = ("AWS::VpcLattice::", "AWS::NetworkFirewall::", "AWS::NetworkManager::", "AWS::GlobalAccelerator::")


def check(context: Context) -> Iterator[Fault]:
    """Types of networks that are not followed, and whatever else stands in subnets."""
    names = frozenset(context.model.subnets) | frozenset(context.model.groups)
    for key in context.resolver.keys:
        kind = context.resolver.kind(key)
        told = kind.removeprefix("AWS::").replace("::", " ")
        if _other_network(context, key, kind):
            yield _fault(key, f"{told}: its effect on packets is not followed, so who reaches whom may be otherwise")
        elif not kind.startswith(("AWS::EC2::", "Custom::")) and kind not in SEEN and _stands(context, key, names):
            yield _fault(key, f"{told}: stands in subnets or groups, and is not followed: nothing of it is judged")


def _other_network(context: Context, key: Key, kind: str) -> bool:
    endpoint = str(context.resolver.properties(key).get("VpcEndpointType"))
    unknown = kind.startswith("AWS::EC2::") and kind not in FOLLOWED | HARMLESS
    return unknown or kind.startswith(OTHER_NETWORKS) or endpoint not in ENDPOINTS


def _stands(context: Context, key: Key, names: frozenset[str]) -> bool:
    return any(value in names for value in _texts(context.resolver.properties(key)))


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _fault(key: Key, reason: str) -> Fault:
    return Fault(kind="not judged", resource=str(key), reason=reason)
