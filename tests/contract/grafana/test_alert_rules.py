"""Alert rules and their groups, by the provisioning API (contract, 9.2)."""

from __future__ import annotations

import copy
from typing import Any

import httpx
import pytest

from tests.contract.grafana.cases import Case, case, table
from tests.contract.grafana.matching import NANOS, NUMBER, TIME, UUID, failed, holding
from tests.contract.grafana.server import Server, read
from tests.contract.grafana.world import Maker, Org

pytestmark = pytest.mark.services
PATH = "/api/v1/provisioning/alert-rules"
ONE = f"{PATH}/voice-mos-warning"
GROUP = "/api/v1/provisioning/folder/voice/rule-groups/voice"
TEXT_TYPE = "text/plain; charset=utf-8"
CONFLICT = failed(
    "a conflicting alert rule is found: rule title under the same organisation and folder should be unique"
)
CONFLICTS = ("11.0", "another status and text (issue #89755, pull request #99202)")
NO_GROUP = failed("rulegroup not found")
UNMARKED = {"X-Disable-Provenance": "true"}


def query(ref: str, sql: str) -> dict[str, Any]:
    source = {"type": "mysql", "uid": "voice-cdr"}
    model = {
        "refId": ref, "datasource": source, "format": "table", "editorMode": "code", "rawQuery": True, "rawSql": sql,
        "intervalMs": 1000, "maxDataPoints": 43200,
    }  # fmt: skip
    window = {"from": 600, "to": 0}
    return {"refId": ref, "queryType": "", "relativeTimeRange": window, "datasourceUid": "voice-cdr", "model": model}


def compared(expression: str) -> dict[str, Any]:
    source = {"type": "__expr__", "uid": "__expr__"}
    model = {
        "refId": "C", "type": "math", "datasource": source, "expression": expression, "intervalMs": 1000,
        "maxDataPoints": 43200, "unknown": {"b": [1, 2.5, None], "a": "<b>"},
    }  # fmt: skip
    window = {"from": 600, "to": 0}
    return {"refId": "C", "queryType": "", "relativeTimeRange": window, "datasourceUid": "__expr__", "model": model}


RULE = {
    "uid": "voice-mos-warning", "title": "MOS warning", "folderUID": "voice", "ruleGroup": "voice", "condition": "C",
    "data": [
        query("A", "SELECT 'p1' AS probe, 3.0 AS value"), query("B", "SELECT 'p1' AS probe, 4.0 AS value"),
        compared("$A < $B"),
    ],
    "noDataState": "OK", "execErrState": "Error", "for": "0s",
    "labels": {"client": "c", "kind": "mos", "severity": "warning"},
    "annotations": {"summary": '{{ $labels.probe }}: {{ printf "%.2f" $values.A.Value }}'}, "isPaused": True,
}  # fmt: skip


def rule(**more: Any) -> dict[str, Any]:
    return copy.deepcopy(RULE) | more


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in RULE.items() if name not in names}


def shown(org: Org, **more: Any) -> dict[str, Any]:
    """As it is read."""
    return rule(id=NUMBER, orgID=org.id, updated=TIME, provenance="api") | more


def in_group(org: Org, **more: Any) -> dict[str, Any]:
    """As it is read in its group."""
    return {name: value for name, value in shown(org, **more).items() if name != "provenance"}


def is_null(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.text) == (404, "null")
    assert answer.headers["Content-Type"] == TEXT_TYPE


@pytest.fixture
def one(org: Org) -> dict[str, Any]:
    """A rule, as it is read."""
    read(org.admin.post(PATH, rule()))
    return dict(read(org.admin.get(ONE)))


def test_a_rule_is_made_and_read_as_it_was_sent(org: Org):
    made = org.server.check(org.admin.post(PATH, rule()), 201, shown(org, updated=NANOS))
    org.server.check(org.admin.get(ONE), 200, shown(org, id=made["id"]))
    org.server.check(org.admin.get(PATH), 200, [shown(org, id=made["id"])])


def test_a_rule_without_a_uid_is_given_one(org: Org):
    org.server.check(org.admin.post(PATH, without("uid")), 201, shown(org, uid=UUID, updated=NANOS))


@pytest.mark.parametrize(
    "odd",
    [
        {"folderUID": "none"}, {"condition": "Z"}, {"folderUID": ""}, {"ruleGroup": ""}, {"uid": "a b"},
        {"uid": "x" * 41}, {"data": [{**RULE["data"][0], "datasourceUid": "none"}]},
    ],
    ids=[
        "an unknown folder", "an unknown condition", "no folder", "no group", "a uid with a blank",
        "a uid of 41 characters", "an unknown datasource",
    ],
)  # fmt: skip
def test_a_rule_is_not_refused_for(org: Org, odd: dict[str, Any]):
    org.server.only_before("11.0", "nobody recorded what newer ones refuse")
    org.server.check(org.admin.post(PATH, rule(**odd)), 201, shown(org, updated=NANOS, **odd))


@table(
    case("a uid that is taken", f"POST {PATH}", rule(), 500, CONFLICT, before=CONFLICTS),
    case("a uid that is taken, and another title", f"POST {PATH}", rule(title="x"), 500, CONFLICT, before=CONFLICTS),
    case("a title that is taken", f"POST {PATH}", rule(uid="voice-other"), 500, CONFLICT, before=CONFLICTS),
    case("an empty title", f"POST {PATH}", rule(uid="voice-nt", title=""), 400,
         failed("invalid alert rule: title is empty")),
    case("a title of 191 characters", f"POST {PATH}", rule(uid="voice-T", title="T" * 191), 400,
         failed("invalid alert rule: name length should not be greater than 190")),
    case("no query", f"POST {PATH}", rule(uid="voice-nd", title="nd", data=[]), 400,
         failed("invalid alert rule: no queries or expressions are found")),
    case("an unknown state for no data", f"POST {PATH}", rule(uid="voice-ns", title="ns", noDataState="Bogus"), 500,
         failed("unknown NoData state option Bogus")),
)  # fmt: skip
@pytest.mark.usefixtures("one")
def test_a_rule_is_refused_with(org: Org, case: Case):
    case.check(org.admin, {})
    assert [one["uid"] for one in read(org.admin.get(PATH))] == ["voice-mos-warning"]


@pytest.mark.parametrize(
    ("wrong", "status"),
    [({"execErrState": "Bogus"}, 500), ({"for": "soon"}, 400)],
    ids=["an unknown state for errors", "a duration that is none"],
)
def test_a_rule_is_refused_somehow_with(org: Org, wrong: dict[str, str], status: int):
    """Of these nobody recorded the words."""
    assert org.admin.post(PATH, rule(**wrong)).status_code == status


def test_a_title_may_have_190_characters(org: Org):
    org.server.check(org.admin.post(PATH, rule(title="T" * 190)), 201, shown(org, title="T" * 190, updated=NANOS))


@pytest.mark.usefixtures("one")
@pytest.mark.parametrize(
    "other", [{"title": "mos WARNING"}, {"folderUID": "other"}], ids=["in other letters", "in another folder"]
)
def test_a_title_is_not_taken_by_one(org: Org, other: dict[str, str]):
    assert org.admin.post(PATH, rule(uid="voice-other", **other)).status_code == 201


def test_a_rule_that_there_is_not_is_null_in_plain_text(org: Org):
    is_null(org.admin.get(ONE))
    is_null(org.admin.put(ONE, rule()))
    org.server.check(org.admin.get(PATH), 200, [])


@pytest.mark.usefixtures("one")
def test_a_rule_of_another_organisation_is_null_in_plain_text(maker: Maker):
    is_null(maker.org().admin.get(ONE))


def test_rules_are_listed_by_folder_and_group_and_number(org: Org):
    places = [("b", "b"), ("a", "c"), ("a", "b"), ("b", "a"), ("a", "b")]
    for number, (folder, group) in enumerate(places):
        uid = f"r{9 - number}"
        read(org.admin.post(PATH, rule(uid=uid, title=uid, folderUID=folder, ruleGroup=group)))
    assert [each["uid"] for each in read(org.admin.get(PATH))] == ["r7", "r5", "r8", "r6", "r9"]


def test_a_rule_is_changed_and_its_uid_in_the_body_is_ignored(org: Org, one: dict[str, Any]):
    changed = rule(title="MOS changed", uid="other", labels={"a": "b"})
    recorded = shown(org, id=one["id"], title="MOS changed", labels={"a": "b"})
    org.server.check(org.admin.put(ONE, changed), 200, recorded | {"updated": NANOS})
    org.server.check(org.admin.get(ONE), 200, recorded)
    org.server.check(org.admin.get(PATH), 200, [recorded])


@pytest.mark.usefixtures("one")
def test_a_rule_moves_to_another_folder_or_group(org: Org):
    for place in ({"folderUID": "other"}, {"folderUID": "other", "ruleGroup": "more"}):
        read(org.admin.put(ONE, rule(**place)))
        org.server.check(org.admin.get(ONE), 200, shown(org, **place))
    org.server.check(org.admin.get(GROUP), 404, NO_GROUP)


@pytest.mark.usefixtures("one")
def test_a_rule_is_not_given_the_title_of_another(org: Org):
    org.server.only_before(*CONFLICTS)
    read(org.admin.post(PATH, rule(uid="voice-other", title="Other")))
    org.server.check(org.admin.put(ONE, rule(title="Other")), 500, CONFLICT)


@pytest.mark.usefixtures("one")
def test_a_rule_is_deleted_and_again(org: Org):
    for _ in range(2):
        answer = org.admin.delete(ONE)
        assert (answer.status_code, answer.content) == (204, b"")
    is_null(org.admin.get(ONE))


def test_numbers_of_rules_rise_and_none_is_given_out_again(maker: Maker):
    numbers = []
    for org in (maker.org(), maker.org()):
        for _ in range(2):
            numbers.append(read(org.admin.post(PATH, rule()))["id"])
            org.admin.delete(ONE)
    assert numbers == sorted(set(numbers))


def test_a_group_is_made_with_its_first_rule_and_an_interval_of_a_minute(org: Org, one: dict[str, Any]):
    recorded = {"title": "voice", "folderUid": "voice", "interval": 60, "rules": [in_group(org, id=one["id"])]}
    org.server.check(org.admin.get(GROUP), 200, recorded)


def test_a_group_without_a_rule_is_not_found(org: Org):
    org.server.check(org.admin.get(GROUP), 404, NO_GROUP)


def group(org: Org) -> dict[str, Any]:
    return dict(read(org.admin.get(GROUP)))


@pytest.fixture
def three(org: Org) -> dict[str, Any]:
    """A group of three rules, as it is read."""
    for uid in ("r3", "r1", "r2"):
        read(org.admin.post(PATH, rule(uid=uid, title=uid)))
    return group(org)


def uids(told: dict[str, Any]) -> list[str]:
    return [each["uid"] for each in told["rules"]]


def test_rules_of_a_group_come_by_number(org: Org, three: dict[str, Any]):
    assert uids(three) == ["r3", "r1", "r2"]
    turned = three | {"rules": three["rules"][::-1]}
    read(org.admin.put(GROUP, turned))
    assert uids(group(org)) == ["r3", "r1", "r2"], "the order that is sent is not kept"


def test_a_group_is_given_another_interval_by_sending_it_back(org: Org, three: dict[str, Any]):
    changed = three | {"interval": 10}
    known = zip(uids(three), three["rules"], strict=True)
    rules = [in_group(org, uid=uid, title=uid, id=each["id"]) for uid, each in known]
    recorded = {"title": "voice", "folderUid": "voice", "interval": 10, "rules": rules}
    told = org.server.check(org.admin.put(GROUP, changed), 200, recorded)
    assert told == changed, "the body is repeated"
    assert group(org)["interval"] == 10
    assert uids(group(org)) == ["r3", "r1", "r2"]


@pytest.mark.usefixtures("one")
def test_a_rule_that_joins_a_group_has_the_groups_interval(org: Org):
    read(org.admin.put(GROUP, group(org) | {"interval": 20}))
    read(org.admin.post(PATH, rule(uid="voice-other", title="Other")))
    assert group(org)["interval"] == 20


@pytest.mark.usefixtures("one")
def test_the_interval_of_a_group_goes_with_its_last_rule(org: Org):
    read(org.admin.put(GROUP, group(org) | {"interval": 20}))
    read(org.admin.delete(ONE))
    org.server.check(org.admin.get(GROUP), 404, NO_GROUP)
    read(org.admin.post(PATH, rule()))
    assert group(org)["interval"] == 60


def test_a_rule_that_is_left_out_of_a_group_is_deleted(org: Org, three: dict[str, Any]):
    read(org.admin.put(GROUP, three | {"rules": three["rules"][:2]}))
    assert uids(group(org)) == ["r3", "r1"]
    is_null(org.admin.get(f"{PATH}/r2"))


@pytest.mark.usefixtures("three")
def test_a_group_without_its_rules_keeps_them_and_takes_the_interval(org: Org):
    recorded = {"title": "voice", "folderUid": "voice", "interval": 20, "rules": None}
    org.server.check(org.admin.put(GROUP, {"interval": 20}), 200, recorded)
    assert (group(org)["interval"], uids(group(org))) == (20, ["r3", "r1", "r2"])


@pytest.mark.parametrize("interval", [15, 0, -10, 1])
def test_an_interval_that_is_no_multiple_of_ten_seconds_is_refused(org: Org, three: dict[str, Any], interval: int):
    told = org.server.check(
        org.admin.put(GROUP, three | {"interval": interval}),
        400,
        failed(holding("interval", "should be non-zero and divided exactly by scheduler interval: 10")),
    )
    if interval == 15:
        words = "invalid alert rule: interval (15s) should be non-zero and divided exactly by scheduler interval: 10"
        assert told["message"] == words
    assert group(org)["interval"] == 60


@pytest.mark.parametrize("where", ["folder", "group"])
def test_rules_that_are_sent_to_another_folder_or_group_move_there(org: Org, three: dict[str, Any], where: str):
    path = GROUP.replace("/folder/voice", "/folder/other") if where == "folder" else GROUP + "2"
    told = read(org.admin.put(path, three))
    named = {"folder": ("voice", "other"), "group": ("voice2", "voice")}[where]
    assert (told["title"], told["folderUid"]) == named, "with the path's names"
    org.server.check(org.admin.get(GROUP), 404, NO_GROUP)
    assert uids(read(org.admin.get(path))) == ["r3", "r1", "r2"]


def test_a_group_is_not_put_with_a_uid_that_there_is_not(org: Org, three: dict[str, Any]):
    org.server.only_before("11.5", "rules of new uids are made (issue #98283)")
    extra = three["rules"][0] | {"uid": "new", "title": "new"}
    assert org.admin.put(GROUP, three | {"rules": [*three["rules"], extra]}).status_code == 500
    assert uids(group(org)) == ["r3", "r1", "r2"]


def test_a_group_makes_a_rule_that_has_no_uid(org: Org, three: dict[str, Any]):
    extra = {name: value for name, value in rule(title="new").items() if name != "uid"}
    read(org.admin.put(GROUP, three | {"rules": [*three["rules"], extra]}))
    assert [each["title"] for each in group(org)["rules"]] == ["r3", "r1", "r2", "new"]


def test_a_rule_that_is_made_so_has_no_provenance_with_the_header(org: Org):
    told = read(org.admin.having(**UNMARKED).post(PATH, rule()))
    assert "provenance" not in told
    assert "provenance" not in read(org.admin.get(ONE))
    assert read(org.admin.put(ONE, rule()))["provenance"] == "api", "from none to api is allowed"


@pytest.mark.parametrize("value", ["true", "false", ""])
@pytest.mark.usefixtures("one")
def test_a_rule_of_the_api_is_not_taken_out_of_its_hands(org: Org, value: str):
    admin = org.admin.having(**{"X-Disable-Provenance": value})
    org.server.check(admin.put(ONE, rule()), 500, failed("cannot change provenance from 'api' to ''"))
    refused = failed("cannot delete with provided provenance '', needs 'api'")
    org.server.check(admin.delete(ONE), 500, refused)
    org.server.check(org.admin.get(ONE), 200, shown(org))


@pytest.mark.usefixtures("one")
def test_a_group_that_is_put_with_the_header_takes_the_provenance_from_its_rules_unrefused(org: Org):
    org.server.only_before("11.0", "nobody recorded what newer ones do")
    read(org.admin.having(**UNMARKED).put(GROUP, group(org)))
    assert "provenance" not in read(org.admin.get(ONE))


def test_the_words_of_a_conflict_changed(org: Org, one: dict[str, Any], server: Server):
    server.only_since("11.0", "it was 500")
    assert one
    assert org.admin.post(PATH, rule(uid="voice-other")).status_code in {400, 409}
