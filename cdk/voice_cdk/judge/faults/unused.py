"""Routes, rules and tables that serve nobody: whatever none of the flows that may be ever takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from voice_cdk.judge import policy, traffic
from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.faults.failover import worlds
from voice_cdk.judge.flows import Connection, Flows
from voice_cdk.judge.keys import Fault, Key
from voice_cdk.judge.model import Address, Member, Outside, Role, Rule, TargetKind
from voice_cdk.judge.modelling.security import MADE_BY_AWS
from voice_cdk.judge.outside import ANYBODY
from voice_cdk.judge.traffic import Span

End = Member | Outside
EVERYBODY = frozenset(ANYBODY)


@dataclass
class Used:
    """Routes that flows take, and of each rule the traffic and the peers that need it."""

    ways: set[Key] = field(default_factory=set)
    traffic: dict[Rule, set[Span]] = field(default_factory=dict)
    peers: dict[Rule, set[Address]] = field(default_factory=dict)


def check(context: Context) -> Iterator[Fault]:
    """Compare what is there with what was taken; a network in which nothing stands yet is passed over."""
    if not context.model.members:
        return
    found = used(context)
    for route in context.model.routes:
        if route.kind is not TargetKind.LOCAL and route.key not in found.ways:
            yield _fault("route", route.key, f"the route to {route.destination} by the {route.kind} serves nobody")
    for tgw_route in context.model.tgw_routes:
        if tgw_route.key not in found.ways and tgw_route.attachment:
            yield _fault("route", tgw_route.key, f"the route to {tgw_route.destination} serves nobody")
    answering = _only_answer(context)
    for rule in context.model.rules:
        if rule.place != MADE_BY_AWS and (rule.ingress or rule.group not in answering):
            yield from _rule(rule, found)
    yield from _tables(context)
    yield from _subnets(context)


def _only_answer(context: Context) -> set[str]:
    """Groups of endpoints alone, whose rules for what they begin are nothing's."""
    of_others = {group for one in context.model.members if one.role is not Role.ENDPOINT for group in one.groups}
    return {group for one in context.model.of(Role.ENDPOINT) for group in one.groups} - of_others


def _subnets(context: Context) -> Iterator[Fault]:
    """Subnets in which nothing stands, and that are no NAT64 prefix."""
    model = context.model
    taken = {member.subnet for member in model.members} | {one.subnet for one in model.nat_gateways.values()}
    taken |= {subnet for one in model.attachments.values() for subnet in one.subnets}
    prefixes = {route.destination for route in model.routes}
    for subnet in model.subnets.values():
        if subnet.id not in taken and subnet.ipv6 not in prefixes:
            yield _fault("subnet", subnet.key, "nothing stands in this subnet")


def _rule(rule: Rule, found: Used) -> Iterator[Fault]:
    way = "in from" if rule.ingress else "out to"
    what = f"the rule {rule.place} ({way} {rule.network or 'a group'} {traffic.told(rule.traffic)})".replace("  ", " ")
    if rule not in found.traffic:
        yield _fault("rule", rule.key, f"{what} serves nobody")
        return
    beyond = traffic.without(rule.traffic, traffic.union([tuple(found.traffic[rule]), policy.ICMP]))
    if beyond:
        yield Fault(kind="wide rule", resource=str(rule.key), reason=f"{what}: nobody needs {traffic.told(beyond)}")
    if rule.network and rule.network.prefixlen == 0 and not found.peers[rule] & EVERYBODY:
        reason = f"{what} is for everybody, and only {_few(found.peers[rule])} need it"
        yield Fault(kind="wide rule", resource=str(rule.key), reason=reason)


def _few(peers: set[Address]) -> str:
    names = sorted(map(str, peers))
    return ", ".join(names[:3]) + (" …" if len(names) > 3 else "")


def _fault(kind: str, key: Key, reason: str) -> Fault:
    return Fault(kind=f"unused {kind}", resource=str(key), reason=f"{reason}; remove it, or see what it was for")


def used(context: Context) -> Used:
    """What flows of the table take, also when a NAT64 host is gone."""
    found = Used()
    for flows in [context.flows, *worlds(context)]:
        ends: list[End] = [*flows.world.members, *context.outsides]
        asked = ends if flows is context.flows else flows.world.members
        for destination in asked:
            if flows is context.flows or destination.role in {Role.DATABASE, Role.NAT64}:
                for source in ends:
                    if source is not destination:
                        _pair(flows, source, destination, found)
    _through_nat64(context, found)
    return found


def _pair(flows: Flows, source: End, destination: End, found: Used) -> None:
    if isinstance(source, Outside) and isinstance(destination, Outside):
        return
    for version in (6, 4):
        if isinstance(source, Outside) and source.address.version != version:
            continue
        may = traffic.without(policy.allowed(source, destination, version, flows.world), policy.ICMP)
        for address in flows.addresses(source, destination, version) if may else ():
            connection = flows.connect(source, destination, address)
            passes = traffic.common(connection.traffic, may)
            spare = any(isinstance(end, Member) and end.spare for end in (source, destination))
            if passes or (spare and connection.routed):
                found.ways.update(connection.used)
                _note(flows, connection, passes, found)


def _note(flows: Flows, connection: Connection, passes: traffic.Traffic, found: Used) -> None:
    for rule, part, peer in flows.used_rules(connection, passes):
        found.traffic.setdefault(rule, set()).update(part)
        found.peers.setdefault(rule, set()).add(peer)


def _through_nat64(context: Context, found: Used) -> None:
    """Ways to the internet for names that have IPv4 alone, which DNS64 makes."""
    for member in context.model.members:
        if member.ipv6 and context.model.subnets[member.subnet].dns64:
            for outside in context.outsides:
                if outside.role is Role.INTERNET and outside.address.version == 4:
                    for address in context.flows.addresses(member, outside, 6):
                        connection = context.flows.connect(member, outside, address)
                        if traffic.common(connection.traffic, policy.HTTPS):
                            found.ways.update(connection.used)


def _tables(context: Context) -> Iterator[Fault]:
    """Tables that nothing is associated with."""
    taken = {subnet.table for subnet in context.model.subnets.values()}
    for table, key in context.model.tables.items():
        if table not in taken:
            yield _fault("table", key, "no subnet is associated with this route table")
    associated = {table for attachment in context.model.attachments.values() for table in attachment.tables}
    for table, key in context.model.tgw_tables.items():
        if table not in associated:
            yield _fault("table", key, "no attachment is associated with this table of the transit gateway")
