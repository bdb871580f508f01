"""Values in words: the units and times that our dashboards use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

NAMES = {"percent": "%", "ms": "ms", "s": "s"}
_LENGTHS: Sequence[tuple[str, int]] = (("ms", 1000), ("s", 60), ("min", 60), ("h", 24), ("days", 0))
_SCALES = {"ms": _LENGTHS, "s": _LENGTHS[1:]}
_AGES = (("day", 86400), ("hour", 3600), ("minute", 60))


@dataclass(frozen=True)
class Clock:
    """What time it is, and by whose clocks."""

    now: datetime
    zone: tzinfo

    def at(self, ms: object) -> datetime | None:
        """The time of a frame's milliseconds."""
        try:
            return datetime.fromtimestamp(float(str(ms)) / 1000, self.zone)
        except (ValueError, OverflowError, OSError):
            return None


def zone_of(name: object) -> tzinfo:
    """The time zone of a dashboard; UTC for one that is not known here."""
    try:
        return ZoneInfo(str(name))
    except (ValueError, OSError, LookupError):
        return UTC


def unit_name(unit: object) -> str:
    """A unit as people write it behind a title; "" for what is only a number, a text or a time."""
    kind, _, own = str(unit or "").partition(":")
    return own.strip() if kind == "suffix" else NAMES.get(kind, "")


def text_of(value: object, kind: str, unit: str, decimals: int | None, clock: Clock) -> str:
    """A value that is there, with its unit."""
    if kind == "time" or unit.startswith("dateTime"):
        at = clock.at(value)
        return str(value) if at is None else _ago(at, clock) if unit == "dateTimeFromNow" else f"{at:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    scale = _SCALES.get(unit)
    if scale is None:
        return f"{number(value, decimals)} {unit_name(unit)}".strip()
    index = 0
    while 0 < scale[index][1] <= abs(value):
        value, index = value / scale[index][1], index + 1
        decimals = None if decimals is None else max(decimals, 1)
    return f"{number(value, decimals)} {scale[index][0]}"


def number(value: float, decimals: int | None = None) -> str:
    """A number with as many decimals, or as many as tell something."""
    if decimals is not None:
        return f"{value:,.{decimals}f}"
    if 0 < abs(value) < 1:
        return f"{value:.2g}"
    return f"{value:,.{0 if value == round(value) or abs(value) >= 1000 else 2}f}"


def _ago(at: datetime, clock: Clock) -> str:
    seconds = (clock.now - at).total_seconds()
    for name, size in _AGES:
        if many := max(0, int(seconds // size)):
            return f"{many} {name}{'s' if many > 1 else ''} ago"
    return "less than a minute ago"
