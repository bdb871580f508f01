"""What a search for calls asks for, as it stands in an address; and what is wrong with it, in sentences. No I/O."""

import re
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar
from urllib.parse import urlencode

from voice_portal.cdr.callsearch import HIGHEST, LOWEST, Criteria, Key, Order
from voice_portal.probes.calls import moments, positions
from voice_portal.probes.calls.moments import NoMoment
from voice_portal.probes.health import DISPOSITIONS

RANGES = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "31d": timedelta(days=31),
}
EVER = "all"
DEFAULT_RANGE = "24h"
LONGEST_SORTED = timedelta(days=31)
"""In another order than that of time the server has to see every call of the range."""

UNANSWERED = "unanswered"
OUTCOMES = {**DISPOSITIONS, UNANSWERED: "Anything but answered"}

FIELDS = (
    "range", "from", "to", "probe", "outcome", "code", "mos_below", "mos_from", "loss_above", "number", "call_id",
    "counted", "sort",
)  # fmt: skip
PLACES = ("after", "before", "at")
"""Where in the list a page begins: beyond a call, before one, or at a time."""

LONGEST = {"number": 100, "call_id": 255}
_NAME = re.compile(r"[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?")
_SEPARATORS = re.compile(r"[\s().\-/]")


Value = TypeVar("Value")


class Mistake(ValueError):
    """A value that cannot be meant; the text says what can."""


@dataclass(frozen=True)
class Search:
    """A search for calls.

    Attributes:
        given: what stands in the address, but for what is empty or the default; also what makes no sense.
        mistakes: for each field with a mistake, what to write instead.
        criteria: what is looked for; without sense where there are mistakes.
        order: how it is sorted.
        after, before: the call beyond which, or before which, the page lies.
    """

    given: Mapping[str, str]
    mistakes: Mapping[str, str] = field(default_factory=dict)
    criteria: Criteria = field(default_factory=Criteria)
    order: Order = Order.NEWEST
    after: Key | None = None
    before: Key | None = None

    def query(self, **changes: str) -> str:
        """The query of the address of this search, changed; an empty value takes a field away, and so does a default.

        The place in the list is not kept: it belongs to the search as it is.
        """
        wanted = {name: self.given.get(name, "") for name in FIELDS} | changes
        return urlencode({name: value for name, value in wanted.items() if value and not _is_default(name, value)})


def read(query: Mapping[str, str], zone: zoneinfo.ZoneInfo, now: datetime) -> Search:
    """The search that the query of an address asks for. `zone` is the client's, by whose clock times are written."""
    given = {name: query[name].strip() for name in (*FIELDS, *PLACES) if query.get(name, "").strip()}
    given = {name: value for name, value in given.items() if not _is_default(name, value)}
    if "from" in given or "to" in given:
        given.pop("range", None)
    reading = _Reading(given, zone, now)
    criteria = reading.criteria()
    order = reading.order(criteria)
    after, before = reading.places(order)
    return Search(given, reading.mistakes, criteria, order, after, before)


def is_plain(query: Mapping[str, str], search: Search) -> bool:
    """Whether the address says nothing but what is set."""
    return dict(query) == dict(search.given)


def _is_default(name: str, value: str) -> bool:
    return (name, value) in (("range", DEFAULT_RANGE), ("sort", Order.NEWEST))


class _Reading:
    """Reads one field after the other, and notes what is wrong with each."""

    def __init__(self, given: Mapping[str, str], zone: zoneinfo.ZoneInfo, now: datetime) -> None:
        self._given, self._zone, self._now = given, zone, now
        self.mistakes: dict[str, str] = {}

    def criteria(self) -> Criteria:
        """What is looked for."""
        start, end = self._range()
        below, least = self._read("mos_below", _mos), self._read("mos_from", _mos)
        if below is not None and least is not None and least >= below:
            self.mistakes["mos_below"] = f"No MOS is below {below} and at least {least}."
        return Criteria(
            start=start,
            end=end,
            probe=self._read("probe", _probe) or "",
            dispositions=self._read("outcome", _dispositions) or (),
            sip_code=self._read("code", _sip_code),
            mos_below=below,
            mos_from=least,
            loss_above=self._read("loss_above", _percent),
            number=self._read("number", _number) or "",
            call_id=self._read("call_id", str) or "",
            only_valid="counted" in self._given,
        )

    def order(self, criteria: Criteria) -> Order:
        """How it is sorted; by anything but time only what is no longer than LONGEST_SORTED."""
        try:
            order = Order(self._given.get("sort", Order.NEWEST))
        except ValueError:
            self.mistakes["sort"] = "Calls can't be sorted by that."
            return Order.NEWEST
        is_short = criteria.start and (criteria.end or self._now) - criteria.start <= LONGEST_SORTED
        if not order.is_by_time and not is_short and not {"range", "from", "to"} & self.mistakes.keys():
            days = LONGEST_SORTED.days
            self.mistakes["sort"] = f"Only calls of at most {days} days are sorted so: choose a shorter time."
        return order

    def places(self, order: Order) -> tuple[Key | None, Key | None]:
        """Beyond which call the page lies, and before which one."""
        if "at" in self._given and not order.is_by_time:
            self.mistakes["at"] = "One can go to a time where the newest or the oldest calls come first."
            return None, None
        if at := self._read("at", self._moment):
            return Key(at, HIGHEST if order is Order.NEWEST else LOWEST), None
        after, before = (self._read(name, lambda text: _place(text, order)) for name in ("after", "before"))
        return after, before

    def _range(self) -> tuple[datetime | None, datetime | None]:
        if "from" in self._given or "to" in self._given:
            start, end = self._read("from", self._moment), self._read("to", self._end)
            if start and end and start >= end:
                self.mistakes["to"] = "The end must be later than the beginning."
            return start, end
        chosen = self._given.get("range", DEFAULT_RANGE)
        if chosen not in RANGES and chosen != EVER:
            self.mistakes["range"] = f"Choose one of {', '.join((*RANGES, EVER))}."
        return (self._now - RANGES[chosen] if chosen in RANGES else None), None

    def _moment(self, text: str) -> datetime:
        return moments.read(text, self._zone)

    def _end(self, text: str) -> datetime:
        return moments.read(text, self._zone, is_end=True)

    def _read(self, name: str, reader: Callable[[str], Value]) -> Value | None:
        """What `reader` makes of a field; None where nothing is given, or what makes no sense, which is noted."""
        text = self._given.get(name)
        if text is None:
            return None
        if "\0" in text or len(text) > LONGEST.get(name, 255):
            self.mistakes[name] = "This can be in no call's record: it is too long, or no text."
            return None
        try:
            return reader(text)
        except (Mistake, NoMoment) as mistake:
            self.mistakes[name] = str(mistake)
            return None


def _probe(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise Mistake("A probe's name has small letters, digits, hyphens and dots.")
    return text


def _dispositions(text: str) -> tuple[str, ...]:
    if text == UNANSWERED:
        return tuple(name for name in DISPOSITIONS if name != "answered")
    if text not in DISPOSITIONS:
        raise Mistake("No call ends like that: choose one of the list.")
    return (text,)


def _sip_code(text: str) -> int:
    if not re.fullmatch(r"[1-6]\d\d", text, re.ASCII):
        raise Mistake("A SIP code has three digits, from 100 to 699.")
    return int(text)


def _mos(text: str) -> Decimal:
    return _decimal(text, 1, 5, "A MOS is a number from 1 to 5, such as 3.6.")


def _percent(text: str) -> Decimal:
    return _decimal(text, 0, 100, "Loss is a number from 0 to 100, in percent, such as 0.5.")


def _decimal(text: str, lowest: int, highest: int, otherwise: str) -> Decimal:
    if not re.fullmatch(r"\d{1,3}([.,]\d{1,6})?", text, re.ASCII):
        raise Mistake(otherwise)
    value = Decimal(text.replace(",", "."))
    if not lowest <= value <= highest:
        raise Mistake(otherwise)
    return value


def _number(text: str) -> str:
    """A telephone number as URIs have it, however people group its digits; anything else as it is."""
    bare = _SEPARATORS.sub("", text)
    return bare if re.fullmatch(r"\+?\d+", bare, re.ASCII) else text


def _place(text: str, order: Order) -> Key:
    key = positions.read(text, order)
    if key is None:
        raise Mistake("This address names no place in this list: its first page is shown.")
    return key
