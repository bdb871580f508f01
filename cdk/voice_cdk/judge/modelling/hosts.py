"""Hosts: instances, groups of one, and interfaces that outlive them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from voice_cdk.judge.keys import Key
from voice_cdk.judge.modelling.reader import Reader, Source

INTERFACE = "AWS::EC2::NetworkInterface"
TEMPLATE = "AWS::EC2::LaunchTemplate"


@dataclass
class Host:
    """An interface of a host before it is known what the host is for.

    Attributes:
        ids: identifiers of the interface and of its instance, as routes and addresses name them.
        carries: identifiers of other interfaces that its user data or attachments name.
        data: its user data, as text.
    """

    reader: Reader
    subnet: str
    groups: tuple[str, ...]
    ids: frozenset[str]
    forwards: bool = False
    public: bool = False
    asks_ipv6: bool = False
    ipv4: IPv4Address | None = None
    ipv6: IPv6Address | None = None
    data: str = ""
    alone: bool = False
    machines: frozenset[Key] = frozenset()
    carries: frozenset[str] = frozenset()


def hosts(source: Source) -> list[Host]:
    """All of them, with public addresses."""
    found = [*_instances(source), *_groups(source)]
    carried = _attach(source, found)
    for interface in source.each(INTERFACE):
        host = _interface(interface, interface.text("SubnetId"))
        host.alone = True
        carriers = [one for one in found if interface.id in one.carries]
        host.data = " ".join(one.data for one in carriers)
        host.machines = frozenset(key for one in carriers for key in one.machines)
        if len(host.machines) != 1:
            told = f"{len(host.machines)} machines attach" if host.machines else "no machine attaches"
            interface.wrong(f"{told} this interface; exactly one has to", "interface")
        host.ids |= {i for one in found if interface.id in one.carries and one in carried for i in one.ids}
        found.append(host)
    found = [host for host in found if host.subnet]
    _addresses(source, found)
    return found


def _interface(part: Reader, subnet: str) -> Host:
    fixed = part.parts("Ipv6Addresses")
    return Host(
        reader=part,
        subnet=subnet,
        groups=part.texts("GroupSet") or part.texts("Groups") or part.texts("SecurityGroupIds"),
        ids=frozenset({part.id}),
        forwards=part.has("SourceDestCheck") and not part.flag("SourceDestCheck"),
        public=part.flag("AssociatePublicIpAddress"),
        asks_ipv6=part.text("Ipv6AddressCount") not in {"", "0"},
        ipv4=part.address("PrivateIpAddress", IPv4Address),
        ipv6=fixed[0].address("Ipv6Address", IPv6Address) if fixed else None,
    )


def _primary(data: Reader) -> Reader:
    """What describes a machine's first interface: its own part, or the machine's properties."""
    for part in data.parts("NetworkInterfaces"):
        if part.text("DeviceIndex") in {"", "0"}:
            return part
    return data


def _instances(source: Source) -> Iterator[Host]:
    for instance in source.each("AWS::EC2::Instance"):
        parts = instance.parts("NetworkInterfaces")
        named = frozenset(part.text("NetworkInterfaceId") for part in parts if part.has("NetworkInterfaceId"))
        primary = _primary(instance)
        host = _interface(primary, primary.text("SubnetId") or instance.text("SubnetId"))
        if primary.text("NetworkInterfaceId"):
            host.subnet = ""
        host.forwards = instance.has("SourceDestCheck") and not instance.flag("SourceDestCheck")
        host.data, host.carries, host.machines = instance.text("UserData"), named, frozenset({instance.key})
        yield host


def _groups(source: Source) -> Iterator[Host]:
    for group in source.each("AWS::AutoScaling::AutoScalingGroup"):
        specification = group.part("LaunchTemplate")
        if not specification.properties:
            policy = group.part("MixedInstancesPolicy").part("LaunchTemplate")
            specification = policy.part("LaunchTemplateSpecification")
        owner = source.owner(specification.text("LaunchTemplateId"), TEMPLATE)
        if owner is None:
            group.wrong("names no launch template of these templates")
            continue
        data = Reader(source, group.key, source.resolver.properties(owner).get("LaunchTemplateData", {}))
        primary = _primary(data)
        for subnet in group.texts("VPCZoneIdentifier"):
            host = _interface(primary, subnet)
            host.data = data.text("UserData")
            host.groups = host.groups or data.texts("SecurityGroupIds")
            host.ids, host.machines = frozenset({f"{group.id}@{subnet}"}), frozenset({group.key})
            yield host


def _attach(source: Source, found: list[Host]) -> list[Host]:
    """Tell hosts which interfaces they carry; those whose first one is a resource of its own are returned."""
    interfaces = [interface.id for interface in source.each(INTERFACE)]
    attached = {(a.text("InstanceId"), a.text("NetworkInterfaceId")) for a in source.each(f"{INTERFACE}Attachment")}
    for host in found:
        named = {one for one in interfaces if re.search(re.escape(one) + r"(?![\w.])", host.data)}
        named |= {interface for instance, interface in attached if instance in host.ids}
        host.carries |= named
    return [host for host in found if not host.subnet]


def _addresses(source: Source, found: list[Host]) -> None:
    """Mark who has an Elastic IP."""
    owners = {address.text("InstanceId") for address in source.each("AWS::EC2::EIP")}
    for association in source.each("AWS::EC2::EIPAssociation"):
        if not (association.has("AllocationId") or association.has("EIP")):
            association.wrong("names no Elastic IP")
        owners |= {association.text("InstanceId"), association.text("NetworkInterfaceId")}
    for host in found:
        host.public = host.public or bool(host.ids & (owners - {""}))
