"""Moments that people write: a day, or a day and a time, by the client's clock. No I/O."""

import zoneinfo
from datetime import UTC, date, datetime, time, timedelta


class NoMoment(ValueError):
    """What was written is no day and no time; the text says what would be."""


def read(text: str, zone: zoneinfo.ZoneInfo, *, is_end: bool = False) -> datetime:
    """The moment `text`, in UTC: `2026-11-30T14:05`, `2026-11-30 14:05`, with seconds, or `2026-11-30`.

    An end is the first moment that is no longer meant: of a day the next day's first. A time that comes twice, when
    clocks are set back, is the earlier one, and as an end the later. What has a zone of its own keeps it.

    Raises NoMoment.
    """
    try:
        if len(text) == len("2026-11-30"):
            day = date.fromisoformat(text) + timedelta(days=1 if is_end else 0)
            found = datetime.combine(day, time())
        else:
            found = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise NoMoment("Write a day and a time, such as 2026-11-30 14:05.") from error
    if found.tzinfo is None:
        found = found.replace(tzinfo=zone, fold=1 if is_end else 0)
    try:
        return found.astimezone(UTC)
    except OverflowError as error:
        raise NoMoment("Write a year that calendars have.") from error


def written(at: datetime, zone: zoneinfo.ZoneInfo) -> str:
    """`at` as the field of a form takes it, by the client's clock and to the minute: `2026-11-30T14:05`."""
    return at.astimezone(zone).strftime("%Y-%m-%dT%H:%M")
