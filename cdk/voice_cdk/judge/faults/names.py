"""Names of Route 53: each leads to something that stands here, in every family that it has, where it is asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from ipaddress import ip_address

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.faults.settings import no_host
from voice_cdk.judge.intrinsics import unknown
from voice_cdk.judge.keys import Fault, Json, Key
from voice_cdk.judge.model import Address

RECORD, ZONE = "AWS::Route53::RecordSet", "AWS::Route53::HostedZone"
BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
TYPES = frozenset(
    [
        "A",
        "AAAA",
        "CAA",
        "CNAME",
        "DS",
        "HTTPS",
        "MX",
        "NAPTR",
        "NS",
        "PTR",
        "SOA",
        "SPF",
        "SRV",
        "SSHFP",
        "SVCB",
        "TLSA",
        "TXT",
    ]
)
ADDRESSES = {"A": 4, "AAAA": 6}


def check(context: Context) -> Iterator[Fault]:
    """Each record, then names of load balancers, then zones."""
    aliases: dict[tuple[str, Key], dict[str, Key]] = defaultdict(dict)
    for key in context.resolver.of_type(RECORD):
        properties = context.resolver.properties(key)
        target = properties.get("AliasTarget")
        if isinstance(target, dict):
            owner = context.resolver.owners.get(str(target.get("DNSName")).removesuffix(".DNSName"))
            if owner and context.resolver.kind(owner) == BALANCER:
                aliases[str(properties.get("Name")), owner][str(properties.get("Type"))] = key
                yield from _alias(key, target, owner)
        elif not properties.get("ResourceRecords"):
            yield _refused(key, "leads nowhere: it has no AliasTarget and no ResourceRecords")
        yield from _record(context, key, properties)
    for (name, _), found in aliases.items():
        zones = {str(context.resolver.properties(key).get("HostedZoneId")) for key in found.values()}
        if len(zones) > 1 and len(found) == len(ADDRESSES):
            yield _fault(
                max(found.values()), f"{name} is in two zones, one of each family: {' and '.join(sorted(zones))}"
            )
        for missing in sorted(ADDRESSES.keys() - found.keys()):
            first = sorted(found.values())[0]
            yield _fault(first, f"{name} has no {missing} record for the load balancer: who has that family misses it")
    yield from _zones(context)


def _alias(key: Key, target: Json, owner: Key) -> Iterator[Fault]:
    wanted = f"id-{owner.stack}.{owner.logical_id}.CanonicalHostedZoneID"
    if target.get("HostedZoneId") != wanted:
        yield _refused(key, f"AliasTarget.HostedZoneId is not that of {owner}")


def _record(context: Context, key: Key, properties: Json) -> Iterator[Fault]:
    zone = context.resolver.owners.get(str(properties.get("HostedZoneId")))
    if zone and context.resolver.kind(zone) != ZONE:
        yield _refused(key, f"HostedZoneId names {zone}, which is no hosted zone")
    if not properties.get("HostedZoneId") and not properties.get("HostedZoneName"):
        yield _refused(key, "is in no hosted zone")
    records, family = properties.get("ResourceRecords"), ADDRESSES.get(str(properties.get("Type")))
    if str(properties.get("Type")) not in TYPES:
        yield _refused(key, f"{properties.get('Type')} is no type of a record")
    if isinstance(records, list) and not properties.get("TTL"):
        yield _refused(key, "has no TTL")
    told = records if isinstance(records, list) and family else []
    for value in [str(one) for one in told if not unknown(one)]:
        address = _address(value)
        if address is None or address.version != family:
            yield _refused(key, f"{value} is no address for a record of type {properties.get('Type')}")
        else:
            yield from _leads(context, key, address, zone)


def _leads(context: Context, key: Key, address: Address, zone: Key | None) -> Iterator[Fault]:
    """Of an address of these VPCs: that somebody has it, and that the zone is known where it is."""
    if no_host(address):
        yield _fault(key, f"leads to {address}, which nobody can have")
    vpcs = [
        vpc
        for vpc in context.model.vpcs.values()
        if any(address in b for b in vpc.blocks if b.version == address.version)
    ]
    member = context.flows.world.at.get(address)
    if vpcs and context.model.members and member is None:
        yield _fault(key, f"leads to {address}, an address of {vpcs[0].key} that nobody has")
    served = _served(context, zone) if zone else []
    if zone and vpcs and served and not any(vpc.id in served for vpc in vpcs):
        yield _fault(zone, f"is not known in {vpcs[0].key}, where its record {key.logical_id} leads to")


def _served(context: Context, zone: Key) -> list[str]:
    """VPCs that a private zone is known in."""
    listed = context.resolver.properties(zone).get("VPCs") or []
    return [str(one.get("VPCId")) for one in listed if isinstance(one, dict)]


def _zones(context: Context) -> Iterator[Fault]:
    records = [context.resolver.properties(key) for key in context.resolver.of_type(RECORD)]
    for zone in context.resolver.of_type(ZONE):
        own = f"id-{zone.stack}.{zone.logical_id}"
        name = str(context.resolver.properties(zone).get("Name")).rstrip(".")
        mine = [one for one in records if one.get("HostedZoneId") == own]
        inside = [str(one.get("Name")).rstrip(".") for one in mine]
        listed = context.resolver.properties(zone).get("VPCs") or []
        if not all(isinstance(one, dict) and one.get("VPCRegion") for one in listed):
            yield _refused(zone, "names a VPC without its VPCRegion")
        for vpc in _served(context, zone):
            if vpc.startswith("id-") and vpc not in context.model.vpcs:
                yield _refused(zone, f"names {vpc.removeprefix('id-')}, which is no VPC")
        for one in inside:
            if one != name and not one.endswith(f".{name}"):
                yield _refused(zone, f"{one} is not in the zone {name}")
        private = bool(_served(context, zone))
        if not mine:
            yield _fault(zone, f"{name} has no records: nothing is found by it")
        leads_inside = any(
            isinstance(one.get("ResourceRecords"), list) for one in records if one.get("HostedZoneId") == own
        )
        if not private and leads_inside and name.endswith((".internal", ".local")):
            yield _fault(zone, f"{name} is for no VPC: nobody would find its names (VPCs)")


def _address(value: str) -> Address | None:
    try:
        return ip_address(value)
    except ValueError:
        return None


def _refused(key: Key, reason: str) -> Fault:
    return Fault(kind="refused", resource=str(key), reason=reason)


def _fault(key: Key, reason: str) -> Fault:
    return Fault(kind="name", resource=str(key), reason=reason)
