"""When the clocks of a time zone change: MySQL's own tables of zones are empty unless somebody filled them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# Fixed, not counted from today: a dashboard changes only with what it shows. After the last change its offset stays.
FIRST, LAST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2046, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Change:
    """From `utc` on, clocks are `offset_seconds` ahead of UTC."""

    utc: datetime
    offset_seconds: int


def is_known(name: str) -> bool:
    """Whether this machine knows the time zone `name`."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return False
    return True


@cache
def changes(name: str) -> tuple[Change, ...]:
    """The offset of the time zone `name` at FIRST, then every change until LAST; UTC for a zone that is not known."""
    if not is_known(name):
        return (Change(FIRST, 0),)
    zone = ZoneInfo(name)
    found = [Change(FIRST, _offset(FIRST, zone))]
    day = FIRST
    while day < LAST:
        following = day + timedelta(days=1)
        if _offset(following, zone) != found[-1].offset_seconds:
            moment = _moment(day, following, zone)
            found.append(Change(moment, _offset(moment, zone)))
        day = following
    return tuple(found)


def _offset(utc: datetime, zone: ZoneInfo) -> int:
    offset = utc.astimezone(zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


def _moment(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The second at which the offset changes between two times."""
    old = _offset(before, zone)
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before).total_seconds() // 2)
        if _offset(middle, zone) == old:
            before = middle
        else:
            after = middle
    return after
