"""What the record must say that a listener had of a stream: cases, and where a record says otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.interop.streams import stats_of
from voice_sipapp.measurement.direction import Direction

BEST = 4.36
"""The rating of PCMU at 80 ms to which nothing is done."""

Range = tuple[float, float]


@dataclass(frozen=True)
class Case:
    """What the far end sends and when that comes, what the record must say (least and most), and where that is from."""

    source: str
    received: Sequence[tuple[int, bytes]]
    late: Range = (0, 0)
    run: Range | None = None
    mos: Range = (BEST, 4.5)
    worst: Range | None = None
    jitter_max_ms: Range | None = None
    lost: int = 0


def amiss(case: Case) -> dict[str, tuple[float, Range]]:
    """What the record says that it must not, and what it must: the least and the most."""
    stats = stats_of(case.received)
    direction = Direction(stats, "PCMU", (), None)
    columns = direction.columns(direction.heard())
    found = {
        "late": (stats.discarded, case.late), "run": (stats.max_loss_run, case.run),
        "mos": (round(columns["mos_cq"], 2), case.mos), "worst": (round(columns["mos_min"], 2), case.worst),
        "jitter": (stats.jitter_max_ms, case.jitter_max_ms), "lost": (stats.lost, (case.lost, case.lost)),
    }  # fmt: skip
    return {
        key: (value, span) for key, (value, span) in found.items() if span and not span[0] <= value <= span[1] + 1e-9
    }
