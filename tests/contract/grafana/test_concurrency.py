"""What happens when several write at once (contract, 12)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.contract.grafana.server import read
from tests.contract.grafana.world import Maker, Org, fresh

pytestmark = pytest.mark.services
MANY = 12
PROVISIONING = "/api/v1/provisioning"
RULE = {
    "folderUID": "voice", "ruleGroup": "voice", "condition": "A", "noDataState": "OK", "execErrState": "Error",
    "for": "0s", "isPaused": True,
    "data": [{"refId": "A", "datasourceUid": "x", "relativeTimeRange": {"from": 600, "to": 0}, "model": {}}],
}  # fmt: skip


def at_once(ask: Callable[[int], httpx.Response], number: int = MANY) -> list[httpx.Response]:
    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(ask, range(number)))


def statuses(answers: list[httpx.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def board(uid: str, title: str) -> dict[str, Any]:
    return {"dashboard": {"uid": uid, "title": title}, "folderUid": "voice", "overwrite": True}


def test_different_dashboards_all_succeed(org: Org):
    org.folder()
    answers = at_once(lambda n: org.admin.post("/api/dashboards/db", board(f"vp-{n}", f"Probe {n}")))
    assert statuses(answers) == {200: MANY}
    assert len(read(org.admin.get("/api/search", type="dash-db"))) == MANY


def test_different_rules_all_succeed(org: Org):
    answers = at_once(
        lambda n: org.admin.post(f"{PROVISIONING}/alert-rules", RULE | {"uid": f"r{n}", "title": f"r{n}"})
    )
    assert statuses(answers) == {201: MANY}
    assert len(read(org.admin.get(f"{PROVISIONING}/alert-rules"))) == MANY


def test_different_organisations_all_succeed(maker: Maker):
    prefix = fresh()
    made = at_once(lambda n: maker.server.admin.post("/api/orgs", {"name": f"{prefix}-{n}"}))
    maker.orgs += [read(answer)["orgId"] for answer in made]
    assert len(set(maker.orgs)) == MANY


def test_one_new_dashboard_is_made_once_and_its_version_counts_every_success(org: Org):
    org.folder()
    answers = at_once(lambda _: org.admin.post("/api/dashboards/db", board("vp-1", "Probe one")))
    told = statuses(answers)
    assert set(told) <= {200, 500}
    assert {a.json()["message"] for a in answers if a.status_code == 500} <= {"Failed to save dashboard"}
    assert read(org.admin.get("/api/dashboards/uid/vp-1"))["meta"]["version"] == told[200] >= 1
    assert len(read(org.admin.get("/api/search", type="dash-db"))) == 1


SOURCE = {"uid": "x", "name": "x", "type": "mysql", "access": "proxy"}


@pytest.mark.parametrize(
    ("path", "body", "taken", "rest"),
    [
        ("/api/folders", {"uid": "voice", "title": "Voice"}, 200, {412, 409}),
        ("/api/datasources", SOURCE, 200, {409, 500}),
        (f"{PROVISIONING}/alert-rules", RULE | {"uid": "r", "title": "r"}, 201, {500, 400, 409}),
    ],
    ids=["folder", "datasource", "rule"],
)
def test_of_several_that_make_one_thing_one_succeeds(
    org: Org, path: str, body: dict[str, Any], taken: int, rest: set[int]
):
    told = statuses(at_once(lambda _: org.admin.post(path, body)))
    assert told.pop(taken) == 1
    assert set(told) <= rest
    assert len(read(org.admin.get(path))) == 1


def test_of_several_that_make_one_organisation_one_succeeds(maker: Maker):
    name = fresh()
    answers = at_once(lambda _: maker.server.admin.post("/api/orgs", {"name": name}))
    maker.orgs += [answer.json()["orgId"] for answer in answers if answer.is_success]
    told = statuses(answers)
    assert (len(maker.orgs), told.pop(200)) == (1, 1)
    assert set(told) <= {409, 500}


def test_of_several_that_make_one_user_one_succeeds(maker: Maker, org: Org):
    body = {"login": fresh(), "name": "x", "password": "12345", "OrgId": org.id}
    answers = at_once(lambda _: maker.server.admin.post("/api/admin/users", body))
    maker.users += [answer.json()["id"] for answer in answers if answer.is_success]
    told = statuses(answers)
    assert (len(maker.users), told.pop(200)) == (1, 1)
    assert set(told) <= {412, 500}
    assert {a.json()["message"] for a in answers if a.status_code == 500} <= {"failed to create user"}


def test_of_several_that_change_one_rule_those_that_lost_are_told(org: Org):
    rule = RULE | {"uid": "r", "title": "r"}
    read(org.admin.post(f"{PROVISIONING}/alert-rules", rule))
    path = f"{PROVISIONING}/alert-rules/r"
    answers = at_once(lambda n: org.admin.put(path, rule | {"labels": {"n": str(n)}}))
    told = statuses(answers)
    assert set(told) <= {200, 409}
    assert told[200] >= 1
    lost = [answer.json()["message"] for answer in answers if answer.status_code == 409]
    assert all(message.startswith("version conflict while updating a record") for message in lost)
    taken = {str(n) for n, answer in enumerate(answers) if answer.status_code == 200}
    assert read(org.admin.get(path))["labels"]["n"] in taken


LOST = "could not find object using provided id and hash"


def lose(kind: str, ask: Callable[[int], httpx.Response]) -> list[int]:
    """Several write to the one document of an organisation at once: who of them was told that it succeeded."""
    answers = at_once(ask)
    told = statuses(answers)
    assert set(told) <= {201, 202, 409, 500}, kind
    failed = [answer.json()["message"] for answer in answers if answer.status_code == 500]
    assert set(failed) <= {LOST}, kind
    return [number for number, answer in enumerate(answers) if answer.is_success]


def test_of_contact_points_that_are_made_at_once_some_fail_and_none_of_those_that_did_not_is_lost(alerted: Org):
    path = f"{PROVISIONING}/contact-points"
    email = {"type": "email", "settings": {"addresses": "a@x.example"}}
    taken = lose(path, lambda n: alerted.admin.post(path, email | {"uid": f"u{n}", "name": f"n{n}"}))
    assert 1 <= len(taken) < MANY, "not one after the other"
    assert {point["uid"] for point in read(alerted.admin.get(path)) if point["uid"]} == {f"u{n}" for n in taken}


def test_of_timings_that_are_made_at_once_none_of_those_that_did_not_fail_is_lost(alerted: Org):
    path = f"{PROVISIONING}/mute-timings"
    taken = lose(path, lambda n: alerted.admin.post(path, {"name": f"t{n}", "time_intervals": []}))
    assert 1 <= len(taken) < MANY, "not one after the other"
    assert {timing["name"] for timing in read(alerted.admin.get(path))} == {f"t{n}" for n in taken}


def test_of_policies_that_are_put_at_once_one_that_did_not_fail_holds(alerted: Org):
    path = f"{PROVISIONING}/policies"
    trees = [{"receiver": "grafana-default-email", "group_by": [f"label_{n}"]} for n in range(MANY)]
    taken = lose(path, lambda n: alerted.admin.put(path, trees[n]))
    assert read(alerted.admin.get(path))["group_by"] in [trees[n]["group_by"] for n in taken]


def test_writes_of_different_organisations_do_not_meet(pool: Any):
    path = f"{PROVISIONING}/contact-points"
    orgs = [pool.take() for _ in range(4)]
    email = {"uid": "u", "name": "n", "type": "email", "settings": {"addresses": "a@x.example"}}
    assert statuses(at_once(lambda n: orgs[n].admin.post(path, email), 4)) == {202: 4}
