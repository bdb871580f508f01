"""Finding calls of one client among millions: by time, and by what is in their records.

A page is found from where the one before it ended (keyset), so that the ten-thousandth costs what the first does. By
time, calls are looked through from there on, some ten thousands at a time, until the page is full or the time that a
page may take is over: then it says how far it came, and the next one goes on there. In any other order the server has
to see all calls of the range; a statement that takes too long is ended by the server.
"""

import enum
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from voice_portal.cdr import bounded
from voice_portal.cdr.bounded import Parameter, aware, naive
from voice_portal.cdr.models import Call, CallStream
from voice_portal.cdr.queries import CallWithStreams

CHUNK = 20_000
"""Calls that one statement looks through, at least."""

PAGE_SECONDS = 4.0
"""How long a page may go on looking."""


class Order(enum.StrEnum):
    """In which order calls are listed. Of equals the newest comes first."""

    NEWEST = "newest"
    OLDEST = "oldest"
    WORST_MOS = "mos"
    MOST_LOSS = "loss"
    LONGEST_DELAY = "pdd"

    @property
    def is_by_time(self) -> bool:
        """Whether it follows the index over time."""
        return self in (Order.NEWEST, Order.OLDEST)


@dataclass(frozen=True)
class Criteria:
    """Which calls are meant; None or empty: whichever. Quality is that of the worse direction.

    `start` is the earliest moment, `end` the first one after the latest.
    """

    start: datetime | None = None
    end: datetime | None = None
    probe: str = ""
    dispositions: tuple[str, ...] = ()
    sip_code: int | None = None
    mos_below: Decimal | None = None
    mos_from: Decimal | None = None
    loss_above: Decimal | None = None
    number: str = ""
    call_id: str = ""
    only_valid: bool = False

    @property
    def asks_for_more_than_time(self) -> bool:
        """Whether a call that is in the range may still not be meant."""
        return self != Criteria(start=self.start, end=self.end, probe=self.probe)

    @property
    def asks_for_quality(self) -> bool:
        """Whether streams have to be looked at."""
        return (self.mos_below, self.mos_from, self.loss_above) != (None, None, None)


@dataclass(frozen=True)
class Key:
    """A call's place in an order: `value` is what it is ordered by, None where that is its time alone."""

    started_at: datetime
    uuid: UUID
    value: Decimal | None = None


@dataclass(frozen=True)
class Found:
    """Calls in order.

    Attributes:
        keys: the calls.
        is_all: whether there is none beyond them.
        stopped_at: where the time was over, though there may be more beyond; None: it was not.
    """

    keys: Sequence[Key]
    is_all: bool
    stopped_at: Key | None = None


WORSE_MOS = "LEAST(COALESCE(f.mos_cq, r.mos_cq), COALESCE(r.mos_cq, f.mos_cq))"
WORSE_LOSS = "GREATEST(COALESCE(f.loss_pct, r.loss_pct), COALESCE(r.loss_pct, f.loss_pct))"
VALUES = {Order.WORST_MOS: WORSE_MOS, Order.MOST_LOSS: WORSE_LOSS, Order.LONGEST_DELAY: "c.pdd_ms"}
STREAMS = " ".join(
    f"LEFT JOIN voice_call_stream {alias} ON {alias}.uuid = c.uuid AND {alias}.started_at = c.started_at"
    f" AND {alias}.direction = '{direction}'"
    for alias, direction in (("f", "forward"), ("r", "reverse"))
)
LOWEST, HIGHEST = UUID(int=0), UUID(int=2**128 - 1)


@dataclass(frozen=True)
class Condition:
    """A part of a WHERE and its parameters."""

    sql: str
    values: tuple[Parameter, ...] = ()


def find(
    client: str,
    criteria: Criteria,
    order: Order,
    limit: int,
    *,
    beyond: Key | None = None,
    backwards: bool = False,
    seconds: float = PAGE_SECONDS,
) -> Found:
    """The first `limit` calls of `client` beyond a key (None: from the start) in that order, or, `backwards`, the last
    ones before it, in the same order.

    Raises TooSlow.
    """
    if order.is_by_time:
        descending = (order is Order.NEWEST) is not backwards
        found = _by_time(client, criteria, limit, beyond, descending=descending, seconds=seconds)
    else:
        found = _by_value(client, criteria, order, limit, beyond, backwards=backwards)
    return replace(found, keys=found.keys[::-1]) if backwards else found


def every(client: str, criteria: Criteria, batch: int) -> Iterator[Sequence[Key]]:
    """All calls that are meant, the newest first, at most `batch` at a time: what is held does not grow with them.

    An empty list is given where many calls were looked through and none was meant. Raises TooSlow.
    """
    beyond: Key | None = None
    while True:
        found = find(client, criteria, Order.NEWEST, batch, beyond=beyond)
        yield found.keys
        if found.is_all:
            return
        beyond = found.stopped_at or found.keys[-1]


def load(client: str, keys: Sequence[Key]) -> list[CallWithStreams]:
    """The records of calls that were found, in their order."""
    if not keys:
        return []
    which = _which(keys)
    calls = {call.uuid: call for call in Call.objects.for_client(client).filter(**which)}
    streams = {(one.uuid, one.direction): one for one in CallStream.objects.for_client(client).filter(**which)}
    return [
        CallWithStreams(calls[key.uuid], streams.get((key.uuid, "forward")), streams.get((key.uuid, "reverse")))
        for key in keys
        if key.uuid in calls
    ]


def values(
    client: str, keys: Sequence[Key], of_call: Sequence[str], of_stream: Sequence[str]
) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...] | None, tuple[Any, ...] | None]]:
    """Some columns of calls that were found, in their order: of the call, and of its streams, forward and reverse.

    For very many of them: a model of each would take ten times the memory.
    """
    if not keys:
        return
    which = _which(keys)
    calls = {row[0]: row[1:] for row in Call.objects.for_client(client).filter(**which).values_list("uuid", *of_call)}
    found = CallStream.objects.for_client(client).filter(**which).values_list("uuid", "direction", *of_stream)
    streams = {row[:2]: row[2:] for row in found}
    for key in keys:
        if key.uuid in calls:
            yield calls[key.uuid], streams.get((key.uuid, "forward")), streams.get((key.uuid, "reverse"))


def _which(keys: Sequence[Key]) -> dict[str, object]:
    """The calls of `keys`, as filters of a query: with the time, the server looks into few partitions."""
    times = [key.started_at for key in keys]
    return {"uuid__in": [key.uuid for key in keys], "started_at__range": (min(times), max(times))}


def probes(client: str) -> list[tuple[str, str]]:
    """The probes of `client` that are in the plan: name and display name, in the order of these."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT probe, display_name FROM voice_probe WHERE client = %s", [client])
        return sorted(cursor.fetchall(), key=lambda row: (row[1].casefold(), row[0]))


def _by_time(
    client: str, criteria: Criteria, limit: int, beyond: Key | None, *, descending: bool, seconds: float
) -> Found:
    """As `find`, along the index over time; a chunk at a time where not every call is meant."""
    deadline = time.monotonic() + seconds
    keys: list[Key] = []
    while True:
        place = [_beyond(beyond, descending=descending)] if beyond else []
        edge = _edge(client, criteria, place, descending=descending) if criteria.asks_for_more_than_time else None
        if edge:
            place.append(Condition(f"c.started_at {'>=' if descending else '<='} %s", (naive(edge),)))
        keys += _along(client, criteria, place, limit + 1 - len(keys), descending=descending)
        if len(keys) > limit:
            return Found(keys[:limit], is_all=False)
        if edge is None:
            return Found(keys, is_all=True)
        beyond = Key(edge, LOWEST if descending else HIGHEST)
        if time.monotonic() > deadline:
            return Found(keys, is_all=False, stopped_at=beyond)


def _edge(client: str, criteria: Criteria, place: Sequence[Condition], *, descending: bool) -> datetime | None:
    """The moment of the call that is CHUNK calls away; None if there are fewer."""
    in_range = replace(Criteria(), start=criteria.start, end=criteria.end, probe=criteria.probe)
    conditions = [*_conditions(client, in_range), *place]
    rows = _select("c.started_at", in_range, conditions, f"{_by(descending)} LIMIT 1 OFFSET {CHUNK}")
    return aware(rows[0][0]) if rows else None


def _along(client: str, criteria: Criteria, place: Sequence[Condition], limit: int, *, descending: bool) -> list[Key]:
    """The first `limit` calls in order of time, and of their UUIDs where they began in the same millisecond.

    The server is asked for the order of time alone, which is the index'; with the UUID it would sort the whole range.
    """
    conditions = [*_conditions(client, criteria), *place]
    keys = _keys(_select("c.uuid, c.started_at", criteria, conditions, f"{_by(descending)} LIMIT {limit}"))
    if len(keys) == limit and limit > 1 and keys[-1].started_at == keys[-2].started_at:
        # The last millisecond may have more calls than came, and others first.
        last = keys[-1].started_at
        keys = [key for key in keys if key.started_at != last]
        same = [*conditions, Condition("c.started_at = %s", (naive(last),))]
        by_uuid = f"c.uuid{' DESC' if descending else ''} LIMIT {limit - len(keys)}"
        keys += _keys(_select("c.uuid, c.started_at", criteria, same, by_uuid))
    return sorted(keys, key=lambda key: (key.started_at, key.uuid), reverse=descending)


def _by_value(
    client: str, criteria: Criteria, order: Order, limit: int, beyond: Key | None, *, backwards: bool
) -> Found:
    """As `find`, where the server has to sort. A call without that value is in no such order."""
    value = VALUES[order]
    rising = (order is Order.WORST_MOS) is not backwards
    conditions = [*_conditions(client, criteria), Condition(f"{value} IS NOT NULL")]
    if beyond:
        conditions.append(_beyond_value(beyond, value, rising=rising, backwards=backwards))
    newest = "" if backwards else " DESC"
    sorting = f"{value}{'' if rising else ' DESC'}, c.started_at{newest}, c.uuid{newest} LIMIT {limit + 1}"
    joined = order is not Order.LONGEST_DELAY
    keys = _keys(_select(f"c.uuid, c.started_at, {value}", criteria, conditions, sorting, joined=joined))
    return Found(keys[:limit], is_all=len(keys) <= limit)


def _by(descending: bool) -> str:
    return f"c.started_at{' DESC' if descending else ''}"


def _beyond(key: Key, *, descending: bool) -> Condition:
    """What comes after `key` in time. The first comparison alone is what the index follows."""
    sign = "<" if descending else ">"
    at = naive(key.started_at)
    return Condition(
        f"c.started_at {sign}= %s AND (c.started_at {sign} %s OR c.uuid {sign} %s)", (at, at, key.uuid.bytes)
    )


def _beyond_value(key: Key, value: str, *, rising: bool, backwards: bool) -> Condition:
    sign, newer = (">" if rising else "<"), (">" if backwards else "<")
    at = naive(key.started_at)
    return Condition(
        f"({value} {sign} %s OR ({value} = %s AND (c.started_at {newer} %s"
        f" OR (c.started_at = %s AND c.uuid {newer} %s))))",
        (key.value, key.value, at, at, key.uuid.bytes),
    )


def _conditions(client: str, criteria: Criteria) -> Iterator[Condition]:
    yield Condition("c.client = %s", (client,))
    if criteria.probe:
        yield Condition("c.probe = %s", (criteria.probe,))
    if criteria.start:
        yield Condition("c.started_at >= %s", (naive(criteria.start),))
    if criteria.end:
        yield Condition("c.started_at < %s", (naive(criteria.end),))
    if criteria.dispositions:
        yield Condition(f"c.disposition IN ({', '.join(['%s'] * len(criteria.dispositions))})", criteria.dispositions)
    if criteria.sip_code is not None:
        yield Condition("c.sip_code = %s", (criteria.sip_code,))
    if criteria.call_id:
        yield Condition("c.call_id = %s", (criteria.call_id,))
    if criteria.number:
        # Whatever case a name is written in; `=` is no wildcard, so it can be what escapes one.
        like = "COLLATE utf8mb4_general_ci LIKE %s ESCAPE '='"
        yield Condition(f"(c.from_uri {like} OR c.to_uri {like})", (_containing(criteria.number),) * 2)
    if criteria.only_valid:
        yield Condition("c.valid")
    yield from _quality(criteria)


def _quality(criteria: Criteria) -> Iterator[Condition]:
    if criteria.mos_below is not None:
        yield Condition("(f.mos_cq < %s OR r.mos_cq < %s)", (criteria.mos_below,) * 2)
    if criteria.mos_from is not None:
        yield Condition(f"{WORSE_MOS} >= %s", (criteria.mos_from,))
    if criteria.loss_above is not None:
        yield Condition("(f.loss_pct > %s OR r.loss_pct > %s)", (criteria.loss_above,) * 2)


def _containing(text: str) -> str:
    for special in "=%_":
        text = text.replace(special, f"={special}")
    return f"%{text}%"


def _select(
    columns: str, criteria: Criteria, conditions: Sequence[Condition], ending: str, *, joined: bool = False
) -> Sequence[tuple[Any, ...]]:
    """Ask for `columns` of the calls that `conditions` leave, ordered and limited as `ending` says. Raises TooSlow."""
    index = "voice_call_probe" if criteria.probe else "voice_call_time"
    streams = STREAMS if joined or criteria.asks_for_quality else ""
    where = " AND ".join(condition.sql for condition in conditions)
    # All of it is text of this module; what somebody asks for is in the parameters.
    sql = f"SELECT {columns} FROM voice_call c FORCE INDEX ({index}) {streams} WHERE {where} ORDER BY {ending}"  # noqa: S608
    return bounded.select(sql, [value for condition in conditions for value in condition.values])


def _keys(rows: Sequence[tuple[Any, ...]]) -> list[Key]:
    """The keys in rows of UUID, time and, where they are ordered by one, a value."""
    return [
        Key(aware(started_at), UUID(bytes=bytes(uuid)), Decimal(str(value[0])) if value else None)
        for uuid, started_at, *value in rows
    ]
