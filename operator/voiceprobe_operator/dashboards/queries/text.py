"""Pieces of SQL that several panels share. Nothing here knows which panel asks."""

# ruff: noqa: S608 - Grafana binds nothing: `literal` makes a probe's name safe, all else is ours

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from voiceprobe_operator.dashboards.zones import Change

# Nearest rank: a percentile is always the value of a call that was made. A twentieth of the calls is worse than it.
MEDIAN = "0.5"
WORST_OF_LOW = "0.05"
WORST_OF_HIGH = "0.95"
BUCKET = "$__timeGroup(started_at, $__interval)"
DIRECTIONS = (("forward", "dialer to receiver"), ("reverse", "receiver to dialer"))


@dataclass(frozen=True, slots=True)
class Views:
    """Which views are asked: a client's own, or those of the whole fleet."""

    calls: str
    judged: str
    probes: str


CLIENT = Views("client_call", "client_call_judged", "client_probe")
FLEET = Views("fleet_call", "fleet_call_judged", "fleet_probe")


def literal(text: str) -> str:
    """`text` as an SQL string that neither SQL nor Grafana's own `$variables` can read otherwise; raises ValueError."""
    if "$" in text or "[[" in text:
        raise ValueError(f"{text!r} would be read as a variable by Grafana")
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def of_probe(probe: str | None) -> str:
    """The condition that a row is of `probe`; none for None."""
    return "" if probe is None else f" AND probe = {literal(probe)}"


def percentile(share: str, *, of: str = "") -> str:
    """The value below which `share` of a group's values are, out of rows of `ranked`; `of` is a condition on them."""
    return f"MAX(CASE WHEN {of}place = CEIL({share} * many) THEN v END)"


def median_and_worst(worst: str) -> str:
    """Median and worst twentieth of each direction, out of rows of `ranked` that tell their direction."""
    columns = []
    for direction, words in DIRECTIONS:
        of = f"direction = '{direction}' AND "
        columns.append(f"{percentile(MEDIAN, of=of)} AS `{words}, median`")
        columns.append(f"{percentile(worst, of=of)} AS `{words}, worst 5 %`")
    return ",\n  ".join(columns)


def over_time(columns: str, source: str) -> str:
    """`columns` of each interval, out of rows of `ranked` that tell their time, for a time series panel."""
    return f"SELECT time, {columns}\nFROM (\n  {source}\n) k\nGROUP BY time\nORDER BY time"


def ranked(value: str, view: str, where: str, *, by: str = "", also: str = "") -> str:
    """Each row's `value` as v, its place among those of its group `by`, lowest first, and how many of these there are.

    Rows without a value come last and are not counted, so that they keep their part in other figures of the group.
    """
    group = f"PARTITION BY {by} " if by else ""
    return f"""SELECT {also}{", " if also else ""}{value} AS v,
    ROW_NUMBER() OVER ({group}ORDER BY {value} IS NULL, {value}) AS place,
    COUNT({value}) OVER ({group.strip()}) AS many
  FROM {view}
  WHERE {where}"""


def counted(view: str, where: str, *, by: str = "") -> str:
    """For each MOS (v) of the calls of a group `by`: how many have it, and of these were answered and good; how many
    have it or a lower one, and how many of the group have any.

    For groups of many calls with few different values: they are counted and not put in order. Those without a MOS come
    last and are counted in `calls` alone, as in `ranked`.
    """
    group, also = (f"PARTITION BY {by} ", f"{by}, ") if by else ("", "")
    return f"""SELECT {also}v, calls, answered, compliant,
    SUM(calls) OVER ({group}ORDER BY v IS NULL, v) AS up_to,
    SUM(IF(v IS NULL, 0, calls)) OVER ({group.strip()}) AS many
  FROM (
    SELECT {also}mos AS v, COUNT(*) AS calls, SUM(answered) AS answered, SUM(compliant) AS compliant
    FROM {view}
    WHERE {where}
    GROUP BY {also}mos
  ) g"""


def percentile_of_counted(share: str) -> str:
    """The value below which `share` of a group's values are, out of rows of `counted`."""
    return f"MIN(CASE WHEN up_to >= CEIL({share} * many) THEN v END)"


SHARES_OF_COUNTED = "100 * SUM(answered) / SUM(calls)", "100 * SUM(compliant) / SUM(calls)"


def call_uuid(column: str) -> str:
    """The text of a UUID in 16 bytes, as the portal's addresses have it."""
    parts = ", ".join(f"SUBSTR(HEX({column}), {start}, {size})" for start, size in _UUID_PARTS)
    return f"LOWER(CONCAT_WS('-', {parts}))"


_UUID_PARTS = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))


@cache
def local_time(column: str, changes: tuple[Change, ...]) -> str:
    """A UTC time as the clocks of a time zone show it. Written out, since MySQL may know no zone by its name."""
    if len(changes) == 1:
        return f"({column} + INTERVAL {changes[0].offset_seconds} SECOND)"
    *before, last = changes
    cases = " ".join(
        f"WHEN {column} < '{after.utc:%Y-%m-%d %H:%M:%S}' THEN {change.offset_seconds}"
        for change, after in zip(before, changes[1:], strict=True)
    )
    return f"({column} + INTERVAL (CASE {cases} ELSE {last.offset_seconds} END) SECOND)"


def rates(views: Views, where: str = "") -> str:
    """How many calls there were, the share that was answered and that was good, and the MOS of the worse direction."""
    answered, compliant = SHARES_OF_COUNTED
    return f"""SELECT SUM(calls) AS `Calls`, {answered} AS `Answer rate`, {compliant} AS `SLA compliance`,
  {percentile_of_counted(MEDIAN)} AS `MOS, median`, {percentile_of_counted(WORST_OF_LOW)} AS `MOS, worst 5 %`
FROM (
  {counted(views.judged, f"$__timeFilter(started_at) AND valid{where}")}
) k
HAVING COUNT(*) > 0"""


def rates_over_time(views: Views, where: str = "") -> str:
    """Answer rate and SLA compliance in each interval, for a time series panel."""
    return f"""SELECT $__timeGroupAlias(started_at, $__interval),
  100 * AVG(answered) AS `Answer rate`, 100 * AVG(compliant) AS `SLA compliance`
FROM {views.judged}
WHERE $__timeFilter(started_at) AND valid{where}
GROUP BY 1
ORDER BY 1"""


def outcomes(views: Views, where: str = "") -> str:
    """Number of calls for each outcome, named by SIP code where there was one, for a time series panel."""
    return f"""SELECT $__timeGroupAlias(started_at, $__interval),
  IF(sip_code IS NULL, disposition, CONCAT(sip_code, ' ', disposition)) AS metric, COUNT(*) AS value
FROM {views.calls}
WHERE $__timeFilter(started_at) AND valid{where}
GROUP BY 1, 2
ORDER BY 1"""


def health_counts(views: Views) -> str:
    """How many probes are in each state of health now, for a stat panel."""
    words = ("Healthy", "Degraded", "Unhealthy", "NoData", "Suspended")
    columns = ", ".join(f"SUM(health = '{word}') AS `{word}`" for word in words)
    return f"SELECT {columns} FROM {views.probes} HAVING COUNT(*) > 0"
