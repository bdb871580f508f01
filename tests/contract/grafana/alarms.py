"""Rules that fire, and a course of events around them that takes a minute and a half and is told in one go."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.contract.grafana.listening import Hook, Told
from tests.contract.grafana.server import read, until
from tests.contract.grafana.source import Schema
from tests.contract.grafana.world import Org

PROVISIONING = "/api/v1/provisioning"
TICK_S, POLL_S = 10, 5
SQL = "SELECT probe, probe_name, dashboard, value FROM alarm WHERE rule = '{}' AND ref = '{}' ORDER BY probe"
TABLES = (
    "CREATE TABLE alarm (rule VARCHAR(20), ref CHAR(1), probe VARCHAR(20), probe_name VARCHAR(40), "
    "dashboard VARCHAR(20), value DOUBLE) CHARACTER SET utf8mb4",
    "CREATE TABLE ran (ref CHAR(1), at DATETIME(3))",
    "CREATE FUNCTION noted(ref CHAR(1)) RETURNS INT MODIFIES SQL DATA "
    "BEGIN INSERT INTO ran VALUES (ref, UTC_TIMESTAMP(3)); RETURN 0; END",
)
ROWS = [
    ("mos", "A", "fax", "Fax", "vp-1", 3.25), ("mos", "A", "fine", "Fine", "vp-3", 4.5),
    ("mos", "A", "alone", "Alone", "vp-4", 1.0), ("mos", "B", "fax", "Fax", "vp-1", 4.0),
    ("mos", "B", "fine", "Fine", "vp-3", 4.0), ("mos", "B", "other", "Other", "vp-5", 4.0),
    ("calls", "A", "fax", "Fax    template", "vp-1", 486.0), ("calls", "A", "p2", "P2", "vp-2", 200.0),
    ("twice", "A", "fax", "Fax", "vp-1", 1.0), ("twice", "A", "fax", "Fax", "vp-1", 2.0),
    ("null", "A", "fax", "Fax", "vp-1", None), ("false", "A", "fax", "Fax", "vp-1", 1.0),
    *((rule, "A", "fax", "Fax", "vp-1", 1.0) for rule in ("paused", "pause", "delete", "change")),
]  # fmt: skip
NUMBER = '{{ printf "%.3f" $values.A.Value }}'
CODE = "{{ if eq $values.A.Value 200.0 }}answered{{ else if eq $values.A.Value 0.0 }}none{{ else }}failed{{ end }}"
ANNOTATIONS = {
    "summary": '{{ if $labels.probe }}{{ $labels.probe }}: value is {{ printf "%.2f" $values.A.Value }}'
    "{{ else }}no probe{{ end }}",
    "description": "d",
    "value": f"{{{{ if $labels.probe }}}}{NUMBER}{{{{ end }}}}",
    "empty": '{{ if eq $labels.probe "nobody" }}x{{ end }}',
    "dashboard": "http://p/grafana/d/{{ if $labels.probe }}{{ $labels.dashboard }}{{ else }}voice-overview{{ end }}",
}


def source(ref: str, sql: str) -> dict[str, Any]:
    """A query of a rule."""
    model = {"refId": ref, "rawSql": sql, "format": "table", "rawQuery": True, "intervalMs": 1000}
    window = {"from": 600, "to": 0}
    return {"refId": ref, "queryType": "", "relativeTimeRange": window, "datasourceUid": "voice-cdr", "model": model}


def compared(expression: str) -> dict[str, Any]:
    """The condition of a rule."""
    place = {"type": "__expr__", "uid": "__expr__"}
    model = {"refId": "C", "type": "math", "datasource": place, "expression": expression}
    window = {"from": 600, "to": 0}
    return {"refId": "C", "queryType": "", "relativeTimeRange": window, "datasourceUid": "__expr__", "model": model}


def rule(kind: str, title: str, condition: str, severity: str, refs: str = "A", **more: Any) -> dict[str, Any]:
    """A rule over the rows of `kind`."""
    queries = [source(ref, SQL.format(kind, ref)) for ref in refs]
    return {
        "uid": f"voice-{kind}", "title": title, "folderUID": "voice", "ruleGroup": "fast", "condition": "C",
        "data": [*queries, compared(condition)], "noDataState": "OK", "execErrState": "Error", "for": "0s",
        "labels": {"client": "c", "kind": kind, "severity": severity}, "annotations": ANNOTATIONS, "isPaused": False,
    } | more  # fmt: skip


RULES = [
    rule("mos", "MOS warning", "$A < $B", "warning", "AB"),
    rule("calls", "Calls fail", "$A >= 0", "critical", annotations=ANNOTATIONS | {"code": CODE}),
    rule("err", "Broken", "$A > 0", "critical", data=[source("A", "SELECT * FROM nosuch"), compared("$A > 0")]),
    rule("twice", "Twice", "$A > 0", "info"),
    rule("null", "Null", "$A > 1", "warning"),
    rule("none", "Nothing", "$A >= 0", "warning"),
    rule("false", "False", "$A > 100", "warning"),
    rule("paused", "Paused", "$A > 0", "warning", isPaused=True),
    rule("pause", "Is paused", "$A > 0", "warning"),
    rule("delete", "Is deleted", "$A > 0", "warning"),
    rule("change", "Is changed", "$A > 0", "warning"),
    rule("late", "Late", "$A > 0", "late"),
    rule("count", "Counted", "$A + $B > 1", "warning", data=[
        source("A", "SELECT noted('A') AS value"), source("B", "SELECT noted('B') AS value"), compared("$A + $B > 1"),
    ]),
    rule("slow", "Slow", "$A > 1", "warning", ruleGroup="slow", data=[
        source("A", "SELECT noted('S') AS value"), compared("$A > 1"),
    ]),
]  # fmt: skip
FIRE = ["MOS warning", "Calls fail", "Broken", "Null", "Is paused", "Is deleted", "Is changed"]
MUTED = {
    "receiver": "grafana-default-email", "object_matchers": [["alertname", "=~", ".+"]],
    "mute_time_intervals": ["voice-nobody"],
}  # fmt: skip
ROUTES = [
    {"receiver": "voice: info", "object_matchers": [["severity", "=", "info"]], "repeat_interval": "20s"},
    {"receiver": "voice: noc", "object_matchers": [["severity", "=~", "warning|critical"]], "continue": True},
    {"receiver": "voice: pager", "object_matchers": [["severity", "=", "critical"]], "group_interval": "20s"},
    {"receiver": "voice: third", "object_matchers": [["severity", "=", "critical"]]},
    MUTED,
]  # fmt: skip
LATE = {"receiver": "voice: noc", "object_matchers": [["severity", "=", "late"]]}
TREE = {
    "receiver": "grafana-default-email", "group_by": ["alertname"], "group_wait": "2s", "group_interval": "10s",
    "repeat_interval": "4h", "routes": ROUTES,
}  # fmt: skip


@dataclass
class Course:
    """Everything that happened.

    Attributes:
        made: when the rules were posted; `changed`: when rows and rules were changed; both by the monotonic clock.
    """

    org: Org
    calls: Schema
    hook: Hook
    made: float = 0.0
    changed: float = 0.0
    posted: datetime | None = None

    def runs(self, ref: str) -> list[datetime]:
        """When a query was run."""
        return [at for (at,) in self.calls.rows(f"SELECT at FROM ran WHERE ref = '{ref}' ORDER BY at")]

    def first(self, path: str, title: str, status: str = "firing") -> Told:
        return until(lambda: self.hook.told(path, title, status)[:1], f"{title} is {status} at {path}", 60)[0]

    def tell(self, *rows: tuple[Any, ...]) -> None:
        """Add rows of alarms."""
        words = ("NULL" if value is None else repr(value) for row in rows for value in row)
        texts = [next(words) for _ in range(6 * len(rows))]
        lines = (", ".join(texts[n : n + 6]) for n in range(0, len(texts), 6))
        self.calls.run(f"INSERT INTO alarm VALUES {', '.join(f'({line})' for line in lines)}")


def contact(name: str, url: str) -> dict[str, Any]:
    """A webhook with a secret."""
    settings = {"url": url, "httpMethod": "POST", "authorization_scheme": "Bearer"}
    secret = {"authorization_credentials": "t0ken"}
    return {"uid": f"voice-{name}", "name": f"voice: {name}", "type": "webhook", "settings": settings | secret}


def silence(org: Org) -> None:
    """Make the timing that always mutes."""
    times = [{"times": [{"start_time": "00:00", "end_time": "24:00"}]}]
    read(org.admin.post(f"{PROVISIONING}/mute-timings", {"name": "voice-nobody", "time_intervals": times}))


def hurry(org: Org, group: str, interval: int) -> None:
    """Have a group run more often."""
    path = f"{PROVISIONING}/folder/voice/rule-groups/{group}"
    read(org.admin.put(path, read(org.admin.get(path)) | {"interval": interval}))


def run(org: Org, calls: Schema, hook: Hook, ended: Callable[[Course], bool]) -> Course:
    """Let everything happen, until `ended` says that it has been long enough."""
    course = Course(org, calls, hook)
    calls.run(*TABLES)
    course.tell(*ROWS)
    org.folder()
    calls.add_to(org)
    silence(org)
    for name in ("info", "noc", "pager", "third"):
        read(org.admin.post(f"{PROVISIONING}/contact-points", contact(name, hook.at(f"/{name}"))))
    read(org.admin.put(f"{PROVISIONING}/policies", TREE))
    for each in RULES:
        read(org.admin.post(f"{PROVISIONING}/alert-rules", each))
    course.made, course.posted = time.monotonic(), calls.rows("SELECT UTC_TIMESTAMP(3)")[0][0]
    hurry(org, "fast", TICK_S)
    hurry(org, "slow", 2 * TICK_S)
    for title in FIRE:
        course.first("/noc", title)
    course.first("/info", "Twice")
    _change(course)
    for title in ("Calls fail", "Is paused", "Is deleted"):
        course.first("/noc", title, "resolved")
    course.first("/pager", "Calls fail", "resolved")  # other policies make all groups anew, with what they have to tell
    read(org.admin.put(f"{PROVISIONING}/contact-points/voice-noc", contact("noc", hook.at("/moved"))))
    read(org.admin.put(f"{PROVISIONING}/policies", TREE | {"routes": [LATE, *ROUTES]}))
    time.sleep(POLL_S + 1)  # only then must both be in use
    course.tell(("late", "A", "fax", "Fax", "vp-1", 1.0), ("calls", "A", "p3", "P3", "vp-3", 0.0))
    course.first("/moved", "Late")
    course.first("/moved", "Calls fail")
    until(lambda: ended(course), "enough has happened", 60)
    return course


def _change(course: Course) -> None:
    rows = (
        "DELETE FROM alarm WHERE rule = 'calls'",
        "UPDATE alarm SET value = 3.0 WHERE rule = 'mos' AND value = 3.25",
    )
    course.calls.run(*rows)
    admin, named = course.org.admin, {each["uid"]: each for each in RULES}
    read(admin.put(f"{PROVISIONING}/alert-rules/voice-pause", named["voice-pause"] | {"isPaused": True}))
    read(admin.delete(f"{PROVISIONING}/alert-rules/voice-delete"))
    changed = named["voice-change"] | {"annotations": ANNOTATIONS | {"description": "other"}}
    read(admin.put(f"{PROVISIONING}/alert-rules/voice-change", changed))
    course.changed = time.monotonic()
