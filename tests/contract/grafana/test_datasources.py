"""Datasources of an organisation (contract, 5)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.grafana.cases import Case, case, table
from tests.contract.grafana.matching import NUMBER, UUID, failed
from tests.contract.grafana.server import CACHED_S, Server, read, until
from tests.contract.grafana.source import Schema, query
from tests.contract.grafana.world import Maker, Org

pytestmark = pytest.mark.services
ONE, OTHER = "/api/datasources/uid/voice-cdr", "/api/datasources/uid/d2"
BY_NUMBER = ("13.0", "by number only with datasourceLegacyIdApi (what's new, 2026-04-14)")
MISSING = {"message": "Data source not found"}
BAD_DATA = failed("bad request data")
CHANGED = failed("Datasource has already been updated by someone else. Please reload and try again")
DETAILS = {"database": "voice", "timezone": "+00:00", "maxOpenConns": 10, "maxIdleConns": 2, "connMaxLifetime": 3600}
DETAILS |= {"whenEmpty": "Retain", "fingerprint": "abc"}
BODY = {
    "uid": "voice-cdr", "name": "Voice calls", "type": "mysql", "access": "proxy", "url": "127.0.0.1:3306",
    "user": "somebody", "isDefault": True, "jsonData": DETAILS, "secureJsonData": {"password": "secret"},
}  # fmt: skip
OPEN = {name: value for name, value in BODY.items() if name != "secureJsonData"}


def shown(org: Org, number: object = NUMBER, **more: Any) -> dict[str, Any]:
    """A datasource that is read alone."""
    rest = {
        "id": number, "orgId": org.id, "typeLogoUrl": "", "database": "", "basicAuth": False, "basicAuthUser": "",
        "withCredentials": False, "secureJsonFields": {"password": True}, "version": 1, "readOnly": False,
    }  # fmt: skip
    return OPEN | rest | more


def listed(org: Org, **more: Any) -> dict[str, Any]:
    """A datasource among others."""
    alone = shown(org, typeName="MySQL", typeLogoUrl="public/app/plugins/datasource/mysql/img/mysql_logo.svg", **more)
    gone = {"basicAuthUser", "withCredentials", "secureJsonFields", "version"}
    return {name: value for name, value in alone.items() if name not in gone}


def written(message: str, source: dict[str, Any]) -> dict[str, Any]:
    return {"datasource": source, "id": source["id"], "message": message, "name": source["name"]}


@pytest.fixture
def one(org: Org) -> int:
    """The number of a datasource."""
    return int(read(org.admin.post("/api/datasources", BODY))["id"])


def test_a_datasource_is_made_and_keeps_what_nobody_knows_of_it(org: Org):
    answer = org.admin.post("/api/datasources", BODY)
    made = org.server.check(answer, 200, written("Datasource added", shown(org)))
    org.server.check(org.admin.get(ONE), 200, shown(org, made["id"]))
    org.server.check(org.admin.get("/api/datasources"), 200, [listed(org, number=made["id"])])


def test_a_datasource_of_another_organisation_is_missing(maker: Maker, org: Org):
    read(org.admin.post("/api/datasources", BODY))
    org.server.check(maker.org().admin.get(ONE), 404, MISSING)


def test_datasources_are_listed_by_name_without_regard_to_case(org: Org):
    for name in ("b", "C", "a"):
        read(org.admin.post("/api/datasources", BODY | {"uid": name, "name": name, "isDefault": False}))
    recorded = [listed(org, uid=name, name=name, isDefault=False) for name in ("a", "b", "C")]
    org.server.check(org.admin.get("/api/datasources"), 200, recorded)


def test_the_new_default_takes_it_from_the_other(org: Org, one: int):
    read(org.admin.post("/api/datasources", BODY | {"uid": "d2", "name": "contract d2"}))
    recorded = [
        listed(org, uid="d2", name="contract d2"),
        listed(org, number=one, isDefault=False),
    ]
    org.server.check(org.admin.get("/api/datasources"), 200, recorded)


def test_a_datasource_without_a_uid_is_given_one(org: Org):
    body = {name: value for name, value in BODY.items() if name != "uid"}
    org.server.check(org.admin.post("/api/datasources", body), 200, written("Datasource added", shown(org, uid=UUID)))


@pytest.mark.parametrize(
    "odd",
    [{"type": "none"}, {"access": "none"}, {"url": ""}, {"uid": "a b"}],
    ids=["an unknown type", "an unknown access", "an empty url", "a uid with blanks"],
)
def test_a_datasource_is_taken_with(org: Org, odd: dict[str, str]):
    org.server.only_before("11.0", "nobody recorded what newer ones take")
    answer = org.admin.post("/api/datasources", BODY | odd)
    assert org.server.check(answer, 200, written("Datasource added", shown(org, **odd)))


@table(
    case("a name that is taken", "POST /api/datasources", BODY | {"uid": "d2"}, 409,
         failed("data source with the same name already exists")),
    case("a name and a uid that are taken", "POST /api/datasources", BODY, 409,
         failed("data source with the same name already exists")),
    case("a uid that is taken", "POST /api/datasources", BODY | {"name": "Voice calls 2"}, 409,
         failed("data source with the same uid already exists")),
    case("a uid of more than 40 characters", "POST /api/datasources", BODY | {"uid": "x" * 41, "name": "long"}, 500,
         failed("Failed to add datasource")),
    case("no name", "POST /api/datasources", {k: BODY[k] for k in BODY if k != "name"}, 400, BAD_DATA),
    case("no type", "POST /api/datasources", {k: BODY[k] for k in BODY if k != "type"} | {"name": "2"}, 400, BAD_DATA),
)  # fmt: skip
@pytest.mark.usefixtures("one")
def test_a_datasource_is_not_made_with(org: Org, case: Case):
    case.check(org.admin, {})
    assert [source["uid"] for source in read(org.admin.get("/api/datasources"))] == ["voice-cdr"]


@pytest.mark.parametrize("way", ["uid", "number"])
def test_a_datasource_is_changed(org: Org, one: int, way: str):
    if way == "number":
        org.server.only_before(*BY_NUMBER)
    path = ONE if way == "uid" else f"/api/datasources/{one}"
    recorded = shown(org, one, user="other")
    answer = org.admin.put(path, BODY | {"user": "other"})
    org.server.check(answer, 200, written("Datasource updated", recorded))
    org.server.check(org.admin.get(ONE), 200, recorded)
    org.server.check(org.admin.get("/api/datasources"), 200, [listed(org, number=one, user="other")])


@pytest.mark.parametrize(
    "secrets",
    [{}, {"secureJsonData": {}}, {"secureJsonData": {"httpHeaderValue1": "x"}}],
    ids=["no secureJsonData", "an empty one", "another key"],
)
def test_a_secret_that_is_not_named_stays(org: Org, calls: Schema, secrets: dict[str, Any]):
    calls.add_to(org)
    kept = {name: value for name, value in calls.source().items() if name != "secureJsonData"}
    told = read(org.admin.put(ONE, kept | secrets))["datasource"]
    fields = {"password": True} | dict.fromkeys(secrets.get("secureJsonData", {}), True)
    assert told["secureJsonFields"] == fields
    assert read(org.admin.get(f"{ONE}/health"))["status"] == "OK", "and it is the right one"


def test_a_body_with_another_uid_renames(org: Org, one: int):
    renamed = shown(org, one, uid="d2")
    org.server.check(org.admin.put(ONE, BODY | {"uid": "d2"}), 200, written("Datasource updated", renamed))
    org.server.check(org.admin.get(ONE), 404, MISSING)
    org.server.check(org.admin.get(OTHER), 200, renamed)


@table(
    case("one that there is not", f"PUT {OTHER}x", BODY, 404, MISSING),
    case("the name to another's", f"PUT {ONE}", BODY | {"name": "contract d2"}, 500,
         failed("Failed to update datasource")),
    case("its type away", f"PUT {ONE}", {k: BODY[k] for k in BODY if k != "type"}, 400, BAD_DATA),
    case("its access away", f"PUT {ONE}", {k: BODY[k] for k in BODY if k != "access"}, 400, BAD_DATA),
    case("its name away", f"PUT {ONE}", {k: BODY[k] for k in BODY if k != "name"}, 400, BAD_DATA),
    case("all but its name away", f"PUT {ONE}", {"name": "q"}, 400, BAD_DATA),
)  # fmt: skip
def test_a_datasource_is_not_changed(org: Org, one: int, case: Case):
    read(org.admin.post("/api/datasources", BODY | {"uid": "d2", "name": "contract d2", "isDefault": False}))
    case.check(org.admin, {})
    org.server.check(org.admin.get(ONE), 200, shown(org, one))


@pytest.mark.usefixtures("one")
def test_a_url_is_not_changed_to_an_empty_one(org: Org):
    answer = org.admin.put(ONE, BODY | {"url": ""})
    assert (answer.status_code, answer.json()["message"]) == (400, "Validation error, invalid URL")


@pytest.mark.usefixtures("one")
def test_without_a_version_every_change_is_taken_and_the_version_is_1(org: Org):
    read(org.admin.put(ONE, BODY | {"version": 5}))
    assert read(org.admin.get(ONE))["version"] == 6
    for _ in range(2):
        assert read(org.admin.put(ONE, BODY))["datasource"]["version"] == 1


@pytest.mark.parametrize("given", [1, 99])
def test_a_version_that_is_not_less_than_the_stored_is_taken_and_the_next_is_one_more(org: Org, one: int, given: int):
    recorded = shown(org, one, version=given + 1)
    org.server.check(org.admin.put(ONE, OPEN | {"version": given}), 200, written("Datasource updated", recorded))


@pytest.mark.usefixtures("one")
def test_a_version_that_is_less_than_the_stored_is_refused(org: Org):
    read(org.admin.put(ONE, OPEN | {"version": 1}))
    org.server.check(org.admin.put(ONE, OPEN | {"version": 1}), 409, CHANGED)
    assert read(org.admin.get(ONE))["version"] == 2


def test_a_datasource_is_deleted_by_uid_and_cannot_be_again(org: Org, one: int):
    org.server.check(org.admin.delete(ONE), 200, {"id": one, "message": "Data source deleted"})
    org.server.check(org.admin.delete(ONE), 404, MISSING)
    org.server.check(org.admin.get(ONE), 404, MISSING)
    org.server.check(org.admin.get("/api/datasources"), 200, [])


def test_a_datasource_is_deleted_by_number(org: Org, one: int):
    org.server.only_before(*BY_NUMBER)
    org.server.check(org.admin.delete(f"/api/datasources/{one}"), 200, {"message": "Data source deleted"})
    org.server.check(org.admin.get(ONE), 404, MISSING)


def test_a_datasource_that_works_says_so(org: Org, calls: Schema):
    calls.add_to(org)
    org.server.check(org.admin.get(f"{ONE}/health"), 200, {"message": "Database Connection OK", "status": "OK"})


UNUSABLE = {"tlsAuthWithCACert": True}
PLEASE = "please inspect Grafana server log for details"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"secureJsonData": {"password": "wrong"}}, f"query failed - {PLEASE}"),
        ({"url": "127.0.0.1:1"}, f"failed to connect to server - {PLEASE}"),
        ({"url": "no-such-host.invalid:3306"}, f"failed to connect to server - {PLEASE}"),
    ],
    ids=["a wrong password", "nobody who listens", "an unknown name"],
)
def test_a_datasource_that_does_not_work_says_why(org: Org, calls: Schema, wrong: dict[str, Any], message: str):
    calls.add_to(org, **wrong)
    org.server.check(org.admin.get(f"{ONE}/health"), 400, {"message": message, "status": "ERROR"})


def test_a_datasource_with_an_authority_that_cannot_be_read_is_no_plugin_that_works(org: Org, calls: Schema):
    body = calls.source()
    secret = body["secureJsonData"] | {"tlsCACert": "no certificate"}
    calls.add_to(org, jsonData=body["jsonData"] | UNUSABLE, secureJsonData=secret)
    answer = org.admin.get(f"{ONE}/health")
    assert (answer.status_code, answer.json()["message"]) == (500, "Plugin health check failed")


def test_a_query_uses_a_datasource_as_it_was_some_seconds_ago(org: Org, calls: Schema):
    calls.add_to(org)
    read(query(org.admin, "SELECT 1 AS x"))
    read(org.admin.put(ONE, calls.source(secureJsonData={"password": "wrong"})))
    assert query(org.admin, "SELECT 1 AS x").status_code == 200, "the old password is used"
    until(lambda: query(org.admin, "SELECT 1 AS x").status_code == 400, "the new one is used", CACHED_S + 5)


def test_a_query_uses_a_deleted_datasource_for_some_seconds(org: Org, calls: Schema, server: Server):
    calls.add_to(org)
    read(query(org.admin, "SELECT 1 AS x"))
    read(org.admin.delete(ONE))
    server.check(org.admin.get(ONE), 404, MISSING)
    assert query(org.admin, "SELECT 1 AS x").status_code == 200, "lists and reading show at once what queries do not"
    until(lambda: query(org.admin, "SELECT 1 AS x").status_code == 404, "it is missed", CACHED_S + 5)
    server.check(query(org.admin, "SELECT 1 AS x"), 404, failed("Data source not found"))
