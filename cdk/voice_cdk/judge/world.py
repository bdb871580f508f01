"""The model, indexed for following packets: longest prefix, who has an address, which rules admit a peer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address, IPv6Network

from voice_cdk.judge import traffic
from voice_cdk.judge.model import (
    WELL_KNOWN,
    Address,
    Attachment,
    Member,
    Model,
    Role,
    Route,
    Rule,
    Subnet,
    TargetKind,
    TgwRoute,
)
from voice_cdk.judge.traffic import Traffic


class World:
    """Answers about one model; `gone` are members that don't stand any more."""

    def __init__(self, model: Model, gone: frozenset[Member] = frozenset()) -> None:
        self.model = model
        self.members = tuple(member for member in model.members if member not in gone)
        self.at: dict[Address, Member] = {}
        for member in self.members:
            for address in (member.ipv4, member.ipv6):
                if address:
                    self.at.setdefault(address, member)
        self._by_id = {identifier: member for member in self.members for identifier in sorted(member.ids)}
        self._routes: dict[str, list[Route]] = defaultdict(list)
        for route in sorted(model.routes, key=lambda one: (-one.destination.prefixlen, str(one.key))):
            self._routes[route.table].append(route)
        self._tgw_routes: dict[str, list[TgwRoute]] = defaultdict(list)
        for tgw_route in sorted(model.tgw_routes, key=lambda one: (-one.destination.prefixlen, str(one.key))):
            self._tgw_routes[tgw_route.table].append(tgw_route)
        self._subnets: dict[str, list[Subnet]] = defaultdict(list)
        for subnet in model.subnets.values():
            self._subnets[subnet.vpc].append(subnet)
        self._rules: dict[tuple[str, bool], list[Rule]] = defaultdict(list)
        for rule in model.rules:
            self._rules[rule.group, rule.ingress].append(rule)
        self._admitted: dict[tuple[tuple[str, ...], bool, Address], tuple[tuple[Rule, Traffic], ...]] = {}

    def route(self, table: str | None, destination: Address) -> Route | None:
        """The route that a packet takes: longest prefix first."""
        for route in self._routes.get(table or "", ()):
            if route.destination.version == destination.version and destination in route.destination:
                return route
        return None

    def tgw_route(self, table: str, destination: Address) -> TgwRoute | None:
        """The same of a transit gateway's table."""
        for route in self._tgw_routes.get(table, ()):
            if route.destination.version == destination.version and destination in route.destination:
                return route
        return None

    def subnet_of(self, vpc: str, address: Address) -> Subnet | None:
        """The subnet of a VPC that an address is in."""
        for subnet in self._subnets.get(vpc, ()):
            block = subnet.block(address.version)
            if block and address in block:
                return subnet
        return None

    def host(self, identifier: str) -> Member | None:
        """The member that a route's target names."""
        return self._by_id.get(identifier)

    @cached_property
    def attachment_of(self) -> Mapping[str, Attachment]:
        """Each VPC's attachment."""
        return {attachment.vpc: attachment for attachment in self.model.attachments.values()}

    @cached_property
    def prefixes(self) -> tuple[IPv6Network, ...]:
        """NAT64 prefixes: the well-known one, and the first /96 of each block of a VPC's own that leads to a host."""
        own = {
            IPv6Network((route.destination.network_address, 96))
            for route in self.model.routes
            if route.kind in {TargetKind.INTERFACE, TargetKind.INSTANCE, TargetKind.NAT}
            and isinstance(route.destination, IPv6Network)
            and not route.destination.overlaps(WELL_KNOWN)
            and self._in_communications(route.destination)
        }
        return (WELL_KNOWN, *sorted(own))

    def _in_communications(self, network: IPv6Network) -> bool:
        blocks = [block for vpc in self.model.communications for block in self.model.vpcs[vpc].blocks]
        return any(isinstance(block, IPv6Network) and network.subnet_of(block) for block in blocks)

    def translated(self, address: IPv6Address) -> IPv4Address | None:
        """The IPv4 address that a NAT64 address stands for (RFC 6052)."""
        if any(address in prefix for prefix in self.prefixes):
            return IPv4Address(int(address) & 0xFFFFFFFF)
        return None

    def mapped(self, address: IPv4Address) -> IPv6Address:
        """The NAT64 address of an IPv4 one: by a prefix of our own where there is one."""
        return self.prefixes[-1][int(address)]

    def admitted(self, member: Member, ingress: bool, peer: Address) -> tuple[tuple[Rule, Traffic], ...]:
        """Rules of a member's groups that match a peer, in one direction."""
        key = (member.groups, ingress, peer)
        if key not in self._admitted:
            rules = [rule for group in member.groups for rule in self._rules.get((group, ingress), ())]
            self._admitted[key] = tuple((r, r.traffic) for r in rules if self._matches(r, member, peer))
        return self._admitted[key]

    def _matches(self, rule: Rule, member: Member, peer: Address) -> bool:
        if rule.network is not None:
            return rule.network.version == peer.version and peer in rule.network
        other = self.at.get(peer)
        return other is not None and other.vpc == member.vpc and rule.peer_group in other.groups

    def admits(self, member: Member, ingress: bool, peer: Address) -> Traffic:
        """What a member's groups let pass; one that has none has the VPC's own, which lets everything out."""
        if not member.groups:
            return () if ingress else traffic.ALL
        return traffic.union(spans for _, spans in self.admitted(member, ingress, peer))

    def zone(self, subnet: str) -> str:
        """A subnet's availability zone."""
        return self.model.subnets[subnet].zone

    def database_port(self) -> Traffic:
        """The database's ports."""
        return traffic.tcp(*{port for one in self.model.of(Role.DATABASE) for port in one.ports})
