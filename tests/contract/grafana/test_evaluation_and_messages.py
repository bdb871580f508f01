"""Rules are run, and what is told of it (contract, 9.4).

All but the mail is one course of events, of which each test looks at something: it takes a minute and a half.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.grafana.alarms import (
    ANNOTATIONS,
    FIRE,
    MUTED,
    POLL_S,
    PROVISIONING,
    TICK_S,
    TREE,
    Course,
    hurry,
    rule,
    run,
    silence,
)
from tests.contract.grafana.listening import Told, hook, mailbox
from tests.contract.grafana.matching import OBJECT, TIME, holding, pattern
from tests.contract.grafana.server import Server, read, until
from tests.contract.grafana.source import Schema
from tests.contract.grafana.world import Org, Pool, fresh

pytestmark = [pytest.mark.services, pytest.mark.timeout(400)]
NEVER = "0001-01-01T00:00:00Z"
STILL_S = 45
"""How long nothing was told of a change that was none."""


@pytest.fixture(scope="module")
def course(pool: Pool, calls: Schema) -> Iterator[Course]:
    with hook() as heard:
        org = pool.take()
        yield run(org, calls, heard, lambda course: time.monotonic() - course.changed > STILL_S)
        calls.run("DROP FUNCTION noted", "DROP TABLE alarm", "DROP TABLE ran")


def labels(name: str, kind: str, severity: str, **row: str) -> dict[str, str]:
    return {"alertname": name, "client": "c", "grafana_folder": "Voice", "kind": kind, "severity": severity} | row


FAX = {"probe": "fax", "probe_name": "Fax", "dashboard": "vp-1"}


def alert(course: Course, uid: str, of: dict[str, str], notes: dict[str, str], **more: Any) -> dict[str, Any]:
    root = course.org.server.root_url
    name = of["alertname"].replace(" ", "+")
    return {
        "status": "firing", "labels": of, "annotations": notes, "startsAt": TIME, "endsAt": NEVER,
        "generatorURL": f"{root}alerting/grafana/{uid}/view",
        "fingerprint": pattern("16 hexadecimal digits", "[0-9a-f]{16}"),
        "silenceURL": holding(f"{root}alerting/silence/new?alertmanager=grafana&matcher=alertname%3D{name}&matc"),
        "dashboardURL": "", "panelURL": "", "values": OBJECT,
        "valueString": pattern("values", r"\[ var='.*value=.* \]"),
    } | more  # fmt: skip


def message(course: Course, alerts: list[Any], common: dict[str, str], **more: Any) -> dict[str, Any]:
    name = common["alertname"]
    branch = '{}/{severity=~"warning|critical"}'
    return {
        "receiver": "voice: noc", "status": "firing", "alerts": alerts, "groupLabels": {"alertname": name},
        "commonLabels": common, "externalURL": course.org.server.root_url, "version": "1",
        "groupKey": f'{branch}:{{alertname="{name}"}}', "truncatedAlerts": 0, "orgId": course.org.id,
        "state": "alerting", "message": pattern("a message", r"\*\*Firing\*\*\n\nValue: .*Labels:\n - alertname = .*"),
    } | more  # fmt: skip


def check(course: Course, told: Told, recorded: dict[str, Any]) -> None:
    course.org.server.compare(told.body, recorded, f"a message to {told.path}")


def test_a_webhook_is_told_of_an_alert_of_two_joined_queries(course: Course):
    of = labels("MOS warning", "mos", "warning", **FAX)
    notes = {
        "summary": "fax: value is 3.25", "description": "d", "value": "3.250", "dashboard": "http://p/grafana/d/vp-1",
    }  # fmt: skip
    told = course.first("/noc", "MOS warning")
    values = {"A": 3.25, "B": 4, "C": 1}
    title = "[FIRING:1] MOS warning (c vp-1 Voice mos fax Fax warning)"
    one = alert(course, "voice-mos", of, notes, values=values)
    check(course, told, message(course, [one], of, commonAnnotations=notes, title=title))
    row = "labels={dashboard=vp-1, probe=fax, probe_name=Fax}"
    parts = {f"[ var='A' {row} value=3.25 ]", f"[ var='B' {row} value=4 ]", f"[ var='C' {row} value=1 ]"}
    assert set(re.findall(r"\[.*?\]", told.body["alerts"][0]["valueString"])) == parts
    text = (
        "**Firing**\n\nValue: A=3.25, B=4, C=1\nLabels:\n - alertname = MOS warning\n - client = c\n - dashboard = vp-1"
    )
    assert told.body["message"].startswith(text)


def test_a_webhook_is_asked_with_these_headers(course: Course):
    headers = course.first("/noc", "MOS warning").headers
    recorded = {"User-Agent": "Grafana", "Content-Type": "application/json", "Authorization": "Bearer t0ken"}
    assert {name: headers.get(name) for name in recorded} == recorded


def test_rows_of_one_rule_come_in_one_message(course: Course):
    told = course.first("/noc", "Calls fail")
    common = labels("Calls fail", "calls", "critical")
    rows = [("fax", "Fax    template", "vp-1", "486", "failed"), ("p2", "P2", "vp-2", "200", "answered")]
    alerts = [
        alert(
            course, "voice-calls", common | {"probe": probe, "probe_name": name, "dashboard": board},
            {
                "summary": f"{probe}: value is {value}.00", "description": "d", "value": f"{value}.000",
                "dashboard": f"http://p/grafana/d/{board}", "code": code,
            },
            values={"A": int(value), "C": 1},
        )
        for probe, name, board, value, code in rows
    ]  # fmt: skip
    told.body["alerts"].sort(key=lambda alert: alert["labels"]["probe"])
    recorded = message(course, alerts, common, commonAnnotations={"description": "d"})
    check(course, told, recorded | {"title": "[FIRING:2] Calls fail (c Voice calls critical)"})


def test_a_query_that_fails_is_an_alert_of_the_rule_without_a_row(course: Course):
    of = labels("DatasourceError", "err", "critical", rulename="Broken", datasource_uid="voice-cdr", ref_id="A")
    why = f"failed to execute query A: db query error: Error 1146: Table '{course.calls.name}.nosuch' doesn't exist"
    notes = {
        "Error": why, "summary": "no probe", "description": "d", "dashboard": "http://p/grafana/d/voice-overview",
    }  # fmt: skip
    told = course.first("/noc", "Broken")
    one = alert(course, "voice-err", of, notes, values=None, valueString="")
    text = pattern("a message", r"\*\*Firing\*\*\n\nValue: \[no value\]\nLabels:\n - alertname = DatasourceError\n.*")
    title = "[FIRING:1] DatasourceError (c voice-cdr Voice err A Broken critical)"
    check(course, told, message(course, [one], of, commonAnnotations=notes, title=title, message=text))


def test_two_rows_with_the_same_labels_are_an_error_with_the_labels_of_that_row(course: Course):
    """What a query with a row too many would raise for a client."""
    (one,) = course.first("/info", "Twice").of("Twice")
    assert one["labels"] == labels("DatasourceError", "twice", "info", rulename="Twice", **FAX)


def test_a_row_without_a_value_fires(course: Course):
    """NULL becomes NaN, what is asked of NaN is NaN, and that is not 0."""
    (one,) = course.first("/noc", "Null").of("Null")
    assert one["labels"] == labels("Null", "null", "warning", **FAX)


def fired(course: Course, title: str) -> set[str]:
    return {alert["labels"]["probe"] for told in course.hook.heard for alert in told.of(title)}


def test_a_row_without_a_partner_is_dropped_and_one_that_is_fine_does_not_fire(course: Course):
    assert fired(course, "MOS warning") == {"fax"}


@pytest.mark.parametrize("title", ["Nothing", "False", "Paused"], ids=["no rows", "a condition of 0", "a paused rule"])
def test_nothing_is_told_of(course: Course, title: str):
    assert len(course.runs("A")) > 3, "it was asked for"
    assert fired(course, title) == set()


def test_a_row_that_is_gone_is_resolved_and_why(course: Course):
    told = course.first("/noc", "Calls fail", "resolved")
    assert (told.body["status"], told.body["state"]) == ("resolved", "ok")
    assert told.body["title"] == "[RESOLVED] Calls fail (c Voice calls critical)"
    assert told.body["message"].startswith("**Resolved**\n\nValue: A=")
    assert told.body["commonAnnotations"] == {"description": "d", "grafana_state_reason": "MissingSeries"}
    for one in told.of("Calls fail"):
        assert one["annotations"]["grafana_state_reason"] == "MissingSeries"
        assert TIME.holds(one["endsAt"])
        assert NEVER != one["endsAt"] > one["startsAt"]
        assert one["values"] == {"A": {"fax": 486, "p2": 200}[one["labels"]["probe"]], "C": 1}


@pytest.mark.parametrize(
    ("title", "reason"), [("Is paused", "Paused"), ("Is deleted", "RuleDeleted")], ids=["is paused", "is deleted"]
)
def test_an_alert_is_resolved_when_its_rule(course: Course, title: str, reason: str):
    (one,) = course.first("/noc", title, "resolved").of(title)
    assert one["annotations"]["grafana_state_reason"] == reason


@pytest.mark.parametrize("title", ["MOS warning", "Is changed"], ids=["value", "rule"])
def test_no_message_is_sent_of_a_firing_alert_that_is_as_bad_with_another(course: Course, title: str):
    assert len(course.hook.told("/noc", title)) == 1
    assert course.hook.told("/noc", title, "resolved") == []


def test_every_matching_branch_is_told_as_far_as_the_first_that_does_not_go_on(course: Course):
    heard = {(told.path, alert["labels"]["severity"]) for told in course.hook.heard for alert in told.body["alerts"]}
    old = {pair for pair in heard if pair[0] != "/moved"}
    assert old == {("/info", "info"), ("/noc", "warning"), ("/noc", "critical"), ("/pager", "critical")}


def test_changes_are_told_a_group_interval_apart(course: Course):
    for path, interval in (("/noc", 10), ("/pager", 20)):
        fire, resolve = (course.first(path, "Calls fail", status) for status in ("firing", "resolved"))
        assert resolve.at - fire.at > interval - 1, path


def test_what_does_not_change_is_told_again_each_repeat_interval(course: Course):
    times = [told.at for told in course.hook.told("/info", "Twice")]
    apart = [after - before for before, after in itertools.pairwise(times)]
    assert apart, "it was told again"
    assert all(19 < seconds < 42 for seconds in apart), apart


def test_another_address_and_other_policies_are_used_after_the_next_poll(course: Course):
    for title in ("Late", "Calls fail"):
        told = course.first("/moved", title)
        assert told.body["receiver"] == "voice: noc"
    assert course.hook.told("/noc", "Late") == []
    probes = {
        alert["labels"]["probe"] for told in course.hook.told("/noc", "Calls fail") for alert in told.of("Calls fail")
    }
    assert "p3" not in probes


def test_a_rule_runs_each_interval_of_its_group_each_query_once(course: Course):
    """In each interval in a place of its own, which is less than a tick long."""
    assert abs(len(course.runs("A")) - len(course.runs("B"))) <= 1, "one may be on its way"
    for ref, interval in (("A", TICK_S), ("B", TICK_S), ("S", 2 * TICK_S)):
        runs = course.runs(ref)
        span = (runs[-1] - runs[0]).total_seconds()
        assert len(runs) > 1, ref
        assert abs(span - interval * (len(runs) - 1)) < TICK_S + 1, ref
    assert course.posted is not None
    assert (course.runs("A")[0] - course.posted).total_seconds() < 2 * TICK_S + 3, "soon after it was posted"


def test_an_alert_is_told_within_half_a_minute(course: Course):
    """An interval until it runs, its place within the interval, and the wait of its group."""
    assert all(course.first("/noc", title).at - course.made < 30 for title in FIRE)


@pytest.mark.usefixtures("alone")
def test_mail_goes_to_each_address_alone_and_a_muted_branch_sends_none(server: Server, alerted: Org, calls: Schema):
    """The address that every organisation is born with belongs to a stranger."""
    title, org = fresh("mail"), alerted
    org.folder()
    calls.add_to(org)
    silence(org)
    mine = [f"{name}-{title}@acme.example" for name in ("noc", "ops")]
    point = {"uid": "voice-mail", "name": "voice: mail", "type": "email", "settings": {"addresses": ";".join(mine)}}
    read(org.admin.post(f"{PROVISIONING}/contact-points", point))
    route = {"receiver": "voice: mail", "object_matchers": [["severity", "=", "critical"]], "continue": True}
    read(org.admin.put(f"{PROVISIONING}/policies", TREE | {"routes": [route, MUTED]}))
    one = rule("mail", title, "$A > 0", "critical", annotations=ANNOTATIONS)
    one["data"][0]["model"]["rawSql"] = "SELECT 'fax' AS probe, 'vp-1' AS dashboard, 2.5 AS value"
    time.sleep(POLL_S)  # or the alert could come before the policies are in use
    with mailbox(server.mail_port) as box:
        read(org.admin.post(f"{PROVISIONING}/alert-rules", one))
        hurry(org, "fast", TICK_S)
        until(lambda: {to for each in box.letters for to in each.to} >= set(mine), "the mail comes to both", 60)
        time.sleep(3)  # for what should not come
        letters = [each for each in box.letters if title in each.message["Subject"]]
    assert sorted(each.to for each in letters) == sorted([address] for address in mine)
    for each in letters:
        assert each.message["Subject"] == f"[FIRING:1] {title} (c vp-1 Voice mail fax critical)"
        assert (each.client, each.sender, each.options) == ("lab", "grafana@lab.example", ["BODY=8BITMIME"])
        assert each.message["From"] == "Grafana <grafana@lab.example>"
        assert [each.message["To"]] == each.to
        assert each.message.get_content_type() == "text/html"
        assert each.message.get_content_charset() == "utf-8"
        assert each.message["Content-Transfer-Encoding"] == "quoted-printable"
        assert "fax: value is 2.50" in each.message.get_content()
