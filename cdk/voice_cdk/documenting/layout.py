"""Where the boxes of the diagram stand: sizes follow from what is in them. Units are pixels."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from voice_cdk.judge.picture import SubnetBox, VpcBox

CELL = 264.0
GAP = 12.0
PAD = 14.0
HEAD = 52.0
ZONE = 20.0
CHIP = 24.0
LINE = 15.0
PILL = 22.0
"""Height of a gateway's box, which stands on the VPC's border."""


@dataclass(frozen=True)
class Cell:
    """A subnet's box, relative to its VPC's."""

    subnet: SubnetBox
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Block:
    """A VPC's box with all its subnets; `zones` are the columns' heads with their places."""

    vpc: VpcBox
    cells: tuple[Cell, ...]
    zones: tuple[tuple[str, float], ...]
    width: float
    height: float

    @property
    def is_client(self) -> bool:
        """Whether it stands below the transit gateway, and the internet below it."""
        return self.vpc.part == "client"


def block(vpc: VpcBox) -> Block:
    """Lay out one VPC: a column for each zone, a row for each role. What has one zone gets two columns all the same."""
    zones = sorted({subnet.zone for subnet in vpc.subnets})
    single = len(zones) < 2
    width = 2 * PAD + _span(max(2, len(zones)))
    cells, y = [], HEAD + (0 if single else ZONE)
    for row in _one_zone(vpc) if single else _by_zone(vpc, zones):
        height = max(_height(subnet) for subnet in row.values())
        across = _span(2) if single and len(row) == 1 else CELL
        cells += [Cell(subnet, PAD + at * (CELL + GAP), y, across, height) for at, subnet in sorted(row.items())]
        y += height + GAP
    heads = () if single else tuple((zone, PAD + at * (CELL + GAP)) for at, zone in enumerate(zones))
    return Block(vpc, tuple(cells), heads, width, y + PILL / 2)


def _span(columns: int) -> float:
    return columns * CELL + (columns - 1) * GAP


def _one_zone(vpc: VpcBox) -> list[dict[int, SubnetBox]]:
    """The transit gateway's subnet first, which it stands above; then the others, two in a row."""
    attached = [subnet for subnet in vpc.subnets if subnet.attached]
    others = [subnet for subnet in vpc.subnets if not subnet.attached]
    pairs = [others[at : at + 2] for at in range(0, len(others), 2)]
    return [dict(enumerate(row)) for row in [*([one] for one in attached), *pairs]]


def _by_zone(vpc: VpcBox, zones: list[str]) -> list[dict[int, SubnetBox]]:
    """Subnets of one role side by side; the transit gateway's last, which stands below."""
    found: dict[tuple[bool, int], dict[int, SubnetBox]] = defaultdict(dict)
    for subnet in vpc.subnets:
        role = subnet.number - (ord(subnet.zone[-1]) - ord("a"))  # numbers of a role follow its zones' letters
        found[subnet.attached, role][zones.index(subnet.zone)] = subnet
    return [found[key] for key in sorted(found)]


def _height(subnet: SubnetBox) -> float:
    chips = len(subnet.members) * CHIP
    return 26 + chips + len(subnet.routes) * LINE + (8 if subnet.members or subnet.routes else 2)
