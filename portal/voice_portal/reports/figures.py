"""The figures of a month, for one probe or for all of them together: what they are made of, and their formulas. Pure.

docs/reports.md defines each. Times are milliseconds; a share is in %, and None where there is nothing to take one of.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

LOWEST, HIGHEST = 100, 500
"""Of MOS in hundredths, which is as exactly as it is counted."""
PDD_STEP_MS = 10
"""As exactly as post-dial delays are counted."""


class Band(StrEnum):
    """What a MOS may be compared with: the scale of wideband calls is another one (docs/measurement.md)."""

    NARROW = "narrowband"
    WIDE = "wideband"


class Direction(StrEnum):
    """Who heard it: the receiver (forward), or the dialer (reverse)."""

    FORWARD = "forward"
    REVERSE = "reverse"


KINDS = tuple((direction, band) for direction in Direction for band in Band)


@dataclass(slots=True)
class MosCounts:
    """How often each MOS was measured, in hundredths; `total` is the sum of what was measured, in thousandths."""

    counts: "array[int]" = field(default_factory=lambda: array("I", [0]) * (HIGHEST - LOWEST + 1))
    total: int = 0

    def add(self, thousandths: int) -> None:
        """Count one MOS."""
        hundredths = min(max((thousandths + 5) // 10, LOWEST), HIGHEST)
        self.counts[hundredths - LOWEST] += 1
        self.total += thousandths

    def merge(self, other: "MosCounts") -> None:
        """Count all of `other` too."""
        self.counts = array("I", map(int.__add__, self.counts, other.counts))
        self.total += other.total

    @property
    def number(self) -> int:
        """How many were measured."""
        return sum(self.counts)

    @property
    def mean(self) -> float | None:
        """Their mean."""
        return self.total / self.number / 1000 if self.number else None

    def percentile(self, percent: int) -> float | None:
        """The least MOS that at least `percent` % of them do not exceed (nearest rank)."""
        found = percentile(dict(enumerate(self.counts, LOWEST)), percent)
        return None if found is None else found / 100


@dataclass(slots=True)
class Figures:
    """What the calls of a month came to.

    Attributes:
        calls, answered, good: how many counted; were answered; were good as an agreement on quality has it.
        covered_ms: the time that calls which count stand for.
        up_ms: of that, the time whose call was answered and heard in both directions.
        good_ms: of that, the time whose call was good.
        existed_ms: the time of the month, so far, in which there was the probe; of several, the sum of theirs.
        judged: how many of `calls`, and in `judged_ms` how much of `covered_ms`, thresholds are known for.
        incidents: how many.
        mos: by direction and band. The two bands are never counted together.
        pdd: how often each post-dial delay was measured, in steps of PDD_STEP_MS.
    """

    calls: int = 0
    answered: int = 0
    good: int = 0
    judged: int = 0
    covered_ms: int = 0
    up_ms: int = 0
    good_ms: int = 0
    judged_ms: int = 0
    existed_ms: int = 0
    incidents: int = 0
    mos: dict[tuple[Direction, Band], MosCounts] = field(default_factory=dict)
    pdd: Counter[int] = field(default_factory=Counter)

    @property
    def coverage_pct(self) -> float | None:
        """Covered time of the time in which the probe existed."""
        return share(self.covered_ms, self.existed_ms)

    @property
    def availability_pct(self) -> float | None:
        """Covered time whose call was answered and heard, of all covered time."""
        return share(self.up_ms, self.covered_ms)

    @property
    def answer_rate_pct(self) -> float | None:
        """Answered calls of those that count."""
        return share(self.answered, self.calls)

    @property
    def good_calls_pct(self) -> float | None:
        """Good calls of those that count, and that can be judged."""
        return share(self.good, self.judged)

    @property
    def below_ms(self) -> int | None:
        """Covered time whose call was not good; None if none can be judged."""
        return self.judged_ms - self.good_ms if self.judged else None

    @property
    def pdd_p95_ms(self) -> int | None:
        """95 % of post-dial delays are not longer; None without any."""
        found = percentile(self.pdd, 95)
        return None if found is None else found * PDD_STEP_MS

    def merge(self, other: "Figures") -> None:
        """Add those of another probe."""
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for kind, counts in other.mos.items():
            self.mos.setdefault(kind, MosCounts()).merge(counts)
        self.pdd.update(other.pdd)


COUNTS = (
    "calls", "answered", "good", "judged", "covered_ms", "up_ms", "good_ms", "judged_ms", "existed_ms", "incidents",
)  # fmt: skip


def total(several: Iterable[Figures]) -> Figures:
    """All of them together: each probe counts by its time and its calls."""
    found = Figures()
    for figures in several:
        found.merge(figures)
    return found


def share(part: int, whole: int) -> float | None:
    """`part` of `whole` in %; None of nothing."""
    return 100 * part / whole if whole else None


def percentile(counts: Mapping[int, int], percent: int) -> int | None:
    """Of values that each occurred as often as `counts` says, the least that at least `percent` % do not exceed."""
    wanted = -(-sum(counts.values()) * percent // 100)
    if not wanted:
        return None
    seen = 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= wanted:
            return value
    raise AssertionError("all of them are at least any share of them")
