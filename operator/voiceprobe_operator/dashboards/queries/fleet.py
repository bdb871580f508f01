"""What the dashboard of the provider's own staff asks, over all clients."""

# ruff: noqa: S608 - nothing that anybody declared stands in these

from __future__ import annotations

from voiceprobe_operator.dashboards.queries.text import (
    FLEET,
    SHARES_OF_COUNTED,
    WORST_OF_LOW,
    counted,
    health_counts,
    outcomes,
    percentile,
    percentile_of_counted,
    ranked,
    rates,
)

# A host writes its heartbeat every 5 seconds; the portal's page of hosts judges alike.
_LATE_S, _AWAY_S = 30, 300
_AGE = "TIMESTAMPDIFF(SECOND, heartbeat_at, UTC_TIMESTAMP(3))"
_VALID = "$__timeFilter(started_at) AND valid"


def counts() -> str:
    """How many probes of all clients are in each state of health now."""
    return health_counts(FLEET)


def rates_of_all() -> str:
    """Calls, answer rate, SLA compliance and MOS of all clients."""
    return rates(FLEET)


def outcomes_of_all() -> str:
    """Number of calls for each outcome in each interval."""
    return outcomes(FLEET)


def hosts_in_short() -> str:
    """What the SIP hosts say of themselves together: those that are heard, and what waits or was given up."""
    return f"""SELECT SUM({_AGE} <= {_LATE_S}) AS `Hosts heard`, SUM({_AGE} > {_LATE_S}) AS `Hosts silent`,
  SUM(active_calls) AS `Calls now`, SUM(spool_depth) AS `Spool depth`, SUM(dead_letters) AS `Dead letters`,
  SUM(calls_left_out) AS `Calls left out`
FROM fleet_sip_host
HAVING COUNT(*) > 0"""


def hosts() -> str:
    """Every SIP host, the one that has been silent longest first."""
    return f"""SELECT sip_host AS `SIP host`,
  IF({_AGE} > {_AWAY_S}, 'Away', IF({_AGE} > {_LATE_S}, 'Late', 'Up')) AS `State`, {_AGE} AS `Heartbeat`,
  active_calls AS `Calls now`, spool_depth AS `Spool depth`, dead_letters AS `Dead letters`,
  strangers AS `Strangers`, calls_left_out AS `Calls left out`, clock_offset_ms AS `Clock offset`,
  version AS `Version`, started_at AS `Started`
FROM fleet_sip_host
ORDER BY {_AGE} DESC, sip_host"""


def clients() -> str:
    """Every client: its probes by health now, and what its calls of the chosen time say, the worst first."""
    answered, compliant = SHARES_OF_COUNTED
    return f"""SELECT c.display_name AS `Client`, c.client AS `Namespace`, COALESCE(p.probes, 0) AS `Probes`,
  p.unhealthy AS `Unhealthy`, p.degraded AS `Degraded`, p.no_data AS `NoData`, p.healthy AS `Healthy`,
  p.suspended AS `Suspended`, k.calls AS `Calls`, k.answered AS `Answer rate`, k.compliant AS `SLA compliance`,
  k.mos AS `MOS, worst 5 %`
FROM fleet_client c
LEFT JOIN (
  SELECT client, COUNT(*) AS probes, SUM(health = 'Unhealthy') AS unhealthy, SUM(health = 'Degraded') AS degraded,
    SUM(health = 'NoData') AS no_data, SUM(health = 'Healthy') AS healthy, SUM(health = 'Suspended') AS suspended
  FROM fleet_probe GROUP BY client
) p ON p.client = c.client
LEFT JOIN (
  SELECT client, SUM(calls) AS calls, {answered} AS answered, {compliant} AS compliant,
    {percentile_of_counted(WORST_OF_LOW)} AS mos
  FROM ({counted("fleet_call_judged", _VALID, by="client")}) r
  GROUP BY client
) k ON k.client = c.client
ORDER BY p.unhealthy DESC, p.degraded DESC, k.compliant IS NULL, k.compliant, c.display_name, c.client"""


def worst_probes() -> str:
    """The twenty probes of all clients that kept least to their service level."""
    also = "client, probe, display_name, answered, compliant"
    return f"""SELECT c.display_name AS `Client`, k.display_name AS `Probe`, k.calls AS `Calls`,
  k.answered AS `Answer rate`, k.compliant AS `SLA compliance`, k.mos AS `MOS, worst 5 %`,
  k.client AS `Namespace`, k.probe AS `Name`
FROM (
  SELECT client, probe, display_name, COUNT(*) AS calls, 100 * AVG(answered) AS answered,
    100 * AVG(compliant) AS compliant, {percentile(WORST_OF_LOW)} AS mos
  FROM ({ranked("mos", "fleet_call_judged", _VALID, by="client, probe", also=also)}) r
  GROUP BY client, probe, display_name
  ORDER BY compliant, mos, client, probe
  LIMIT 20
) k
JOIN fleet_client c ON c.client = k.client
ORDER BY k.compliant, k.mos, k.client, k.probe"""


def calls_by_host() -> str:
    """Number of calls that each SIP host recorded in each interval, whether they count or not."""
    return """SELECT $__timeGroupAlias(started_at, $__interval), sip_host AS metric, COUNT(*) AS value
FROM fleet_call
WHERE $__timeFilter(started_at)
GROUP BY 1, 2
ORDER BY 1, 2"""


def invalid_by_host() -> str:
    """Share of the calls that do not count, of each SIP host and interval."""
    return """SELECT $__timeGroupAlias(started_at, $__interval), sip_host AS metric, 100 * AVG(NOT valid) AS value
FROM fleet_call
WHERE $__timeFilter(started_at)
GROUP BY 1, 2
ORDER BY 1, 2"""
