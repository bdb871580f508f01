"""An organisation with alert rules on a virtual clock: no sleeps, no sockets, and tables that a test fills."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from voice_lab.grafana_stand_in.alerting.expressions import evaluate, queries
from voice_lab.grafana_stand_in.alerting.scheduler import Alerting
from voice_lab.grafana_stand_in.state import SERVER, State

Document = dict[str, Any]
ROOT = "http://127.0.0.1:<port>/grafana"
ORG = 2
BEGIN = datetime(2026, 11, 29, 18, 36, 0, tzinfo=UTC).timestamp()


def table(names: str, *rows: tuple[object, ...]) -> Document:
    """A result as of /api/ds/query; columns are named in one text, and those whose values are numbers are numbers."""
    if not rows:
        return {"frames": []}
    columns = [list(column) for column in zip(*rows, strict=True)]
    kinds = ["string" if all(isinstance(one, str) for one in column) else "number" for column in columns]
    fields = [{"name": name, "type": kind} for name, kind in zip(names.split(), kinds, strict=True)]
    return {"frames": [{"schema": {"fields": fields}, "data": {"values": columns}}]}


def sql(ref: str) -> Document:
    """A query whose text is its refId: what it answers is set by that."""
    return {"refId": ref, "datasourceUid": "voice-cdr", "model": {"refId": ref, "rawSql": ref, "format": "table"}}


def expression(ref: str, **model: Any) -> Document:
    return {"refId": ref, "datasourceUid": "__expr__", "model": {"refId": ref, **model}}


def rule(uid: str, *data: Document, **rest: Any) -> Document:
    """A rule as it is stored; `data` without a condition is A with `$A > 0`."""
    asked = data or (sql("A"), expression("C", type="math", expression="$A > 0"))
    return {
        "uid": uid,
        "title": uid,
        "folderUID": "voice",
        "ruleGroup": "voice",
        "condition": "C",
        "data": list(asked),
        "noDataState": "OK",
        "execErrState": "Error",
        "for": "0s",
        "isPaused": False,
        **rest,
    }


def policy(**rest: Any) -> Document:
    times = {"group_wait": "10s", "group_interval": "30s", "repeat_interval": "4h"}
    return {"receiver": "noc", "group_by": ["alertname"], **times, **rest}


@dataclass
class Sent:
    """A message: when it was sent, to which contact point, and its body."""

    at: float
    to: str
    body: Document

    def alerts(self) -> list[tuple[str, str]]:
        return [(one["status"], one["labels"].get("probe", "")) for one in self.body["alerts"]]


class World:
    def __init__(self, *rules: Document, interval: int = 10, tree: Document | None = None) -> None:
        self.state, self.now, self.sent = State(), BEGIN, list[Sent]()
        self.answers: dict[str, Document] = {}
        self.reachable: Callable[[str], bool] = lambda _: True
        self.state.put("org", SERVER, ORG, {"id": ORG})
        self.state.put("folder", ORG, "voice", {"uid": "voice", "title": "Voice"})
        self.state.put("group", ORG, "voice/voice", {"interval": interval})
        self.state.put("policy", ORG, "", policy() if tree is None else tree)
        self.contact("noc")
        for one in rules:
            self.write(one)
        self.alerting = Alerting(self.state, ROOT)
        self.asked: list[tuple[float, str]] = []

    def contact(self, uid: str, **rest: Any) -> None:
        point = {"uid": uid, "name": uid, "type": "webhook", "settings": {"url": "http://x/"}, **rest}
        self.state.put("contact", ORG, point["uid"], point)

    def write(self, one: Document) -> None:
        self.state.put("rule", ORG, one["uid"], one)

    def pass_time(self, seconds: float) -> list[Sent]:
        """What was sent meanwhile."""
        before, end = len(self.sent), self.now + seconds
        while self.now < end:
            for run in self.alerting.due(self.now):
                asked = [query["model"]["rawSql"] for query in queries(run.rule.document)]
                self.asked += [(run.at, text) for text in asked]
                answers = {query["refId"]: self._answer(query) for query in queries(run.rule.document)}
                self.alerting.record(run, evaluate(run.rule.document, answers), self.now)
            for notifier, message in self.alerting.messages(self.now):
                to = message.contact["uid"] or message.contact["name"]
                if delivered := self.reachable(to):
                    self.sent.append(Sent(self.now, to, message.body))
                notifier.settle(message, self.now, delivered=delivered)
            self.now += 1
        return self.sent[before:]

    def _answer(self, query: Document) -> Document:
        return self.answers.get(query["model"]["rawSql"], table(""))

    def states(self) -> list[str]:
        return self.alerting.states(ORG)
