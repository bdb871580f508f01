"""All SQL that panels send, against the client's own views only. Times are UTC, as is the datasource's session.

A bucket of `$__interval` holds one call when zoomed in and the mean of several when zoomed out. Calls that the
measuring host spoilt itself (`valid` = 0) say nothing about the path, so only the table of calls shows them.
"""

# ruff: noqa: S608 - Grafana binds nothing: `literal` makes a probe's name safe, columns are ours

_DIRECTION = "IF(direction = 'forward', 'dialer to receiver', 'receiver to dialer')"


def literal(text: str) -> str:
    """`text` as an SQL string that neither SQL nor Grafana's own `$variables` can read otherwise; raises ValueError."""
    if "$" in text or "[[" in text:
        raise ValueError(f"{text!r} would be read as a variable by Grafana")
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def stream_series(probe: str, column: str) -> str:
    """One series for each direction: the mean of a column of the streams, for a time series panel."""
    return f"""SELECT $__timeGroupAlias(started_at, $__interval), {_DIRECTION} AS metric, AVG({column}) AS value
FROM client_call_stream
WHERE $__timeFilter(started_at) AND probe = {literal(probe)} AND valid
GROUP BY 1, 2
ORDER BY 1"""


def post_dial_delay(probe: str) -> str:
    """Time from INVITE to the first ringing, in milliseconds, for a time series panel."""
    return f"""SELECT $__timeGroupAlias(started_at, $__interval), AVG(pdd_ms) AS `post-dial delay`
FROM client_call
WHERE $__timeFilter(started_at) AND probe = {literal(probe)} AND valid
GROUP BY 1
ORDER BY 1"""


def outcomes(probe: str) -> str:
    """Number of calls for each outcome, named by SIP code where there was one, for a time series panel."""
    return f"""SELECT $__timeGroupAlias(started_at, $__interval),
  IF(sip_code IS NULL, disposition, CONCAT(sip_code, ' ', disposition)) AS metric, COUNT(*) AS value
FROM client_call
WHERE $__timeFilter(started_at) AND probe = {literal(probe)} AND valid
GROUP BY 1, 2
ORDER BY 1"""


def state(probe: str, column: str) -> str:
    """One value of the probe as it stands now, whatever time range is chosen, for a stat panel."""
    return f"SELECT {column} FROM client_probe WHERE probe = {literal(probe)}"


def answered(probe: str) -> str:
    """Share of the calls that were answered, with speech heard both ways, in percent, for a stat panel."""
    return f"""SELECT 100 * AVG(disposition = 'answered' AND NOT EXISTS (
    SELECT 1 FROM client_call_stream s WHERE s.uuid = c.uuid AND s.started_at = c.started_at AND (s.one_way OR s.silent)
  )) AS answered
FROM client_call c
WHERE $__timeFilter(started_at) AND probe = {literal(probe)} AND valid"""


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
  f.pdv_p95_ms AS `Delay variation to receiver`, r.pdv_p95_ms AS `Delay variation to dialer`,
  f.rtt_ms AS `Round trip`, c.pdd_ms AS `Post-dial delay`, c.duration_ms AS `Duration`,
  f.codec AS `Codec`, IF(f.wideband, 'wide', 'narrow') AS `Band`,
  c.hangup_by AS `Hung up by`, IF(c.valid, 'yes', 'no') AS `Valid`, c.call_id AS `Call-ID`
FROM client_call c
LEFT JOIN client_call_stream f ON f.uuid = c.uuid AND f.started_at = c.started_at AND f.direction = 'forward'
LEFT JOIN client_call_stream r ON r.uuid = c.uuid AND r.started_at = c.started_at AND r.direction = 'reverse'
WHERE $__timeFilter(c.started_at) AND c.probe = {literal(probe)}
ORDER BY c.started_at DESC
LIMIT 200"""


def all_states() -> str:
    """Every probe of the client as it stands now, the worst first, for a table panel."""
    return """SELECT health AS `Health`, display_name AS `Probe`, destination AS `Destination`, mos AS `MOS`,
  mos_forward AS `MOS to receiver`, mos_reverse AS `MOS to dialer`, loss_pct AS `Loss`, jitter_ms AS `Jitter`,
  pdd_ms AS `Post-dial delay`, disposition AS `Outcome`, sip_code AS `SIP code`, last_call_at AS `Last call`
FROM client_probe
ORDER BY FIELD(health, 'Unhealthy', 'Degraded', 'NoData', 'Healthy', 'Suspended'), display_name"""


def health_counts() -> str:
    """How many probes are in each state of health now, for a stat panel."""
    words = ("Healthy", "Degraded", "Unhealthy", "NoData", "Suspended")
    columns = ", ".join(f"COALESCE(SUM(health = '{word}'), 0) AS `{word}`" for word in words)
    return f"SELECT {columns} FROM client_probe"


def all_mos() -> str:
    """One series for each probe: the mean MOS of its worse direction, for a time series panel.

    Two probes may have the same display name, so a series carries the probe's own name too.
    """
    return """SELECT $__timeGroupAlias(w.started_at, $__interval),
  CONCAT(p.display_name, ' (', p.probe, ')') AS metric, AVG(w.mos) AS value
FROM (
  SELECT started_at, probe, MIN(mos_cq) AS mos
  FROM client_call_stream
  WHERE $__timeFilter(started_at) AND valid
  GROUP BY uuid, started_at, probe
) w
JOIN client_probe p ON p.probe = w.probe
GROUP BY 1, 2
ORDER BY 1"""
