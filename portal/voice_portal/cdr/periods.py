"""What the calls of a probe came to over a time and over the one before it, and how they went. The server condenses.

Only calls that count are in it. Answered, good and the worse direction's figures are those of `voice_call_judged`. A
percentile is the least value that at least that share of the calls does not exceed (nearest rank). Every question is
ended by the server when it takes too long: TooSlow of `voice_portal.cdr.bounded`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from voice_portal.cdr.bounded import aware, naive, select
from voice_portal.cdr.models import Call


@dataclass(frozen=True)
class Mos:
    """MOS of one direction in one band: 5th percentile and median."""

    p5: float
    median: float


@dataclass(frozen=True)
class Figures:
    """What the calls of a time came to.

    Attributes:
        calls, answered, compliant: how many counted; were answered; were good.
        loss_pct, jitter_ms, pdd_ms: 95th percentile, of the worse direction; None: nothing was measured.
        mos: by direction (`forward`, `reverse`) and whether wide-band. The two bands have different scales.
    """

    calls: int = 0
    answered: int = 0
    compliant: int = 0
    loss_pct: float | None = None
    jitter_ms: float | None = None
    pdd_ms: float | None = None
    mos: Mapping[tuple[str, bool], Mos] = field(default_factory=dict)


# CUME_DIST, as MySQL has no PERCENTILE_DISC. What was not measured is ranked apart, where it leaves no value.
RANKED = "CUME_DIST() OVER (PARTITION BY started_at >= %s, {0} IS NULL ORDER BY {0}) AS {0}_rank"
P95 = "MIN(CASE WHEN {0}_rank >= 0.95 THEN {0} END)"
MEASURES = ("loss_pct", "jitter_ms", "pdd_ms")
# All of it is text of this module; what somebody asks for is in the parameters.
COUNTS = f"""
SELECT is_now, COUNT(*), SUM(answered), SUM(compliant), {", ".join(P95.format(name) for name in MEASURES)}
FROM (
  SELECT started_at >= %s AS is_now, answered, compliant, {", ".join(MEASURES)},
    {", ".join(RANKED.format(name) for name in MEASURES)}
  FROM voice_call_judged
  WHERE client = %s AND probe = %s AND started_at >= %s AND started_at < %s AND valid
) ranked
GROUP BY is_now
"""  # noqa: S608
MOS = f"""
SELECT is_now, direction, wideband, MIN(CASE WHEN mos_cq_rank >= 0.05 THEN mos_cq END),
  MIN(CASE WHEN mos_cq_rank >= 0.5 THEN mos_cq END)
FROM (
  SELECT started_at >= %s AS is_now, direction, wideband, mos_cq,
    {RANKED.replace("{0} IS NULL", "direction, wideband").format("mos_cq")}
  FROM voice_call_stream
  WHERE client = %s AND probe = %s AND started_at >= %s AND started_at < %s AND valid AND mos_cq IS NOT NULL
) ranked
GROUP BY is_now, direction, wideband
"""  # noqa: S608


def figures(client: str, probe: str, before: datetime, start: datetime, end: datetime) -> tuple[Figures, Figures]:
    """What the calls from `start` until just before `end` came to, and those from `before` until `start`.

    Two questions to the server.
    """
    where = [client, probe, naive(before), naive(end)]
    counted = {bool(row[0]): row[1:] for row in select(COUNTS, [naive(start)] * (1 + len(MEASURES)) + where)}
    mos: dict[bool, dict[tuple[str, bool], Mos]] = {True: {}, False: {}}
    for is_now, direction, wideband, p5, median in select(MOS, [naive(start)] * 2 + where):
        mos[bool(is_now)][direction, bool(wideband)] = Mos(float(p5), float(median))
    return _figures(counted.get(True), mos[True]), _figures(counted.get(False), mos[False])


def _figures(row: Sequence[Any] | None, mos: Mapping[tuple[str, bool], Mos]) -> Figures:
    if row is None:
        return Figures()
    calls, answered, compliant, *measures = row
    loss, jitter, pdd = map(_number, measures)
    return Figures(calls, int(answered), int(compliant), loss, jitter, pdd, mos)


@dataclass(frozen=True)
class Spread:
    """What was measured in the calls of a slot: in how many, the least value, and the greatest."""

    calls: int
    low: float
    high: float


@dataclass(frozen=True)
class CallSlot:
    """The calls of a slot: how many, when the first one began and when the first that was not answered, if any."""

    slot: int
    calls: int
    at: datetime
    failed_at: datetime | None
    pdd_ms: Spread | None


@dataclass(frozen=True)
class StreamSlot:
    """What was received in one direction and band in the calls of a slot; None: nothing was measured.

    Slots of the period before have negative numbers.
    """

    slot: int
    direction: str
    wideband: bool
    at: datetime
    mos: Spread | None
    loss_pct: Spread | None
    jitter_ms: Spread | None
    late_media_ms: Spread | None


@dataclass(frozen=True)
class Slots:
    """The calls of a time in slots of equal length, oldest first; slots without calls are left out.

    `width` is a slot's length; `streams` are of the period before, too, if that was asked for.
    """

    width: timedelta
    calls: Sequence[CallSlot] = ()
    streams: Sequence[StreamSlot] = ()


SPREAD = "COUNT({0}), MIN({0}), MAX({0})"
SLOT = "FLOOR(TIMESTAMPDIFF(MICROSECOND, %s, started_at) / %s) AS slot"
CALL_SLOTS = f"""
SELECT {SLOT}, COUNT(*), MIN(started_at), MIN(CASE WHEN disposition <> 'answered' THEN started_at END),
  {SPREAD.format("pdd_ms")}
FROM voice_call
WHERE client = %s AND probe = %s AND started_at >= %s AND started_at < %s AND valid
GROUP BY slot ORDER BY slot
"""  # noqa: S608
STREAM_SLOTS = f"""
SELECT {SLOT}, direction, wideband, MIN(started_at),
  {", ".join(SPREAD.format(name) for name in ("mos_cq", "loss_pct", "jitter_ms", "late_media_ms"))}
FROM voice_call_stream
WHERE client = %s AND probe = %s AND started_at >= %s AND started_at < %s AND valid
GROUP BY slot, direction, wideband ORDER BY slot, direction, wideband
"""  # noqa: S608


def slots(client: str, probe: str, before: datetime, start: datetime, end: datetime, number: int) -> Slots:
    """The calls from `start` until just before `end` in `number` slots, and what was received from `before` on."""
    width = (end - start) / number
    slot = [naive(start), width // timedelta(microseconds=1)]
    calls = select(CALL_SLOTS, [*slot, client, probe, naive(start), naive(end)])
    streams = select(STREAM_SLOTS, [*slot, client, probe, naive(before), naive(end)])
    return Slots(width, [_call_slot(row) for row in calls], [_stream_slot(row) for row in streams])


def _call_slot(row: Sequence[Any]) -> CallSlot:
    slot, calls, at, failed_at, *pdd = row
    return CallSlot(int(slot), calls, aware(at), aware(failed_at) if failed_at else None, _spread(*pdd))


def _stream_slot(row: Sequence[Any]) -> StreamSlot:
    slot, direction, wideband, at, *values = row
    mos, loss, jitter, late = (_spread(*values[place : place + 3]) for place in range(0, len(values), 3))
    return StreamSlot(int(slot), direction, bool(wideband), aware(at), mos, loss, jitter, late)


def first_call(client: str, probe: str, start: datetime, end: datetime) -> datetime | None:
    """When the probe's first call that counts from `start` until just before `end` began."""
    calls = Call.objects.for_client(client).filter(probe=probe, valid=True, started_at__gte=start, started_at__lt=end)
    return calls.order_by("started_at").values_list("started_at", flat=True).first()


@dataclass(frozen=True)
class HealthSlot:
    """The calls of one probe in a slot: how many are healthy, degraded and unhealthy, and the lowest MOS."""

    slot: int
    healthy: int
    degraded: int
    unhealthy: int
    mos: float | None

    @property
    def calls(self) -> tuple[int, int, int]:
        """How many there are of each health, the gravest last."""
        return self.healthy, self.degraded, self.unhealthy


HEALTH_SLOTS = f"""
SELECT probe, {SLOT}, SUM(health = 'Healthy'), SUM(health = 'Degraded'), SUM(health = 'Unhealthy'), MIN(mos)
FROM voice_call_judged
WHERE client = %s AND started_at >= %s AND started_at < %s AND valid
GROUP BY probe, slot ORDER BY probe, slot
"""  # noqa: S608


def health_slots(client: str, start: datetime, end: datetime, number: int) -> dict[str, list[HealthSlot]]:
    """Of each probe of the client with calls in that time, those in `number` slots; one question to the server."""
    width = (end - start) / number // timedelta(microseconds=1)
    found: dict[str, list[HealthSlot]] = {}
    times = naive(start), naive(end)
    for probe, slot, healthy, degraded, unhealthy, mos in select(HEALTH_SLOTS, [times[0], width, client, *times]):
        if slot < number:  # the length of a slot is in whole microseconds, which leaves some over
            counts = int(healthy), int(degraded), int(unhealthy)
            found.setdefault(probe, []).append(HealthSlot(int(slot), *counts, mos=_number(mos)))
    return found


def _number(value: Decimal | int | None) -> float | None:
    return None if value is None else float(value)


def _spread(calls: int, low: Decimal | int, high: Decimal | int) -> Spread | None:
    return Spread(calls, float(low), float(high)) if calls else None
