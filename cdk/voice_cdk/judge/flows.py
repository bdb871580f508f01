"""Connections: whether what one end begins reaches the other, past security groups at both, and comes back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from voice_cdk.judge import traffic
from voice_cdk.judge.keys import Key
from voice_cdk.judge.model import Address, Member, Outside, Role, Rule, TargetKind
from voice_cdk.judge.traffic import Traffic
from voice_cdk.judge.walk import End, Gate, Reply, Walker, Way
from voice_cdk.judge.world import World

PeerEnd = Member | Outside


@dataclass
class Connection:
    """What can be begun from one end to the other.

    Attributes:
        traffic: what passes every security group; empty where packets don't arrive or don't come back.
        reason: why nothing arrives; empty where routes are right.
        way: of the first packet; `used` are routes of the way back, too.
    """

    address: Address | None
    traffic: Traffic = ()
    reason: str = ""
    resource: Key | None = None
    kind: str = "black hole"
    way: Way | None = None
    gates: list[Gate] = field(default_factory=list)
    used: list[Key] = field(default_factory=list)

    @property
    def routed(self) -> bool:
        """Whether packets go there and come back, whatever security groups say."""
        return not self.reason


class Flows:
    """Connections of one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.walker = Walker(world)

    def addresses(self, source: PeerEnd, destination: PeerEnd, version: int) -> Iterator[Address]:
        """Addresses at which a source could find a destination: its own, and behind NAT64 that of its IPv4 one."""
        own = destination.address if isinstance(destination, Outside) else destination.address(version)
        if own and own.version == version:
            yield own
        other = destination.address if isinstance(destination, Outside) else destination.ipv4
        if version == 6 and isinstance(other, IPv4Address) and isinstance(source, Member):
            yield from {prefix[int(other)] for prefix in self.world.prefixes}

    def connect(self, source: PeerEnd, destination: PeerEnd, address: Address) -> Connection:
        """What `source` can begin with `destination` at `address`."""
        if isinstance(source, Outside):
            return self._from_outside(source, destination, address)
        own = source.address(address.version)
        if own is None:
            return Connection(address, reason=f"{source.name} has no IPv{address.version} address", resource=source.key)
        way = self.walker.send(source.subnet, source, own, address)
        return self._judged(way, destination, address)

    def _from_outside(self, source: Outside, destination: PeerEnd, address: Address) -> Connection:
        if isinstance(destination, Outside):
            return Connection(address, reason="both are outside")
        if source.role is Role.SITE and source.vpc and (ends := self._tunnel_ends(source.vpc)):
            return self._from_tunnel(source, destination, address, ends)
        return self._from_internet(source, destination, address)

    def _tunnel_ends(self, vpc: str) -> list[Member]:
        return [m for m in self.world.members if m.role is Role.STRONGSWAN and m.vpc == vpc and not m.spare]

    def _from_tunnel(self, source: Outside, destination: Member, address: Address, ends: list[Member]) -> Connection:
        way = self.walker.send(ends[0].subnet, ends[0], source.address, address)
        return self._judged(way, destination, address, came_by=ends[0])

    def _from_internet(self, source: Outside, destination: Member, address: Address) -> Connection:
        vpc = self.world.model.vpcs.get(destination.vpc)
        if not vpc or not vpc.internet:
            return Connection(address, reason="its VPC has no internet gateway", resource=destination.key)
        if address.version == 4 and not destination.public:
            return Connection(address, reason="it has no public IPv4 address", resource=destination.key)
        route = self.world.route(self.world.model.subnets[destination.subnet].table, source.address)
        if route is None or route.kind is not TargetKind.INTERNET or route.target not in vpc.internet:
            there = f"no route to {source.address}" if route is None else f"{source.address} is led to the {route.kind}"
            reason = f"answers don't come back: in its subnet {there}, not to the internet gateway of its VPC"
            return Connection(
                address, reason=reason, resource=route.key if route else destination.key, kind="asymmetric"
            )
        gate = Gate(destination, True, source.address)
        used = [route.key, *self.world.model.subnets[destination.subnet].associations]
        return self._passed(Connection(address, gates=[gate], used=used))

    def _judged(self, way: Way, destination: PeerEnd, address: Address, came_by: Member | None = None) -> Connection:
        found = Connection(address, way=way, gates=way.gates, used=list(way.used))
        wrong = self._misled(way, destination)
        if wrong:
            found.reason, found.resource = wrong, way.resource or (way.used[-1] if way.used else None)
            found.kind = "leak" if "beside the tunnel" in wrong else "black hole"
            return found
        for reply in way.replies:
            reason, resource = self._back(reply, came_by, found)
            if reason:
                found.reason, found.resource, found.kind = reason, resource, "asymmetric"
                return found
        return self._passed(found)

    def _misled(self, way: Way, destination: PeerEnd) -> str:
        """Why a way does not end where it should."""
        if way.end is End.LOST:
            return way.reason
        if isinstance(destination, Member):
            right = way.end is End.DELIVERED and way.host is destination
            return "" if right else f"packets end at {way.host or 'the ' + way.end}, not there"
        if destination.role is Role.SITE and self._tunnel_ends(destination.vpc or ""):
            leak = "packets leave by the internet, beside the tunnel"
            return "" if way.end is End.TUNNEL and way.host and way.host.vpc == destination.vpc else leak
        return "" if way.end is End.INTERNET else f"packets end at {way.host or way.end}, not outside"

    def _back(self, reply: Reply, came_by: Member | None, found: Connection) -> tuple[str, Key | None]:
        """Why an answer does not come back, and where it is lost."""
        way = self.walker.send(reply.subnet, reply.sender, reply.source, reply.destination)
        found.used += way.used
        if way.end is End.LOST:
            return f"answers don't come back: {way.reason}", way.resource
        if came_by and way.end is not End.TUNNEL and reply.ends_at is None:
            key = way.host.key if way.host else (way.used[-1] if way.used else None)
            return "answers don't go back by the tunnel", key
        if reply.ends_at and way.host is not reply.ends_at:
            where = way.host or ("the internet" if way.end is End.INTERNET else way.end)
            return f"answers end at {where}, not at {reply.ends_at}", way.used[-1] if way.used else None
        return "", None

    def _passed(self, found: Connection) -> Connection:
        found.traffic = traffic.ALL
        for gate in found.gates:
            found.traffic = traffic.common(found.traffic, self.world.admits(gate.member, gate.ingress, gate.peer))
        return found

    def blocking(self, found: Connection, wanted: Traffic) -> Gate | None:
        """The first security groups that keep back what is wanted."""
        for gate in found.gates:
            if traffic.without(wanted, self.world.admits(gate.member, gate.ingress, gate.peer)):
                return gate
        return None

    def told(self, gate: Gate) -> str:
        """Which security groups keep something back, as a sentence's part."""
        way = "in from" if gate.ingress else "out to"
        return f"the security groups of {gate.member.name} do not let it {way} {self.name(gate.peer)}"

    def name(self, address: Address) -> str:
        """Whose address it is."""
        member = self.world.at.get(address)
        return f"{address} ({member.role})" if member else str(address)

    def used_rules(self, found: Connection, wanted: Traffic) -> Iterable[tuple[Rule, Traffic, Address]]:
        """Rules that what is wanted passes by, with the part of it and the peer."""
        for gate in found.gates:
            for rule, spans in self.world.admitted(gate.member, gate.ingress, gate.peer):
                if part := traffic.common(spans, wanted):
                    yield rule, part, gate.peer
