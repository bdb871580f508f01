"""Ways that cross zones without need: a zone's routes lead to its own NAT gateway and NAT64 host, where it has one."""

from __future__ import annotations

from collections.abc import Iterator

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.keys import Fault, Key
from voice_cdk.judge.model import Role, Route, TargetKind


def check(context: Context) -> Iterator[Fault]:
    """Routes of tables whose subnets are all in one zone."""
    model = context.model
    for route in model.routes:
        zones = {subnet.zone for subnet in model.subnets.values() if subnet.table == route.table}
        if len(zones) != 1 or route.kind not in {TargetKind.NAT, TargetKind.INTERFACE, TargetKind.INSTANCE}:
            continue
        yield from _route(context, route, zones.pop())
    yield from _attachments(context)
    yield from _crowded(context)
    yield from _carriers(context)
    yield from _target_groups(context)


def _crowded(context: Context) -> Iterator[Fault]:
    """Two NAT gateways or NAT64 hosts of one VPC in one zone: the other zone goes without."""
    seen: dict[tuple[str, str, str], Key] = {}
    gateways = [(one.key, context.model.subnets.get(one.subnet)) for one in context.model.nat_gateways.values()]
    hosts = [(one.key, context.model.subnets.get(one.subnet)) for one in context.model.of(Role.NAT64)]
    for kind, places in (("NAT gateway", gateways), ("NAT64 host", hosts)):
        for key, subnet in places:
            if subnet is not None:
                first = seen.setdefault((kind, subnet.vpc, subnet.zone), key)
                if first != key:
                    reason = f"is the second {kind} in {subnet.zone}, beside {first}; each zone has one"
                    yield Fault(kind="zone", resource=str(key), zone=subnet.zone, reason=reason)


def _target_groups(context: Context) -> Iterator[Fault]:
    """Targets are in the load balancer's VPC."""
    vpcs = {one.vpc for one in context.model.of(Role.BALANCER)}
    for key in context.resolver.of_type("AWS::ElasticLoadBalancingV2::TargetGroup"):
        vpc = str(context.resolver.property(key, "VpcId"))
        if vpcs and vpc not in vpcs:
            reason = "is of another VPC than the load balancer; AWS refuses its targets"
            yield Fault(kind="refused", resource=str(key), reason=reason)


def _route(context: Context, route: Route, zone: str) -> Iterator[Fault]:
    places = _places(context, route)
    mine = places.get(route.target)
    vpc = next((s.vpc for s in context.model.subnets.values() if s.table == route.table), "")
    better = [one for one, (its_zone, its_vpc) in places.items() if its_zone == zone and its_vpc == vpc]
    subnets = {subnet.id for subnet in context.model.subnets.values() if subnet.table == route.table}
    standby = any(member.subnet in subnets for member in context.model.of(Role.NAT64))
    if mine and mine[0] != zone and better and not standby:
        reason = f"leads from {zone} to the {route.kind} in {mine[0]}, though {zone} has one of its own"
        yield Fault(kind="zone", resource=str(route.key), zone=zone, reason=reason)


def _places(context: Context, route: Route) -> dict[str, tuple[str, str]]:
    """Zones and VPCs of what is like a route's target, by identifier."""
    model = context.model
    if route.kind is TargetKind.NAT:
        gateways = {g.id: model.subnets[g.subnet] for g in model.nat_gateways.values() if g.subnet in model.subnets}
        return {name: (subnet.zone, subnet.vpc) for name, subnet in gateways.items()}
    hosts = [member for member in model.of(Role.NAT64) if not member.spare]
    return {identifier: (member.zone, member.vpc) for member in hosts for identifier in member.ids}


def _carriers(context: Context) -> Iterator[Fault]:
    """A machine attaches interfaces of its own zone alone."""
    first = {(m, one.zone, one.subnet) for one in context.model.of(Role.MANAGEMENT) for m in one.machines}
    for member in context.model.members:
        for machine in sorted(member.machines):
            zones = {zone for key, zone, _ in first if key == machine}
            subnets = {subnet for key, _, subnet in first if key == machine}
            if zones and member.zone not in zones and not member.spare:
                reason = (
                    f"{machine} starts in {', '.join(sorted(zones))} and can't attach an interface in {member.zone}"
                )
                yield Fault(kind="zone", resource=str(member.key), zone=member.zone, reason=reason)
            elif subnets and member.subnet not in subnets and not member.spare:
                reason = f"{machine} starts in another subnet than that of the interface it attaches"
                yield Fault(kind="place", resource=str(member.key), zone=member.zone, reason=reason)


def _attachments(context: Context) -> Iterator[Fault]:
    """An attachment has one subnet in each zone that anything of its VPC stands in."""
    model = context.model
    taken = {member.subnet for member in model.members} | {one.subnet for one in model.nat_gateways.values()}
    for attachment in model.attachments.values():
        subnets = [model.subnets[name] for name in attachment.subnets if name in model.subnets]
        zones = [subnet.zone for subnet in subnets]
        for subnet in subnets:
            if subnet.vpc != attachment.vpc:
                reason = f"its subnet {subnet.key} is of another VPC; AWS refuses that"
                yield Fault(kind="refused", resource=str(attachment.key), reason=reason)
            if subnet.id in taken:
                reason = f"its subnet {subnet.key} has something else in it: the attachment's own table steers both"
                yield Fault(kind="zone", resource=str(attachment.key), reason=reason)
            if subnet.native:
                reason = f"its subnet {subnet.key} has no IPv4; AWS makes no attachment there"
                yield Fault(kind="refused", resource=str(attachment.key), reason=reason)
        if len(set(zones)) < len(zones):
            reason = "has two subnets in one zone; AWS takes one"
            yield Fault(kind="refused", resource=str(attachment.key), reason=reason)
        for zone in sorted(
            {subnet.zone for subnet in model.subnets.values() if subnet.vpc == attachment.vpc} - {*zones}
        ):
            reason = f"has no subnet in {zone}: nothing of that zone passes"
            yield Fault(kind="zone", resource=str(attachment.key), zone=zone, reason=reason)
