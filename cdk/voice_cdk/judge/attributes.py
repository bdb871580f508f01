"""Values that AWS would give: identifiers, IPv6 blocks, attributes; invented, and the same wherever asked for."""

from __future__ import annotations

from ipaddress import IPv6Network
from typing import TYPE_CHECKING

from voice_cdk.judge.intrinsics import ABSENT, VARIABLE
from voice_cdk.judge.keys import Json, Key
from voice_cdk.judge.templates import Stack

if TYPE_CHECKING:
    from voice_cdk.judge.resolve import Resolver

IDENTITIES = frozenset({
    "Id", "GroupId", "VpcId", "SubnetId", "RouteTableId", "AllocationId", "NatGatewayId", "InternetGatewayId",
    "TransitGatewayAttachmentId", "AttachmentId", "TransitGatewayRouteTableId", "InstanceId", "LaunchTemplateId",
    "PrefixListId",
})  # fmt: skip
"""Attributes that name the resource itself, as its Ref does."""
OF_ITS_PARENT = {"AWS::EC2::Subnet": frozenset({"VpcId"}), "AWS::EC2::SecurityGroup": frozenset({"VpcId"})}
"""Attributes called like identities that name another resource, which is a property of the same name."""
WRITTEN = frozenset({"CidrBlock", "AvailabilityZone", "Port"})
"""Attributes that are what the property of the same name says."""
INVENTED = IPv6Network("2001:db8:ffff::/48")
"""Each VPC's /56 is cut from here: documentation prefixes (RFC 3849) that no client's example is likely to use."""
INVENTED_OF_POOLS = IPv6Network("3fff:f00::/24")
"""Blocks of another size, which pools give, are cut from here (RFC 9637)."""


class UnresolvedError(Exception):
    """A value can't be known; the message is a sentence."""


def identifier(key: Key) -> str:
    """What a Ref to a resource resolves to: the resource's own, and no other's."""
    return f"id-{key.stack}.{key.logical_id}"


def pseudo(stack: Stack, name: str) -> Json:
    """A pseudo parameter's value."""
    return {
        "AWS::NoValue": ABSENT,
        "AWS::Region": stack.region,
        "AWS::AccountId": stack.account,
        "AWS::Partition": "aws",
        "AWS::URLSuffix": "amazonaws.com",
        "AWS::StackName": stack.name,
        "AWS::StackId": f"arn:aws:cloudformation:{stack.region}:{stack.account}:stack/{stack.name}/1",
        "AWS::NotificationARNs": [],
    }[name]


def plain_sub(stack: Stack, raw: Json) -> str:
    """The text of an export's name."""
    if isinstance(raw, dict) and "Fn::Sub" in raw:
        return VARIABLE.sub(lambda match: str(pseudo(stack, match[1])), raw["Fn::Sub"])
    if isinstance(raw, dict) and "Fn::Join" in raw:
        separator, parts = raw["Fn::Join"]
        return str(separator).join(plain_sub(stack, part) for part in parts)
    if isinstance(raw, dict) and str(raw.get("Ref", "")).startswith("AWS::"):
        return str(pseudo(stack, raw["Ref"]))
    return str(raw)


def parameter(kind: str, name: str) -> Json:
    """A parameter's value that nobody gives."""
    return "0" if kind == "Number" else f"parameter-{name}"


def vpc_blocks(resolver: Resolver) -> dict[Key, list[str]]:
    """IPv6 blocks of each VPC: those written, or a /56 for the one that Amazon provides."""
    blocks: dict[Key, list[str]] = {}
    spare, wide = INVENTED.subnets(new_prefix=56), INVENTED_OF_POOLS.subnets(new_prefix=44)
    for key in sorted(resolver.keys):
        if resolver.kind(key) != "AWS::EC2::VPCCidrBlock":
            continue
        vpc = resolver.owners.get(str(resolver.property(key, "VpcId")))
        written = resolver.property(key, "Ipv6CidrBlock")
        provided = str(resolver.property(key, "AmazonProvidedIpv6CidrBlock")).lower() == "true"
        pooled = resolver.property(key, "Ipv6IpamPoolId") or resolver.property(key, "Ipv6Pool")
        if vpc and (written or provided or pooled):
            size = str(resolver.property(key, "Ipv6NetmaskLength") or "56")
            other = size.isdigit() and size != "56" and IPv6Network((next(wide).network_address, min(int(size), 128)))
            blocks.setdefault(vpc, []).append(str(written or other or next(spare)))
    return blocks


def attribute(resolver: Resolver, key: Key, name: str) -> Json:
    """An attribute of a resource (Fn::GetAtt); what templates don't decide is invented."""
    kind, own = resolver.kind(key), identifier(key)
    if name in OF_ITS_PARENT.get(kind, ()) or name in WRITTEN:
        return resolver.property(key, name)
    if name in IDENTITIES:
        return own
    if name == "Ipv6CidrBlocks":
        return _blocks(resolver, key, kind)
    if name == "Endpoint.Port":
        return resolver.property(key, "Port") or 3306
    found = _address(resolver, key, name)
    return f"{own}.{name}" if found is None else found


def _blocks(resolver: Resolver, key: Key, kind: str) -> list[str]:
    if kind != "AWS::EC2::VPC":
        return [resolver.property(key, "Ipv6CidrBlock")]
    if key not in resolver.blocks:
        raise UnresolvedError(f"{key.logical_id}.Ipv6CidrBlocks: nothing gives this VPC an IPv6 block")
    return resolver.blocks[key]


def _address(resolver: Resolver, key: Key, name: str) -> Json:
    """A fixed address of an interface or instance; None where the template doesn't fix it."""
    if name in {"PrimaryPrivateIpAddress", "PrivateIp"}:
        return resolver.property(key, "PrivateIpAddress")
    written = resolver.property(key, "Ipv6Addresses") if name in {"PrimaryIpv6Address", "Ipv6Addresses"} else None
    if not written:
        return None
    return written[0]["Ipv6Address"] if name.startswith("Primary") else [one["Ipv6Address"] for one in written]
