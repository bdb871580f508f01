"""Who talks to whom, as two tables: what has to work, and everything that passes at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from voice_cdk.documenting.tables import listed, table
from voice_cdk.documenting.wording import LETTERS
from voice_cdk.judge.passing import Row
from voice_cdk.judge.picture import Picture

End = tuple[str, str]
"""A role, and the name of the VPC that it is in; none outside of AWS."""
Place = Callable[[str], str]
"""What a VPC is called here, by its name."""
EVERYTHING = "esp icmp icmpv6 other tcp udp"
"""How the judge tells all protocols."""
OUTSIDE = ("client's site", "client's gateway")
SITES = ("site of ", "gateway of ")
"""What those are called here, before the client's name."""


def needed(picture: Picture) -> str:
    """The flows that have to work, those from several sources to one place as one row."""
    place = _places(picture)
    rows: dict[tuple[str, str, str, str], dict[End, set[str]]] = {}
    for row in picture.flows:
        key = (_end(row.destination, row.destination_vpc, place), _ports(row.ports), _by(row), row.why)
        rows.setdefault(key, {}).setdefault((row.source, row.source_vpc), set()).add(row.family)
    head = ["from", "to", "ports", "over", "by way of", "what for"]
    return table(head, [_needed_row(key, sources, place) for key, sources in rows.items()])


def _needed_row(key: tuple[str, str, str, str], sources: Mapping[End, set[str]], place: Place) -> list[str]:
    destination, ports, by, why = key
    families = sorted(set().union(*sources.values()))
    return [_ends(sources, place), destination, ports, listed(families), by, why]


def possible(picture: Picture) -> str:
    """For each source all that routes and security groups let it begin, and how many pairs cannot talk at all.

    Sources that reach the same are one row. What is outside is told apart from the internet only where more passes, or
    less.
    """
    place = _places(picture)
    found: dict[End, dict[str, str]] = {}
    for cell in picture.cells:
        if cell.traffic:
            targets = found.setdefault((cell.source, cell.source_vpc), {})
            targets[_end(cell.destination, cell.destination_vpc, place)] = _ports(cell.traffic)
    rows: dict[str, list[End]] = {}
    for source, targets in found.items():
        rows.setdefault(_targets(targets), []).append(source)
    silent = sum(not cell.traffic for cell in picture.cells)
    count = f"Of {len(picture.cells)} pairs, {silent} cannot talk at all, in either family."
    return f"{table(['from', 'to'], [[_ends(sources, place), told] for told, sources in rows.items()])}\n\n{count}"


def _targets(targets: Mapping[str, str]) -> str:
    anywhere = targets.get("internet")
    told = {name: ports for name, ports in targets.items() if not name.startswith(SITES) or ports != anywhere}
    return "; ".join(f"{name}: {ports}" for name, ports in told.items())


def broken(picture: Picture) -> Sequence[Row]:
    """Flows that have to work and do not: a table of such templates would tell what is not so."""
    return [row for row in picture.flows if not row.works]


def _places(picture: Picture) -> Place:
    names = {vpc.name: LETTERS[vpc.part] for vpc in picture.vpcs}
    clients = {vpc.name for vpc in picture.vpcs if vpc.part == "client"}
    return lambda name: f"{names[name]} {name}" if name in clients else names.get(name, "")


def _end(role: str, vpc: str, place: Place) -> str:
    return _ends([(role, vpc)], place)


def _ends(ends: Iterable[End], place: Place) -> str:
    """Several ends as words, those of one role together: "SIP host (VPC-C acme, VPC-C globex)"."""
    roles: dict[str, list[str]] = {}
    for role, vpc in ends:
        name = f"{role.partition(' ')[2]} of {vpc}" if role in OUTSIDE else role
        roles.setdefault(name, []).extend([place(vpc)] if place(vpc) and role not in OUTSIDE else [])
    return ", ".join(f"{role} ({', '.join(places)})" if places else role for role, places in roles.items())


def _by(row: Row) -> str:
    if not row.by and row.source == "client's site":
        return "IPsec tunnel"
    return " → ".join(dict.fromkeys(row.by)) or "—"


def _ports(told: str) -> str:
    """The judge's words for traffic, shorter: "tcp/80 tcp/443" becomes "TCP 80, 443"."""
    if told == EVERYTHING:
        return "everything"
    ports: dict[str, list[str]] = {}
    for part in told.split():
        protocol, _, port = part.partition("/")
        ports.setdefault(protocol.upper().replace("ICMPV6", "ICMPv6"), []).append(port.replace("-", "–"))
    return " and ".join(f"{protocol} {', '.join(filter(None, numbers))}".strip() for protocol, numbers in ports.items())
