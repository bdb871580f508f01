"""The calls of a client's month, as one pass over the records brings them: in order, and a bounded number at a time.

The server judges, by the one definition there is (`voice_call_judged`); what is counted is worked out here. Calls come
in pieces of time: no statement takes long, neither side holds more than one piece, and the server reads each page of
its tables once, for calls lie there in the order of time. To let the server count costs it more than to tell (it sorts
all calls by probe first), and the percentiles of hundreds of probes are no less to tell than the calls of a day.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from voice_portal.cdr.bounded import TooSlow, aware, naive, select
from voice_portal.reports.fold import UNSCHEDULED_MS, Measured, read

SHORTEST_PIECE, FIRST_PIECE, LONGEST_PIECE = timedelta(minutes=10), timedelta(hours=1), timedelta(days=8)
FEW, MANY = 10_000, 25_000
"""Calls that a piece should have: with fewer the next one is longer, with more it is shorter."""

# A call as one text, for the driver takes several times as long for a row of thirteen values. The fields of a tab
# each: `fold.read`. Those of the last line are there for unhealthy calls alone.
CALL = """SELECT CONCAT_WS('\t',
  TIMESTAMPDIFF(MICROSECOND, %(start)s, c.started_at) DIV 1000, c.probe,
  c.answered + 2 * c.heard + 4 * c.compliant + 8 * COALESCE(f.wideband, 0) + 16 * COALESCE(r.wideband, 0),
  COALESCE(CAST(c.mos_forward * 1000 AS SIGNED), ''), COALESCE(CAST(c.mos_reverse * 1000 AS SIGNED), ''),
  COALESCE(c.pdd_ms, ''),
  IF(c.health = 'Unhealthy', CONCAT_WS('\t', CONCAT_WS(' ', c.disposition, c.sip_code),
    COALESCE(CAST(c.loss_pct * 1000 AS SIGNED), ''), COALESCE(CAST(c.jitter_ms * 1000 AS SIGNED), ''),
    COALESCE(c.late_media_ms, '')), NULL))
FROM voice_call_judged c
LEFT JOIN voice_call_stream f ON f.uuid = c.uuid AND f.started_at = c.started_at AND f.direction = 'forward'
LEFT JOIN voice_call_stream r ON r.uuid = c.uuid AND r.started_at = c.started_at AND r.direction = 'reverse'
WHERE c.client = %(client)s AND c.started_at >= %(begin)s AND c.started_at < %(end)s AND c.valid
ORDER BY c.started_at
"""

# A call of a probe that is no longer in the plan: nobody knows its thresholds, so it is neither good nor unhealthy.
CALL_OF_DELETED = """SELECT CONCAT_WS('\t',
  TIMESTAMPDIFF(MICROSECOND, %(start)s, c.started_at) DIV 1000, c.probe,
  (c.disposition = 'answered') + 2 * COALESCE(NOT (f.one_way OR f.silent OR r.one_way OR r.silent), 0)
    + 8 * COALESCE(f.wideband, 0) + 16 * COALESCE(r.wideband, 0),
  COALESCE(CAST(f.mos_cq * 1000 AS SIGNED), ''), COALESCE(CAST(r.mos_cq * 1000 AS SIGNED), ''),
  COALESCE(c.pdd_ms, ''))
FROM voice_call c
LEFT JOIN voice_call_stream f ON f.uuid = c.uuid AND f.started_at = c.started_at AND f.direction = 'forward'
LEFT JOIN voice_call_stream r ON r.uuid = c.uuid AND r.started_at = c.started_at AND r.direction = 'reverse'
WHERE c.client = %(client)s AND c.probe IN %(probes)s
  AND c.started_at >= %(begin)s AND c.started_at < %(end)s AND c.valid
ORDER BY c.started_at
"""


@dataclass(frozen=True)
class Known:
    """A probe that has calls: when its first and its last one began that are still kept, in UTC."""

    probe: str
    first_at: datetime
    last_at: datetime


def known(client: str) -> list[Known]:
    """Every probe of `client` that has calls, deleted ones too. The server reads two rows a probe."""
    sql = "SELECT probe, MIN(started_at), MAX(started_at) FROM voice_call WHERE client = %(client)s GROUP BY probe"
    return [Known(probe, aware(first), aware(last)) for probe, first, last in select(sql, {"client": client})]


def spacing_ms(client: str, probe: str, start: datetime, end: datetime) -> int:
    """The usual time between calls of a probe whose interval nobody knows: the median. UNSCHEDULED_MS for one call.

    Its index alone is read.
    """
    sql = (
        "SELECT started_at FROM voice_call WHERE client = %(client)s AND probe = %(probe)s"
        " AND started_at >= %(begin)s AND started_at < %(end)s ORDER BY started_at"
    )
    values = {"client": client, "probe": probe, "begin": naive(start), "end": naive(end)}
    times = [at for (at,) in select(sql, values)]
    gaps = sorted((later - earlier) // timedelta(milliseconds=1) for earlier, later in pairwise(times))
    return gaps[len(gaps) // 2] if gaps else UNSCHEDULED_MS


def has_calls(client: str, spans: Sequence[tuple[datetime, datetime]]) -> list[bool]:
    """Whether any call of `client` began in each of `spans`, by one statement that reads a row for each."""
    if not spans:
        return []
    one = (
        "SELECT %s, EXISTS (SELECT 1 FROM voice_call FORCE INDEX (voice_call_time)"
        " WHERE client = %s AND started_at >= %s AND started_at < %s)"
    )
    values: list[object] = []
    for number, (begin, end) in enumerate(spans):
        values += [number, client, naive(begin), naive(end)]
    rows = select(" UNION ALL ".join([one] * len(spans)), values)
    return [bool(is_there) for _, is_there in sorted(rows)]


def judged(client: str, start: datetime, begin: datetime, end: datetime) -> Iterator[Iterator[Measured]]:
    """The calls of probes in the plan that count and began from `begin` until `end`; times count from `start`."""
    return _in_pieces(CALL, {"client": client}, start, begin, end)


def of_deleted(
    client: str, probes: Sequence[str], start: datetime, begin: datetime, end: datetime
) -> Iterator[Iterator[Measured]]:
    """The same of `probes`, which are no longer in the plan."""
    return _in_pieces(CALL_OF_DELETED, {"client": client, "probes": tuple(probes)}, start, begin, end)


def _in_pieces(
    sql: str, values: Mapping[str, object], start: datetime, begin: datetime, end: datetime
) -> Iterator[Iterator[Measured]]:
    span = FIRST_PIECE
    while begin < end:
        until = min(begin + span, end)
        moments = {"start": naive(start), "begin": naive(begin), "end": naive(until)}
        try:
            rows = select(sql, {**values, **moments})
        except TooSlow:
            if span <= SHORTEST_PIECE:
                raise
            span = max(span / 8, SHORTEST_PIECE)
            continue
        yield read(text for (text,) in rows)
        begin = until
        if len(rows) < FEW:
            span = min(span * 2, LONGEST_PIECE)
        elif len(rows) > MANY:
            span = max(span / 2, SHORTEST_PIECE)
