"""The charts of one call, second by second."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from voice_portal.cdr.models import CallInterval, ProbeState
from voice_portal.probes import charts
from voice_portal.probes.charts import Drawing, Series
from voice_portal.probes.scales import Scale, nice_scale

SHORTEST_S = 10
TICK_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600)
LOWEST_DBOV = -70

DIRECTIONS = ("Forward", "Reverse")

Value = Callable[[CallInterval], float | None]
Axis = tuple[float, float, float]
"""Lowest, highest and step of the values."""


@dataclass(frozen=True)
class SecondsScale(Scale):
    """Axes whose time is counted from the start, in seconds."""

    def time_ticks(self) -> Iterator[tuple[float, str]]:
        """At most seven labels, on round numbers; none at the end, where there is no room."""
        length = (self.end - self.start).total_seconds()
        step = next((seconds for seconds in TICK_SECONDS if length / seconds <= 7), TICK_SECONDS[-1])
        for second in range(0, round(length), step):
            yield self.x(self.start + timedelta(seconds=second)), f"{second} s"


def call_charts(state: ProbeState | None, start: datetime, intervals: Sequence[CallInterval]) -> list[Drawing]:
    """MOS, lost and late packets, jitter and level of each second of a call; nothing if there are no seconds.

    Without a `state`, for a probe that is gone, there are no thresholds in them.
    """
    if not intervals:
        return []
    seconds = max(SHORTEST_S, 1 + max(interval.second for interval in intervals))
    end = start + timedelta(seconds=seconds)

    def chart(
        title: str, unit: str, value: Value, limits: tuple[Decimal, Decimal] | None, axis: Axis | None = None
    ) -> Drawing:
        both = [Series(name, name.lower(), _points(start, name.lower(), intervals, value)) for name in DIRECTIONS]
        thresholds = None if limits is None else (float(limits[0]), float(limits[1]))
        low, high, step = axis or _from_nought(start, end, both, thresholds)
        scale = SecondsScale(start, end, low, high, step)
        return charts.draw(title, unit, scale, both, thresholds, [], timedelta(seconds=1), what="seconds")

    mos = (state.mos_warning, state.mos_critical) if state else None
    loss = (state.loss_pct_warning, state.loss_pct_critical) if state else None
    jitter = (state.jitter_ms_warning, state.jitter_ms_critical) if state else None
    return [
        chart("MOS", "", lambda i: _float(i.mos_cq), mos, (1, 5, 1)),
        chart("Lost and late", "%", missing_pct, loss),
        chart("Jitter", "ms", lambda i: _float(i.jitter_ms), jitter),
        chart("Level", "dBov", lambda i: _float(i.level_dbov), None, (LOWEST_DBOV, 0, 10)),
    ]


def _from_nought(
    start: datetime, end: datetime, both: Sequence[Series], thresholds: tuple[float, float] | None
) -> Axis:
    """The axis from nought that holds every value, and the thresholds."""
    values = [value for one in both for _, value in one.points if value is not None]
    scale = nice_scale(start, end, max([*values, *(1.2 * limit for limit in thresholds or ())], default=1))
    return scale.low, scale.high, scale.step


def missing_pct(interval: CallInterval) -> float | None:
    """Packets of that second that were lost or came too late to be played, in percent of the expected."""
    if not interval.rtp_expected:
        return None
    return 100 * (interval.rtp_lost + interval.rtp_discarded) / interval.rtp_expected


def _points(
    start: datetime, direction: str, intervals: Sequence[CallInterval], value: Value
) -> list[tuple[datetime, float | None]]:
    """A value for each second of `direction`, drawn in the middle of that second."""
    return [
        (start + timedelta(seconds=interval.second + 0.5), value(interval))
        for interval in intervals
        if interval.direction == direction
    ]


def _float(value: object) -> float | None:
    return None if value is None else float(str(value))
