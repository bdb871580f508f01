"""What still works when one NAT64 host or one zone is gone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from voice_cdk.judge import policy, traffic
from voice_cdk.judge.faults import required
from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.faults.permissions import grants, machine_roles
from voice_cdk.judge.flows import Flows
from voice_cdk.judge.keys import Fault
from voice_cdk.judge.model import Member, Model, Role, Route, TargetKind
from voice_cdk.judge.world import World

IN_TWO_ZONES = (Role.DATABASE, Role.PODS, Role.BALANCER, Role.NAT64)
MOVES = "ec2:ReplaceRoute"


def check(context: Context) -> Iterator[Fault]:
    """NAT64 hosts one by one, then zones one by one."""
    if context.model.of(Role.NAT64):
        yield from _nat64(context)
    yield from _zones(context)


def zones(model: Model) -> list[str]:
    """Zones that anything stands in."""
    return sorted({member.zone for member in model.members})


def worlds(context: Context) -> Iterator[Flows]:
    """Flows with each NAT64 host gone, its routes moved to each one that is left."""
    hosts = context.model.of(Role.NAT64)
    for gone in hosts:
        for left in hosts:
            if left is not gone and left.vpc == gone.vpc:
                yield Flows(World(_moved(context.model, gone, left), frozenset({gone})))


def _moved(model: Model, gone: Member, left: Member) -> Model:
    target = sorted(left.ids)[0]
    routes = tuple(
        replace(route, target=target, kind=TargetKind.INTERFACE) if route.target in gone.ids else route
        for route in model.routes
    )
    return replace(model, routes=routes)


def _nat64(context: Context) -> Iterator[Fault]:
    hosts = context.model.of(Role.NAT64)
    for gone in hosts:
        others = [host for host in hosts if host is not gone]
        if not others:
            reason = "is the only NAT64 host: without it nobody reaches the database"
            yield Fault(kind="failover", resource=str(gone.key), zone=gone.zone, reason=reason)
        yield from _nobody_moves(context, gone, others)
        yield from _health_checks(context, gone)
    for flows in worlds(context):
        for line in policy.TABLE:
            if line.must and Role.DATABASE in line.destinations and Role.NAT64 not in line.sources:
                yield from _told(required.of_line(context, flows, line), "with another NAT64 host gone")


def _health_checks(context: Context, host: Member) -> Iterator[Fault]:
    """A host whose groups let it ask the database by NAT64 asks by another one: it notices when that is gone."""
    world = context.flows.world
    for database in context.model.of(Role.DATABASE):
        address = world.mapped(database.ipv4) if database.ipv4 else None
        if address is None or not traffic.common(world.admits(host, False, address), world.database_port()):
            continue
        found = context.flows.connect(host, database, address)
        others = [gate.member for gate in found.gates if gate.member.role is Role.NAT64 and gate.member != host]
        if traffic.without(world.database_port(), found.traffic) or not others:
            reason = found.reason or ("does not lead to another host" if not others else "security groups keep it back")
            yield Fault(
                kind="failover", resource=str(found.resource or host.key), source=str(host), destination=str(database),
                reason=f"its health check of the other NAT64 host fails: {reason}",
            )  # fmt: skip


def _nobody_moves(context: Context, gone: Member, others: list[Member]) -> Iterator[Fault]:
    """Somebody has to lead the prefix to a host that is left: one of these whose role may."""
    standing = {member.subnet for member in context.model.of(Role.NAT64)}
    asked = {context.model.subnets[subnet].table for subnet in standing}  # for health checks of one by the other
    for route in context.model.routes:
        if route.target not in gone.ids or not others or route.table in asked:
            continue
        if not any(may_move(context, host, route) for host in others):
            reason = f"when {gone} is gone, no other NAT64 host may move this route to itself ({MOVES} on its table)"
            yield Fault(kind="failover", resource=str(route.key), zone=gone.zone, reason=reason)


def may_move(context: Context, host: Member, route: Route) -> bool:
    """Whether the role of a machine that carries `host` may replace a route."""
    table = context.model.tables.get(route.table)
    arn = f":route-table/{route.table}"
    return table is not None and any(grants(context, role, MOVES, arn) for role in machine_roles(context, host))


def _readers(context: Context) -> Iterator[Fault]:
    """Aurora stands in two zones by a reader beside its writer."""
    zones = defaultdict(list)
    for key in context.resolver.of_type("AWS::RDS::DBInstance"):
        properties = context.resolver.properties(key)
        zones[str(properties.get("DBClusterIdentifier"))].append(properties.get("AvailabilityZone"))
    for key in context.resolver.of_type("AWS::RDS::DBCluster"):
        found = zones[f"id-{key.stack}.{key.logical_id}"]
        told = ""
        if len(found) < 2:
            told = f"has {len(found)} instances"
        elif None not in found and len(set(found)) < 2:
            told = f"has all of its instances in {found[0]}"
        if told:
            reason = f"{told}; a writer and a reader in another zone are wanted"
            yield Fault(kind="failover", resource=str(key), reason=reason)


def _zones(context: Context) -> Iterator[Fault]:
    yield from _readers(context)
    for role in IN_TWO_ZONES:
        members = context.model.of(role)
        if members and len({member.zone for member in members}) < 2:
            reason = f"stands in {members[0].zone} alone: with that zone gone nothing is left of: {role}"
            yield Fault(kind="failover", resource=str(members[0].key), zone=members[0].zone, reason=reason)
    for zone in zones(context.model):
        flows = _without_zone(context, zone)
        for line in policy.TABLE:
            if line.must and line.zones:
                yield from _told(required.of_line(context, flows, line), f"with {zone} gone")


def _without_zone(context: Context, zone: str) -> Flows:
    """Flows with nothing left in a zone: its members, its parts of attachments, its NAT gateways."""
    model = context.model
    inside = {subnet.id for subnet in model.subnets.values() if subnet.zone == zone}
    attachments = {
        name: replace(one, subnets=tuple(subnet for subnet in one.subnets if subnet not in inside))
        for name, one in model.attachments.items()
    }
    gateways = {name: one for name, one in model.nat_gateways.items() if one.subnet not in inside}
    gone = frozenset(member for member in model.members if member.zone == zone)
    left = replace(model, attachments=attachments, nat_gateways=gateways)
    return Flows(World(left, gone))


def _told(faults: Iterator[Fault], when: str) -> Iterator[Fault]:
    for fault in faults:
        yield replace(fault, kind="failover", reason=f"{when}: {fault.reason}")
