"""Which charts stand in for Grafana's dashboard, and what is in them. Pure.

A point stands for the calls of a slot of time: its line is at the worst of them, and an area goes from there to the
best. In a short time each call has a slot of its own.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from voice_portal.cdr.models import ProbeState
from voice_portal.cdr.periods import CallSlot, Slots, Spread, StreamSlot
from voice_portal.probes import charts
from voice_portal.probes.charts import Drawing, Series
from voice_portal.probes.scales import LEFT, RIGHT, WIDTH, Scale, nice_scale

# A probe on a cron schedule has no interval that would tell a gap from a pause.
GAP_WITHOUT_INTERVAL = timedelta(hours=1)
SLOTS = (WIDTH - LEFT - RIGHT) // 2
"""A slot is as wide as a line."""

Measure = Callable[[StreamSlot], Spread | None]


@dataclass(frozen=True)
class _Kind:
    """One direction in one band."""

    direction: str
    wideband: bool
    name: str

    @property
    def css(self) -> str:
        """The classes that draw it."""
        return f"{self.direction} wideband" if self.wideband else self.direction


def panels(state: ProbeState, slots: Slots, start: datetime, end: datetime, span: timedelta) -> list[Drawing]:
    """MOS, loss, jitter, post-dial delay and late media from `start` to `end`.

    Slots before `start` are of the period before, which is drawn `span` later: where this one's are.
    """
    failed = [slot.failed_at for slot in slots.calls if slot.failed_at is not None]
    pause = timedelta(milliseconds=2.5 * state.every_ms) if state.every_ms else GAP_WITHOUT_INTERVAL
    gap = pause + slots.width  # the first calls of neighbouring slots are up to a slot further apart
    kinds = list(_kinds(slots.streams))

    def panel(title: str, unit: str, series: list[Series], limits: tuple[float, float], scale: Scale) -> Drawing:
        return charts.draw(title, unit, scale, series, limits, failed, gap)

    def from_nought(title: str, unit: str, series: list[Series], limits: tuple[float, float]) -> Drawing:
        values = [value for one in series for pair in one.spread if pair for value in pair]
        return panel(title, unit, series, limits, nice_scale(start, end, max([limits[1] * 1.2, *values])))

    def both_ways(measure: Measure) -> list[Series]:
        return [_series(slots, kind, measure, low_is_bad=False) for kind in kinds]

    before = [_before(slots.streams, kind, span) for kind in kinds]
    mos = [*filter(None, before), *(_series(slots, kind, lambda slot: slot.mos, low_is_bad=True) for kind in kinds)]
    late = both_ways(lambda slot: _seconds(slot.late_media_ms))
    return [
        panel("MOS", "", mos, _limits(state, "mos"), Scale(start, end, 1, 5, 1)),
        from_nought("Packet loss", "%", both_ways(lambda slot: slot.loss_pct), _limits(state, "loss_pct")),
        from_nought("Jitter", "ms", both_ways(lambda slot: slot.jitter_ms), _limits(state, "jitter_ms")),
        from_nought("Post-dial delay", "s", [_delay(slots.calls)], _limits(state, "pdd_ms", 1000)),
        from_nought("Late media", "s", late, _limits(state, "late_media_ms", 1000)),
    ]


def _limits(state: ProbeState, measure: str, divisor: int = 1) -> tuple[float, float]:
    """The thresholds of a measure: warning and critical."""
    warning, critical = (float(getattr(state, f"{measure}_{level}")) for level in ("warning", "critical"))
    return warning / divisor, critical / divisor


def _kinds(streams: Sequence[StreamSlot]) -> Iterator[_Kind]:
    """Both directions, and each band that was spoken in: their MOS have different scales."""
    bands = sorted({slot.wideband for slot in streams if slot.mos}) or [False]
    for direction in ("forward", "reverse"):
        for wideband in bands:
            band = " (wide-band)" if wideband else " (narrow-band)" if len(bands) > 1 else ""
            yield _Kind(direction, wideband, direction.capitalize() + band)


def _series(slots: Slots, kind: _Kind, measure: Measure, *, low_is_bad: bool) -> Series:
    """One direction in one band; calls without a stream of it, or without that measure, are a gap."""
    found = {slot.slot: slot for slot in _of(slots.streams, kind)}
    measured = [(call.at, _measured(found.get(call.slot), measure)) for call in slots.calls]
    return _drawn(kind.name, kind.css, measured, low_is_bad=low_is_bad)


def _before(streams: Sequence[StreamSlot], kind: _Kind, span: timedelta) -> Series | None:
    """The period before, where this one is drawn; None if nothing was measured in it."""
    measured = [(slot.at + span, slot.mos) for slot in _of(streams, kind) if slot.slot < 0 and slot.mos]
    return _drawn(f"{kind.name}, before", f"before {kind.css}", measured, low_is_bad=True) if measured else None


def _of(streams: Sequence[StreamSlot], kind: _Kind) -> Iterator[StreamSlot]:
    return (slot for slot in streams if (slot.direction, slot.wideband) == (kind.direction, kind.wideband))


def _measured(slot: StreamSlot | None, measure: Measure) -> Spread | None:
    return None if slot is None else measure(slot)


def _delay(calls: Sequence[CallSlot]) -> Series:
    measured = [(call.at, _seconds(call.pdd_ms)) for call in calls]
    return _drawn("Post-dial delay", "forward", measured, low_is_bad=False)


def _drawn(name: str, css: str, measured: Sequence[tuple[datetime, Spread | None]], *, low_is_bad: bool) -> Series:
    """A line at the worst of each slot, with all that it stands for."""
    return Series(
        name,
        css,
        [(at, None if spread is None else spread.low if low_is_bad else spread.high) for at, spread in measured],
        [None if spread is None else (spread.low, spread.high) for _, spread in measured],
        sum(spread.calls for _, spread in measured if spread is not None),
    )


def _seconds(milliseconds: Spread | None) -> Spread | None:
    return milliseconds and Spread(milliseconds.calls, milliseconds.low / 1000, milliseconds.high / 1000)
