"""What AWS takes one of: of each name, of each place. And what serves by being named, and is named by nothing."""

from __future__ import annotations

from collections.abc import Iterator

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.intrinsics import unknown
from voice_cdk.judge.keys import Fault, Key

ONE: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("AWS::EC2::EgressOnlyInternetGateway", ("VpcId",)),
    ("AWS::EC2::FlowLog", ("ResourceId", "LogDestination", "LogGroupName")),
    ("AWS::EC2::TransitGatewayAttachment", ("VpcId", "TransitGatewayId")),
    ("AWS::EC2::VPCCidrBlock", ("VpcId", "AmazonProvidedIpv6CidrBlock", "CidrBlock", "Ipv6CidrBlock")),
    ("AWS::EC2::VPCEndpoint", ("VpcId", "ServiceName", "VpcEndpointType")),
    ("AWS::ECR::Repository", ("RepositoryName",)),
    ("AWS::EKS::AccessEntry", ("ClusterName", "PrincipalArn")),
    ("AWS::EKS::Addon", ("ClusterName", "AddonName")),
    ("AWS::EKS::Cluster", ("Name",)),
    ("AWS::EKS::Nodegroup", ("ClusterName", "NodegroupName")),
    ("AWS::EKS::PodIdentityAssociation", ("ClusterName", "Namespace", "ServiceAccount")),
    ("AWS::IAM::Role", ("RoleName",)),
    ("AWS::Logs::LogGroup", ("LogGroupName",)),
    ("AWS::RDS::DBCluster", ("DBClusterIdentifier",)),
    ("AWS::RDS::DBInstance", ("DBInstanceIdentifier",)),
    ("AWS::Route53::RecordSet", ("HostedZoneId", "Name", "Type", "SetIdentifier")),
    ("AWS::S3::Bucket", ("BucketName",)),
    ("AWS::S3::BucketPolicy", ("Bucket",)),
    ("AWS::SecretsManager::Secret", ("Name",)),
    ("AWS::SNS::TopicPolicy", ("Topics",)),
    ("AWS::SSM::Association", ("Name", "Parameters", "Targets")),
)  # fmt: skip
"""Types, and what all of them differ in by at least one of these properties."""
LAST = {
    "AWS::RDS::DBCluster", "AWS::RDS::DBInstance", "AWS::ECR::Repository", "AWS::EKS::Cluster", "AWS::IAM::Role",
    "AWS::Logs::LogGroup", "AWS::S3::Bucket", "AWS::SecretsManager::Secret", "AWS::EKS::Nodegroup",
}  # fmt: skip
"""Of these the last property is a name: AWS chooses one where it is left out."""
NAMED = {
    "AWS::EC2::InternetGateway": "no VPC is attached to it",
    "AWS::EC2::TransitGateway": "nothing is attached to it",
    "AWS::IAM::InstanceProfile": "no machine has it",
    "AWS::KMS::Key": "nothing is encrypted with it",
    "AWS::RDS::DBClusterParameterGroup": "no database has these settings",
    "AWS::RDS::DBSubnetGroup": "no database stands in it",
}
"""Types that are of use to what names them alone."""
OF_KEYS = frozenset({"AWS::KMS::Alias", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::Role"})


def check(context: Context) -> Iterator[Fault]:
    """Doubles, then what nothing names."""
    for kind, names in ONE:
        seen: dict[str, Key] = {}
        for key in context.resolver.of_type(kind):
            given = {name: context.resolver.properties(key).get(name) for name in names}
            if any(unknown(value) for value in given.values()) or (kind in LAST and given[names[-1]] is None):
                continue
            first = seen.setdefault(str(given), key)
            if first != key:
                yield _fault("refused", key, f"is the same as {first} in {_told(given)}; AWS takes one")
    for kind, why in NAMED.items():
        for key in context.resolver.of_type(kind):
            if not context.is_named(key, but_by=OF_KEYS):
                yield _fault("unused resource", key, f"{why}; remove it, or see what it was for")


def _told(given: dict[str, object]) -> str:
    return ", ".join(name for name, value in given.items() if value is not None)


def _fault(kind: str, key: Key, reason: str) -> Fault:
    return Fault(kind=kind, resource=str(key), reason=reason)
