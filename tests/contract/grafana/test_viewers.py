"""What a viewer may (contract, 3.4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.contract.grafana.cases import Case, case, table
from tests.contract.grafana.matching import TIME, Like, denied, failed
from tests.contract.grafana.server import Server, read, until
from tests.contract.grafana.source import Schema, field, framed, query, results
from tests.contract.grafana.world import Maker, Org, User, begun, making

pytestmark = pytest.mark.services
MARK = "SELECT 'contract of viewers' AS probe, 1 AS value"
PROVISIONING = "/api/v1/provisioning"
ALERTMANAGER = "/api/alertmanager/grafana"
SECRETS_SEEN = ("13.0", "for administrators only (breaking changes of v13.0)")
KEYS_GONE = ("12.0", "API keys are gone, service accounts took their place")
NOBODYS = {"hasAcl": False, "createdBy": "admin", "updatedBy": "admin", "created": TIME, "updated": TIME}
MAY_NOT = dict.fromkeys(("canSave", "canEdit", "canAdmin", "canDelete"), False)
NO_ADDRESS = dict.fromkeys(("address1", "address2", "city", "zipCode", "state", "country"), "")


@dataclass(frozen=True)
class World:
    """A viewer in an organisation that has everything."""

    org: Org
    viewer: User
    names: dict[str, Any]


@pytest.fixture(scope="module")
def world(server: Server, calls: Schema) -> Iterator[World]:
    with making(server) as maker:
        org = maker.org()
        folder = org.folder()
        board = org.dashboard("vp-1", "Probe one", tags=["voice", "revision-abc"], panels=[])
        source = calls.add_to(org)
        model = {"refId": "A", "rawSql": MARK, "format": "table"}
        window = {"from": 600, "to": 0}
        data = [{"refId": "A", "datasourceUid": "voice-cdr", "relativeTimeRange": window, "model": model}]
        states = {"noDataState": "OK", "execErrState": "Error", "for": "0s", "isPaused": True}
        rule = {"title": "Seen", "folderUID": "voice", "ruleGroup": "voice", "condition": "A", "data": data}
        read(org.admin.post(f"{PROVISIONING}/alert-rules", rule | states))
        viewer = maker.user(org)
        ids = {"folder": folder["id"], "board": board["id"], "source": source["id"]}
        server_names = {"org": org.id, "name": org.name, "address": calls.address, "account": calls.name}
        yield World(begun(org), viewer, ids | server_names | {"details": calls.source()["jsonData"]})


SOURCE = {
    "id": "<source>", "uid": "voice-cdr", "orgId": "<org>", "name": "Voice calls", "type": "mysql", "access": "proxy",
    "url": "<address>", "user": "<account>", "database": "", "basicAuth": False, "isDefault": True,
    "jsonData": "<details>", "readOnly": False,
}  # fmt: skip
LOGO = "public/app/plugins/datasource/mysql/img/mysql_logo.svg"
FOLDER_HIT = {
    "id": "<folder>", "uid": "voice", "title": "Voice", "uri": "db/voice", "url": "/grafana/dashboards/f/voice/voice",
    "slug": "", "type": "dash-folder", "tags": [], "isStarred": False, "sortMeta": 0,
}  # fmt: skip
BOARD_HIT = {
    "id": "<board>", "uid": "vp-1", "title": "Probe one", "uri": "db/probe-one", "url": "/grafana/d/vp-1/probe-one",
    "slug": "", "type": "dash-db", "tags": ["revision-abc", "voice"], "isStarred": False, "folderId": "<folder>",
    "folderUid": "voice", "folderTitle": "Voice", "folderUrl": "/grafana/dashboards/f/voice/voice", "sortMeta": 0,
}  # fmt: skip
FOLDER = {
    "id": "<folder>", "uid": "voice", "title": "Voice", "url": "/grafana/dashboards/f/voice/voice", "version": 1,
}  # fmt: skip


@table(
    case("reads its organisation", "GET /api/org", None, 200, {"id": "<org>", "name": "<name>", "address": NO_ADDRESS}),
    case(
        "lists its organisations", "GET /api/user/orgs", None, 200,
        [{"orgId": "<org>", "name": "<name>", "role": "Viewer"}],
    ),
    case(
        "lists datasources, without their secrets", "GET /api/datasources", None, 200,
        [SOURCE | {"typeName": "MySQL", "typeLogoUrl": LOGO}],
    ),
    case(
        "reads a datasource, without its secrets", "GET /api/datasources/uid/voice-cdr", None, 200,
        SOURCE | {"typeLogoUrl": "", "basicAuthUser": "", "withCredentials": False, "version": 1}
        | {"secureJsonFields": {"password": True}},
    ),
    case(
        "asks whether a datasource works", "GET /api/datasources/uid/voice-cdr/health", None, 200,
        {"message": "Database Connection OK", "status": "OK"},
    ),
    case("searches", "GET /api/search", None, 200, [FOLDER_HIT, BOARD_HIT]),
    case("lists folders", "GET /api/folders", None, 200, [{"id": "<folder>", "uid": "voice", "title": "Voice"}]),
    case("reads a folder", "GET /api/folders/voice", None, 200, FOLDER | NOBODYS | MAY_NOT),
    case("asks for annotations", "GET /api/annotations?from=1&to=2&limit=100&matchAny=false", None, 200, []),
)  # fmt: skip
def test_a_viewer(world: World, case: Case):
    case.check(world.viewer.asker, world.names)


def test_a_viewer_reads_a_dashboard(world: World):
    nothing = dict.fromkeys(("canAdd", "canEdit", "canDelete"), Like("yes or no", lambda value: type(value) is bool))
    meta = {
        "type": "db", "canStar": True, "slug": "probe-one", "url": "/grafana/d/vp-1/probe-one",
        "expires": "0001-01-01T00:00:00Z", "version": 1, "isFolder": False, "folderId": world.names["folder"],
        "folderUid": "voice", "folderTitle": "Voice", "folderUrl": "/grafana/dashboards/f/voice/voice",
        "provisioned": False, "provisionedExternalId": "",
        "annotationsPermissions": {"dashboard": nothing, "organization": nothing},
        "publicDashboardAccessToken": "", "publicDashboardUid": "", "publicDashboardEnabled": False,
    }  # fmt: skip
    model = {"uid": "vp-1", "title": "Probe one", "tags": ["voice", "revision-abc"], "panels": []}
    model |= {"id": world.names["board"], "version": 1}
    answer = world.viewer.asker.get("/api/dashboards/uid/vp-1")
    world.org.server.check(answer, 200, {"meta": meta | NOBODYS | MAY_NOT, "dashboard": model})


def test_a_viewer_queries(world: World):
    sql = "SELECT 1 AS x"
    frame = framed(sql, [field("x", "int64")], [[1]])
    world.org.server.check(query(world.viewer.asker, sql), 200, results(frame))


@pytest.mark.parametrize("path", ["/api/frontend/settings", "/api/plugins"])
def test_a_viewer_reads_what_pages_need(world: World, path: str):
    assert read(world.viewer.asker.get(path))


@pytest.mark.parametrize("path", ["/api/prometheus/grafana/api/v1/rules", "/api/ruler/grafana/api/v1/rules"])
def test_a_viewer_reads_alert_rules_with_their_sql(world: World, path: str):
    answer = world.viewer.asker.get(path)
    assert answer.status_code == 200
    assert "contract of viewers" in answer.text


def test_a_viewer_asks_for_the_rules_of_a_dashboard(world: World):
    answer = world.viewer.asker.get("/api/prometheus/grafana/api/v1/rules?dashboard_uid=vp-1")
    assert (answer.status_code, answer.json()["status"]) == (200, "success")


@pytest.mark.parametrize("path", ["config/api/v1/alerts", "config/history", "api/v2/status"])
def test_a_viewer_reads_the_configuration_of_alerting_with_the_receivers(world: World, path: str):
    """What the portal's nginx keeps from it."""
    world.org.server.only_before(*SECRETS_SEEN)
    assert read(world.viewer.asker.get(f"{ALERTMANAGER}/{path}"))


MORE = {"uid": "more", "name": "More", "type": "mysql", "access": "proxy"}
WRITES = "any of dashboards:create, dashboards:write"


@table(
    case("list organisations", "GET /api/orgs", None, 403, denied("orgs:read")),
    case("find an organisation", "GET /api/orgs/name/<name>", None, 403, denied("orgs:read")),
    case("make an organisation", "POST /api/orgs", {"name": "contract-x"}, 403, denied("orgs:create")),
    case("remove its organisation", "DELETE /api/orgs/<org>", None, 403, denied("orgs:delete")),
    case("list users", "GET /api/users", None, 403, denied("users:read")),
    case("find a user", "GET /api/users/lookup?loginOrEmail=admin", None, 403, denied("users:read")),
    case("list members", "GET /api/org/users", None, 403, denied("org.users:read")),
    case("list members by number", "GET /api/orgs/<org>/users", None, 403, denied("org.users:read")),
    case("read settings", "GET /api/admin/settings", None, 403, denied("settings:read")),
    case("list keys", "GET /api/auth/keys", None, 403, denied("apikeys:read"), before=KEYS_GONE),
    case("list service accounts", "GET /api/serviceaccounts/search", None, 403, denied("serviceaccounts:read")),
    case("make a datasource", "POST /api/datasources", MORE, 403, denied("datasources:create")),
    case("make a folder", "POST /api/folders", {"uid": "m", "title": "M"}, 403, denied("folders:create")),
    case(
        "rename a folder", "PUT /api/folders/voice", {"title": "Hack", "overwrite": True}, 403,
        denied("folders:write"),
    ),
    case("write a dashboard", "POST /api/dashboards/db", {"dashboard": {"title": "x"}}, 403, denied(WRITES)),
    case("remove a dashboard", "DELETE /api/dashboards/uid/vp-1", None, 403, denied("dashboards:delete")),
    *(
        case(f"list {kind}", f"GET {PROVISIONING}/{kind}", None, 403, denied("alert.provisioning:read"))
        for kind in ("alert-rules", "contact-points", "policies", "mute-timings")
    ),
    case("choose another organisation", "POST /api/user/using/1", None, 401, {"message": "Not a valid organization"}),
    case("query what there is not", "POST /api/ds/query",
         {"queries": [{"refId": "A", "datasource": {"uid": "none"}, "rawSql": "SELECT 1"}], "from": "1", "to": "2"},
         404, failed("Data source not found")),
    case("read a dashboard that there is not", "GET /api/dashboards/uid/none", None, 404,
         failed("Dashboard not found")),
    case("read a folder that there is not", "GET /api/folders/none", None, 403, denied("folders:read")),
)  # fmt: skip
def test_a_viewer_cannot(world: World, case: Case):
    case.check(world.viewer.asker, world.names)


def test_where_a_viewer_sees_no_dashboard_it_may_not_know_whether_one_is_missing(viewer: User):
    answer = viewer.asker.get("/api/dashboards/uid/none")
    viewer.server.check(answer, 403, denied("dashboards:read"))


def test_a_new_folder_is_seen_at_once_with_its_dashboards(org: Org, viewer: User):
    org.folder()
    org.dashboard("vp-1", "Probe one")
    assert [hit["uid"] for hit in read(viewer.asker.get("/api/search"))] == ["voice", "vp-1"]
    read(viewer.asker.get("/api/dashboards/uid/vp-1"))


def test_a_new_folder_has_permissions_for_viewers_and_editors_and_its_maker(org: Org):
    folder = org.folder()
    common = {
        "folderId": folder["id"], "created": TIME, "updated": TIME, "teamId": 0, "teamEmail": "", "teamAvatarUrl": "",
        "team": "", "uid": "voice", "title": "Voice", "slug": "voice", "isFolder": True, "inherited": False,
        "url": "/grafana/dashboards/f/voice/voice", "userAvatarUrl": "/grafana/public/img/user_profile.png",
    }  # fmt: skip
    maker = {"userId": 1, "userLogin": "admin", "userEmail": "admin@localhost"}
    roles = {"userId": 0, "userLogin": "", "userEmail": ""}
    recorded = [
        common | maker | {"permission": 4, "permissionName": "Admin"},
        common | roles | {"role": "Editor", "permission": 2, "permissionName": "Edit"},
        common | roles | {"role": "Viewer", "permission": 1, "permissionName": "View"},
    ]
    org.server.check(org.admin.get("/api/folders/voice/permissions"), 200, recorded)


def test_a_folder_that_there_is_not_has_no_permissions_to_read(org: Org):
    answer = org.admin.get("/api/folders/voice/permissions")
    org.server.check(answer, 404, {"message": "folder not found", "status": "not-found"})


def test_another_role_counts_at_once(org: Org, viewer: User):
    org.folder()
    org.dashboard("vp-1", "Probe one")
    assert read(viewer.asker.get("/api/dashboards/uid/vp-1"))["meta"]["canEdit"] is False
    read(org.server.admin.patch(f"/api/orgs/{org.id}/users/{viewer.id}", {"role": "Editor"}))
    assert read(viewer.asker.get("/api/dashboards/uid/vp-1"))["meta"]["canEdit"] is True


@dataclass(frozen=True)
class Twins:
    """Two organisations with a folder of one uid, as all clients have, and a viewer of the first."""

    uid: str
    first: Org
    second: Org
    viewer: User

    def seen(self) -> list[str]:
        return [hit["uid"] for hit in read(self.viewer.asker.get("/api/search"))]


@pytest.fixture
def twins(maker: Maker) -> Twins:
    first, second = maker.org(), maker.org()
    uid = first.name
    for org in (first, second):
        org.folder(uid, "Voice")
        org.dashboard(f"{uid}-d", "Probe one", uid)
    made = Twins(uid, first, second, maker.user(first))
    assert made.seen() == [uid, f"{uid}-d"]
    return made


def test_deleting_a_folder_takes_the_permissions_of_that_uid_in_all_organisations(twins: Twins):
    """What blinds every client's viewer, and the administrator sees nothing wrong."""
    twins.first.server.only_before("10.0.1", "only its own go (pull request #71225)")
    read(twins.second.admin.delete(f"/api/folders/{twins.uid}"))
    until(lambda: twins.seen() == [], "the viewer of the other organisation sees nothing")
    answer = twins.viewer.asker.get(f"/api/dashboards/uid/{twins.uid}-d")
    twins.first.server.check(answer, 403, denied("dashboards:read"))
    assert [hit["uid"] for hit in read(twins.first.admin.get("/api/search"))] == [twins.uid, f"{twins.uid}-d"]


def test_permissions_that_were_taken_are_given_back_by_hand(twins: Twins):
    twins.first.server.only_before("10.0.1", "only its own go (pull request #71225)")
    read(twins.second.admin.delete(f"/api/folders/{twins.uid}"))
    until(lambda: twins.seen() == [], "the viewer of the other organisation sees nothing")
    items = [{"role": "Viewer", "permission": 1}, {"role": "Editor", "permission": 2}]
    answer = twins.first.admin.post(f"/api/folders/{twins.uid}/permissions", {"items": items})
    assert (answer.status_code, answer.json()["message"]) == (200, "Dashboard permissions updated")
    until(lambda: twins.seen() == [twins.uid, f"{twins.uid}-d"], "it sees again")


def test_deleting_a_folder_leaves_those_of_other_organisations_alone(twins: Twins):
    twins.first.server.only_since("10.0.1", "permissions of that uid went in all organisations (issue #69277)")
    read(twins.second.admin.delete(f"/api/folders/{twins.uid}"))
    assert read(twins.first.admin.get(f"/api/folders/{twins.uid}/permissions")) != []


def test_deleting_an_organisation_leaves_the_permissions_of_others_alone(twins: Twins):
    read(twins.first.server.admin.delete(f"/api/orgs/{twins.second.id}"))
    assert len(read(twins.first.admin.get(f"/api/folders/{twins.uid}/permissions"))) == 3
    assert twins.seen() == [twins.uid, f"{twins.uid}-d"]


def test_a_folder_that_is_given_another_uid_leaves_its_permissions_behind(twins: Twins):
    twins.first.server.only_before("11.0", "nobody recorded what newer ones do")
    change = {"title": "Voice", "overwrite": True}
    read(twins.first.admin.put(f"/api/folders/{twins.uid}", change | {"uid": f"{twins.uid}-n"}))
    until(lambda: twins.seen() == [], "the viewer loses sight of it")
    missing = {"message": "folder not found", "status": "not-found"}
    twins.first.server.check(twins.viewer.asker.get(f"/api/folders/{twins.uid}"), 404, missing)
    read(twins.first.admin.put(f"/api/folders/{twins.uid}-n", change | {"uid": twins.uid}))
    until(lambda: twins.seen() == [twins.uid, f"{twins.uid}-d"], "the old uid has them still")
