"""Which organisation a request is about (contract, 3.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import httpx
import pytest

from tests.contract.grafana.cases import Case, case, table
from tests.contract.grafana.matching import TIME, denied, failed
from tests.contract.grafana.server import Asker, Server, read, until
from tests.contract.grafana.world import Maker, Org, User, making

pytestmark = pytest.mark.services
UNKNOWN = 999999
ROUTERS = "application/json; charset=UTF-8"


@dataclass(frozen=True)
class Both:
    """A viewer of two organisations, the first of which it joined first."""

    user: User
    first: Org
    second: Org

    def current(self) -> int:
        return int(read(self.user.asker.get("/api/user"))["orgId"])


@pytest.fixture
def both(maker: Maker) -> Both:
    first, second = maker.org(), maker.org()
    user = maker.user(first)
    maker.join(user, second)
    return Both(user, first, second)


def test_without_a_header_it_is_the_first_that_the_user_joined(both: Both):
    assert both.current() == both.first.id
    assert read(both.user.asker.get("/api/org"))["id"] == both.first.id


def test_without_a_header_it_is_another_of_the_users_own_after_it_left(both: Both, maker: Maker):
    maker.leave(both.user, both.first)
    until(lambda: both.current() == both.second.id, "it is in the other")
    until(lambda: read(both.user.asker.get("/api/org"))["id"] == both.second.id, "it asks in the other")


def test_a_header_names_one_of_the_users_own_and_nothing_is_stored(both: Both):
    named = both.user.asker.within(both.second.id)
    assert read(named.get("/api/org"))["id"] == both.second.id
    assert read(named.get("/api/user"))["orgId"] == both.first.id, "the stored one all the same"
    assert read(both.user.asker.get("/api/org"))["id"] == both.first.id


@pytest.mark.parametrize("text", ["0", "x", "2x", ""])
def test_a_header_that_is_no_number_of_one_is_ignored(both: Both, text: str):
    assert read(both.user.asker.within(text).get("/api/org"))["id"] == both.first.id


def refused(asker: Asker, path: str) -> bool:
    return asker.get(path).status_code == 403


@pytest.fixture(scope="module")
def foreign(server: Server) -> Iterator[dict[str, int]]:
    """Numbers of organisations in which the administrator is not, after what is remembered of it is gone."""
    with making(server) as maker:
        deleted, left = maker.org(), maker.org()
        maker.user(left, role="Admin")  # or the administrator could not leave
        read(server.admin.delete(f"/api/orgs/{deleted.id}"))
        read(server.admin.delete(f"/api/orgs/{left.id}/users/1"))
        numbers = {"unknown": UNKNOWN, "deleted": deleted.id, "not a member": left.id}
        for admin in map(server.admin.within, numbers.values()):
            until(partial(refused, admin, "/api/datasources"), "it is forgotten")
        yield numbers


QUERY = {"queries": [{"refId": "A", "datasource": {"uid": "voice-cdr"}, "rawSql": "SELECT 1", "format": "table"}]}
DASHBOARD = {"dashboard": {"uid": "vp-1", "title": "P"}, "overwrite": True}
SOURCE = {"uid": "voice-cdr", "name": "V", "type": "mysql", "access": "proxy"}
DASHBOARDS = "any of dashboards:create, dashboards:write"


@pytest.mark.parametrize("which", ["unknown", "deleted", "not a member"])
@table(
    case("may not make a folder", "POST /api/folders", {"uid": "v", "title": "V"}, 403, denied("folders:create")),
    case("may not make a datasource", "POST /api/datasources", SOURCE, 403, denied("datasources:create")),
    case("may not make a dashboard", "POST /api/dashboards/db", DASHBOARD, 403, denied(DASHBOARDS)),
    case("may not read a dashboard", "GET /api/dashboards/uid/x", None, 403, denied("dashboards:read")),
    case("may not read a folder", "GET /api/folders/voice", None, 403, denied("folders:read")),
    case("may not read a datasource", "GET /api/datasources/uid/x", None, 403, denied("datasources:read")),
    case("may not list datasources", "GET /api/datasources", None, 403, denied("datasources:read")),
    case("may not query", "POST /api/ds/query", QUERY, 403, denied("datasources:query")),
    case("may not provision", "GET /api/v1/provisioning/policies", None, 403, denied("alert.provisioning:read")),
    case("finds nothing", "GET /api/search", None, 200, []),
    case("finds no members", "GET /api/org/users", None, 200, []),
    case("finds no organisation", "GET /api/org", None, 404, failed("Organization not found")),
)
def test_outside_of_its_organisations_the_administrator(
    server: Server, foreign: dict[str, int], which: str, case: Case
):
    case.check(server.admin.within(foreign[which]), {})


@pytest.mark.parametrize(
    "path", ["/api/orgs", "/api/users", "/api/users/1/orgs", "/api/users/lookup?loginOrEmail=admin"]
)
def test_what_is_of_the_whole_server_does_not_care_for_the_organisation(server: Server, path: str):
    read(server.admin.within(UNKNOWN).get(path))


def test_making_and_removing_users_does_not_care_for_the_organisation(server: Server, org: Org, maker: Maker):
    admin = server.admin.within(UNKNOWN)
    body = {"login": f"{org.name}-u", "name": "u", "password": "12345", "OrgId": org.id}
    made = read(admin.post("/api/admin/users", body))["id"]
    read(admin.patch(f"/api/orgs/{org.id}/users/{made}", {"role": "Editor"}))
    read(admin.delete(f"/api/admin/users/{made}"))


def test_for_some_seconds_after_an_organisation_is_deleted_its_lists_are_empty_and_not_refused(maker: Maker, org: Org):
    read(org.admin.get("/api/datasources"))
    read(org.server.admin.delete(f"/api/orgs/{org.id}"))
    org.server.check(org.admin.get("/api/datasources"), 200, [])
    until(partial(refused, org.admin, "/api/datasources"), "membership is forgotten")


def test_for_some_seconds_after_leaving_an_organisation_its_lists_are_not_refused(maker: Maker, org: Org):
    user = maker.user(org)
    maker.join(user, maker.org())
    asker = user.asker.within(org.id)
    read(asker.get("/api/datasources"))
    maker.leave(user, org)
    org.server.check(asker.get("/api/datasources"), 200, [])
    until(partial(refused, asker, "/api/datasources"), "membership is forgotten")


@table(
    case("may not read a dashboard", "GET /api/dashboards/uid/x", None, 403, denied("dashboards:read")),
    case("may not know its name", "GET /api/org", None, 403, denied("orgs:read")),
    case("may not list datasources", "GET /api/datasources", None, 403, denied("datasources:read")),
    case("may not query", "POST /api/ds/query", QUERY, 403, denied("datasources:query")),
    case("finds nothing", "GET /api/search", None, 200, []),
)
def test_in_an_organisation_of_others_a_viewer(maker: Maker, viewer: User, case: Case):
    case.check(viewer.asker.within(maker.org().id), {})


@pytest.mark.parametrize("path", ["/api/user", "/api/user/orgs"])
def test_a_header_with_an_organisation_of_others_changes_nothing_of_who_asks(maker: Maker, viewer: User, path: str):
    known = read(viewer.asker.get(path))
    viewer.server.check(viewer.asker.within(maker.org().id).get(path), 200, known)


@pytest.fixture
def lost(maker: Maker, org: Org, viewer: User) -> User:
    """A user who is in no organisation any more."""
    maker.leave(viewer, org)
    return viewer


def test_a_user_in_no_organisation_is_told_who_it_is_without_one(server: Server, lost: User):
    names = {"email": lost.login, "name": lost.login, "login": lost.login, "theme": ""}
    flags = dict.fromkeys(("isGrafanaAdmin", "isDisabled", "isExternal", "isExternallySynced"), False)
    rest = {"authLabels": [], "updatedAt": TIME, "createdAt": TIME, "avatarUrl": "/grafana/public/img/user_profile.png"}
    server.check(lost.asker.get("/api/user"), 200, {"id": lost.id, **names, **flags, **rest})


@table(
    case("has none", "GET /api/user/orgs", None, 200, []),
    case("finds nothing", "GET /api/search", None, 200, []),
    case("may not know a name", "GET /api/org", None, 403, denied("orgs:read")),
    case("may not list datasources", "GET /api/datasources", None, 403, denied("datasources:read")),
    case("may not read a dashboard", "GET /api/dashboards/uid/x", None, 403, denied("dashboards:read")),
    case("may not query", "POST /api/ds/query", QUERY, 403, denied("datasources:query")),
)
def test_a_user_in_no_organisation(lost: User, case: Case):
    case.check(lost.asker, {})


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "path", ["/api/org", "/api/search?limit=1", "/d/x/-", "/api/ds/query"], ids=["api", "query", "page", "ds-query"]
)
def test_org_id_in_the_url_of_any_request_stores_that_organisation_and_leads_to_the_root_url(
    both: Both, method: str, path: str
):
    whole = f"{path}{'&' if '?' in path else '?'}orgId={both.second.id}"
    answer = both.user.asker.ask(method, whole)
    told = httpx.URL(answer.headers["Location"])
    assert answer.status_code == 302
    assert str(told).partition("?")[0] == both.user.server.root_url + path.partition("?")[0].removeprefix("/")
    assert dict(told.params) == dict(httpx.URL(f"{both.user.server.url}{whole}").params)
    assert both.current() == both.second.id, "a GET that changes state"
    assert read(both.user.asker.get("/api/org"))["id"] == both.second.id


def test_org_id_in_the_url_is_answered_with_a_link(both: Both):
    answer = both.user.asker.get(f"/api/org?orgId={both.second.id}")
    assert answer.text == f'<a href="{both.user.server.root_url}api/org?orgId={both.second.id}">Found</a>.\n\n'
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("which", ["current", "text"])
def test_org_id_in_the_url_that_is_current_or_no_number_changes_nothing(both: Both, which: str):
    text = both.first.id if which == "current" else "x"
    assert read(both.user.asker.get(f"/api/org?orgId={text}"))["id"] == both.first.id
    assert both.current() == both.first.id


@pytest.mark.parametrize("which", ["of others", "unknown"])
def test_org_id_in_the_url_of_the_api_where_the_user_is_not_is_not_found(maker: Maker, viewer: User, which: str):
    number = UNKNOWN if which == "unknown" else maker.org().id
    answer = viewer.asker.get(f"/api/user?orgId={number}")
    viewer.server.check(answer, 404, {"message": "Not found"})
    assert answer.headers["Content-Type"] == ROUTERS


@pytest.mark.parametrize("which", ["of others", "unknown"])
def test_org_id_in_the_url_of_a_page_where_the_user_is_not_is_not_found(maker: Maker, viewer: User, which: str):
    number = UNKNOWN if which == "unknown" else maker.org().id
    answer = viewer.asker.having(Accept="text/html").get(f"/d/x/-?orgId={number}&kiosk")
    assert (answer.status_code, answer.text) == (404, "Not found\n")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_org_id_in_the_url_is_no_key_for_the_administrator_either(server: Server):
    server.check(server.admin.get(f"/api/user?orgId={UNKNOWN}"), 404, {"message": "Not found"})


def test_a_user_chooses_among_its_own_organisations(both: Both):
    answer = both.user.asker.post(f"/api/user/using/{both.second.id}")
    both.user.server.check(answer, 200, {"message": "Active organization changed"})
    assert both.current() == both.second.id
    assert read(both.user.asker.get("/api/org"))["id"] == both.second.id


@pytest.mark.parametrize("which", ["of others", "unknown"])
def test_a_user_cannot_choose_an_organisation_where_it_is_not(maker: Maker, viewer: User, which: str):
    number = UNKNOWN if which == "unknown" else maker.org().id
    viewer.server.check(viewer.asker.post(f"/api/user/using/{number}"), 401, {"message": "Not a valid organization"})
