"""Which charts stand in for Grafana's dashboard, and what is in them."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from voice_portal.cdr.models import CallStream, ProbeState
from voice_portal.cdr.queries import CallWithStreams
from voice_portal.probes import charts
from voice_portal.probes.charts import Drawing, Series
from voice_portal.probes.scales import Scale, nice_scale

# A probe on a cron schedule has no interval that would tell a gap from a pause.
GAP_WITHOUT_INTERVAL = timedelta(hours=1)

Measure = Callable[[CallStream], Decimal | None]


def panels(state: ProbeState, calls: Sequence[CallWithStreams], start: datetime, end: datetime) -> list[Drawing]:
    """MOS, loss, jitter, post-dial delay and late media of `calls` (valid ones, oldest first) from `start` to `end`."""
    failed = [row.call.started_at for row in calls if row.call.disposition != "answered"]
    gap = timedelta(milliseconds=2.5 * state.every_ms) if state.every_ms else GAP_WITHOUT_INTERVAL

    def panel(title: str, unit: str, series: list[Series], limits: tuple[float, float], scale: Scale) -> Drawing:
        return charts.draw(title, unit, scale, series, limits, failed, gap)

    def from_nought(title: str, unit: str, series: list[Series], *thresholds: Decimal | float) -> Drawing:
        warning, critical = (float(threshold) for threshold in thresholds)
        values = [value for one in series for _, value in one.points if value is not None]
        scale = nice_scale(start, end, max([critical * 1.2, *values]))
        return panel(title, unit, series, (warning, critical), scale)

    mos_limits = (float(state.mos_warning), float(state.mos_critical))
    loss = _both_ways(calls, lambda stream: stream.loss_pct)
    jitter = _both_ways(calls, lambda stream: stream.jitter_ms)
    late = _both_ways(calls, lambda stream: _seconds(stream.late_media_ms))
    return [
        panel("MOS", "", _both_ways(calls, lambda s: s.mos_cq), mos_limits, Scale(start, end, 1, 5, 1)),
        from_nought("Packet loss", "%", loss, state.loss_pct_warning, state.loss_pct_critical),
        from_nought("Jitter", "ms", jitter, state.jitter_ms_warning, state.jitter_ms_critical),
        from_nought("Post-dial delay", "s", [_delay(calls)], state.pdd_ms_warning / 1000, state.pdd_ms_critical / 1000),
        from_nought("Late media", "s", late, state.late_media_ms_warning / 1000, state.late_media_ms_critical / 1000),
    ]


def _both_ways(calls: Sequence[CallWithStreams], measure: Measure) -> list[Series]:
    """A series for each direction; a call without a stream, or without that measure, is a gap."""
    forward = [(row.call.started_at, _value(row.forward, measure)) for row in calls]
    reverse = [(row.call.started_at, _value(row.reverse, measure)) for row in calls]
    return [Series("Forward", "forward", forward), Series("Reverse", "reverse", reverse)]


def _value(stream: CallStream | None, measure: Measure) -> float | None:
    measured = None if stream is None else measure(stream)
    return None if measured is None else float(measured)


def _seconds(milliseconds: int | None) -> Decimal | None:
    return None if milliseconds is None else Decimal(milliseconds) / 1000


def _delay(calls: Sequence[CallWithStreams]) -> Series:
    points = [(row.call.started_at, None if row.call.pdd_ms is None else row.call.pdd_ms / 1000) for row in calls]
    return Series("Post-dial delay", "forward", points)
