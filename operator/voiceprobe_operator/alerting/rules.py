"""The alert rules of a client: one for each kind and severity, however many probes there are. Nothing here does I/O.

They need no word that a user wrote: what differs from probe to probe comes as rows, and so as labels, which
Grafana does not read as templates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from voiceprobe_operator import names, pages
from voiceprobe_operator.alerting import sql
from voiceprobe_operator.dashboards import Json
from voiceprobe_operator.model import Client

_RANGE = {"from": 600, "to": 0}
_VALUES = {"A": "value", "B": "threshold"}
# Grafana raises DatasourceError in the rule's name, of no probe, when a query fails.
_CANNOT_TELL = "About no probe. If this is an error, the database of the calls does not answer Grafana"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `queries` by refId; it is raised where `condition`, a Grafana expression over them, is not 0."""

    kind: str
    severity: sql.Severity
    title: str
    queries: Mapping[str, str]
    condition: str
    summary: str
    description: str

    @property
    def uid(self) -> str:
        """Grafana's uid of the rule."""
        return f"{names.ALERT_RULE_PREFIX}{self.kind}-{self.severity}"

    def model(self, client: Client, portal_url: str) -> Json:
        """What Grafana is given. `for` is 0 here: the queries judge each probe's own."""
        return {
            "uid": self.uid,
            "title": self.title,
            "folderUID": names.FOLDER_UID,
            "ruleGroup": names.ALERT_GROUP,
            "condition": "C",
            "data": [*(_query(ref, text) for ref, text in self.queries.items()), _expression(self.condition)],
            "noDataState": "OK",
            "execErrState": "Error",
            "for": "0s",
            "labels": {"client": client.name, "kind": self.kind, "severity": self.severity},
            "annotations": {
                "summary": _of_probe(f"{{{{ $labels.probe }}}}: {self.summary}", _CANNOT_TELL),
                "description": _of_probe(self.description, ""),
                "dashboard": pages.dashboard(
                    portal_url, client.name, _of_probe("{{ $labels.dashboard }}", names.OVERVIEW_UID)
                ),
                "portal": _of_probe(
                    pages.probe(portal_url, client.name, "{{ $labels.probe }}"), pages.overview(portal_url, client.name)
                ),
                **{name: _of_probe(_number(ref), "") for ref, name in _VALUES.items() if ref in self.queries},
            },
            "isPaused": False,
        }


def rules() -> list[Rule]:
    """All rules of any client."""
    measures = [
        ("mos", "MOS", sql.MOS, "", 2, "below"),
        ("packet-loss", "Packet loss", sql.LOSS, " %", 2, "above"),
        ("jitter", "Jitter", sql.JITTER, " ms", 1, "above"),
        ("post-dial-delay", "Post-dial delay", sql.POST_DIAL_DELAY, " ms", 0, "above"),
        ("late-media", "Late media", sql.LATE_MEDIA, " ms", 0, "above"),
    ]
    severities: Sequence[sql.Severity] = ("warning", "critical")
    passed = [_passed(*measure, severity) for measure in measures for severity in severities]
    return [*passed, _failing(), _no_calls()]


def _passed(
    kind: str, name: str, measure: sql.Measure, unit: str, places: int, side: str, severity: sql.Severity
) -> Rule:
    value, threshold = _number("A", places), _number("B", places)
    return Rule(
        kind=kind,
        severity=severity,
        title=f"{name} {severity}",
        queries={"A": sql.passed(measure, severity), "B": sql.thresholds(measure, severity)},
        condition=f"$A {measure.worse} $B",
        summary=f"{name} is {value}{unit}, {side} the {severity} threshold {threshold}{unit}",
        description=_passed_in_full(measure, severity, f"{value}{unit}", f"{threshold}{unit}"),
    )


def _passed_in_full(measure: sql.Measure, severity: sql.Severity, value: str, threshold: str) -> str:
    """What a threshold that was passed means, with the last call's value."""
    for_so_long = "for as long as the probe's alerting.for"
    if measure is sql.POST_DIAL_DELAY:
        return f"The last call rang after {value}. No call rang within {threshold} {for_so_long}."
    if measure is sql.LATE_MEDIA:
        return (
            f"In the worse direction of the last call the first sound came {value} after the answer. In no call did"
            f" both directions sound within {threshold} {for_so_long}."
        )
    return (
        f"The worse direction of the last call: {value}. No call was better than the {severity} threshold of"
        f" {threshold} {for_so_long}."
    )


def _failing() -> Rule:
    code = "$values.A.Value"
    why = (
        f"{{{{ if eq {code} 200.0 }}}}the last one was answered, but speech did not arrive both ways"
        f"{{{{ else if eq {code} 0.0 }}}}the last one got no answer"
        f"{{{{ else }}}}the last one ended with SIP code {_number('A', 0)}{{{{ end }}}}"
    )
    return Rule(
        kind="calls-fail",
        severity="critical",
        title="Calls fail",
        queries={"A": sql.failing()},
        condition="$A >= 0",
        summary=f"calls fail: {why}",
        description="No call was answered and brought speech both ways for as long as the probe's alerting.for.",
    )


def _no_calls() -> Rule:
    return Rule(
        kind="no-calls",
        severity="critical",
        title="No calls are being made",
        queries={"A": sql.without_calls(), "B": sql.silence_allowed()},
        condition="$A >= $B",
        summary=f"no call that counts for {_number('A', 0)} minutes",
        description=f"After {_number('B', 0)} minutes there should have been one. The path may be fine: it is not"
        " being tested.",
    )


def _of_probe(text: str, otherwise: str) -> str:
    return f"{{{{ if $labels.probe }}}}{text}{{{{ else }}}}{otherwise}{{{{ end }}}}"


def _number(ref: str, places: int = 3) -> str:
    return f'{{{{ printf "%.{places}f" $values.{ref}.Value }}}}'


def _query(ref: str, text: str) -> Json:
    datasource = {"type": "mysql", "uid": names.CLIENT_DATASOURCE_UID}
    return {
        "refId": ref,
        "queryType": "",
        "relativeTimeRange": _RANGE,
        "datasourceUid": names.CLIENT_DATASOURCE_UID,
        "model": {
            "refId": ref,
            "datasource": datasource,
            "format": "table",
            "editorMode": "code",
            "rawQuery": True,
            "rawSql": text,
            "intervalMs": 1000,
            "maxDataPoints": 43200,
        },
    }


def _expression(text: str) -> Json:
    return {
        "refId": "C",
        "queryType": "",
        "relativeTimeRange": _RANGE,
        "datasourceUid": "__expr__",
        "model": {
            "refId": "C",
            "type": "math",
            "datasource": {"type": "__expr__", "uid": "__expr__"},
            "expression": text,
            "intervalMs": 1000,
            "maxDataPoints": 43200,
        },
    }
