"""A report as it is read: figures worked out and put in words: what page, files and PDF are made from. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from voice_portal.reports.figures import KINDS, Band, Direction, Figures
from voice_portal.reports.period import Month


@dataclass(frozen=True)
class Mos:
    """MOS of one direction in one band: of how many calls, the 5th and 50th percentile, and the mean."""

    direction: Direction
    band: Band
    calls: int
    p5: float
    p50: float
    mean: float


@dataclass(frozen=True)
class Row:
    """The figures of a probe, or of all of them (`probe` is empty). None where there is nothing to take a figure of.

    `mos` has what was measured only, in the order of KINDS.
    """

    probe: str
    display_name: str
    is_deleted: bool
    calls: int
    answered: int
    availability_pct: float | None
    coverage_pct: float | None
    answer_rate_pct: float | None
    good_calls_pct: float | None
    below: timedelta | None
    covered: timedelta
    existed: timedelta
    incidents: int
    mos: tuple[Mos, ...]
    pdd_p95_ms: int | None

    def heard(self, direction: Direction) -> list[Mos]:
        """The MOS of `direction`: none, one, or where calls of both bands were made, two."""
        return [mos for mos in self.mos if mos.direction is direction]

    @property
    def forward(self) -> list[Mos]:
        """What the receiver heard."""
        return self.heard(Direction.FORWARD)

    @property
    def reverse(self) -> list[Mos]:
        """What the dialer heard."""
        return self.heard(Direction.REVERSE)


@dataclass(frozen=True)
class IncidentRow:
    """An incident.

    Attributes:
        begin: of its first call; where `is_older`, of the month.
        end: when the first call after it began; None: it goes on where the report ends.
        lasted: from `begin` to `end`, or to where the report ends.
        mos: the worst; None if none was measured.
        reasons: sentences.
    """

    probe: str
    display_name: str
    begin: datetime
    is_older: bool
    end: datetime | None
    lasted: timedelta
    calls: int
    mos: float | None
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Document:
    """A client's month.

    Attributes:
        client, display_name: its namespace, and what people call it.
        time_zone: its zone's name; times are in it.
        start, end: of the month.
        until: what it tells of ends here: the month's end, or when it was made.
        rows: by display name.
        incidents: by begin; of a probe with very many, some: `total.incidents` is how many there were.
    """

    client: str
    display_name: str
    time_zone: str
    month: Month
    start: datetime
    end: datetime
    until: datetime
    made_at: datetime
    rows: tuple[Row, ...]
    total: Row
    incidents: tuple[IncidentRow, ...]

    @property
    def is_so_far(self) -> bool:
        """Whether the month is not over."""
        return self.until < self.end

    @property
    def has_deleted(self) -> bool:
        """Whether a probe in it is no longer in the plan."""
        return any(row.is_deleted for row in self.rows)

    @property
    def has_wideband(self) -> bool:
        """Whether a MOS in it is on the scale of wideband calls."""
        return any(mos.band is Band.WIDE for mos in self.total.mos)


def row(figures: Figures, probe: str, display_name: str, *, is_deleted: bool = False) -> Row:
    """`figures` as a row."""
    below = figures.below_ms
    return Row(
        probe=probe,
        display_name=display_name,
        is_deleted=is_deleted,
        calls=figures.calls,
        answered=figures.answered,
        availability_pct=figures.availability_pct,
        coverage_pct=figures.coverage_pct,
        answer_rate_pct=figures.answer_rate_pct,
        good_calls_pct=figures.good_calls_pct,
        below=None if below is None else _span(below),
        covered=_span(figures.covered_ms),
        existed=_span(figures.existed_ms),
        incidents=figures.incidents,
        mos=tuple(_mos(figures)),
        pdd_p95_ms=figures.pdd_p95_ms,
    )


def _mos(figures: Figures) -> list[Mos]:
    found = []
    for direction, band in KINDS:
        counts = figures.mos.get((direction, band))
        if counts is None:
            continue
        p5, p50, mean = counts.percentile(5), counts.percentile(50), counts.mean
        if p5 is not None and p50 is not None and mean is not None:
            found.append(Mos(direction, band, counts.number, p5, p50, mean))
    return found


def _span(milliseconds: int) -> timedelta:
    return timedelta(milliseconds=milliseconds)
