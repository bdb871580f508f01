"""Properties that are lists or objects: what has another shape is told, and left out."""

from __future__ import annotations

from collections.abc import Callable

from voice_cdk.judge.keys import Json

OF_OBJECTS = frozenset({
    "AccessPolicies", "BlockDeviceMappings", "Certificates", "DefaultActions", "Dimensions", "EncryptionConfig",
    "Entries", "Ipv6Addresses", "LoadBalancerAttributes", "MetricsCollection", "NetworkInterfaces",
    "PodIdentityAssociations", "Policies", "SecurityGroupEgress", "SecurityGroupIngress", "SubnetMappings",
    "Subscription", "VPCs",
})  # fmt: skip
"""Lists of objects."""
LISTS = OF_OBJECTS | frozenset({
    "AlarmActions", "EnableCloudwatchLogsExports", "InstanceTypes", "OKActions", "PublicAccessCidrs",
    "ResourceRecords", "Roles", "RouteTableIds",
})  # fmt: skip
OBJECTS = frozenset({
    "AccessConfig", "AccessScope", "AliasTarget", "AssumeRolePolicyDocument", "ComputeConfig", "DnsOptions", "Ebs",
    "GenerateSecretString", "KeyPolicy", "KubernetesNetworkConfig", "LaunchTemplate", "LaunchTemplateData",
    "LaunchTemplateSpecification", "LifecycleConfiguration", "MetadataOptions", "MixedInstancesPolicy", "Options",
    "PolicyDocument", "RedirectConfig", "ResourcesVpcConfig", "ScalingConfig", "ServerlessV2ScalingConfiguration",
    "VersioningConfiguration", "VpcConfig",
})  # fmt: skip


def well_shaped(value: Json, wrong: Callable[[str], None]) -> Json:
    """Resolved properties without what has the wrong shape; `wrong` is told a sentence of each."""
    if isinstance(value, list):
        return [well_shaped(part, wrong) for part in value]
    if not isinstance(value, dict):
        return value
    kept = {}
    for name, part in value.items():
        if (sentence := _sentence(name, part)) and part is not None:
            wrong(sentence)
        elif part is not None:
            kept[name] = well_shaped(part, wrong)
    return kept


def _sentence(name: str, part: Json) -> str:
    if name in LISTS and not isinstance(part, list):
        return f"{name} is no list"
    if name in OBJECTS and not isinstance(part, dict):
        return f"{name} is no object"
    if name in OF_OBJECTS and not all(isinstance(one, dict) for one in part):
        return f"{name} is no list of objects"
    return ""
