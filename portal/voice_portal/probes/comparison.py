"""A time beside the one before it, as the rows of a table. No I/O."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from voice_portal.cdr.periods import Figures

Value = float | None


@dataclass(frozen=True)
class Row:
    """A figure of both times, and what changed, in words; `css` colours a change for the better or the worse."""

    label: str
    now: str
    before: str
    change: str
    css: str


@dataclass(frozen=True)
class _Measure:
    """How a figure is written. `better`: 1 where more is better, -1 where less is, 0 where neither is."""

    label: str
    of: Callable[[Figures], Value]
    digits: int
    better: int
    unit: str = ""
    points: str = ""
    """What a difference of percentages is called."""


def rows(now: Figures, before: Figures) -> list[Row]:
    """The figures that either time has; none if no call counted in either."""
    if not now.calls and not before.calls:
        return []
    return [_row(measure, measure.of(now), measure.of(before)) for measure in _measures(now, before)]


def _measures(now: Figures, before: Figures) -> Iterator[_Measure]:
    yield _Measure("Calls that count", lambda f: f.calls, 0, 0)
    yield _Measure("Answer rate", lambda f: _share(f.answered, f.calls), 1, 1, " %", " points")
    yield _Measure("Good calls", lambda f: _share(f.compliant, f.calls), 1, 1, " %", " points")
    for direction, wideband in sorted({**now.mos, **before.mos}):
        yield from _mos(direction, wideband=wideband)
    yield _Measure("Packet loss, 95th percentile", lambda f: f.loss_pct, 2, -1, " %", " points")
    yield _Measure("Jitter, 95th percentile", lambda f: f.jitter_ms, 1, -1, " ms")
    yield _Measure("Post-dial delay, 95th percentile", lambda f: f.pdd_ms, 0, -1, " ms")


def _mos(direction: str, *, wideband: bool) -> Iterator[_Measure]:
    name = f"MOS {direction}{' (wide-band)' if wideband else ''}"
    key = direction, wideband
    yield _Measure(f"{name}, 5th percentile", lambda f: f.mos[key].p5 if key in f.mos else None, 2, 1)
    yield _Measure(f"{name}, median", lambda f: f.mos[key].median if key in f.mos else None, 2, 1)


def _row(measure: _Measure, now: Value, before: Value) -> Row:
    change, css = _change(measure, now, before)
    return Row(measure.label, _text(measure, now), _text(measure, before), change, css)


def _text(measure: _Measure, value: Value) -> str:
    return "–" if value is None else f"{value:.{measure.digits}f}{measure.unit}"


def _change(measure: _Measure, now: Value, before: Value) -> tuple[str, str]:
    """The change of the figures as they are written: a reader who subtracts them finds the same."""
    if now is None or before is None:
        return "–", ""
    change = round(round(now, measure.digits) - round(before, measure.digits), measure.digits)
    if not change:
        return "none", ""
    text = f"{change:+.{measure.digits}f}".replace("-", "−") + (measure.points or measure.unit)
    if not measure.better:
        return text, ""
    return (f"{text}, better", "better") if change * measure.better > 0 else (f"{text}, worse", "worse")


def _share(part: int, whole: int) -> Value:
    return 100 * part / whole if whole else None
