"""What the overview of a client asks. It names no probe, so that a new one changes nothing."""

# ruff: noqa: S608 - nothing that anybody declared stands in these

from __future__ import annotations

from voiceprobe_operator.dashboards.queries.text import (
    BUCKET,
    CLIENT,
    DIRECTIONS,
    MEDIAN,
    WORST_OF_HIGH,
    WORST_OF_LOW,
    call_uuid,
    health_counts,
    median_and_worst,
    outcomes,
    over_time,
    percentile,
    ranked,
    rates,
    rates_over_time,
)

_VALID = "$__timeFilter(started_at) AND valid"
_WORST_FIRST = "FIELD(p.health, 'Unhealthy', 'Degraded', 'NoData', 'Healthy', 'Suspended')"
# More rows than these no screen shows, and every one costs the browser a canvas.
TIMELINES = 50
SERIES = 10


def counts() -> str:
    """How many probes are in each state of health now."""
    return health_counts(CLIENT)


def rates_of_all() -> str:
    """Calls, answer rate, SLA compliance and MOS of all probes."""
    return rates(CLIENT)


def shares() -> str:
    """Answer rate and SLA compliance in each interval."""
    return rates_over_time(CLIENT)


def outcomes_of_all() -> str:
    """Number of calls for each outcome in each interval."""
    return outcomes(CLIENT)


def timeline() -> str:
    """The worst health of each interval's calls, of the probes that are worst now: 1 healthy to 3 unhealthy.

    Two probes may have the same display name, so a row carries the probe's own name too.
    """
    return f"""SELECT k.time, CONCAT(w.display_name, ' (', w.probe, ')') AS metric, k.value
FROM (
  SELECT $__timeGroupAlias(started_at, $__interval), probe,
    MAX(FIELD(health, 'Healthy', 'Degraded', 'Unhealthy')) AS value
  FROM client_call_judged
  WHERE {_VALID}
  GROUP BY 1, 2
) k
STRAIGHT_JOIN (
  SELECT p.probe, p.display_name FROM client_probe p
  ORDER BY {_WORST_FIRST}, p.display_name, p.probe LIMIT {TIMELINES}
) w ON w.probe = k.probe
ORDER BY 1, 2"""


def probes() -> str:
    """Every probe: its health now, and what its calls of the chosen time say, the worst first."""
    calls = ranked("pdd_ms", "client_call_judged", _VALID, by="probe", also="probe, answered, compliant")
    streams = ranked("mos_cq", "client_call_stream", _VALID, by="probe, direction", also="probe, direction")
    return f"""SELECT p.health AS `Health`, p.display_name AS `Probe`, k.calls AS `Calls`,
  k.answered AS `Answer rate`, k.compliant AS `SLA compliance`,
  m.forward_median AS `MOS to receiver`, m.reverse_median AS `MOS to dialer`,
  LEAST(COALESCE(m.forward_worst, m.reverse_worst), COALESCE(m.reverse_worst, m.forward_worst)) AS `MOS, worst 5 %`,
  k.pdd AS `PDD, worst 5 %`, p.last_call_at AS `Last call`, p.destination AS `Destination`,
  CONCAT('vp-', REPLACE(p.uid, '-', '')) AS `Dashboard`
FROM client_probe p
LEFT JOIN (
  SELECT probe, COUNT(*) AS calls, 100 * AVG(answered) AS answered, 100 * AVG(compliant) AS compliant,
    {percentile(WORST_OF_HIGH)} AS pdd
  FROM ({calls}) r
  GROUP BY probe
) k ON k.probe = p.probe
LEFT JOIN (
  SELECT probe, {_both_ways()}
  FROM ({streams}) r
  GROUP BY probe
) m ON m.probe = p.probe
ORDER BY {_WORST_FIRST}, k.compliant IS NULL, k.compliant, p.display_name, p.probe"""


def _both_ways() -> str:
    columns = []
    for direction, _ in DIRECTIONS:
        of = f"direction = '{direction}' AND "
        columns.append(f"{percentile(MEDIAN, of=of)} AS {direction}_median")
        columns.append(f"{percentile(WORST_OF_LOW, of=of)} AS {direction}_worst")
    return ", ".join(columns)


def mos() -> str:
    """Median and worst twentieth of the MOS in each direction and interval, over all probes."""
    also = f"{BUCKET} AS time, direction"
    where = f"{_VALID} AND mos_cq IS NOT NULL"
    source = ranked("mos_cq", "client_call_stream", where, by=f"{BUCKET}, direction", also=also)
    return over_time(median_and_worst(WORST_OF_LOW), source)


def mos_of_worst() -> str:
    """The lowest MOS of each interval, of the ten probes whose calls are worst on the average of the chosen time."""
    return f"""SELECT r.time, CONCAT(p.display_name, ' (', p.probe, ')') AS metric, r.value
FROM (
  SELECT time, probe, value, DENSE_RANK() OVER (ORDER BY mean, probe) AS place
  FROM (
    SELECT time, probe, value, SUM(total) OVER (PARTITION BY probe) / SUM(many) OVER (PARTITION BY probe) AS mean
    FROM (
      SELECT $__timeGroupAlias(started_at, $__interval), probe,
        MIN(mos_cq) AS value, SUM(mos_cq) AS total, COUNT(*) AS many
      FROM client_call_stream
      WHERE {_VALID} AND mos_cq IS NOT NULL
      GROUP BY 1, 2
    ) b
  ) m
) r
STRAIGHT_JOIN client_probe p ON p.probe = r.probe
WHERE r.place <= {SERIES}
ORDER BY 1, 2"""


def worst_calls() -> str:
    """The ten answered calls that sounded worst: those that brought no sound first, then by MOS."""
    return f"""SELECT started_at AS `Started`, display_name AS `Probe`, IF(heard, 'heard', 'no sound') AS `Sound`,
  mos_forward AS `MOS to receiver`, mos_reverse AS `MOS to dialer`, loss_pct AS `Loss`,
  jitter_ms AS `Jitter`, pdd_ms AS `Post-dial delay`, sip_host AS `SIP host`, probe AS `Name`,
  {call_uuid("uuid")} AS `Call`
FROM client_call_judged
WHERE {_VALID} AND answered
ORDER BY heard, mos IS NULL, mos, started_at DESC
LIMIT 10"""
