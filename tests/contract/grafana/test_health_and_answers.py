"""Health, and what holds for every answer (contract, 2)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.contract.grafana.cases import Case, case, table
from tests.contract.grafana.matching import TEXT, failed, pattern
from tests.contract.grafana.server import Server, read
from tests.contract.grafana.world import Maker, Org, Pool, User, fresh

pytestmark = pytest.mark.services
BAD_DATA = failed("bad request data")
NO_ROUTE = {"message": "Not found"}
HANDLERS, ROUTERS = "application/json", "application/json; charset=UTF-8"
PROVISIONING = "/api/v1/provisioning"


def test_health_is_told_to_everybody(server: Server):
    answer = server.nobody.get("/api/health")
    version = pattern("a version", r"\d+\.\d+\.\d+.*")
    told = server.check(answer, 200, {"commit": TEXT, "database": "ok", "version": version})
    assert answer.text.rstrip() == json.dumps(told, indent=2), "it is written for people to read"


def test_health_may_be_asked_for_by_head(server: Server):
    answer = server.nobody.ask("HEAD", "/api/health")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("prefix", ["/grafana", ""], ids=["below the sub-path", "without it"])
def test_the_api_answers_with_the_sub_path_and_without(server: Server, prefix: str):
    answer = server.http.get(f"{server.origin}{prefix}/api/user", headers=dict(server.admin.headers))
    assert (answer.status_code, answer.json()["login"]) == (200, server.login[0])


@pytest.mark.parametrize(
    ("path", "leads_to"), [("/d/x/-", "d/x/-"), ("/login", "login"), ("/", "")], ids=["a page", "the login", "nothing"]
)
def test_a_page_without_the_sub_path_leads_to_the_root_url(server: Server, path: str, leads_to: str):
    answer = server.http.get(f"{server.origin}{path}")
    assert (answer.status_code, answer.headers["Location"]) == (301, server.root_url + leads_to)


@table(
    case("a list", "GET /api/datasources", None, 200, HANDLERS),
    case("health", "GET /api/health", None, 200, ""),
    case("a thing", "GET /api/org", None, 200, HANDLERS),
    case("something made", "POST /api/folders", {"uid": "made", "title": "Made"}, 200, HANDLERS),
    case("something missing", "GET /api/folders/none", None, 404, HANDLERS),
    case("something refused", "POST /api/folders", {"uid": "made", "title": ""}, 400, HANDLERS),
    case("bad data", "POST /api/orgs", b"{bad", 400, HANDLERS),
    case("a query", "POST /api/ds/query", {"queries": []}, 400, HANDLERS),
    case("a missing rule", f"GET {PROVISIONING}/alert-rules/none", None, 404, "text/plain; charset=utf-8"),
    case("no such route", "GET /api/none", None, 404, ROUTERS),
)
def test_every_answer_has_the_same_headers(org: Org, case: Case):
    answer = case.ask(org.admin, {})
    assert answer.status_code == case.status
    headers = {
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-XSS-Protection": "1; mode=block",
        "Content-Length": str(len(answer.content)),
    }
    assert {name: answer.headers.get(name) for name in headers} == headers
    assert not {"x-frame-options", "content-encoding", "retry-after", "set-cookie"} & set(answer.headers)
    if case.recorded:
        assert answer.headers["Content-Type"] == case.recorded


@pytest.mark.parametrize("accept", ["gzip", "gzip, deflate, br"])
def test_no_answer_is_compressed(server: Server, accept: str):
    answer = server.admin.having(**{"Accept-Encoding": accept}).get("/api/user")
    assert "Content-Encoding" not in answer.headers
    assert int(answer.headers["Content-Length"]) == len(answer.content)


def test_a_refused_login_is_an_answer_of_the_router(server: Server):
    assert server.nobody.get("/api/user").headers["Content-Type"] == ROUTERS


def test_a_refused_permission_is_an_answer_of_the_router(viewer: User):
    answer = viewer.asker.get("/api/orgs")
    assert (answer.status_code, answer.headers["Content-Type"]) == (403, ROUTERS)


TAKEN = [
    ("POST /api/orgs", {"name": 5}),
    ("POST /api/admin/users", {"login": 5, "password": "12345"}),
    ("POST /api/orgs/<org>/users", {"loginOrEmail": 5, "role": "Viewer"}),
    ("POST /api/datasources", {"name": 5, "type": "mysql", "access": "proxy"}),
    ("POST /api/folders", {"uid": "x", "title": 5}),
    ("POST /api/dashboards/db", {"dashboard": {"title": "x"}, "overwrite": "yes"}),
    ("POST /api/ds/query", {"queries": "none", "from": "now-1h", "to": "now"}),
    (f"POST {PROVISIONING}/alert-rules", {"title": 5}),
    (f"POST {PROVISIONING}/contact-points", {"name": 5, "type": "email", "settings": {}}),
    (f"POST {PROVISIONING}/mute-timings", {"name": 5, "time_intervals": []}),
    (f"PUT {PROVISIONING}/policies", {"receiver": 5}),
]


@pytest.fixture(scope="module")
def ready(pool: Pool) -> Org:
    """An organisation in which alerting has begun, of the tests that change nothing."""
    return pool.take()


@pytest.mark.parametrize(("request_", "body"), TAKEN, ids=[request for request, _ in TAKEN])
@pytest.mark.parametrize("wrong", ["no JSON", "wrong types"])
def test_a_body_that_cannot_be_read_is_bad_data(ready: Org, request_: str, body: Any, wrong: str):
    method, _, path = request_.replace("<org>", str(ready.id)).partition(" ")
    answer = ready.admin.ask(method, path, b"{bad" if wrong == "no JSON" else body)
    ready.server.check(answer, 400, BAD_DATA)


@table(
    case("an organisation", "POST /api/orgs", b'{"name": "contract-typed"}', 400, BAD_DATA),
    case("a folder", "POST /api/folders", b'{"uid": "t", "title": "Typed"}', 400, BAD_DATA),
    case("a dashboard", "POST /api/dashboards/db", b'{"dashboard": {"title": "Typed"}}', 400, BAD_DATA),
    case("a datasource", "POST /api/datasources", b'{"name": "t", "type": "mysql"}', 400, BAD_DATA),
)
def test_json_that_is_called_something_else_is_bad_data(org: Org, case: Case):
    case.check(org.admin.having(**{"Content-Type": "text/plain"}), {})


@table(
    case("a path that there is not", "GET /api/none", None, 404, NO_ROUTE),
    case("PATCH of a folder", "PATCH /api/folders/voice", None, 404, NO_ROUTE),
    case("PUT where a dashboard is posted", "PUT /api/dashboards/db", None, 404, NO_ROUTE),
    case("GET where a dashboard is posted", "GET /api/dashboards/db", None, 404, NO_ROUTE),
    case("GET where a query is posted", "GET /api/ds/query", None, 404, NO_ROUTE),
    case("two slashes inside", "GET /api//user", None, 404, NO_ROUTE),
    case("an escaped slash in a name", "GET /api/orgs/name/contract-s%2Fl%20a%25sh%3F", None, 404, NO_ROUTE),
    case("an escaped slash in a uid", "GET /api/datasources/uid/a%2Fb", None, 404, NO_ROUTE),
)
def test_what_has_no_route_is_not_found_whatever_the_method(org: Org, case: Case):
    case.check(org.admin, {})


@pytest.mark.parametrize("path", ["/api/user/", "/api/org/", "/api/folders/", f"{PROVISIONING}/alert-rules/"])
def test_a_slash_at_the_end_is_accepted(org: Org, path: str):
    with_slash, without = org.admin.get(path), org.admin.get(path.removesuffix("/"))
    assert (with_slash.status_code, with_slash.json()) == (200, without.json())


def test_the_api_in_capitals_is_a_page_that_there_is_not(server: Server):
    answer = server.admin.get("/API/user")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")


def test_a_name_is_found_by_its_escapes(maker: Maker):
    org = maker.org(f"{fresh()} a%b?ü&#+;=")
    path = "/api/orgs/name/" + "".join(f"%{byte:02X}" for byte in org.name.encode())
    assert read(org.server.admin.get(path))["id"] == org.id


def test_what_could_be_markup_is_escaped_in_json(maker: Maker):
    org = maker.org(f"{fresh()} <b>&é")
    answer = org.admin.get("/api/org")
    assert answer.json()["name"] == org.name
    assert "\\u003cb\\u003e\\u0026é" in answer.text


def test_numbers_of_organisations_rise_and_none_is_given_out_again(maker: Maker):
    gone = maker.org()
    read(gone.server.admin.delete(f"/api/orgs/{gone.id}"))
    assert maker.org().id > gone.id


def test_numbers_of_users_rise_and_none_is_given_out_again(maker: Maker, org: Org):
    gone = maker.user(org)
    read(org.server.admin.delete(f"/api/admin/users/{gone.id}"))
    assert maker.user(org).id > gone.id


def test_numbers_of_datasources_are_the_servers_and_none_is_given_out_again(maker: Maker):
    numbers = []
    for org in (maker.org(), maker.org()):
        for name in ("one", "two"):
            body = {"uid": name, "name": name, "type": "mysql", "access": "proxy"}
            numbers.append(read(org.admin.post("/api/datasources", body))["id"])
            read(org.admin.delete(f"/api/datasources/uid/{name}"))
    assert numbers == sorted(set(numbers))


def test_dashboards_and_folders_share_one_series_of_numbers_on_the_server(maker: Maker):
    numbers = []
    for org in (maker.org(), maker.org()):
        numbers.append(org.folder()["id"])
        numbers.append(org.dashboard("one", "One")["id"])
        read(org.admin.delete("/api/dashboards/uid/one"))
        numbers.append(org.folder("other", "Other")["id"])
        numbers.append(org.dashboard("two", "Two")["id"])
    assert numbers == sorted(set(numbers))
