"""What the dashboard of one probe asks."""

# ruff: noqa: S608 - Grafana binds nothing: `literal` makes a probe's name safe, columns are ours

from __future__ import annotations

from voiceprobe_operator.dashboards.queries.text import (
    BUCKET,
    CLIENT,
    DIRECTIONS,
    MEDIAN,
    WORST_OF_HIGH,
    WORST_OF_LOW,
    call_uuid,
    literal,
    local_time,
    median_and_worst,
    of_probe,
    outcomes,
    over_time,
    percentile,
    ranked,
    rates,
    rates_over_time,
)
from voiceprobe_operator.dashboards.zones import Change


def state(probe: str, column: str) -> str:
    """One value of the probe as it stands now, whatever time range is chosen, for a stat panel."""
    return f"SELECT {column} FROM client_probe WHERE probe = {literal(probe)}"


def rates_of(probe: str) -> str:
    """Calls, answer rate, SLA compliance and MOS of the probe."""
    return rates(CLIENT, of_probe(probe))


def shares_of(probe: str) -> str:
    """Answer rate and SLA compliance in each interval."""
    return rates_over_time(CLIENT, of_probe(probe))


def outcomes_of(probe: str) -> str:
    """Number of calls for each outcome in each interval."""
    return outcomes(CLIENT, of_probe(probe))


def streams(probe: str, column: str, *, low_is_bad: bool = False) -> str:
    """Median and worst twentieth of a column of the streams, for each direction and interval."""
    return over_time(median_and_worst(WORST_OF_LOW if low_is_bad else WORST_OF_HIGH), _streams(probe, column))


def loss(probe: str) -> str:
    """Mean and worst twentieth of the share of lost packets: a median would be nought on all but the worst paths."""
    columns = []
    for direction, words in DIRECTIONS:
        worst = percentile(WORST_OF_HIGH, of=f"direction = '{direction}' AND ")
        columns.append(f"AVG(CASE WHEN direction = '{direction}' THEN v END) AS `{words}, mean`")
        columns.append(f"{worst} AS `{words}, worst 5 %`")
    return over_time(",\n  ".join(columns), _streams(probe, "loss_pct"))


def _streams(probe: str, column: str) -> str:
    also = f"{BUCKET} AS time, direction"
    return ranked(column, "client_call_stream", _where(probe, column), by=f"{BUCKET}, direction", also=also)


def post_dial_delay(probe: str) -> str:
    """Time from INVITE to the first ringing, in milliseconds, for each interval."""
    columns = f"{percentile(MEDIAN)} AS `median`, {percentile(WORST_OF_HIGH)} AS `worst 5 %`"
    source = ranked("pdd_ms", "client_call", _where(probe, "pdd_ms"), by=BUCKET, also=f"{BUCKET} AS time")
    return over_time(columns, source)


def _where(probe: str, column: str) -> str:
    return f"$__timeFilter(started_at){of_probe(probe)} AND valid AND {column} IS NOT NULL"


def heat_map(probe: str, changes: tuple[Change, ...]) -> str:
    """The worst twentieth of the MOS, either direction, for each weekday (a row) and hour of a time zone's clocks."""
    also = "day, hour"
    calls = f"""(SELECT WEEKDAY(local) AS day, HOUR(local) AS hour, mos_cq
    FROM (SELECT {local_time("started_at", changes)} AS local, mos_cq
      FROM client_call_stream WHERE {_where(probe, "mos_cq")}) z) l"""
    hours = ",\n  ".join(f"MAX(CASE WHEN hour = {hour} THEN mos END) AS `{hour:02}`" for hour in range(24))
    return f"""SELECT
  ELT(day + 1, 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday') AS `Day`,
  {hours}
FROM (
  SELECT day, hour, {percentile(WORST_OF_LOW)} AS mos
  FROM ({ranked("mos_cq", calls, "1 = 1", by=also, also=also)}) k
  GROUP BY day, hour
) h
GROUP BY day
ORDER BY h.day"""


def _sound(stream: str) -> str:
    """What a listener heard, in a word: NULL where there is no record of it."""
    heard = f"IF({stream}.uuid IS NULL, NULL, 'heard')"
    return f"IF({stream}.one_way, 'none', IF({stream}.silent, 'silent', {heard}))"


def calls(probe: str) -> str:
    """The latest 200 calls with both directions, for a table panel."""
    return f"""SELECT c.started_at AS `Started`, c.disposition AS `Outcome`,
  c.sip_code AS `SIP code`, c.sip_reason AS `Reason`,
  f.mos_cq AS `MOS to receiver`, r.mos_cq AS `MOS to dialer`,
  f.loss_pct AS `Loss to receiver`, r.loss_pct AS `Loss to dialer`,
  f.jitter_ms AS `Jitter to receiver`, r.jitter_ms AS `Jitter to dialer`,
  {_sound("f")} AS `Sound to receiver`, {_sound("r")} AS `Sound to dialer`,
  f.late_media_ms AS `Late media to receiver`, r.late_media_ms AS `Late media to dialer`,
  f.pdv_p95_ms AS `Delay variation to receiver`, r.pdv_p95_ms AS `Delay variation to dialer`,
  f.rtt_ms AS `Round trip`, c.pdd_ms AS `Post-dial delay`, c.duration_ms AS `Duration`,
  f.held_ms AS `On hold to receiver`, r.held_ms AS `On hold to dialer`,
  f.codec AS `Codec`, IF(f.wideband, 'wide', 'narrow') AS `Band`,
  c.hangup_by AS `Hung up by`, IF(c.valid, 'yes', 'no') AS `Valid`, c.call_id AS `Call-ID`,
  {call_uuid("c.uuid")} AS `Call`
FROM client_call c
LEFT JOIN client_call_stream f ON f.uuid = c.uuid AND f.started_at = c.started_at AND f.direction = 'forward'
LEFT JOIN client_call_stream r ON r.uuid = c.uuid AND r.started_at = c.started_at AND r.direction = 'reverse'
WHERE $__timeFilter(c.started_at) AND c.probe = {literal(probe)}
ORDER BY c.started_at DESC
LIMIT 200"""
