"""The table of flows as a person reads it: what must pass, by what, and everything that does pass."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from voice_cdk.judge import policy, traffic
from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.faults.required import best, pairs
from voice_cdk.judge.flows import Connection
from voice_cdk.judge.model import Member, Outside, Role, TargetKind
from voice_cdk.judge.traffic import Traffic

End = Member | Outside
Name = Callable[[str | None], str]
"""A VPC's name by its identifier."""
Ends = tuple[str, str, str, str]
"""Role and VPC of a source, role and VPC of a destination."""


@dataclass(frozen=True, order=True)
class Row:
    """A flow that must be, between two roles; the zones are folded.

    Attributes:
        source_vpc: empty for what is outside of AWS.
        works: whether it does, from every zone.
        by: what packets pass on their way, in order.
        zones: in which it begins; for what comes from outside, those in which it ends.
        why: what for.
    """

    source: str
    source_vpc: str
    destination: str
    destination_vpc: str
    ports: str
    family: str
    works: bool
    by: tuple[str, ...]
    zones: tuple[str, ...]
    why: str


@dataclass(frozen=True, order=True)
class Cell:
    """All that routes and security groups let pass between two roles: ports, and nothing where it is empty."""

    source: str
    source_vpc: str
    destination: str
    destination_vpc: str
    traffic: str


def rows(context: Context, name: Name) -> Iterator[Row]:
    """Each line of the table that has to work, for each pair of VPCs that it is about."""
    for line in policy.TABLE:
        if line.must:
            yield from _of_line(context, name, line)


def _of_line(context: Context, name: Name, line: policy.Line) -> Iterator[Row]:
    found: dict[tuple[Ends, str, str], list[tuple[Connection, bool, str]]] = defaultdict(list)
    for source, destination, version in pairs(context, context.flows, line):
        if any(isinstance(end, Member) and end.spare for end in (source, destination)):
            continue
        wanted = policy.spans(line, source, destination, context.flows.world)
        connection = best(context.flows, source, destination, version, wanted)
        if connection is not None:
            works = not traffic.without(wanted, connection.traffic)
            zone = source.zone if isinstance(source, Member) else getattr(destination, "zone", "")
            ends = _ends(source, destination, name)
            found[ends, traffic.told(wanted), f"IPv{version}"].append((connection, works, zone))
    for (ends, ports, family), all_of_them in found.items():
        yield Row(
            *ends, ports=ports, family=family, why=line.why,
            works=all(works for _, works, _ in all_of_them),
            by=_by(context, all_of_them[0][0]),
            zones=tuple(sorted({zone for _, _, zone in all_of_them if zone})),
        )  # fmt: skip


def _ends(source: End, destination: End, name: Name) -> Ends:
    return (str(source.role), _place(source, name), str(destination.role), _place(destination, name))


def _place(end: End, name: Name) -> str:
    """The VPC that a member is in; of a client's own things, the client."""
    return name(end.vpc)


def _by(context: Context, connection: Connection) -> tuple[str, ...]:
    """What a connection passes, in words: of routes of VPCs what they lead to."""
    if connection.way is None:
        return (TargetKind.INTERNET.value,)
    routes = {route.key: route for route in context.model.routes if route.kind is not TargetKind.LOCAL}
    passed = []
    for key in connection.way.used:
        if key in routes:
            host = context.flows.world.host(routes[key].target)
            passed.append(str(host.role) if host else routes[key].kind.value)
    return tuple(passed)


def cells(context: Context, name: Name) -> Iterator[Cell]:
    """The whole matrix: every role of every VPC and outside, to every role in AWS."""
    found: dict[Ends, list[Traffic]] = defaultdict(list)
    ends: list[End] = [*context.model.members, *(one for one in context.outsides if one.role is not Role.BROWSER)]
    for source in ends:
        for destination in ends:
            if source is not destination and not (isinstance(source, Outside) and isinstance(destination, Outside)):
                found[_ends(source, destination, name)] += _between(context, source, destination)
    for key in sorted(found):
        yield Cell(*key, traffic=traffic.told(traffic.union(found[key]), most=8))


def _between(context: Context, source: End, destination: End) -> Iterator[Traffic]:
    for version in (6, 4):
        if not isinstance(source, Outside) or source.address.version == version:
            for address in context.flows.addresses(source, destination, version):
                yield context.flows.connect(source, destination, address).traffic
