"""Machines that groups start: an image, a size, volumes in code, credentials that stay on the machine."""

from __future__ import annotations

import re
from collections.abc import Iterator

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.faults.permissions import MACHINES, mentions, user_data
from voice_cdk.judge.keys import Fault, Json, Key

GROUP, NODES, VOLUME = "AWS::AutoScaling::AutoScalingGroup", "AWS::EKS::Nodegroup", "AWS::EC2::Volume"
NEEDED = ("ImageId", "InstanceType", "UserData", "IamInstanceProfile")


def check(context: Context) -> Iterator[Fault]:
    """Launch templates by what starts from them, then volumes."""
    templates = {key: _named(context, key) for key in context.resolver.of_type(GROUP, NODES)}
    for key, template in templates.items():
        if context.resolver.kind(key) == NODES:
            yield from _nodes(context, key, template)
        yield from _version(context, key, template)
    for key in context.resolver.of_type(*MACHINES):
        properties = context.resolver.properties(key)
        data = properties.get("LaunchTemplateData", properties)
        if isinstance(data, dict):
            starters = [one for one, template in templates.items() if template == key]
            yield from _machine(context, key, data, starters)
    for key in context.resolver.of_type(VOLUME):
        yield from _volume(context, key)


def _named(context: Context, key: Key) -> Key | None:
    template = context.resolver.properties(key).get("LaunchTemplate")
    given = template if isinstance(template, dict) else {}
    return context.resolver.owners.get(str(given.get("LaunchTemplateId") or given.get("Id")))


def _version(context: Context, key: Key, template: Key | None) -> Iterator[Fault]:
    """A launch template is named with one of its own versions."""
    named = context.resolver.properties(key).get("LaunchTemplate")
    version = str(named.get("Version")) if isinstance(named, dict) else "None"
    own = f"id-{template.stack}.{template.logical_id}." if template else ""
    if template and version == "None" and context.resolver.kind(key) == GROUP:
        yield _fault("refused", key, "names its launch template without a Version")
    elif template and version == "None":
        yield _fault("machine", key, "names its launch template without a Version: it would stay at the first one")
    elif template and version.startswith("id-") and not version.startswith(own):
        yield _fault("refused", key, f"names a version of another launch template than {template}")


AMI_TYPES = re.compile(r"(AL2023|BOTTLEROCKET|WINDOWS)_[A-Za-z0-9]+(_[A-Z0-9]+)*|CUSTOM")
"""EKS API reference, "CreateNodegroup", without those of Amazon Linux 2, which EKS refuses from 1.33."""
EC2_TYPE = re.compile(r"[a-z][a-z0-9-]*\.[a-z0-9-]+")


def _nodes(context: Context, key: Key, template: Key | None) -> Iterator[Fault]:
    """Nodes have an image and a size, of the node group's own or of its launch template's."""
    properties = context.resolver.properties(key)
    data = context.resolver.properties(template).get("LaunchTemplateData") if template else None
    given = data if isinstance(data, dict) else {}
    if not given.get("ImageId") and not AMI_TYPES.fullmatch(str(properties.get("AmiType"))):
        yield _fault("refused", key, f"AmiType {properties.get('AmiType')} is none that EKS takes today")
    types = properties.get("InstanceTypes") or [given.get("InstanceType")]
    if not all(EC2_TYPE.fullmatch(str(one)) for one in types):
        yield _fault("machine", key, "names no InstanceTypes: EKS would take t3.medium")
    if "LaunchTemplate" in properties and template is None:
        yield _fault("refused", key, "its LaunchTemplate names none (Id or Name)")


def _machine(context: Context, key: Key, data: Json, starters: list[Key]) -> Iterator[Fault]:
    kinds = {context.resolver.kind(one) for one in starters}
    template = context.resolver.kind(key).endswith("LaunchTemplate")
    if template and not starters and not _mentioned(context, key):
        yield _fault("unused template", key, "nothing starts from this launch template; remove it")
    for name in NEEDED if GROUP in kinds else ():
        if not data.get(name):
            yield _fault("refused" if name in NEEDED[:2] else "machine", key, f"has no {name}")
    options = data.get("MetadataOptions") if isinstance(data.get("MetadataOptions"), dict) else {}
    if template and str(options.get("HttpPutResponseHopLimit", 1)) != "1":
        reason = "HttpPutResponseHopLimit is not 1: containers would get the machine's credentials"
        yield _fault("machine", key, reason)
    if NODES in kinds and "HttpPutResponseHopLimit" not in options:
        yield _fault("machine", key, "HttpPutResponseHopLimit is left out: EKS makes it 2, and pods get credentials")
    for mapping in data.get("BlockDeviceMappings") or []:
        volume = mapping.get("Ebs") if isinstance(mapping, dict) else None
        if not isinstance(volume, dict) or str(volume.get("Encrypted")).lower() != "true":
            yield _fault("flag", key, "has a volume that is not encrypted")
        if not isinstance(mapping, dict) or not mapping.get("DeviceName"):
            yield _fault("refused", key, "a block device has no DeviceName")
    if template and starters and not data.get("BlockDeviceMappings"):
        yield _fault("flag", key, "says nothing of its volume: the image's is not encrypted")


def _mentioned(context: Context, key: Key) -> bool:
    return any(key in context.order.direct(other) for other in context.resolver.keys if other != key)


def _volume(context: Context, key: Key) -> Iterator[Fault]:
    """A volume of its own is there to outlive its machine; it is in its machine's zone."""
    properties = context.resolver.properties(key)
    if str(properties.get("Encrypted")).lower() != "true":
        yield _fault("flag", key, "is not encrypted")
    if not properties.get("Size") and not properties.get("SnapshotId"):
        yield _fault("refused", key, "has neither a Size nor a SnapshotId")
    name = f"id-{key.stack}.{key.logical_id}"
    carriers = {one for one in context.resolver.of_type(*MACHINES) if mentions(user_data(context, one), name)}
    attached = context.resolver.of_type("AWS::EC2::VolumeAttachment")
    if not carriers and not any(key in context.order.direct(one) for one in attached):
        yield _fault("unused volume", key, "no machine attaches this volume")
    for member in context.model.members:
        for machine in member.machines & {one for one, template in _all(context) if template in carriers}:
            if not member.spare and member.zone != properties.get("AvailabilityZone"):
                reason = f"is in {properties.get('AvailabilityZone')}, its machine {machine} in {member.zone}"
                yield _fault("zone", key, reason)


def _all(context: Context) -> Iterator[tuple[Key, Key | None]]:
    for key in context.resolver.of_type(GROUP):
        yield key, _named(context, key)
    for key in context.resolver.of_type("AWS::EC2::Instance"):
        yield key, key


def _fault(kind: str, key: Key, reason: str) -> Fault:
    return Fault(kind=kind, resource=str(key), reason=reason)
