"""Requests that nobody of ours makes: refused in words, never the end of the server, nor of what it holds."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.far_grafana import FarGrafana
from voice_lab.grafana_stand_in.http import ROUTES, Request, Response

BASIC = {"authorization": "Basic YWRtaW46Z3JhZmFuYS1zZWNyZXQ="}
WRITES = [
    (route.method, route.pattern.pattern.replace("([^/]+)", "1").replace("\\", ""))
    for route in ROUTES
    if route.method not in {"GET", "DELETE"} and "ds/query" not in route.pattern.pattern
]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
NAMES = """
name title uid type access url user jsonData secureJsonData role loginOrEmail login email password OrgId version
overwrite dashboard folderUid tags items permission condition data noDataState execErrState for labels annotations
isPaused folderUID ruleGroup interval rules receiver group_by routes object_matchers group_wait settings time_intervals
"""
FIELDS = st.sampled_from(NAMES.split())
RULES = "/api/ruler/grafana/api/v1/rules"
READS = ("/api/search", "/api/folders", "/api/datasources", RULES, "/api/orgs/1/users", "/api/orgs")
BODIES = st.dictionaries(FIELDS, ANYTHING, max_size=6)


def ask(far: FarGrafana, request: Request) -> Response:
    found = far.server.answer(request)
    return found() if callable(found) else found


@given(asked=st.sampled_from(WRITES), body=BODIES | ANYTHING)
def test_whatever_is_written_is_taken_or_refused_and_all_can_be_read_afterwards(asked: Any, body: Any) -> None:
    far = FarGrafana()
    method, path = asked
    answer = ask(far, Request(method, path, headers=BASIC, body=json.dumps(body).encode()))
    assert answer.status < 600
    for read in READS:
        assert ask(far, Request("GET", read, headers=BASIC)).status == 200, read


@pytest.mark.parametrize("digits", [30, 4500])
@pytest.mark.parametrize(
    ("path", "query", "header"),
    [
        ("/api/health", "orgId", ""),
        ("/api/user", "orgId", ""),
        ("/api/search", "page", ""),
        ("/api/search", "limit", ""),
        ("/api/user", "", "x-grafana-org-id"),
        ("/d/voice-overview", "from", ""),
    ],
)
def test_a_number_of_many_digits_is_none(path: str, query: str, header: str, digits: int) -> None:
    number = "9" * digits
    asked = Request("GET", path, {query: number} if query else {}, BASIC | ({header: number} if header else {}))
    assert ask(FarGrafana(), asked).status == 200


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"name": "\\ud800"}', b"\xff", b""])
def test_a_body_that_is_no_json_of_ours_is_bad_data_or_taken(body: bytes) -> None:
    far = FarGrafana()
    assert ask(far, Request("POST", "/api/orgs", headers=BASIC, body=body)).status in {200, 400}
    assert ask(far, Request("GET", "/api/orgs", headers=BASIC)).status == 200


def test_a_dashboard_that_cannot_be_shown_says_so() -> None:
    far = FarGrafana()
    board = {"uid": "odd", "title": "Odd", "panels": [{"id": 1, "gridPos": {"x": []}, "fieldConfig": "no"}]}
    far.ask("POST", "/api/dashboards/db", {"dashboard": board, "overwrite": True})
    answer = ask(far, Request("GET", "/d/odd", headers=BASIC))
    assert answer.status == 200
    assert b"cannot be shown here" in answer.body


def test_a_token_that_is_no_text_is_nobodys() -> None:
    assert ask(FarGrafana(), Request("GET", "/api/user", headers={"x-jwt-assertion": "\udcff"})).status == 401
