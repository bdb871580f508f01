"""Results over time, drawn by the portal's chart functions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from voice_lab.grafana_stand_in.preview.fields import Field, hue, number_of, steps
from voice_lab.grafana_stand_in.preview.units import Clock, unit_name
from voice_portal.probes import charts
from voice_portal.probes.charts import Drawing, Series
from voice_portal.probes.scales import LEFT, RIGHT, WIDTH, Scale, nice_scale

Point = tuple[datetime, float | None]
Line = tuple[Field, Series]
"""A column of numbers, and its values over time."""

# None of these judges. Series of one colour differ in how their lines are broken.
_HUES = ("blue", "purple", "teal", "brown", "pink")
_DASHES = 3
_MOST_DOTS, _MOST_STATES = 100, 8
_NEVER, _AT_ONCE = timedelta.max, timedelta(0)


@dataclass(frozen=True)
class Days(Scale):
    """Axes of more than a day, whose time is labelled by the date."""

    def time_ticks(self) -> Iterator[tuple[float, str]]:
        """At most seven midnights; times of day, if there is no more than a day."""
        if self.end - self.start <= timedelta(days=1):
            yield from super().time_ticks()
            return
        step = timedelta(days=math.ceil((self.end - self.start) / timedelta(days=7)))
        at = self.start.replace(hour=0, minute=0, second=0, microsecond=0)
        while self.end - at >= step:
            at += step
            yield self.x(at), f"{at.day} {at:%b}"


@dataclass(frozen=True)
class Entry:
    """A series in the legend: how it is drawn, and its lowest, highest and last value."""

    name: str
    css: str
    values: Sequence[str]


@dataclass(frozen=True)
class Chart:
    """A drawing and its legend. `bar`: how thick the lines are if they are bars, otherwise 0."""

    drawing: Drawing
    description: str
    legend: Sequence[Entry]
    bar: float = 0


@dataclass(frozen=True)
class Strip:
    """A row of a state timeline: how long it was in which state, one below the other."""

    name: str
    lines: Sequence[tuple[str, str]]
    last: str
    css: str
    description: str


@dataclass(frozen=True)
class Timeline:
    """A state timeline: its rows, its states from the lowest line to the highest, and the times below it in percent."""

    strips: Sequence[Strip]
    states: Sequence[tuple[str, str, float]]
    ticks: Sequence[tuple[float, str]]


def chart(title: str, tables: Sequence[Sequence[Field]], start: datetime, end: datetime, clock: Clock) -> Chart | None:
    """Lines, or stacked bars, of time series; None if nothing was measured."""
    lines = _lines(tables, start, end, clock)
    if not any(value is not None for _, one in lines for _, value in one.points):
        return None
    first, series = lines[0][0], [one for _, one in lines]
    unit, bar = unit_name(first.config.get("unit")), timedelta(0)
    if first.config.get("custom.drawStyle") == "bars":
        bar = min(_pause(series), (end - start) / 40)
        drawn = _stacked(series, bar / 2)
    else:
        drawn = [_known(one) for one in series] if first.config.get("custom.spanNulls") else series
    limits = _limits(first)
    scale = _scale(start, end, first, [*_values(drawn), *(1.2 * limit for limit in limits or ())])
    drawing = charts.draw(title, unit, scale, drawn, limits, [], _NEVER, "intervals")
    if not bar and max(len(one.points) for one in drawn) <= _MOST_DOTS:
        dots = [replace(one, css=f"{one.css} dots") for one in drawn]
        more = charts.draw(title, unit, scale, dots, None, [], _AT_ONCE)
        drawing = replace(drawing, lines=[*drawing.lines, *more.lines])
    words = charts.describe(title, unit, series, "intervals")
    width = round(0.8 * (scale.x(start + bar) - scale.x(start)), 1)
    return Chart(drawing, words, [_entry(*line, clock) for line in lines], width)


def timeline(tables: Sequence[Sequence[Field]], start: datetime, end: datetime, clock: Clock) -> Timeline | None:
    """The states of a state timeline; None if there are none, or too many to be states."""
    lines = _lines(tables, start, end, clock)
    levels = sorted(set(_values([one for _, one in lines])))
    if not 0 < len(levels) <= _MOST_STATES:
        return None
    scale = Days(start, end, levels[0] - 0.5, levels[-1] + 0.5, 1)
    ticks = [(round(100 * (x - LEFT) / (WIDTH - LEFT - RIGHT), 2), label) for x, label in scale.time_ticks()]
    shown = [(lines[0][0].show(level, clock), level) for level in levels]
    states = [(state.text, f"c-{state.colour}", scale.y(level)) for state, level in shown]
    return Timeline([_strip(*line, levels, scale, clock) for line in lines], states, ticks)


def _lines(tables: Sequence[Sequence[Field]], start: datetime, end: datetime, clock: Clock) -> list[Line]:
    """The numbers of results over time, oldest first; what lies beyond the time shown is at its edge."""
    lines: list[Line] = []
    used: Counter[str] = Counter()
    for columns in tables:
        times = [clock.at(ms) for ms in next((one.values for one in columns if one.kind == "time"), ())]
        for field in columns:
            if field.kind != "number" or field.is_hidden or not times:
                continue
            pairs = zip(times, field.numbers(), strict=True)
            points = [(min(max(at, start), end), value) for at, value in pairs if at]
            css = _style(field, len(lines), used)
            lines.append((field, Series(field.name, css, sorted(points, key=lambda point: point[0]))))
    return lines


def _style(field: Field, index: int, used: Counter[str]) -> str:
    """Classes of a series: its colour, and how its line is broken."""
    colour = hue((field.config.get("color") or {}).get("fixedColor")) or _HUES[index % len(_HUES)]
    is_dashed = (field.config.get("custom.lineStyle") or {}).get("fill") == "dash"
    dash = 1 if is_dashed else used[colour] % _DASHES
    used[colour] += 1
    return f"c-{colour} dash{dash}"


def _values(series: Sequence[Series]) -> list[float]:
    return [value for one in series for _, value in one.points if value is not None]


def _pause(series: Sequence[Series]) -> timedelta:
    """The shortest time between two intervals."""
    times = sorted({at for one in series for at, _ in one.points})
    return min((after - at for at, after in pairwise(times)), default=timedelta(days=1))


def _known(series: Series) -> Series:
    """A series without what would interrupt its line."""
    return replace(series, points=[point for point in series.points if point[1] is not None])


def _stacked(series: Sequence[Series], half: timedelta) -> list[Series]:
    """Each value as a line upwards from where that of the series before ends, in the middle of its interval."""
    reached: dict[datetime, float] = {}
    stacked = []
    for one in series:
        points: list[Point] = []
        for at, value in one.points:
            if value is not None:
                base = reached.get(at, 0.0)
                reached[at] = base + value
                points += [(at + half, base), (at + half, base + value), (at + half, None)]
        stacked.append(replace(one, points=points))
    return stacked


def _limits(field: Field) -> tuple[float, float] | None:
    """Warning and critical threshold, if an area is to be drawn beyond each of two."""
    style = (field.config.get("custom.thresholdsStyle") or {}).get("mode", "off")
    match steps(field.config):
        case [(None, best), (float() | int() as warning, _), (float() | int() as critical, _)] if style != "off":
            return (critical, warning) if hue(best) == "red" else (warning, critical)
    return None


def _scale(start: datetime, end: datetime, field: Field, values: Sequence[float]) -> Scale:
    """Axes that hold all values, and what the dashboard wants them to."""
    least, most = number_of(field.config.get("min")), number_of(field.config.get("max"))
    low = min(0.0 if least is None else least, *values)
    high = max(low if most is None else most, *values)
    step = nice_scale(start, end, high - low or 1).step
    low = step * math.floor(low / step)
    return Days(start, end, low, low + step * max(1, math.ceil((high - low) / step - 1e-3)), step)


def _entry(field: Field, series: Series, clock: Clock) -> Entry:
    values = _values([series])
    ends = (min(values), max(values), values[-1]) if values else (None,) * 3
    plain = replace(field, config={**field.config, "noValue": "–", "unit": "none"})  # it stands in the title
    return Entry(field.name, series.css, [plain.show(value, clock).text for value in ends])


def _strip(field: Field, series: Series, levels: Sequence[float], scale: Scale, clock: Clock) -> Strip:
    """A line for each state, from when it began to when another did, or nothing was known any more."""
    known = _known(series).points
    pause, longest = _pause([series]), number_of(field.config.get("custom.spanNulls"))
    most = timedelta(milliseconds=longest) if longest else pause
    spans: list[tuple[datetime, datetime, float | None]] = []
    for (at, value), (after, _) in pairwise([*known, (scale.end, None)]):
        until = after if after - at <= most and after < scale.end else min(at + pause, after)
        spans.append((at, until, value))
        if until < after:
            spans.append((until, after, None))
    lines, words = [], []
    for level in levels:
        points: list[Point] = []
        for at, until, value in spans:
            points += [(at, level), (until, level)] if value == level else [(at, None)]
        state = field.show(level, clock)
        lines.append((f"c-{state.colour}", charts.path(scale, points, _NEVER)))
        words.append(f"{state.text} in {sum(value == level for _, value in known)} intervals")
    last = field.show(known[-1][1] if known else None, clock)
    return Strip(field.name, lines, last.text, last.colour, f"{', '.join(words)}.")
