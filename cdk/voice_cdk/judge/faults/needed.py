"""Properties that AWS refuses a resource without; only those that no other check would miss."""

from __future__ import annotations

from collections.abc import Iterator

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.keys import Fault

NEEDED = {
    "AWS::EC2::FlowLog": ("ResourceId", "ResourceType", "LogDestination|LogGroupName"),
    "AWS::EC2::VPCGatewayAttachment": ("VpcId",),
    "AWS::EC2::VPCEndpoint": ("VpcId", "ServiceName"),
    "AWS::RDS::DBCluster": ("Engine",),
    "AWS::RDS::DBInstance": ("DBInstanceClass", "Engine"),
    "AWS::RDS::DBClusterParameterGroup": ("Family",),
    "AWS::EKS::Cluster": ("RoleArn",),
    "AWS::EKS::Addon": ("AddonName", "ClusterName"),
    "AWS::EKS::Nodegroup": ("ClusterName", "Subnets", "NodeRole"),
    "AWS::AutoScaling::AutoScalingGroup": ("MinSize", "MaxSize"),
    "AWS::ElasticLoadBalancingV2::Listener": ("LoadBalancerArn", "Port", "Protocol", "DefaultActions"),
}
"""By type; one of several where they are parted by `|`."""


def check(context: Context) -> Iterator[Fault]:
    """Each resource of these types."""
    for kind, names in NEEDED.items():
        for key in context.resolver.of_type(kind):
            given = context.resolver.properties(key).keys()
            for name in names:
                if not given & set(name.split("|")):
                    reason = f"has no {name.replace('|', ' or ')}"
                    yield Fault(kind="refused", resource=str(key), reason=reason)
