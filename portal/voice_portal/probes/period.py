"""The time that a page shows, as it stands in an address; and what is wrong with it, in sentences. No I/O."""

import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from voice_portal.probes.calls import moments
from voice_portal.probes.calls.form import Field
from voice_portal.probes.calls.moments import NoMoment
from voice_portal.probes.since import roughly

RANGES = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "28d": timedelta(days=28),
}
DEFAULT_RANGE = "6h"
A_DAY = timedelta(days=1)
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=92)
"""Of a time of one's own: the server reads every call of it, and of the time before."""

STEP = timedelta(minutes=5)
"""A time of more than a day that lasts until now ends on one of these: what it came to is worked out once for each."""

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LABELS = {"from": "From", "to": "To (before)"}


class UnknownRange(ValueError):
    """The address names a range that is not offered."""


@dataclass(frozen=True)
class Period:
    """A time from `start` until just before `end`, in UTC; `name` is that of a range until now, else empty."""

    start: datetime
    end: datetime
    name: str = ""

    @property
    def span(self) -> timedelta:
        """How long it is."""
        return self.end - self.start

    @property
    def before(self) -> datetime:
        """When the period before it begins, which is as long and ends where this one begins."""
        return self.start - self.span

    @property
    def is_long(self) -> bool:
        """Whether it is more than a day."""
        return self.span > A_DAY

    @property
    def length(self) -> str:
        """How long it is, as people say it: `6 h`, `28 d`."""
        return roughly(self.span)


@dataclass(frozen=True)
class Choice:
    """What an address chose: the time that is shown, and the fields in which another one can be written.

    With a mistake in a field, the time that is shown is the usual one.
    """

    period: Period
    fields: Sequence[Field]

    @property
    def is_open(self) -> bool:
        """Whether something stands in the fields."""
        return any(field.value for field in self.fields)

    @property
    def query(self) -> str:
        """The query of an address that shows the same time."""
        own = {field.name: field.value for field in self.fields if field.value}
        return urlencode({"range": self.period.name} if self.period.name else own)


def read(query: Mapping[str, str], zone: zoneinfo.ZoneInfo, now: datetime) -> Choice:
    """The time that the query of an address asks for: `range`, or `from` and `to` by the clock of `zone`.

    Without `to` it lasts until now. Raises UnknownRange.
    """
    given = {name: text for name in LABELS if (text := query.get(name, "").strip())}
    if given:
        mistakes: dict[str, str] = {}
        own = _own(given, zone, now, mistakes)
        return Choice(own or _until(now, DEFAULT_RANGE), _fields(given, zone, own, mistakes))
    name = query.get("range", DEFAULT_RANGE)
    if name not in RANGES:
        raise UnknownRange(name)
    return Choice(_until(now, name), _fields({}, zone, None, {}))


def _until(now: datetime, name: str) -> Period:
    end = now if RANGES[name] <= A_DAY else _stepped(now)
    return Period(end - RANGES[name], end, name)


def _stepped(now: datetime) -> datetime:
    return now - (now - EARLIEST) % STEP


def _own(given: Mapping[str, str], zone: zoneinfo.ZoneInfo, now: datetime, mistakes: dict[str, str]) -> Period | None:
    """The time that is written, which ends now at the latest; None if there are mistakes, which are noted."""
    found = {"to": now}
    for name, text in given.items():
        try:
            found[name] = moments.read(text, zone, is_end=name == "to")
        except NoMoment as mistake:
            mistakes[name] = str(mistake)
    if "from" not in given:
        mistakes["from"] = "Write when the time begins, too."
    if mistakes:
        return None
    start, end = found["from"], found["to"]
    if end >= now:
        end = now if now - start <= A_DAY else _stepped(now)
    if start < EARLIEST:
        mistakes["from"] = f"No call is older than the year {EARLIEST.year}."
    elif start >= now:
        mistakes["from"] = "This is yet to come: write a time that has begun."
    elif end - start < SHORTEST:
        mistakes["to"] = "The end must be at least a minute later than the beginning."
    elif end - start > LONGEST:
        mistakes["to"] = f"At most {LONGEST.days} days can be shown at once."
    return None if mistakes else Period(start, end)


def _fields(
    given: Mapping[str, str], zone: zoneinfo.ZoneInfo, own: Period | None, mistakes: Mapping[str, str]
) -> list[Field]:
    """The fields as they were written; what is understood, as a browser's field for a time takes it."""
    understood = {"from": own.start, "to": own.end} if own else {}

    def field(name: str, label: str) -> Field:
        text, mistake = given.get(name, ""), mistakes.get(name, "")
        if name in given and name in understood:
            text = moments.written(understood[name], zone)
        # A field for a time shows nothing that is no time: what was written must not be lost.
        return Field(name, label, text, mistake, type="text" if mistake and text else "datetime-local")

    return [field(name, label) for name, label in LABELS.items()]
