"""What must never be: anything that passes routes and security groups, and that no line of the table allows."""

from __future__ import annotations

from collections.abc import Iterator

from voice_cdk.judge import policy, traffic
from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.flows import Connection
from voice_cdk.judge.keys import Fault
from voice_cdk.judge.model import Member, Outside, Role

End = Member | Outside
OF_AWS = frozenset({Role.CONTROL_PLANE, Role.FUNCTION})


def check(context: Context) -> Iterator[Fault]:
    """Every pair of ends, each family, each address that one could be found at."""
    ends: list[End] = [*context.model.members, *(one for one in context.outsides if one.role is not Role.BROWSER)]
    for source in ends:
        if source.role is Role.ENDPOINT:
            continue  # it answers, and begins nothing
        for destination in ends:
            if source is not destination and not (isinstance(source, Outside) and isinstance(destination, Outside)):
                yield from _pair(context, source, destination)


def _pair(context: Context, source: End, destination: End) -> Iterator[Fault]:
    for version in (6, 4):
        may = policy.allowed(source, destination, version, context.flows.world)
        for address in context.flows.addresses(source, destination, version):
            if isinstance(source, Outside) and source.address.version != version:
                continue
            found = context.flows.connect(source, destination, address)
            beyond = traffic.without(found.traffic, may)
            if beyond:
                yield _fault(context, (source, destination), found, beyond)


def _fault(context: Context, ends: tuple[End, End], found: Connection, beyond: traffic.Traffic) -> Fault:
    source, destination = ends
    gate = found.gates[-1] if found.gates else None
    groups = context.model.groups.get(gate.member.groups[0]) if gate and gate.member.groups else None
    resource = groups.key if groups else (gate.member.key if gate else "")
    return Fault(
        kind="open",
        reason="routes and security groups let this pass, and nobody needs it",
        resource=str(resource),
        source=str(source), destination=str(destination), port=traffic.told(beyond),
        family=f"ipv{found.address.version}" if found.address else "",
        zone=source.zone if isinstance(source, Member) else getattr(destination, "zone", ""),
    )  # fmt: skip
