"""The SQL of alert rules, against the client's own views: which probes are in trouble, how badly, what was allowed.

Every statement gives one row for each probe that raises the alert, so what it costs Grafana follows the trouble and not
the number of probes. `alerting.for` differs from probe to probe, so it is judged here: a threshold has been passed for
that long when a call that ended so long ago had passed it, and no call since was good. Walking back from the newest
call, the first that is either good or old enough decides. That reads one call of a healthy probe, and of a bad one
those of its `for`. A call that measured nothing of the kind (a failed one has no MOS) neither raises nor ends it. The
time without calls after which a probe's health is NoData ends it: from then on another alert speaks.
"""

# ruff: noqa: S608 - only words of this package; what users wrote is in the rows

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from voiceprobe_operator import names

Severity = Literal["warning", "critical"]

# Time without a call after which a probe's health is NoData: the same words as in the view voice_probe_state.
_NO_DATA_MS = "(3 * COALESCE(p.every_ms, 28800000) + p.duration_ms)"
# What an engineer knows the probe by, the uid of its dashboard, and its display name without what a channel that shows
# it might take for markup, a template or a new line: a label is data, and stays that wherever it is shown.
_LABELS = (
    "p.probe AS probe,"
    f" CONCAT('{names.PROBE_DASHBOARD_PREFIX}', REPLACE(p.uid, '-', '')) AS dashboard,"
    " TRIM(REGEXP_REPLACE(p.display_name, '[[:cntrl:]<>{}]', ' ')) AS probe_name"
)
_MAY_RAISE = "p.alerting_enabled AND NOT p.suspended AND p.health <> 'NoData'"


@dataclass(frozen=True, slots=True)
class Measure:
    """Something that has thresholds. `last` is a column of `client_probe`, `of_call` its value in any one call."""

    last: str
    of_call: str
    threshold: str
    worse: Literal["<", ">"]

    def is_bad(self, value: str, severity: Severity) -> str:
        """Whether `value` has passed the threshold; NULL where nothing was measured."""
        return f"{value} {self.worse} p.{self.threshold}_{severity}"


def _worse_direction(function: Literal["LEAST", "GREATEST"], column: str) -> str:
    """The worse of both directions of a call, or the one that was measured: as in the view voice_probe_state."""
    f, r = f"f.{column}", f"r.{column}"
    return f"{function}(COALESCE({f}, {r}), COALESCE({r}, {f}))"


MOS = Measure("mos", _worse_direction("LEAST", "mos_cq"), "mos", "<")
LOSS = Measure("loss_pct", _worse_direction("GREATEST", "loss_pct"), "loss_pct", ">")
JITTER = Measure("jitter_ms", _worse_direction("GREATEST", "jitter_ms"), "jitter_ms", ">")
POST_DIAL_DELAY = Measure("pdd_ms", "c.pdd_ms", "pdd_ms", ">")
LATE_MEDIA = Measure("late_media_ms", _worse_direction("GREATEST", "late_media_ms"), "late_media_ms", ">")

# As the view voice_probe_state has it: not answered, or not heard in both directions.
_FAILED = (
    "(c.disposition <> 'answered'"
    " OR COALESCE(GREATEST(f.one_way, r.one_way), 1) OR COALESCE(GREATEST(f.silent, r.silent), 1))"
)


def passed(measure: Measure, severity: Severity) -> str:
    """What the last call measured, of each probe that has passed this threshold for as long as it says.

    A warning is silent while the same measure is critical.
    """
    decisive = _decisive(measure, severity)
    raised = measure.is_bad(decisive, severity)
    if severity == "warning":
        raised += f"\n  AND NOT COALESCE({measure.is_bad(_decisive(measure, 'critical'), 'critical')}, FALSE)"
    return f"""SELECT {_LABELS}, COALESCE(p.{measure.last}, {decisive}) AS value
FROM client_probe p
WHERE {_candidates(measure, severity)}
  AND {raised}"""


def thresholds(measure: Measure, severity: Severity) -> str:
    """The threshold of each probe that may have passed it."""
    return f"""SELECT {_LABELS}, p.{measure.threshold}_{severity} AS threshold
FROM client_probe p
WHERE {_candidates(measure, severity)}"""


def _candidates(measure: Measure, severity: Severity) -> str:
    """Only where the last call was not good can there be an alert: spares a look at earlier calls of healthy probes."""
    return f"{_MAY_RAISE} AND (p.{measure.last} IS NULL OR {measure.is_bad(f'p.{measure.last}', severity)})"


def _decisive(measure: Measure, severity: Severity) -> str:
    """The value of the newest call that is good, or bad and old enough; NULL if there is none."""
    bad = measure.is_bad(measure.of_call, severity)
    return _newest(measure.of_call, f"{measure.of_call} IS NOT NULL", bad)


def failing() -> str:
    """SIP code of the last call (0: none) of each probe whose calls failed, or brought no sound, for as long."""
    failed = _newest(_FAILED, "TRUE", _FAILED)
    return f"""SELECT {_LABELS}, COALESCE(p.sip_code, 0) AS sip_code
FROM client_probe p
WHERE {_MAY_RAISE} AND {failed}"""


def _newest(value: str, judges: str, bad: str) -> str:
    """`value` of the newest call that `judges` and is not `bad`, or ended at least `alerting.for` ago."""
    old_enough = "UTC_TIMESTAMP(3) - INTERVAL p.alerting_for_ms * 1000 MICROSECOND"
    too_old = f"UTC_TIMESTAMP(3) - INTERVAL (p.alerting_for_ms + {_NO_DATA_MS}) * 1000 MICROSECOND"
    # The order names all columns of the index voice_call_probe, which is then read from its end.
    return f"""(
    SELECT IF(c.started_at < {too_old}, NULL, {value})
    FROM client_call c
    LEFT JOIN client_call_stream f ON f.uuid = c.uuid AND f.started_at = c.started_at AND f.direction = 'forward'
    LEFT JOIN client_call_stream r ON r.uuid = c.uuid AND r.started_at = c.started_at AND r.direction = 'reverse'
    WHERE c.probe = p.probe AND c.valid
      AND (c.started_at < {too_old} OR ({judges} AND (NOT {bad} OR c.ended_at <= {old_enough})))
    ORDER BY c.client DESC, c.probe DESC, c.started_at DESC LIMIT 1)"""


# Since the last call, or since the plan last changed: a probe that was resumed, or is new, is given its time.
_SINCE = "GREATEST(COALESCE(p.last_call_at, p.published_at), p.published_at)"
_SILENT_S = f"TIMESTAMPDIFF(SECOND, {_SINCE}, UTC_TIMESTAMP(3))"
_SILENCE_MS = f"({_NO_DATA_MS} + p.alerting_for_ms)"
_NO_CALLS = f"p.alerting_enabled AND NOT p.suspended AND p.health = 'NoData' AND {_SILENT_S} * 1000 >= {_SILENCE_MS}"


def without_calls() -> str:
    """Minutes since the last call of each probe that is not called any more."""
    return f"SELECT {_LABELS}, {_SILENT_S} / 60 AS minutes\nFROM client_probe p\nWHERE {_NO_CALLS}"


def silence_allowed() -> str:
    """Minutes that may pass without a call: three intervals and a call, as for NoData, and the probe's `for`."""
    return f"SELECT {_LABELS}, {_SILENCE_MS} / 60000 AS minutes\nFROM client_probe p\nWHERE {_NO_CALLS}"
