"""Line charts as geometry: where everything goes in an SVG of fixed size. A template draws it; nothing here knows HTML.

Used where Grafana cannot show its own. Pure: the same input gives the same drawing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from voice_portal.probes.scales import Scale


@dataclass(frozen=True)
class Series:
    """Values over time, oldest first; None where nothing was measured."""

    name: str
    css: str
    points: Sequence[tuple[datetime, float | None]]


@dataclass(frozen=True)
class Line:
    """One series, drawn: an SVG path that is broken where nothing was measured."""

    name: str
    css: str
    path: str


@dataclass(frozen=True)
class Band:
    """An area beyond a threshold."""

    css: str
    y: float
    height: float


@dataclass(frozen=True)
class Drawing:
    """A chart, ready for the template."""

    title: str
    unit: str
    description: str
    time_ticks: Sequence[tuple[float, str]]
    value_ticks: Sequence[tuple[float, str]]
    bands: Sequence[Band]
    lines: Sequence[Line]
    marks: Sequence[float]


def path(scale: Scale, points: Sequence[tuple[datetime, float | None]], gap: timedelta) -> str:
    """The SVG path through `points`: lifted over None, and over more time than `gap` without a point."""
    commands: list[str] = []
    previous: datetime | None = None
    for at, value in points:
        if value is None:
            previous = None
            continue
        joined = previous is not None and at - previous <= gap
        # h0 makes a point without neighbours visible: a round cap needs a line, though one of no length.
        commands.append(f"{'L' if joined else 'M'}{scale.x(at)} {scale.y(value)}{'' if joined else 'h0'}")
        previous = at
    return "".join(commands)


def bands(scale: Scale, warning: float, critical: float) -> list[Band]:
    """The two areas that thresholds mark, on whichever side of `warning` the critical one lies."""
    worst = scale.low if critical < warning else scale.high
    edges = ((scale.y(warning), scale.y(critical), "warning"), (scale.y(critical), scale.y(worst), "critical"))
    return [Band(css, min(a, b), round(abs(a - b), 1)) for a, b, css in edges]


def describe(title: str, unit: str, series: Sequence[Series], what: str = "calls") -> str:
    """The chart in words, for who does not see it; `what` each point is."""
    return " ".join([f"{title}.", *(_describe(one, unit, what) for one in series)])


def _describe(series: Series, unit: str, what: str) -> str:
    values = [value for _, value in series.points if value is not None]
    if not values:
        return f"{series.name}: nothing measured."
    low, high, last = (f"{value:.4g}{unit and ' ' + unit}" for value in (min(values), max(values), values[-1]))
    return f"{series.name}: {low} to {high}, last {last}, {len(values)} {what}."


def draw(
    title: str,
    unit: str,
    scale: Scale,
    series: Sequence[Series],
    thresholds: tuple[float, float] | None,
    marks: Sequence[datetime],
    gap: timedelta,
    what: str = "calls",
) -> Drawing:
    """A chart of `series`, whose points are `what`.

    `thresholds` are warning and critical, if there are any; `marks` the times of calls that were not answered.
    """
    return Drawing(
        title=title,
        unit=unit,
        description=describe(title, unit, series, what),
        time_ticks=list(scale.time_ticks()),
        value_ticks=list(scale.value_ticks()),
        bands=bands(scale, *thresholds) if thresholds else [],
        lines=[Line(one.name, one.css, path(scale, one.points, gap)) for one in series],
        marks=[scale.x(at) for at in marks],
    )
