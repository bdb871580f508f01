"""What a query is asked with, and how it is sent on (contract, 10.1 and 10.2)."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.contract.grafana.cases import Case, case, table
from tests.contract.grafana.matching import failed, holding
from tests.contract.grafana.server import read
from tests.contract.grafana.source import FROM, TO, Schema, broken, field, framed, query, results, sent, values
from tests.contract.grafana.world import Maker, Org

pytestmark = pytest.mark.services
ASK = "POST /api/ds/query"
SQL = "SELECT 1 AS x"
X = results(framed(SQL, [field("x", "int64")], [[1]]))
WINDOW = {"from": "now-1h", "to": "now"}
BY_NUMBER = ("13.0", "by number only with datasourceLegacyIdApi (what's new, 2026-04-14)")
NONE = failed("No queries found", messageId="query.noQueries", statusCode=400)
TWICE = failed(
    "Multiple queries using the same RefId is not allowed ", messageId="query.duplicateRefId", statusCode=400
)
NOWHERE = failed(
    "Query does not contain a valid data source identifier", messageId="query.invalidDatasourceId", statusCode=400
)


def one(**more: Any) -> dict[str, Any]:
    return {"refId": "A", "datasource": {"uid": "voice-cdr"}, "rawSql": SQL, "format": "table"} | more


def but(*names: str) -> dict[str, Any]:
    return {name: value for name, value in one().items() if name not in names}


def of(*queries: dict[str, Any], **window: Any) -> dict[str, Any]:
    return {"queries": list(queries)} | (window or WINDOW)


@table(
    case("no refId is A", ASK, of(but("refId")), 200, X),
    case("another type of datasource is ignored", ASK, of(one(datasource={"uid": "voice-cdr", "type": "x"})), 200, X),
    case("hide, editorMode and rawQuery are ignored", ASK, of(one(hide=True, editorMode="code", rawQuery=True)), 200,
         X),
    case("debug is ignored", ASK, of(one()) | {"debug": True}, 200, X),
    case("the browser's parameters are ignored", f"{ASK}?ds_type=mysql&requestId=Q100", of(one()), 200, X),
    case("no SQL is no result", ASK, of(but("rawSql")), 200, {"results": {}}),
    case("empty SQL is no result", ASK, of(one(rawSql="")), 200, {"results": {}}),
    case("no queries in the list", ASK, of(), 400, NONE),
    case("no list of queries", ASK, WINDOW, 400, NONE),
    case("no body", ASK, None, 400, NONE),
    case("no JSON", ASK, b"{bad", 400, failed("bad request data")),
    case("two of one refId", ASK, of(one(), one()), 400, TWICE),
    case("no datasource", ASK, of(but("datasource")), 400, NOWHERE),
    case("an unknown datasource", ASK, of(one(datasource={"uid": "nope"})), 404, failed("Data source not found")),
    case("no format", ASK, of(but("format")), 400,
         {"results": {"A": {"error": 'Unrecognized query model format: ""', "status": 500}}}),
    case("another format", ASK, of(one(format="logs")), 400,
         {"results": {"A": {"error": holding("Unrecognized query model format: "), "status": 500}}}),
    case("a number for a time", ASK, of(one(), **{"from": 1768390800000, "to": 1768394400000}), 400,
         failed("bad request data")),
)  # fmt: skip
def test_of_a_query(asking: Org, case: Case):
    case.check(asking.admin, {})


def test_the_browsers_headers_are_ignored(asking: Org):
    headers = {"x-dashboard-uid": "d", "x-panel-id": "1", "x-datasource-uid": "other", "x-plugin-id": "prometheus"}
    answer = asking.admin.having(**headers).post("/api/ds/query", of(one()))
    asking.server.check(answer, 200, X)


def test_a_datasource_is_named_by_its_number_too(asking: Org):
    asking.server.only_before(*BY_NUMBER)
    number = read(asking.admin.get("/api/datasources/uid/voice-cdr"))["id"]
    answer = asking.admin.post("/api/ds/query", of(but("datasource") | {"datasourceId": number}))
    asking.server.check(answer, 200, X)


def test_several_queries_are_answered_each_on_its_own(asking: Org):
    other = one(refId="B", rawSql="SELECT 2 AS y")
    recorded = results(
        framed(SQL, [field("x", "int64")], [[1]]),
        framed("SELECT 2 AS y", [field("y", "int64")], [[2]], ref="B"),
    )
    asking.server.check(asking.admin.post("/api/ds/query", of(one(), other)), 200, recorded)


def test_if_one_of_several_fails_the_frames_of_the_others_are_there(asking: Org, calls: Schema):
    bad = "SELECT * FROM nosuch"
    recorded = results(
        framed(SQL, [field("x", "int64")], [[1]]),
        broken(f"db query error: Error 1146: Table '{calls.name}.nosuch' doesn't exist", bad, ref="B"),
    )
    answer = asking.admin.post("/api/ds/query", of(one(), one(refId="B", rawSql=bad)))
    asking.server.check(answer, 400, recorded)


ENDS = "SELECT $__unixEpochFrom() AS a, $__unixEpochTo() AS b"


def ends(org: Org, **window: Any) -> tuple[int, int]:
    """The ends of a query's range, in seconds."""
    body = {"queries": [one(rawSql=ENDS)]} | window
    ((start,), (end,)) = values(org.admin.post("/api/ds/query", body))
    return start, end


@pytest.mark.parametrize(
    ("window", "recorded"),
    [
        ({"from": "1768390800123", "to": "1768394400789"}, (1768390800, 1768394400)),
        ({"from": "2026-01-14T12:00:00Z", "to": "2026-01-14T12:30:00.5Z"}, (1768392000, 1768393800)),
        ({"from": TO, "to": FROM}, (1768394400, 1768390800)),
        ({}, (0, 0)),
        ({"from": "", "to": ""}, (0, 0)),
        ({"from": "yesterday", "to": "soon"}, (0, 0)),
        ({"to": TO}, (0, 1768394400)),
    ],
    ids=["milliseconds", "RFC 3339", "swapped", "missing", "empty", "unreadable", "one missing"],
)
def test_a_range_is_read_as(asking: Org, window: dict[str, str], recorded: tuple[int, int]):
    assert ends(asking, **window) == recorded


def test_a_range_may_be_told_from_now(asking: Org):
    start, end = ends(asking, **{"from": "now-1h", "to": "now"})
    assert 3599 <= end - start <= 3601
    assert abs(end - time.time()) < 30


def test_a_range_may_begin_with_the_day(asking: Org):
    start, _ = ends(asking, **{"from": "now/d", "to": "now"})
    assert start % 86400 == 0
    assert 0 <= time.time() - start < 86400 + 30


def test_without_a_range_the_macros_are_the_epoch(asking: Org):
    sql = "SELECT $__timeFrom() a, $__timeTo() b"
    made = "SELECT FROM_UNIXTIME(0) a, FROM_UNIXTIME(0) b"
    recorded = framed(made, [field("a", "time.Time"), field("b", "time.Time")], [[0], [0]])
    asking.server.check(asking.admin.post("/api/ds/query", {"queries": [one(rawSql=sql)]}), 200, results(recorded))


SESSION = "SELECT @@session.time_zone AS tz, DATABASE() AS db"


@pytest.mark.parametrize("zone", ["+00:00", "+02:00"])
def test_a_session_has_the_time_zone_and_database_of_its_datasource(org: Org, calls: Schema, zone: str):
    calls.add_to(org, jsonData=calls.source()["jsonData"] | {"timezone": zone})
    assert values(query(org.admin, SESSION)) == [[zone], [calls.name]]


def test_the_database_may_stand_in_its_old_place(maker: Maker, calls: Schema):
    org = maker.org()
    details = {name: value for name, value in calls.source()["jsonData"].items() if name != "database"}
    calls.add_to(org, jsonData=details, database=calls.name)
    assert values(query(org.admin, SESSION)) == [["+00:00"], [calls.name]]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 'it''s $x ${y} [[z]] $__from' AS q -- a comment\n",
        "\n  SELECT 1 AS x  ;  \n",
        "SELECT /* kept */ 1 AS x",
        "SELECT \"100%\" AS x, '%s %d %(a)s' AS y",
    ],
    ids=["quotes, variables and comments", "blanks and a semicolon", "a comment inside", "per cent"],
)
def test_a_statement_is_sent_unchanged(asking: Org, sql: str):
    answer = query(asking.admin, sql)
    assert (answer.status_code, sent(answer)) == (200, sql)


def test_macros_are_replaced_in_texts_and_comments_too(asking: Org):
    answer = query(asking.admin, "SELECT '$__unixEpochFrom()' AS x /* $__unixEpochTo() */")
    assert sent(answer) == "SELECT '1768390800' AS x /* 1768394400 */"
    assert values(answer) == [["1768390800"]]


def test_two_statements_are_refused(asking: Org):
    answer = query(asking.admin, "SELECT 1 AS x; SELECT 2 AS y")
    assert answer.status_code == 400
    assert "Error 1064" in answer.json()["results"]["A"]["error"]


def test_text_is_text_in_any_letters(asking: Org):
    assert values(query(asking.admin, "SELECT 'Ünïcode ☎ 😀 <b>&' AS x")) == [["Ünïcode ☎ 😀 <b>&"]]
