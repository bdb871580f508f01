"""Follow one packet from where it is sent to where it ends: routes, transit gateway, NAT64, hosts that forward."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

from voice_cdk.judge.keys import Key
from voice_cdk.judge.model import WELL_KNOWN, Address, Attachment, Member, NatGateway, Role, Route, Subnet, TargetKind
from voice_cdk.judge.world import World

HOPS = 12


class End(StrEnum):
    """How a packet's way ends."""

    DELIVERED = "delivered"
    INTERNET = "internet"
    TUNNEL = "tunnel"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Gate:
    """Security groups that a packet passes: those of `member`, in one direction, with `peer` at its other end."""

    member: Member
    ingress: bool
    peer: Address


@dataclass(frozen=True, slots=True)
class Reply:
    """A packet that must come back: from a subnet, sent by a member if it is known, to whom the packet came from."""

    subnet: str
    sender: Member | None
    source: Address
    destination: Address
    ends_at: Member | None


@dataclass
class Way:
    """What became of a packet.

    Attributes:
        reason: why it was lost; `resource` is where.
        used: routes and associations that it took.
        host: who has it at the end, or ends the tunnel that it went into.
    """

    end: End = End.LOST
    reason: str = ""
    resource: Key | None = None
    used: list[Key] = field(default_factory=list)
    gates: list[Gate] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    host: Member | None = None

    def lost(self, reason: str, resource: Key | None) -> Way:
        """It ends here."""
        self.end, self.reason, self.resource = End.LOST, reason, resource
        return self


@dataclass
class _Packet:
    subnet: Subnet
    source: Address
    destination: Address
    sender: Member | None


class Walker:
    """Follows packets in one world; each way is worked out once."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._known: dict[tuple[str, str, Address, Address], Way] = {}

    def send(self, subnet: str, sender: Member | None, source: Address, destination: Address) -> Way:
        """The way of a packet that leaves `sender` (None: it came in from outside) in `subnet`."""
        key = (subnet, sender.name + sender.subnet if sender else "", source, destination)
        if key not in self._known:
            self._known[key] = self._send(subnet, sender, source, destination)
        return self._known[key]

    def _send(self, subnet: str, sender: Member | None, source: Address, destination: Address) -> Way:
        way = Way()
        packet = _Packet(self.world.model.subnets[subnet], source, destination, sender)
        if sender:
            way.gates.append(Gate(sender, False, destination))
            if source not in (sender.ipv4, sender.ipv6) and not sender.forwards:
                return way.lost("drops what it forwards: its source/destination check is on", sender.key)
        for _ in range(HOPS):
            if self._hop(packet, way):
                return way
        return way.lost("goes round in circles", packet.subnet.key)

    def _hop(self, packet: _Packet, way: Way) -> bool:
        """Take the packet one hop on; true where its way ends."""
        subnet = packet.subnet
        way.used += subnet.associations
        route = self.world.route(subnet.table, packet.destination)
        if subnet.table is None:
            vpc = self.world.model.vpcs.get(subnet.vpc)
            if not vpc or not any(
                packet.destination in b for b in vpc.blocks if b.version == packet.destination.version
            ):
                way.lost("the subnet has no route table of its own, and the VPC's has no route there", subnet.key)
                return True
            return self._local(packet, way, subnet.vpc)
        if route is None:
            way.lost(f"no route to {packet.destination}", self.world.model.tables.get(subnet.table, subnet.key))
            return True
        way.used.append(route.key)
        return self._follow(packet, way, route)

    def _follow(self, packet: _Packet, way: Way, route: Route) -> bool:
        if route.kind is TargetKind.LOCAL:
            return self._local(packet, way, route.target)
        if route.kind is TargetKind.TGW:
            return self._transit(packet, way, route)
        if route.kind in {TargetKind.INTERFACE, TargetKind.INSTANCE}:
            return self._via_host(packet, way, route)
        if route.kind is TargetKind.NAT:
            return self._nat(packet, way, route)
        self._internet(packet, way, route)
        return True

    def _local(self, packet: _Packet, way: Way, vpc: str) -> bool:
        subnet = self.world.subnet_of(vpc, packet.destination)
        if subnet is None:
            way.lost(f"no subnet of the VPC holds {packet.destination}", packet.subnet.key)
            return True
        self._deliver(packet, way, subnet.id, self.world.at.get(packet.destination))
        return True

    def _deliver(self, packet: _Packet, way: Way, subnet: str, host: Member | None) -> None:
        way.end, way.host = End.DELIVERED, host
        if host:
            way.gates.append(Gate(host, True, packet.source))
        sender = self.world.at.get(packet.source)
        way.replies.append(Reply(subnet, host, packet.destination, packet.source, sender))

    def _transit(self, packet: _Packet, way: Way, route: Route) -> bool:
        attachment = self.world.attachment_of.get(packet.subnet.vpc)
        problem = self._refused(packet, attachment, route)
        if problem or attachment is None:
            way.lost(problem, attachment.key if attachment else route.key)
            return True
        out = self.world.tgw_route(attachment.tables[0], packet.destination)
        if out is None or out.attachment is None:
            key = out.key if out else self.world.model.tgw_tables.get(attachment.tables[0], attachment.key)
            way.lost(f"the transit gateway's table has no way to {packet.destination}", key)
            return True
        way.used.append(out.key)
        beyond = self.world.model.attachments.get(out.attachment)
        entry = self._entry(beyond, packet.subnet.zone) if beyond else None
        if beyond is None or entry is None or not beyond.ipv6:
            way.lost("the route of the transit gateway leads to no attachment that carries IPv6", out.key)
            return True
        packet.subnet, packet.sender = entry, None
        return False

    def _refused(self, packet: _Packet, attachment: Attachment | None, route: Route) -> str:
        if attachment is None or attachment.gateway != route.target:
            return "the VPC is not attached to the transit gateway that the route leads to"
        zones = {self.world.zone(subnet) for subnet in attachment.subnets if subnet in self.world.model.subnets}
        if packet.subnet.zone not in zones:
            return f"the attachment has no subnet in {packet.subnet.zone}, so nothing of that zone passes"
        if packet.destination.version == 6 and not attachment.ipv6:
            return "the attachment's Ipv6Support is off"
        if not attachment.tables:
            return "the attachment is associated with no table of the transit gateway"
        return ""

    def _entry(self, attachment: Attachment, zone: str) -> Subnet | None:
        """Where a packet comes out: in the zone that it came from, else in any."""
        subnets = [self.world.model.subnets[s] for s in attachment.subnets if s in self.world.model.subnets]
        return next((subnet for subnet in subnets if subnet.zone == zone), subnets[0] if subnets else None)

    def _via_host(self, packet: _Packet, way: Way, route: Route) -> bool:
        host = self.world.host(route.target)
        if host is None or host.vpc != packet.subnet.vpc:
            way.lost("leads to a host that is not there", route.key)
            return True
        way.gates.append(Gate(host, True, packet.source))
        if packet.destination in (host.ipv4, host.ipv6):
            way.gates.pop()
            self._deliver(packet, way, host.subnet, host)
            return True
        if not host.forwards:
            way.lost("drops what is not its own: its source/destination check is on", host.key)
            return True
        return self._forward(packet, way, host)

    def _forward(self, packet: _Packet, way: Way, host: Member) -> bool:
        inner = self.world.translated(packet.destination) if isinstance(packet.destination, IPv6Address) else None
        if host.role is Role.NAT64 and inner is not None:
            if host.ipv4 is None:
                way.lost("can't translate: it has no IPv4 address", host.key)
                return True
            way.replies.append(Reply(host.subnet, host, packet.destination, packet.source, self._end(packet)))
            way.gates.append(Gate(host, False, inner))
            packet.subnet = self.world.model.subnets[host.subnet]
            packet.source, packet.destination, packet.sender = host.ipv4, inner, host
            return False
        tunnel = self.world.model.tunnels.get(host.vpc)
        networks = tunnel.prefixes if tunnel and host.role is Role.STRONGSWAN else ()
        if any(packet.destination in n for n in networks if n.version == packet.destination.version):
            way.end, way.host = End.TUNNEL, host
            way.replies.append(Reply(host.subnet, host, packet.destination, packet.source, self._end(packet)))
            return True
        way.lost(f"{host.name} has no use for {packet.destination}", host.key)
        return True

    def _end(self, packet: _Packet) -> Member | None:
        return self.world.at.get(packet.source)

    def _nat(self, packet: _Packet, way: Way, route: Route) -> bool:
        gateway = self.world.model.nat_gateways.get(route.target)
        subnet = self.world.model.subnets.get(gateway.subnet) if gateway else None
        if gateway is None or subnet is None or gateway.ipv4 is None:
            way.lost("leads to a NAT gateway that is not there", route.key)
            return True
        if gateway.subnet == packet.subnet.id and packet.source == gateway.ipv4:
            way.lost("the NAT gateway's own subnet leads back to it", route.key)
            return True
        return self._translate(packet, way, gateway, subnet)

    def _translate(self, packet: _Packet, way: Way, gateway: NatGateway, subnet: Subnet) -> bool:
        inner: Address | None = packet.destination
        if isinstance(inner, IPv6Address):
            inner = self.world.translated(inner) if inner in WELL_KNOWN else None
        if not isinstance(inner, IPv4Address) or gateway.ipv4 is None:
            way.lost("a NAT gateway passes IPv4 and 64:ff9b::/96 alone", gateway.key)
            return True
        way.used.append(gateway.key)
        way.replies.append(Reply(subnet.id, None, packet.destination, packet.source, self._end(packet)))
        packet.subnet, packet.source, packet.destination, packet.sender = subnet, gateway.ipv4, inner, None
        return False

    def _internet(self, packet: _Packet, way: Way, route: Route) -> None:
        vpc = self.world.model.vpcs.get(packet.subnet.vpc)
        six = packet.destination.version == 6
        if route.kind is TargetKind.EGRESS_ONLY:
            if not vpc or route.target not in vpc.egress_only:
                way.lost("leads to a gateway of another VPC", route.key)
                return
            way.end = End.INTERNET
        elif route.kind is TargetKind.INTERNET and vpc and route.target in vpc.internet:
            gateway = next((g for g in self.world.model.nat_gateways.values() if g.ipv4 == packet.source), None)
            public = gateway.public if gateway else bool(packet.sender and packet.sender.public)
            if not six and not public:
                way.lost("it has no public IPv4 address", packet.sender.key if packet.sender else route.key)
                return
            way.end = End.INTERNET
        else:
            way.lost("leads to no gateway that is attached to this VPC", route.key)
            return
        inner = self.world.translated(packet.destination) if isinstance(packet.destination, IPv6Address) else None
        private = isinstance(packet.destination, IPv4Address) and packet.destination.is_private
        if inner is not None or (private and not _documented(packet.destination)):
            way.lost(f"{packet.destination} leads to the internet, where nobody knows it", route.key)


def _documented(address: Address) -> bool:
    """Whether it is of a documentation prefix, as examples use for public addresses; Python calls these private."""
    return str(address).startswith(("192.0.2.", "198.51.100.", "203.0.113."))
