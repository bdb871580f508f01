"""Figures as people read them. Pure."""

import math
from collections.abc import Iterable
from datetime import datetime, timedelta

from voice_portal.reports.document import Mos

NONE = "–"


def share(percent: float | None) -> str:
    """A share in %, rounded down: what is not wholly so is never shown as 100 %."""
    return NONE if percent is None else f"{math.floor(round(percent * 100, 6)) / 100:.2f} %"


def span(time: timedelta | None) -> str:
    """How long, in hours, for times that are compared with each other: `26 h 05 min`; below a minute, in seconds."""
    if time is None:
        return NONE
    seconds = round(time.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60:,} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"


def mos(several: Iterable[Mos]) -> list[str]:
    """`4.02 · 4.31 · 4.27` for 5th percentile, median and mean, of each band; of the wideband one with its name."""
    return [
        f"{one.p5:.2f} · {one.p50:.2f} · {one.mean:.2f}" + (" (wideband)" if one.band == "wideband" else "")
        for one in several
    ]


def moment(at: datetime) -> str:
    """A time in the month: `12 Oct 14:03`."""
    return f"{at.day} {at:%b %H:%M}"


def milliseconds(value: int | None) -> str:
    """A delay."""
    return NONE if value is None else f"{value:,} ms"


def count(value: int) -> str:
    """How many: `178,320`."""
    return f"{value:,}"
