"""The diagram of docs/aws.md, as SVG: VPCs with their subnets, what stands in them, and what joins them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from voice_cdk.documenting import layout
from voice_cdk.documenting.layout import CHIP, GAP, LINE, PAD, PILL, Block, Cell
from voice_cdk.documenting.svg import arrow, image, rect, text
from voice_cdk.documenting.wording import LETTERS, cut, destination, listed, short, within
from voice_cdk.judge.passing import Row
from voice_cdk.judge.picture import Link, MemberBox, Picture

MARGIN = 20.0
BETWEEN = 56.0
"""Room for the arrows between two rows of boxes."""
COLOURS = {
    "database": "data", "NAT64 host": "nat", "SIP host": "voice", "StrongSwan host": "voice",
}  # fmt: skip
"""Of a member's role; of all others, that of the web."""
CHARACTER = 6.3
"""Mean width of a letter of a route's line."""

Tables = list[tuple[str, list[str], list[str]]]
"""Of the transit gateway: name, who asks it, its routes as lines."""


def draw(picture: Picture) -> str:
    """The whole image: the internet, VPC-A and VPC-B, the transit gateway, the clients' VPCs, their sites."""
    blocks = [layout.block(vpc) for vpc in picture.vpcs]
    above, below = [one for one in blocks if not one.is_client], [one for one in blocks if one.is_client]
    width = max(_width(above), _width(below))
    upper, y = _upper(picture, above, width)
    lower, y = _lower(picture, below, width, y)
    return image(width, y, "The platform in AWS", _described(picture), [*upper, *lower])


def _upper(picture: Picture, above: Sequence[Block], width: float) -> tuple[list[str], float]:
    """Down to the transit gateway's bottom, and where that is."""
    coming = list(_outside(picture.flows, ""))
    parts = [*_internet(MARGIN, MARGIN, width - 2 * MARGIN, "Internet", coming)]
    top = MARGIN + _internet_height(coming) + BETWEEN
    bottom = top + max((block.height for block in above), default=0)
    gateway = bottom + BETWEEN
    order = [vpc.name for vpc in picture.vpcs]
    tables = _tables(sorted(picture.links, key=lambda link: order.index(link.vpc)))
    height = _bar_height(tables)
    parts += [*_row(above, top, width, up=True), *_joints(above, width, bottom, gateway)]
    return [*parts, *_bar(tables, gateway, width, height)], gateway + height


def _lower(picture: Picture, below: Sequence[Block], width: float, y: float) -> tuple[list[str], float]:
    """From the transit gateway's bottom on."""
    top = y + BETWEEN
    sites = top + max((block.height for block in below), default=0) + BETWEEN
    parts = [*_joints(below, width, y, top), *_row(below, top, width, up=False)]
    lowest = sites
    for block, x in _places(below, width):
        name = block.vpc.name
        coming = list(_outside(picture.flows, name))
        parts += _internet(x, sites, block.width, f"Internet, and the site of {name}", coming)
        lowest = max(lowest, sites + _internet_height(coming))
    return parts, lowest + MARGIN


def _described(picture: Picture) -> str:
    names = [f"{LETTERS[vpc.part]} {vpc.name} ({vpc.part})" for vpc in picture.vpcs]
    return f"{'; '.join(names)}: joined by a transit gateway that carries IPv6 alone."


def _width(blocks: Sequence[Block]) -> float:
    return 2 * MARGIN + sum(block.width for block in blocks) + 2 * GAP * max(0, len(blocks) - 1)


def _places(blocks: Sequence[Block], width: float) -> Iterator[tuple[Block, float]]:
    """Blocks of one row with their left edges, in the middle of the image."""
    x = MARGIN + (width - _width(blocks)) / 2
    for block in blocks:
        yield block, x
        x += block.width + 2 * GAP


def _row(blocks: Sequence[Block], y: float, width: float, *, up: bool) -> Iterator[str]:
    """VPCs side by side; `up`: the internet is above them."""
    tallest = max((block.height for block in blocks), default=0)
    for block, x in _places(blocks, width):
        yield from _vpc(block, x, y, tallest)
        yield from _gateways(block, x, y if up else y + tallest, up=up)


def _vpc(block: Block, x: float, y: float, height: float) -> Iterator[str]:
    vpc = block.vpc
    yield rect(x, y, block.width, height, "box", round_by=8)
    yield text(x + PAD, y + 30, f"{LETTERS[vpc.part]}  {vpc.name}", "title")
    yield text(x + block.width - PAD, y + 24, vpc.part, "faint", anchor="end")
    yield text(x + block.width - PAD, y + 39, " and ".join(vpc.blocks), "faint", anchor="end")
    for zone, left in block.zones:
        yield text(x + left, y + layout.HEAD + 12, zone, "faint")
    for cell in block.cells:
        yield from _cell(cell, vpc.name, x, y)


def _cell(cell: Cell, vpc: str, x: float, y: float) -> Iterator[str]:
    left, top, subnet = x + cell.x, y + cell.y, cell.subnet
    yield rect(left, top, cell.width, cell.height, "cell", round_by=4)
    yield text(left + 8, top + 17, within(subnet.name, vpc), "name")
    kind = " · ".join([f"subnet {subnet.number}", subnet.families, *["DNS64"] * subnet.dns64])
    yield text(left + cell.width - 8, top + 17, kind, "faint", anchor="end")
    y = top + 26
    for member in subnet.members:
        yield from _member(member, left + 8, y, cell.width - 16)
        y += CHIP
    for where, target in subnet.routes:
        words = f"{destination(where, vpc)} → {short(target, here=subnet.zone)}"
        yield text(left + 8, y + 11, cut(words, int((cell.width - 16) / CHARACTER)), "route")
        y += LINE


def _member(member: MemberBox, x: float, y: float, width: float) -> Iterator[str]:
    yield rect(x, y + 1, width, CHIP - 4, "cell spare" if member.spare else "cell", round_by=3)
    yield rect(x, y + 1, 5, CHIP - 4, COLOURS.get(member.role, "web"), round_by=2)
    yield text(x + 12, y + 15, f"{member.role} (if its zone is gone)" if member.spare else member.role)
    ports = ", ".join(map(str, member.ports))
    told = [member.host or "", f"port {ports}" if ports else "", "public IPv4" if member.public else ""]
    yield text(x + width - 8, y + 15, " · ".join(filter(None, told)), "faint", anchor="end")


def _gateways(block: Block, x: float, border: float, *, up: bool) -> Iterator[str]:
    """What leads out, on the VPC's border, with an arrow to the internet."""
    left = x + PAD
    for gateway in [*(one for one in block.vpc.gateways if not one.startswith("NAT")), *_nat_gateways(block)]:
        words = short(gateway)
        width = len(words) * CHARACTER + 20
        yield rect(left, border - PILL / 2, width, PILL, "pill", round_by=PILL / 2)
        yield text(left + width / 2, border + 4, words, "faint", anchor="middle")
        if not gateway.startswith("NAT"):
            near, far = (border - PILL / 2, border - BETWEEN + 2) if up else (border + PILL / 2, border + BETWEEN - 2)
            both = gateway == "internet gateway"
            yield arrow(left + width / 2, near, far, "way", "head", up=both, down=True)
        left += width + 8


def _nat_gateways(block: Block) -> list[str]:
    """All of them as one, which names its zones."""
    zones = [one.rpartition(" in ")[2][-1] for one in block.vpc.gateways if one.startswith("NAT")]
    return [f"NAT gateway, zone{'s' * (len(zones) > 1)} {listed(zones)}"] if zones else []


def _joints(blocks: Sequence[Block], width: float, top: float, bottom: float) -> Iterator[str]:
    """Attachments: a line for each subnet that the transit gateway stands in."""
    for block, x in _places(blocks, width):
        for cell in block.cells:
            if cell.subnet.attached:
                middle = x + cell.x + cell.width / 2
                name = within(cell.subnet.name, block.vpc.name)
                yield arrow(middle, top, bottom, "joint", "jointhead", up=True, down=True)
                yield text(middle + 8, (top + bottom) / 2 + 4, f"IPv6, {name}", "faint")


def _tables(links: Sequence[Link]) -> Tables:
    """The transit gateway's."""
    found: dict[str, tuple[list[str], list[str]]] = {}
    for link in links:
        askers, _ = found.setdefault(link.table, ([], [f"{where} → {vpc}" for where, vpc in link.routes]))
        askers.append(link.vpc)
    return [(name, askers, lines) for name, (askers, lines) in found.items()]


def _bar_height(tables: Tables) -> float:
    return 84 + LINE * max((len(lines) for _, _, lines in tables), default=0)


def _bar(tables: Tables, y: float, width: float, height: float) -> Iterator[str]:
    yield rect(MARGIN, y, width - 2 * MARGIN, height, "join", round_by=8)
    yield text(MARGIN + PAD, y + 26, "Transit gateway", "title")
    yield text(
        width - MARGIN - PAD, y + 26, "IPv6 only; a table for each role; no learnt routes", "faint", anchor="end"
    )
    each = (width - 2 * MARGIN - 2 * PAD - GAP * (len(tables) - 1)) / max(1, len(tables))
    for at, (name, askers, lines) in enumerate(tables):
        left, top = MARGIN + PAD + at * (each + GAP), y + 40
        yield rect(left, top, each, height - 40 - PAD, "cell", round_by=4)
        yield text(left + 8, top + 17, f"table {name}", "name")
        yield text(left + each - 8, top + 17, f"asked from {', '.join(askers)}", "faint", anchor="end")
        for number, line in enumerate(lines):
            yield text(left + 8, top + 34 + number * LINE, cut(line, int((each - 16) / CHARACTER)), "route")


def _outside(flows: Sequence[Row], vpc: str) -> Iterator[str]:
    """What begins outside: of one client, or (no VPC) of everybody else, a line for each pair of roles and ports."""
    lines: dict[tuple[str, str, str], list[str]] = {}
    for row in flows:
        comes_in = not row.source_vpc if not vpc else row.source in ("client's site", "client's gateway")
        if comes_in and vpc in (row.source_vpc, ""):
            lines.setdefault((row.source, row.destination, row.ports), []).append(row.family)
    for (source, where, ports), families in lines.items():
        yield f"{source} → {where}: {ports}  ({' and '.join(sorted(set(families)))})"


def _internet_height(lines: Sequence[str]) -> float:
    return 36 + LINE * len(lines) + 6


def _internet(x: float, y: float, width: float, title: str, lines: Sequence[str]) -> Iterator[str]:
    yield rect(x, y, width, _internet_height(lines), "box", round_by=8)
    yield text(x + PAD, y + 24, title, "title")
    for at, line in enumerate(lines):
        yield text(x + PAD, y + 44 + at * LINE, line, "route")
