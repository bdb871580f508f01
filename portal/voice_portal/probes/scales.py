"""The axes of a chart of WIDTH × HEIGHT: from times and values to pixels, and where labels stand. Pure."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

WIDTH, HEIGHT = 640, 200
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 10, 24
# First calls fill a drawing instead of a sliver of it, but a lone call is not stretched over it.
SHORTEST_SPAN = timedelta(minutes=10)
DAY_MINUTES = 24 * 60
TICK_MINUTES = (2, 5, 10, 15, 30, 60, 120, 240, 360, 720, *(days * DAY_MINUTES for days in (1, 2, 4, 7, 14, 28)))


@dataclass(frozen=True)
class Scale:
    """The axes: the time shown, and the range of values from `low` to `high` with a label every `step`."""

    start: datetime
    end: datetime
    low: float
    high: float
    step: float

    def x(self, at: datetime) -> float:
        """Pixels from the left."""
        start, end = self.start.timestamp(), self.end.timestamp()  # subtracting local times ignores summer time
        share = (at.timestamp() - start) / (end - start)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        """Pixels from the top; what lies beyond the range is drawn at its edge."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    def time_ticks(self) -> Iterator[tuple[float, str]]:
        """At most seven times of day, or days, on round numbers of the start's time zone."""
        step = next((m for m in TICK_MINUTES if (self.end - self.start) / timedelta(minutes=m) <= 7), TICK_MINUTES[-1])
        midnight = self.start.replace(hour=0, minute=0, second=0, microsecond=0)
        at = midnight + timedelta(minutes=step) * math.ceil((self.start - midnight) / timedelta(minutes=step))
        while at <= self.end:
            yield self.x(at), f"{at:%H:%M}" if step < DAY_MINUTES else f"{at.day} {at:%b}"
            at += timedelta(minutes=step)

    def value_ticks(self) -> Iterator[tuple[float, str]]:
        """A label every `step`."""
        for index in range(round((self.high - self.low) / self.step) + 1):
            value = self.low + index * self.step
            yield self.y(value), f"{value:g}"


def nice_scale(start: datetime, end: datetime, highest: float) -> Scale:
    """A scale from nought to a little above `highest`, in four or five round steps."""
    rough = max(highest, 1e-9) / 4
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    return Scale(start, end, 0, step * math.ceil(highest / step * 0.999), step)


def fitted(start: datetime, end: datetime, first: datetime | None) -> datetime:
    """Where a drawing of `start` to `end` should begin when there is nothing before `first`."""
    return start if first is None else max(start, min(first, end - SHORTEST_SPAN))
