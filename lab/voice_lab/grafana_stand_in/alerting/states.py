"""The state of each label set of a rule, from one evaluation to the next, and the alerts that follow.

As rules have it whose `noDataState` is OK and whose `execErrState` is Error: ours, and no others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from voice_lab.grafana_stand_in.alerting.expressions import Labels, Result, State
from voice_lab.grafana_stand_in.alerting.templates import expand
from voice_lab.grafana_stand_in.durations import seconds
from voice_lab.grafana_stand_in.state import Document

REASON = "grafana_state_reason"
_TOLD: set[State] = {"Alerting", "Error"}
"""The states that somebody is told of."""


@dataclass(frozen=True)
class Rule:
    """A rule as it is stored, with what it does not say itself: its folder's title and its group's interval."""

    org: int
    document: Document
    folder: str
    interval: int

    @property
    def key(self) -> tuple[int, str]:
        """What tells it from all others."""
        return self.org, str(self.document["uid"])


@dataclass(frozen=True)
class Alert:
    """What is told of a label set. It fires until `ends`; `values` and `text` are what the rule found."""

    labels: Labels
    annotations: Labels
    starts: float
    ends: float | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    text: str = ""

    @cached_property
    def fingerprint(self) -> str:
        """Prometheus' hash of the labels: FNV-1a."""
        number, end = 0xCBF29CE484222325, b"\xff"
        for byte in b"".join(text.encode() + end for label in sorted(self.labels.items()) for text in label):
            number = ((number ^ byte) * 0x100000001B3) % 2**64
        return f"{number:016x}"


@dataclass(frozen=True)
class Instance:
    """A label set of a rule: its state, since when, and when it was last found."""

    state: State
    since: float
    seen: float
    alert: Alert


Instances = dict[frozenset[tuple[str, str]], Instance]


def step(rule: Rule, before: Instances, results: Sequence[Result], at: float) -> tuple[Instances, list[Alert]]:
    """The label sets after an evaluation, and the alerts that fire or have just been resolved."""
    after: Instances = {}
    told: list[Alert] = []
    for result in results:
        labels = _labels(rule, result)
        key = frozenset(labels.items())
        after[key] = _instance(rule, result, labels, before.get(key), at)
        told += _told(before.get(key), after[key], at)
    for key, instance in before.items():
        if key not in after and at - instance.seen < 2 * rule.interval:
            after[key] = instance
        elif key not in after:
            told += stopped([instance], at, "MissingSeries")
    return after, told


def stopped(instances: Iterable[Instance], at: float, reason: str) -> Iterator[Alert]:
    """The alerts of label sets that are not judged any more, resolved."""
    for one in instances:
        if one.state in _TOLD:
            yield replace(one.alert, ends=at, annotations={**one.alert.annotations, REASON: reason})


def _told(before: Instance | None, after: Instance, at: float) -> Iterator[Alert]:
    if after.state in _TOLD:
        yield after.alert
    if before and before.state in _TOLD and (after.state not in _TOLD or before.alert.labels != after.alert.labels):
        # Also an error that is over, as since Grafana 11: 10.0 let it run out after some minutes.
        last = after.alert if before.alert.labels == after.alert.labels else before.alert
        yield replace(last, starts=before.since, ends=at)


def _labels(rule: Rule, result: Result) -> Labels:
    """Those of the row, overruled by those of the rule, and these by what Grafana adds."""
    document = rule.document
    added = {"alertname": document["title"], "grafana_folder": rule.folder, "__alert_rule_uid__": document["uid"]}
    known = {**result.labels, **added}
    own = {name: expand(text, known, result.values) for name, text in (document.get("labels") or {}).items()}
    return {**result.labels, **own, **added}


def _instance(rule: Rule, result: Result, labels: Labels, before: Instance | None, at: float) -> Instance:
    state = _state(rule.document, result, before, at)
    since = before.since if before and before.state == state else at
    written = rule.document.get("annotations") or {}
    annotations = {
        **{name: expand(text, labels, result.values) for name, text in written.items()},
        **({"Error": result.error} if result.error else {}),
    }
    if state == "Error":
        labels = {**labels, **result.origin, "alertname": "DatasourceError", "rulename": labels["alertname"]}
    alert = Alert(_filled(labels), _filled(annotations), since, None, result.values, result.text)
    return Instance(state, since, at, alert)


def _filled(texts: Mapping[str, str]) -> Labels:
    return {name: text for name, text in texts.items() if text}


def _state(document: Document, result: Result, before: Instance | None, at: float) -> State:
    hold = seconds(str(document.get("for") or "0s"))
    if result.state != "Alerting" or not hold or (before and before.state == "Alerting"):
        return result.state
    return "Alerting" if before and before.state == "Pending" and at - before.since >= hold else "Pending"
