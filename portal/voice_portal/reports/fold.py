"""From the calls of a month, in the order in which they began, to its figures and incidents, in one pass. Pure.

Times are milliseconds from the month's begin; calls before it have negative ones, and only say how the month began.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from voice_portal.reports.figures import PDD_STEP_MS, Band, Direction, Figures, MosCounts

INTERVALS = 3
"""For so many intervals a call stands at most: after them a probe has no data (`voice_probe_state`)."""
UNSCHEDULED_MS = 8 * 3600 * 1000
"""Takes the place of an interval where the probe has a cron schedule, as in `voice_probe_state`."""
LISTED = 10_000
"""Incidents of a probe that are kept one by one; more are counted only. A month has 8,928 calls five minutes apart."""


class Faults(NamedTuple):
    """What is told of an unhealthy call: how it ended, unless it was answered, and its measures (MOS is with the call).

    Loss in thousandths of a per cent, jitter in microseconds; None: not measured.
    """

    outcome: str
    loss: int | None
    jitter: int | None
    late_media_ms: int | None


class Measured(NamedTuple):
    """A call that counts.

    Attributes:
        at: when it began.
        faults: None unless it was unhealthy, or nobody knows its thresholds.
        mos_forward, mos_reverse: in thousandths.
    """

    at: int
    probe: str
    is_answered: bool
    is_heard: bool
    is_good: bool
    faults: Faults | None
    mos_forward: int | None
    mos_reverse: int | None
    is_wide_forward: bool
    is_wide_reverse: bool
    pdd_ms: int | None


@dataclass(slots=True)
class Incident:
    """An unbroken run of unhealthy calls of a probe.

    Attributes:
        begin: of the first such call.
        end: when the first call began that was not unhealthy; None: it goes on.
        is_older: whether it began before the month.
        calls: how many, of the month.
        outcomes: how those ended that were not answered: disposition and SIP code.
        unheard: how many were answered, but one direction brought no sound or no speech.
        mos, loss, jitter, pdd_ms, late_media_ms: the worst.
    """

    begin: int
    end: int | None = None
    is_older: bool = False
    calls: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    unheard: int = 0
    mos: int | None = None
    loss: int | None = None
    jitter: int | None = None
    pdd_ms: int | None = None
    late_media_ms: int | None = None

    def add(self, call: Measured, faults: Faults) -> None:
        """One more call."""
        self.calls += 1
        if not call.is_answered:
            self.outcomes[faults.outcome] += 1
        elif not call.is_heard:
            self.unheard += 1
        self.mos = _least(self.mos, call.mos_forward, call.mos_reverse)
        self.loss = _most(self.loss, faults.loss)
        self.jitter = _most(self.jitter, faults.jitter)
        self.pdd_ms = _most(self.pdd_ms, call.pdd_ms)
        self.late_media_ms = _most(self.late_media_ms, faults.late_media_ms)


@dataclass(slots=True)
class ProbeMonth:
    """One probe's month, call by call.

    Attributes:
        interval_ms: between its calls; longest that one call stands for is INTERVALS times this.
        until: the end of the month, or now.
        is_judged: whether its thresholds are known.
    """

    interval_ms: int
    until: int
    is_judged: bool = True
    figures: Figures = field(default_factory=Figures)
    incidents: list[Incident] = field(default_factory=list)
    _last: Measured | None = None
    _open: Incident | None = None

    def add(self, call: Measured) -> None:
        """The next call; none that was added before began later."""
        self._stand_until(call.at)
        self._last = call
        if call.at >= 0:
            self._count(call)
        self._follow(call)

    def finish(self, first_at: int, *, is_deleted: bool) -> None:
        """No more calls come. `first_at`: when the first call of the probe ever began."""
        last = self._last
        self._stand_until(self.until)
        if self._open:
            self._keep(self._open)
        end = self.until
        if is_deleted and last:  # nobody knows how much longer there was a probe
            end = min(end, last.at + INTERVALS * self.interval_ms)
        self.figures.existed_ms = max(end - max(first_at, 0), 0)

    def _stand_until(self, at: int) -> None:
        """The last call stands for the time up to the one that began `at`."""
        last, figures = self._last, self.figures
        if last is None:
            return
        span = min(at, last.at + INTERVALS * self.interval_ms, self.until) - max(last.at, 0)
        if span <= 0:
            return
        figures.covered_ms += span
        if last.is_answered and last.is_heard:
            figures.up_ms += span
        if self.is_judged:
            figures.judged_ms += span
            if last.is_good:
                figures.good_ms += span

    def _count(self, call: Measured) -> None:
        figures = self.figures
        figures.calls += 1
        figures.answered += call.is_answered
        if self.is_judged:
            figures.judged += 1
            figures.good += call.is_good
        if call.mos_forward is not None:
            _measured(figures, Direction.FORWARD, is_wide=call.is_wide_forward).add(call.mos_forward)
        if call.mos_reverse is not None:
            _measured(figures, Direction.REVERSE, is_wide=call.is_wide_reverse).add(call.mos_reverse)
        if call.pdd_ms is not None:
            figures.pdd[(call.pdd_ms + PDD_STEP_MS // 2) // PDD_STEP_MS] += 1

    def _follow(self, call: Measured) -> None:
        """Whether the call begins an incident, goes on with one, or ends it."""
        if call.faults is None:
            if self._open:
                self._keep(replace(self._open, end=call.at))
            self._open = None
            return
        if self._open is None:
            self._open = Incident(call.at)
        if call.at < 0:
            self._open.is_older = True
        else:
            self._open.add(call, call.faults)

    def _keep(self, incident: Incident) -> None:
        if not incident.calls:
            return  # it was over before the month began
        self.figures.incidents += 1
        if len(self.incidents) < LISTED:
            self.incidents.append(incident)


def _measured(figures: Figures, direction: Direction, *, is_wide: bool) -> MosCounts:
    kind = (direction, Band.WIDE if is_wide else Band.NARROW)
    found = figures.mos.get(kind)
    if found is None:
        found = figures.mos[kind] = MosCounts()
    return found


def _least(*values: int | None) -> int | None:
    return min((value for value in values if value is not None), default=None)


def _most(*values: int | None) -> int | None:
    return max((value for value in values if value is not None), default=None)


def read(lines: Iterable[str]) -> Iterator[Measured]:
    """The calls that the texts of `calls.CALL` tell of."""
    for line in lines:
        at, probe, flags, forward, reverse, pdd, *faults = line.split("\t")
        bits = int(flags)
        yield Measured(
            int(at),
            probe,
            bool(bits & 1),
            bool(bits & 2),
            bool(bits & 4),
            _faults(faults) if faults else None,
            int(forward) if forward else None,
            int(reverse) if reverse else None,
            bool(bits & 8),
            bool(bits & 16),
            int(pdd) if pdd else None,
        )


def _faults(texts: Sequence[str]) -> Faults:
    outcome, *measures = texts
    loss, jitter, late = (int(text) if text else None for text in measures)
    return Faults(outcome, loss, jitter, late)
