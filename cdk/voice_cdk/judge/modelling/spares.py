"""Places that are kept for a host in another zone: subnets that nobody stands in, like one where somebody does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from voice_cdk.judge.model import Attachment, Member, Role, Route, Subnet
from voice_cdk.judge.modelling.places import Places

MOVED = frozenset({Role.SIP, Role.GRAFANA, Role.STRONGSWAN})
"""Roles of single hosts, which a person moves when their zone is gone."""
ALIKE = 0.5


def spares(
    members: list[Member],
    subnets: Mapping[str, Subnet],
    routes: tuple[Route, ...],
    attachments: Mapping[str, Attachment],
    places: Places,
) -> list[Member]:
    """One spare member for each such subnet."""
    taken = {member.subnet for member in members} | {s for one in attachments.values() for s in one.subnets}
    found = []
    for subnet in subnets.values():
        if subnet.id in taken:
            continue
        able = [member for member in members if _could_move(member, subnets[member.subnet], subnet)]
        likely = [(_alike(subnet, subnets[member.subnet], routes), member) for member in able]
        best = max(likely, key=lambda one: (one[0], str(one[1].key)), default=None)
        if best and best[0] >= ALIKE:
            found.append(_moved(best[1], subnet, places))
    return found


def _could_move(member: Member, home: Subnet, subnet: Subnet) -> bool:
    alike = (home.ipv4 is None, home.native, home.dns64) == (subnet.ipv4 is None, subnet.native, subnet.dns64)
    return alike and member.role in MOVED and member.vpc == subnet.vpc and member.zone != subnet.zone


def _moved(member: Member, subnet: Subnet, places: Places) -> Member:
    places.taken[subnet.id] += 1
    ipv4, ipv6 = places.free(subnet)
    return replace(
        member, subnet=subnet.id, zone=subnet.zone, ipv4=ipv4, ipv6=ipv6, spare=True,
        name=f"{member.name} moved to {subnet.key}", ids=frozenset(),
    )  # fmt: skip


def _alike(one: Subnet, other: Subnet, routes: tuple[Route, ...]) -> float:
    """From 0 to 1: how many of their traits two subnets share."""
    mine, theirs = _traits(one, routes), _traits(other, routes)
    return len(mine & theirs) / len(mine | theirs)


def _traits(subnet: Subnet, routes: tuple[Route, ...]) -> set[tuple[str, object]]:
    own = {(route.kind.value, route.destination) for route in routes if route.table == subnet.table}
    return {("public", subnet.public_ipv4), *own}
