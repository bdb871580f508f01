"""What must work and does not: one fault for each source, destination, family and zone."""

from __future__ import annotations

from collections.abc import Iterator

from voice_cdk.judge import policy, traffic
from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.flows import Connection, Flows
from voice_cdk.judge.keys import Fault, Key
from voice_cdk.judge.model import Address, Member, Outside, Role
from voice_cdk.judge.traffic import Traffic

End = Member | Outside


def check(context: Context) -> Iterator[Fault]:
    """Flows of the table that do not work as things stand."""
    asking = context.model.of(Role.PODS, Role.SIP, Role.GRAFANA)
    if asking and not context.model.of(Role.DATABASE):
        reason = "there is no database in these templates, which everything here asks"
        yield Fault(kind="black hole", resource=str(asking[0].key), source=str(asking[0]), reason=reason)
    for line in policy.TABLE:
        if line.must:
            yield from of_line(context, context.flows, line)


def of_line(context: Context, flows: Flows, line: policy.Line) -> Iterator[Fault]:
    """Those of one line, in a world in which perhaps something is gone."""
    for source, destination, version in pairs(context, flows, line):
        wanted = policy.spans(line, source, destination, flows.world)
        found = best(flows, source, destination, version, wanted)
        if found is not None:
            yield from judged(flows, line, (source, destination, version), found, wanted)


def pairs(context: Context, flows: Flows, line: policy.Line) -> Iterator[tuple[End, End, int]]:
    """Ends that a line is about, and the family in which they are to talk."""
    ends: list[End] = [*flows.world.members, *context.outsides]
    for source in ends:
        if source.role not in line.sources:
            continue
        for destination in ends:
            if destination is source or not policy.fits(line, source, destination) or _spare(destination):
                continue
            for version in line.versions:
                if _speaks(source, destination, version):
                    yield source, destination, version


def _spare(end: End) -> bool:
    return isinstance(end, Member) and end.spare


def _speaks(source: End, destination: End, version: int) -> bool:
    outsides = [end for end in (source, destination) if isinstance(end, Outside)]
    return all(end.address.version == version for end in outsides)


def best(flows: Flows, source: End, destination: End, version: int, wanted: Traffic) -> Connection | None:
    """The connection by the address that the source would be told; the first that works."""
    addresses = list(known_addresses(flows, source, destination, version))
    if not addresses:
        return Connection(None, reason=_nameless(source, destination, version), resource=_where(source, destination))
    found = [flows.connect(source, destination, address) for address in addresses]
    return next((one for one in found if not traffic.without(wanted, one.traffic)), found[0])


def _nameless(source: End, destination: End, version: int) -> str:
    if destination.role is Role.DATABASE:
        return f"finds no address: the database has IPv4 alone, and DNS64 is off where {source} stands"
    return f"finds no address: {destination} has none of IPv{version}"


def _where(source: End, destination: End) -> Key | None:
    end = source if isinstance(source, Member) else destination
    return end.key if isinstance(end, Member) else None


def known_addresses(flows: Flows, source: End, destination: End, version: int) -> Iterator[Address]:
    """What DNS tells a source."""
    if isinstance(destination, Outside):
        yield destination.address
        return
    own = destination.address(version)
    if own:
        yield own
    elif version == 6 and destination.ipv4 and isinstance(source, Member) and _dns64(flows, source):
        yield flows.world.mapped(destination.ipv4)


def _dns64(flows: Flows, source: Member) -> bool:
    """Whether names with IPv4 alone get an IPv6 address: by the subnet's resolver, or where the prefix is our own."""
    own_prefix = len(flows.world.prefixes) > 1
    in_cluster = source.role is Role.PODS and flows.world.model.cluster_dns64
    return own_prefix or in_cluster or flows.world.model.subnets[source.subnet].dns64


def judged(
    flows: Flows, line: policy.Line, ends: tuple[End, End, int], found: Connection, wanted: Traffic
) -> Iterator[Fault]:
    """The fault of a connection that isn't there, if it isn't; of a spare place only its routes are looked at."""
    source, destination, version = ends
    missing = traffic.without(wanted, found.traffic)
    if not missing or (_spare(source) and found.routed):
        return
    if destination.role is Role.INTERNET and by_endpoint(flows, source, wanted):
        return
    gate = flows.blocking(found, wanted) if found.routed else None
    reason = flows.told(gate) if gate else found.reason
    resource = group_of(flows, gate.member) if gate else found.resource
    yield Fault(
        kind=found.kind if not found.routed else "blocked",
        reason=f"{reason}; it must work: {line.why}",
        resource=str(resource or ""),
        source=str(source), destination=str(destination), port=traffic.told(missing), family=f"ipv{version}",
        zone=source.zone if isinstance(source, Member) else getattr(destination, "zone", ""),
    )  # fmt: skip


def by_endpoint(flows: Flows, source: End, wanted: Traffic) -> bool:
    """Whether AWS's services are reached by interface endpoints instead."""
    for endpoint in flows.world.members:
        if (
            endpoint.role is Role.ENDPOINT
            and endpoint.vpc == source.vpc
            and endpoint.zone == getattr(source, "zone", "")
        ):
            address = endpoint.ipv6
            if address and not traffic.without(wanted, flows.connect(source, endpoint, address).traffic):
                return True
    return False


def group_of(flows: Flows, member: Member) -> Key:
    """The security group to look at first."""
    group = flows.world.model.groups.get(member.groups[0]) if member.groups else None
    return group.key if group else member.key
