"""Properties that AWS refuses a resource without; only those that no other check would miss."""

from __future__ import annotations

from collections.abc import Iterator

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.keys import Fault

NEEDED = {
    "AWS::AutoScaling::AutoScalingGroup": ("MinSize", "MaxSize", "VPCZoneIdentifier|AvailabilityZones"),
    "AWS::CloudWatch::Alarm": ("ComparisonOperator", "EvaluationPeriods", "MetricName|Metrics"),
    "AWS::EC2::EIPAssociation": ("AllocationId|EIP", "NetworkInterfaceId|InstanceId"),
    "AWS::EC2::EgressOnlyInternetGateway": ("VpcId",),
    "AWS::EC2::FlowLog": ("ResourceId", "ResourceType", "LogDestination|LogGroupName"),
    "AWS::EC2::LaunchTemplate": ("LaunchTemplateData",),
    "AWS::EC2::NetworkInterface": ("SubnetId",),
    "AWS::EC2::VPC": ("CidrBlock|Ipv4IpamPoolId",),
    "AWS::EC2::VPCCidrBlock": ("VpcId",),
    "AWS::EC2::VPCEndpoint": ("VpcId", "ServiceName"),
    "AWS::EC2::VPCGatewayAttachment": ("VpcId", "InternetGatewayId|VpnGatewayId"),
    "AWS::EC2::Volume": ("AvailabilityZone",),
    "AWS::EKS::AccessEntry": ("ClusterName", "PrincipalArn"),
    "AWS::EKS::Addon": ("AddonName", "ClusterName"),
    "AWS::EKS::Cluster": ("RoleArn",),
    "AWS::EKS::Nodegroup": ("ClusterName", "Subnets", "NodeRole"),
    "AWS::EKS::PodIdentityAssociation": ("ClusterName", "Namespace", "RoleArn", "ServiceAccount"),
    "AWS::ElasticLoadBalancingV2::Listener": ("LoadBalancerArn", "Port", "Protocol", "DefaultActions"),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": ("Subnets|SubnetMappings",),
    "AWS::ElasticLoadBalancingV2::TargetGroup": ("VpcId", "Port", "Protocol"),
    "AWS::IAM::InstanceProfile": ("Roles",),
    "AWS::IAM::Policy": ("PolicyName", "PolicyDocument", "Roles|Users|Groups"),
    "AWS::IAM::Role": ("AssumeRolePolicyDocument",),
    "AWS::KMS::Alias": ("AliasName", "TargetKeyId"),
    "AWS::RDS::DBCluster": (
        "Engine",
        "DBSubnetGroupName",
        "MasterUsername|SnapshotIdentifier|SourceDBClusterIdentifier|GlobalClusterIdentifier",
    ),
    "AWS::RDS::DBClusterParameterGroup": ("Family", "Parameters"),
    "AWS::RDS::DBInstance": ("DBInstanceClass", "Engine"),
    "AWS::RDS::DBSubnetGroup": ("SubnetIds",),
    "AWS::Route53::HostedZone": ("Name",),
    "AWS::Route53::RecordSet": ("Name", "Type"),
    "AWS::S3::BucketPolicy": ("Bucket", "PolicyDocument"),
    "AWS::SNS::Subscription": ("Protocol", "TopicArn"),
    "AWS::SNS::TopicPolicy": ("PolicyDocument", "Topics"),
    "AWS::SecretsManager::Secret": ("GenerateSecretString|SecretString|ReplicaRegions",),
    "AWS::SSM::Association": ("Name",),
    "AWS::SSM::Parameter": ("Type", "Value"),
}
"""By type; one of several where they are parted by `|`."""


def check(context: Context) -> Iterator[Fault]:
    """Each resource of these types."""
    for kind, names in NEEDED.items():
        for key in context.resolver.of_type(kind):
            properties = context.resolver.properties(key)
            given = {name for name, value in properties.items() if value not in ([], {})}
            for name in names:
                if not given & set(name.split("|")):
                    reason = f"has no {name.replace('|', ' or ')}"
                    yield Fault(kind="refused", resource=str(key), reason=reason)
