"""Line charts as geometry: where everything goes in an SVG of fixed size. A template draws it; nothing here knows HTML.

Used where Grafana cannot show its own. Pure: the same input gives the same drawing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from voice_portal.probes.scales import Scale


@dataclass(frozen=True)
class Series:
    """Values over time, oldest first; None where nothing was measured.

    Where a point stands for several calls, `spread` has the least and the greatest value of each point, and `count`
    says how many calls there are in all.
    """

    name: str
    css: str
    points: Sequence[tuple[datetime, float | None]]
    spread: Sequence[tuple[float, float] | None] = ()
    count: int | None = None


@dataclass(frozen=True)
class Line:
    """One series, drawn: an SVG path that is broken where nothing was measured.

    `area` is the path around what its points stand for; empty: each stands for itself.
    """

    name: str
    css: str
    path: str
    area: str = ""


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


def area(scale: Scale, series: Series, gap: timedelta) -> str:
    """The SVG path around the least and greatest values of `series`, in as many pieces as its line has."""
    return "".join(_area(piece) for piece in _pieces(scale, series, gap))


def _pieces(scale: Scale, series: Series, gap: timedelta) -> Iterator[list[tuple[float, float, float]]]:
    """Where the line is not lifted: x, and y of the least and the greatest value."""
    piece: list[tuple[float, float, float]] = []
    previous: datetime | None = None
    for (at, _), values in zip(series.points, series.spread, strict=bool(series.spread)):
        if piece and (values is None or previous is None or at - previous > gap):
            yield piece
            piece = []
        if values is not None:
            low, high = values
            piece.append((scale.x(at), scale.y(low), scale.y(high)))
            previous = at
    if piece:
        yield piece


def _area(piece: Sequence[tuple[float, float, float]]) -> str:
    if all(low == high for _, low, high in piece):
        return ""
    there = "L".join(f"{x} {low}" for x, low, _ in piece)
    back = "L".join(f"{x} {high}" for x, _, high in reversed(piece))
    return f"M{there}L{back}Z"


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
    ends = values + [value for pair in series.spread if pair for value in pair]
    low, high, last = (f"{value:.4g}{unit and ' ' + unit}" for value in (min(ends), max(ends), values[-1]))
    count = len(values) if series.count is None else series.count
    return f"{series.name}: {low} to {high}, last {last}, {count} {what}."


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
        lines=[Line(one.name, one.css, path(scale, one.points, gap), area(scale, one, gap)) for one in series],
        marks=[scale.x(at) for at in marks],
    )
