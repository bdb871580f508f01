"""What must never be: anything that passes routes and security groups, and that no line of the table allows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

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
    whose = [(end, list(_whose(context, end))) for end in ends]
    for source, sources in whose:
        if source.role is Role.ENDPOINT:
            continue  # it answers, and begins nothing
        for destination, destinations in whose:
            if source is not destination and not (isinstance(source, Outside) and isinstance(destination, Outside)):
                yield from _pair(context, source, destination, list(product(sources, destinations)))


def _pair(context: Context, source: End, destination: End, who: Sequence[tuple[End, End]]) -> Iterator[Fault]:
    for version in (6, 4):
        may = traffic.union(policy.allowed(one, other, version, context.flows.world) for one, other in who)
        for address in context.flows.addresses(source, destination, version):
            if isinstance(source, Outside) and source.address.version != version:
                continue
            found = context.flows.connect(source, destination, address)
            beyond = traffic.without(found.traffic, may)
            if beyond:
                yield _fault(context, (source, destination), found, beyond)


def _whose(context: Context, end: End) -> Iterator[End]:
    """Who somebody at this address may be: two clients may have one carrier, or one gateway."""
    yield end
    own = context.model.tunnels.get(end.vpc or "") if isinstance(end, Outside) else None
    if own is None or not isinstance(end, Outside):
        return
    for tunnel in context.model.tunnels.values():
        if end.role is Role.GATEWAY:
            networks = tunnel.gateways
        else:
            # What comes by a tunnel is told apart by the tunnel, whatever its address.
            networks = frozenset() if own.gateways or tunnel.gateways else tunnel.prefixes
        if tunnel.vpc != end.vpc and any(
            end.address in each for each in networks if each.version == end.address.version
        ):
            yield replace(end, vpc=tunnel.vpc)


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
