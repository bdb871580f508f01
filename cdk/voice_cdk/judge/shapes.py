"""Properties that are lists or objects: what has another shape is told, and left out."""

from __future__ import annotations

from collections.abc import Callable

from voice_cdk.judge.keys import Json

LISTS = frozenset({
    "Ipv6Addresses", "NetworkInterfaces", "PodIdentityAssociations", "Policies", "PublicAccessCidrs", "Roles",
    "RouteTableIds", "SecurityGroupEgress", "SecurityGroupIngress", "SubnetMappings",
})  # fmt: skip
OBJECTS = frozenset({
    "ComputeConfig", "KubernetesNetworkConfig", "LaunchTemplate", "LaunchTemplateData", "LaunchTemplateSpecification",
    "MetadataOptions", "MixedInstancesPolicy", "Options", "PolicyDocument", "ResourcesVpcConfig", "VpcConfig",
})  # fmt: skip
OF_OBJECTS = frozenset({
    "Ipv6Addresses", "NetworkInterfaces", "Policies", "SecurityGroupEgress", "SecurityGroupIngress", "SubnetMappings",
})  # fmt: skip
"""Lists of objects."""


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
