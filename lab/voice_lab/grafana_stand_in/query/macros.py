"""What becomes of a query before MySQL sees it: the time range, the interval, the macros.

All of it as Grafana 10.0 was measured to do, unless a line says otherwise.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from voice_lab.grafana_stand_in import durations

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE, _HOUR, _DAY = 60_000, 3_600_000, 86_400_000

_ROUNDED = (
    (10, 1), (15, 10), (35, 20), (75, 50), (150, 100), (350, 200), (750, 500), (1500, 1000), (3500, 2000),
    (7500, 5000), (12_500, 10_000), (17_500, 15_000), (25_000, 20_000), (45_000, 30_000), (90_000, _MINUTE),
    (210_000, 2 * _MINUTE), (450_000, 5 * _MINUTE), (750_000, 10 * _MINUTE), (1_050_000, 15 * _MINUTE),
    (1_500_000, 20 * _MINUTE), (2_700_000, 30 * _MINUTE), (5_400_000, _HOUR), (9_000_000, 2 * _HOUR),
    (16_200_000, 3 * _HOUR), (32_400_000, 6 * _HOUR), (_DAY, 12 * _HOUR), (7 * _DAY, _DAY), (21 * _DAY, 7 * _DAY),
    (42 * _DAY - 1e-6, 30 * _DAY),
)  # fmt: skip
"""Milliseconds a point: up to this, the interval is that."""

_RELATIVE = re.compile(r"now(?:([+-])(\d+(?:ms|[smhdwy])))?(/d)?", re.ASCII)
_MACRO = re.compile(r"\$(__\w+)\(([^)]*)\)", re.ASCII)
_FORBIDDEN = re.compile(
    r"\bSHOW\s+GRANTS\b|(?:^|[\s,])(?:(?:SESSION_|SYSTEM_)?USER\([^)]*\)|CURRENT_USER(?:\([^)]*\))?)(?=[\s,;]|$)", re.I
)


class QueryError(Exception):
    """A query fails; the text is what its result says."""


@dataclass(frozen=True)
class Period:
    """A time range, in milliseconds since 1970. It may end before it starts."""

    start: int
    end: int

    @classmethod
    def of(cls, start: str | None, end: str | None, now: datetime) -> Period:
        """The range that `from` and `to` name: "1768390800000", "now-1h", "now/d", RFC 3339; anything else is 1970.

        A `to` of whole days is the last millisecond of one, as Grafana's documentation has it.
        """
        return cls(_moment(start, now, last=False), _moment(end, now, last=True))


@dataclass(frozen=True)
class Fill:
    """What `$__timeGroup(column, step, fill)` wants of missing buckets: the one before again, or a value.

    Attributes:
        step: seconds from bucket to bucket, at least 1.
    """

    step: int
    previous: bool = False
    value: float | None = None


@dataclass(frozen=True)
class Expanded:
    """A statement without macros, as it is sent."""

    sql: str
    fill: Fill | None = None


def interval(period: Period, points: int, least_ms: int) -> int:
    """Milliseconds from one point to the next, for about `points` of them and not below `least_ms`."""
    each = (period.end - period.start) / points
    place = bisect_left(_ROUNDED, each, key=lambda row: row[0])
    return max(_ROUNDED[place][1] if place < len(_ROUNDED) else 365 * _DAY, least_ms)


def interval_text(milliseconds: int) -> str:
    """`$__interval`: the largest unit that fits, and how often it does."""
    for unit in ("y", "d", "h", "m", "s"):
        if milliseconds >= durations.UNITS[unit]:
            return f"{milliseconds // durations.UNITS[unit]}{unit}"
    return f"{max(milliseconds, 1)}ms"


def expand(sql: str, period: Period, interval_ms: int) -> Expanded:
    """Replace the macros of a statement.

    Raises:
        QueryError: there is no such macro, it cannot be read, or the statement asks who the database's user is.
    """
    if _FORBIDDEN.search(sql):
        raise QueryError("interpolation failed: invalid query - inspect Grafana server log for details")
    fills: list[Fill] = []

    def replaced(match: re.Match[str]) -> str:
        name, arguments = match[1], [part.strip() for part in match[2].split(",")]
        if name in {"__timeGroup", "__timeGroupAlias"}:
            group, fill = _time_group(arguments)
            fills.extend([fill] if fill else [])
            return group + (' AS "time"' if name == "__timeGroupAlias" else "")
        if name not in _MACROS:
            raise QueryError(f"interpolation failed: unknown macro {name}")
        return _MACROS[name](arguments[0], period.start // 1000, period.end // 1000)

    sql = sql.replace("$__interval_ms", str(interval_ms)).replace("$__interval", interval_text(interval_ms))
    return Expanded(_MACRO.sub(replaced, sql), fills[-1] if fills else None)


_MACROS: dict[str, Callable[[str, int, int], str]] = {
    "__time": lambda column, *_: f"UNIX_TIMESTAMP({column}) as time_sec",
    "__timeEpoch": lambda column, *_: f"UNIX_TIMESTAMP({column}) as time_sec",
    "__timeFilter": lambda column, start, end: f"{column} BETWEEN FROM_UNIXTIME({start}) AND FROM_UNIXTIME({end})",
    "__timeFrom": lambda _, start, end: f"FROM_UNIXTIME({start})",
    "__timeTo": lambda _, start, end: f"FROM_UNIXTIME({end})",
    "__unixEpochFilter": lambda column, start, end: f"{column} >= {start} AND {column} <= {end}",
    "__unixEpochFrom": lambda _, start, end: str(start),
    "__unixEpochTo": lambda _, start, end: str(end),
}


def _time_group(arguments: list[str]) -> tuple[str, Fill | None]:
    if len(arguments) < 2:
        raise QueryError("interpolation failed: macro __timeGroup needs time column and interval")
    text = arguments[1].strip("'\"")
    if not durations.is_duration(text):
        raise QueryError(f"interpolation failed: error parsing interval {arguments[1]}")
    step = durations.seconds(text)
    group = f"UNIX_TIMESTAMP({arguments[0]}) DIV {step:.0f} * {step:.0f}"
    return group, _fill(max(int(step), 1), arguments[2]) if len(arguments) == 3 else None


def _fill(step: int, wish: str) -> Fill:
    if wish in {"NULL", "previous"}:
        return Fill(step, previous=wish == "previous")
    if not re.fullmatch(r"-?\d+(\.\d+)?", wish):
        raise QueryError(f"interpolation failed: error parsing fill value {wish}")
    return Fill(step, value=float(wish))


def _moment(text: str | None, now: datetime, *, last: bool) -> int:
    text = text or ""
    try:
        if re.fullmatch(r"-?\d+", text):
            return int(text)
        found = _RELATIVE.fullmatch(text)
        at = _relative(found, now.astimezone(UTC), last=last) if found else datetime.fromisoformat(text)
        return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        return 0


def _relative(words: re.Match[str], now: datetime, *, last: bool) -> datetime:
    sign, length, is_whole_day = words.groups()
    at = now + timedelta(milliseconds=int(f"{sign}{durations.milliseconds(length)}")) if sign else now
    if not is_whole_day:
        return at
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return day + timedelta(days=1, milliseconds=-1) if last else day
