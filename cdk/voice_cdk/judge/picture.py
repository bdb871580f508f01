"""What a diagram and a table of flows are drawn from: the model in the words of a reader, without anything to draw."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from ipaddress import IPv6Network

from voice_cdk.judge.check import context_of
from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.keys import Key
from voice_cdk.judge.model import Member, Role, Route, Subnet, TargetKind, Vpc
from voice_cdk.judge.passing import Cell, Row, cells, rows
from voice_cdk.judge.templates import Assembly


@dataclass(frozen=True)
class MemberBox:
    """Something that stands in a subnet; the interface that a host starts with is not told beside its own.

    Attributes:
        role: what it is for, as `model.Role` calls it.
        spare: it does not stand there: a place is kept for it, for when its own zone is gone.
        forwards: whether it passes on what is not its own.
        public: whether it has a public IPv4 address.
        host: the part of its IPv6 address that its template fixes, such as `::12`; None where AWS chooses.
    """

    name: str
    role: str
    spare: bool
    forwards: bool
    public: bool
    ports: tuple[int, ...]
    host: str | None


@dataclass(frozen=True)
class SubnetBox:
    """A subnet.

    Attributes:
        number: of its /64 in the VPC's IPv6 block, else of its IPv4 block among those of its size.
        attached: whether the transit gateway stands in it.
        routes: destinations, and what each leads to, in words; local ones are left out.
    """

    name: str
    zone: str
    families: str
    number: int
    dns64: bool
    attached: bool
    members: tuple[MemberBox, ...]
    routes: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class VpcBox:
    """A VPC with all that is in it; `part` is what it is for."""

    name: str
    part: str
    blocks: tuple[str, ...]
    gateways: tuple[str, ...]
    subnets: tuple[SubnetBox, ...]


@dataclass(frozen=True)
class Link:
    """A VPC at the transit gateway: the table that it asks there, and what each destination leads to."""

    vpc: str
    table: str
    routes: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Picture:
    """Everything there is to draw, in an order that names and nothing else decide."""

    vpcs: tuple[VpcBox, ...]
    links: tuple[Link, ...]
    flows: tuple[Row, ...]
    cells: tuple[Cell, ...]


def picture(assembly: Assembly) -> Picture:
    """Read all of it from a folder's templates."""
    return of_context(context_of(assembly))


def of_context(context: Context) -> Picture:
    """The same of templates that are resolved already."""
    names = Names(context)
    order = ("shared services", "unified communications", "client")
    boxes = [_vpc(context, names, vpc) for vpc in context.model.vpcs.values()]
    return Picture(
        vpcs=tuple(sorted(boxes, key=lambda box: (order.index(box.part), box.name))),
        links=tuple(_links(context, names)),
        flows=tuple(rows(context, names.vpc)),
        cells=tuple(cells(context, names.vpc)),
    )


class Names:
    """What resources are called: by their tag `Name`, else by their logical id."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def of(self, key: Key) -> str:
        """A resource's name."""
        return self.context.tags(key).get("Name", key.logical_id)

    def vpc(self, identifier: str | None) -> str:
        """A VPC's name; nothing for what is outside."""
        vpc = self.context.model.vpcs.get(identifier or "")
        return self.of(vpc.key) if vpc else ""


def _part(context: Context, vpc: str) -> str:
    if vpc in context.model.communications:
        return "unified communications"
    return "shared services" if vpc in context.model.shared else "client"


def _vpc(context: Context, names: Names, vpc: Vpc) -> VpcBox:
    subnets = [subnet for subnet in context.model.subnets.values() if subnet.vpc == vpc.id]
    boxes = [_subnet(context, names, vpc, subnet) for subnet in subnets]
    written = [str(block) for block in vpc.blocks if block.version == 4]
    given = [f"an IPv6 /{block.prefixlen} that AWS gives" for block in vpc.blocks if block.version == 6]
    return VpcBox(
        name=names.of(vpc.key),
        part=_part(context, vpc.id),
        blocks=(*written, *given),
        gateways=tuple(_gateways(context, vpc)),
        subnets=tuple(sorted(boxes, key=lambda box: (box.number, box.name))),
    )


def _gateways(context: Context, vpc: Vpc) -> list[str]:
    subnets = context.model.subnets
    nats = [subnets[one.subnet] for one in context.model.nat_gateways.values() if one.subnet in subnets]
    named = ["internet gateway"] * bool(vpc.internet) + ["egress-only internet gateway"] * bool(vpc.egress_only)
    return [*named, *sorted(f"NAT gateway in {subnet.zone}" for subnet in nats if subnet.vpc == vpc.id)]


def _subnet(context: Context, names: Names, vpc: Vpc, subnet: Subnet) -> SubnetBox:
    model = context.model
    standing = [one for one in model.members if one.subnet == subnet.id and one.role is not Role.MANAGEMENT]
    routes = [route for route in model.routes if route.table == subnet.table and route.kind is not TargetKind.LOCAL]
    families = " and ".join(f"IPv{version}" for version in (4, 6) if subnet.block(version))
    return SubnetBox(
        name=names.of(subnet.key),
        zone=subnet.zone,
        families=families,
        number=_number(vpc, subnet),
        dns64=subnet.dns64,
        attached=any(subnet.id in one.subnets for one in model.attachments.values()),
        members=tuple(sorted((_member(names, one) for one in standing), key=lambda box: (box.role, box.name))),
        routes=tuple(sorted((_destination(context, names, one), _target(context, one)) for one in routes)),
    )


def _number(vpc: Vpc, subnet: Subnet) -> int:
    block = subnet.ipv6 or subnet.ipv4
    for whole in vpc.blocks if block else ():
        if block and whole.version == block.version and block.subnet_of(whole):  # type: ignore[arg-type]
            return (int(block.network_address) - int(whole.network_address)) // block.num_addresses
    return 0


def _member(names: Names, member: Member) -> MemberBox:
    host = None
    if member.fixed and not member.spare and member.ipv6:
        host = f"::{int(member.ipv6) & (1 << 64) - 1:x}"
    return MemberBox(
        name=names.of(member.key), role=str(member.role), spare=member.spare, forwards=member.forwards,
        public=member.public, ports=tuple(sorted(set(member.ports))), host=host,
    )  # fmt: skip


def _destination(context: Context, names: Names, route: Route) -> str:
    """A destination as the templates mean it: the IPv6 blocks of VPCs are AWS's to choose."""
    for vpc in context.model.vpcs.values():
        for block in vpc.blocks:
            if block == route.destination and isinstance(block, IPv6Network):
                return f"IPv6 of {names.of(vpc.key)}"
    for subnet in context.model.subnets.values():
        if subnet.ipv6 == route.destination:
            return f"IPv6 of {names.of(subnet.key)}"
    return str(route.destination)


def _target(context: Context, route: Route) -> str:
    host = context.flows.world.host(route.target)
    if host:
        return f"{host.role} in {host.zone}"
    gateway = context.model.nat_gateways.get(route.target)
    subnet = context.model.subnets.get(gateway.subnet) if gateway else None
    return f"{route.kind} in {subnet.zone}" if subnet else str(route.kind)


def _links(context: Context, names: Names) -> list[Link]:
    model = context.model
    routes = defaultdict(list)
    for route in model.tgw_routes:
        beyond = model.attachments.get(route.attachment or "")
        written = Route(route.key, route.table, route.destination, TargetKind.TGW, "")
        destination = _destination(context, names, written)
        routes[route.table].append((destination, names.vpc(beyond.vpc) if beyond else "nowhere"))
    links = []
    for attachment in model.attachments.values():
        for table in attachment.tables:
            name = names.of(model.tgw_tables[table]) if table in model.tgw_tables else table
            links.append(Link(names.vpc(attachment.vpc), name, tuple(sorted(routes[table]))))
    return sorted(links, key=lambda link: link.vpc)
