"""What a client's voice engineer tries at Grafana through the portal: with the session of a browser, and more tools.

The stand-in answers many of these, as Grafana does: that it is not asked is the proxy's work, which this shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.attacks.engineers import Client, World, world
from tests.conftest import Services
from tests.running_proxy import HOST, Proxy

pytestmark = [pytest.mark.services, pytest.mark.database]

REFUSED = "Only dashboards are shown here: nothing else of Grafana is open.\n"


@dataclass(frozen=True)
class Scene:
    """An engineer of one client, and another client, whom they want to hurt."""

    world: World
    own: Client
    other: Client
    browser: httpx.Client


@pytest.fixture(scope="module")
def scene(services: Services) -> Iterator[Scene]:
    """Two clients, and an engineer of the first."""
    with world(services.up("portal")) as made:
        own = made.client()
        yield Scene(made, own, made.client(), made.signed_in(own))


# Each line is a kind; what stands behind it is what somebody got by it, or could.
KINDS = {
    "the viewer that all of a client's engineers share": [
        "GET api/user", "PUT api/user", "PATCH api/user", "DELETE api/user", "PUT api/user/password",
        "GET api/user/orgs", "POST api/user/using/1", "GET api/user/teams", "GET api/user/auth-tokens",
        "POST api/user/revoke-auth-token", "PUT api/user/helpflags/1", "GET api/user/quotas",
        "POST api/user/email/start-verify", "GET profile", "GET profile/password", "GET user/auth-tokens/rotate",
        "POST api/user/auth-tokens/rotate", "GET apis/iam.grafana.app/v0alpha1/namespaces/default/users",
        "GET api/user?orgId=1", "GET api/user/", "HEAD api/user",
    ],
    "other users and organisations": [
        "GET api/users", "GET api/users/1", "GET api/users/lookup?loginOrEmail=admin", "GET api/org", "PUT api/org",
        "GET api/org/users", "GET api/org/users/lookup", "GET api/orgs", "POST api/orgs", "GET api/orgs/1",
        "GET api/orgs/name/Main%20Org.", "GET api/teams/search", "GET api/admin/users", "POST api/admin/users",
        "GET api/admin/settings", "GET api/admin/stats", "GET admin/users", "GET org", "GET org/users", "GET org/new",
        "GET api/access-control/user/actions", "GET api/serviceaccounts/search", "GET api/auth/keys",
    ],
    "sessions": ["GET login", "POST login", "GET logout", "GET api/login/ping", "GET signup"],
    "snapshots, public dashboards and short links, which run in whose browser opens them": [
        "POST api/snapshots", "GET api/snapshots/x", "GET api/dashboard/snapshots", "GET api/snapshot/shared-options",
        "GET api/snapshots-delete/x", "GET dashboard/snapshot/x", "GET public-dashboards/x",
        "GET bootdata/public-dashboards/x", "GET api/public/dashboards/x",
        "POST api/public/dashboards/x/panels/1/query", "GET api/dashboards/public-dashboards", "POST api/short-urls",
        "GET goto/x", "GET apis/shorturl.grafana.app/v1beta1/namespaces/default/shorturls",
        "GET apis/dashboard.grafana.app/v0alpha1/namespaces/default/snapshots",
    ],
    "figures of the whole server": [
        "GET metrics", "GET metrics/", "GET api/health", "GET healthz", "GET api/frontend/settings",
        "GET api/frontend-metrics", "GET debug/pprof", "GET robots.txt", "GET swagger-ui", "GET openapi3",
    ],
    "the database by other ways than a panel's query": [
        "GET api/datasources", "GET api/datasources/1", "GET api/datasources/uid/voice-cdr",
        "GET api/datasources/name/voice", "GET api/datasources/proxy/1/", "GET api/datasources/proxy/uid/voice-cdr/",
        "POST api/datasources/proxy/uid/voice-cdr/x", "GET api/datasources/uid/voice-cdr/health",
        "GET api/datasources/uid/voice-cdr/resources/x", "POST api/datasources/uid/voice-cdr/resources/x",
        "GET api/ds/query", "PUT api/ds/query", "POST api/ds/query/", "POST api/tsdb/query",
        "POST api/ds/query?expression=true", "POST api/queries/x", "GET api/query-history",
        "POST apis/query.grafana.app/v0alpha1/namespaces/default/query", "POST api/ds/query?orgId=1",
        "GET apis/mysql.datasource.grafana.app/v0alpha1/namespaces/default/datasources/voice-cdr/resources/x",
        "GET explore",
    ],
    "what would be kept for others to see": [
        "GET api/annotations", "POST api/annotations", "DELETE api/annotations/1", "POST api/annotations/graphite",
        "GET api/user/preferences", "PUT api/user/preferences", "PATCH api/org/preferences",
        "GET api/teams/1/preferences", "GET api/playlists", "POST api/playlists", "GET playlists",
        "GET apis/playlist.grafana.app/v1/namespaces/default/playlists", "GET api/library-elements",
        "POST api/library-elements", "GET api/user/stars", "POST api/user/stars/dashboard/uid/x",
        "POST api/dashboards/db", "DELETE api/dashboards/uid/{own}", "PUT api/folders/voice",
        "DELETE api/folders/voice", "POST api/folders", "POST api/dashboards/uid/{own}/permissions",
        "GET api/dashboards/uid/{own}/versions", "GET api/dashboards/home", "POST api/dashboards/import",
        "GET api/correlations", "GET api/reports",
        "PUT apis/dashboard.grafana.app/v1beta1/namespaces/default/dashboards/{own}",
        "POST apis/dashboard.grafana.app/v1beta1/namespaces/default/dashboards",
        "GET apis/dashboard.grafana.app/v1beta1/namespaces/default/dashboards",
        "GET apis/dashboard.grafana.app/v1beta1/dashboards",
        "GET apis/userstorage.grafana.app/v0alpha1/namespaces/default/user-storage/x",
    ],
    "live": ["GET api/live/ws", "GET api/live/list", "POST api/live/publish", "POST api/live/push/x"],
    "plugins": [
        "GET api/plugins", "GET api/plugins/mysql/settings", "GET api/plugins/mysql/resources/x",
        "GET api/plugins/mysql/health", "POST api/plugins/mysql/install", "GET a/x", "GET api/plugin-proxy/x/y",
        "GET api/gnet/plugins", "GET plugins", "GET apis/plugins.grafana.app/v0alpha1/namespaces/default/metas",
        "GET public/plugins/mysql/", "GET public/plugins/../x",
    ],
    "alerts, and where they are sent": [
        "GET api/alertmanager/grafana/config/api/v1/alerts", "GET api/alertmanager/grafana/api/v2/status",
        "GET api/alertmanager/grafana/config/history", "POST api/alertmanager/grafana/api/v2/silences",
        "GET api/ruler/grafana/api/v1/rules", "GET api/prometheus/grafana/api/v1/rules", "GET api/alerts",
        "GET api/prometheus/grafana/api/v1/alerts", "GET api/v1/provisioning/contact-points", "GET api/v1/eval",
        "GET api/v1/ngalert", "GET api/v1/notifications/receivers", "GET alerting/list", "GET api/alert-notifications",
        "GET apis/notifications.alerting.grafana.app/v0alpha1/namespaces/default/receivers",
    ],
    "pictures, other pages and other APIs": [
        "GET render/d/{own}/-", "GET render/d-solo/{own}/-", "GET d-solo/{own}/-", "GET dashboard/new",
        "GET dashboards", "GET ", "GET ?orgId=1", "GET avatar/x", "GET api", "GET apis", "GET apis/",
        "GET openapi/v2", "GET api/search/sorting",
        "POST apis/features.grafana.app/v0alpha1/namespaces/default/ofrep/v1/evaluate/flags",
        "GET ofrep/v1/evaluate/flags", "GET connections", "GET API/user", "GET Api/Dashboards/Uid/{own}",
        "GET D/{own}", "GET drilldown", "GET scim/v2/Users",
    ],
}  # fmt: skip
ATTACKS = [attack for attacks in KINDS.values() for attack in attacks]


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_no_panel_needs_is_refused_before_grafana_sees_it(scene: Scene, attack: str) -> None:
    method, path = attack.format(own=scene.own.dashboard).split(" ", 1)
    answer = scene.browser.request(method, f"/grafana/{path}")
    if "%" in path or ".." in path:
        assert answer.status_code in {400, 403}
    else:
        assert (answer.status_code, answer.text) == (403, "" if method == "HEAD" else REFUSED)


@pytest.mark.parametrize(
    "path",
    [
        "api/./user", "/api/user", "api//user", "public/../api/user", "d/x/../../api/user", "api%2fuser",
        "%61pi/user", "api/user%00", "api\\user", "public/..%2fapi%2fuser", "public/%2e%2e/api/user",
        "api/dashboards/uid/..%2f..%2f..%2fuser", "public/plugins/mysql/..%5c..%5cx", "d/x%2f..%2f..%2fapi%2fuser",
        "public/app/../../api/user", "api/user;x=1",
    ],
)  # fmt: skip
def test_no_other_way_of_writing_it_helps(scene: Scene, path: str) -> None:
    address = httpx.URL(scene.world.lab.portal_url)
    session = "; ".join(f"{name}={value}" for name, value in scene.browser.cookies.items())
    asked = Proxy(address.port or 80, scene.browser, Path())
    answer = asked.ask(f"/grafana/{path}".encode(), host=f"{address.host}:{address.port}".encode(), Cookie=session)
    assert (answer.status, b"client-" in answer.body) == (400, False)


def test_the_shared_viewer_stays_as_it_was_made(scene: Scene) -> None:
    """An engineer renamed it, and took a mail address that a later client's viewer needed, which could not be made."""

    def viewer() -> dict[str, object]:
        found = scene.world.admin.get("/api/users/lookup", params={"loginOrEmail": scene.own.viewer})
        return {name: found.json()[name] for name in ("login", "email", "name", "orgId")}

    before = viewer()
    taken = {"login": f"client-{scene.other.name}-2", "email": "client-next", "name": "Mine", "theme": "light"}
    for method in ("PUT", "PATCH", "POST"):
        assert scene.browser.request(method, "/grafana/api/user", json=taken).status_code == 403
    assert scene.browser.post(f"/grafana/api/user/using/{scene.other.org}").status_code == 403
    assert viewer() == before


def test_a_websocket_is_not_opened(scene: Scene) -> None:
    headers = {
        "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }  # fmt: skip
    assert scene.browser.get("/grafana/api/live/ws", headers=headers).status_code == 403
    assert scene.browser.get(f"/grafana/d/{scene.own.dashboard}/-", headers=headers).status_code == 200


def test_what_a_dashboard_needs_is_there(scene: Scene) -> None:
    """Else the refusals above would show nothing."""
    own = scene.own.dashboard
    asked = f"orgId={scene.own.org}&kiosk&theme=system&from=now-6h&to=now&refresh=1m"
    page = scene.browser.get(f"/grafana/d/{own}/-?{asked}")
    assert (page.status_code, scene.own.name in page.text) == (200, True)
    model = scene.browser.get(f"/grafana/api/dashboards/uid/{own}").raise_for_status().json()
    assert model["dashboard"]["title"] == f"Calls of {scene.own.name}"
    assert scene.browser.get("/grafana/api/folders/voice").json()["title"] == f"Voice of {scene.own.name}"
    found = scene.browser.get("/grafana/api/search?limit=100&tag=none&type=dash-db")
    assert found.raise_for_status().json() == []
    assert scene.browser.get("/grafana/public/preview.css").headers["content-type"].startswith("text/css")
    assert scene.browser.post("/grafana/api/ds/query?ds_type=mysql&requestId=Q1", json={}).status_code == 400


def test_two_tabs_show_two_clients_and_never_the_one_under_the_others_name(scene: Scene) -> None:
    """All clients' datasources have one uid: whose figures come is decided by the organisation that a page names."""
    own, other = scene.own, scene.other
    browser = scene.world.signed_in(own, other)

    def folder_in(client: Client) -> str:
        opened_in = {"X-Grafana-Org-Id": str(client.org)}
        return str(browser.get("/grafana/api/folders/voice", headers=opened_in).raise_for_status().json()["title"])

    for client in (own, other, own):
        page = browser.get(f"/grafana/d/{client.dashboard}/-?orgId={client.org}&kiosk")
        assert (page.status_code, client.name in page.text) == (200, True)
        assert folder_in(client) == f"Voice of {client.name}"
        # 400 is Grafana's: there is no query in it.
        opened_in = {"X-Grafana-Org-Id": str(client.org)}
        assert browser.post("/grafana/api/ds/query", json={}, headers=opened_in).status_code == 400
    assert own.name not in browser.get(f"/grafana/d/{own.dashboard}/-?orgId={other.org}").text, "none of the other's"
    assert browser.get(f"/grafana/d/{own.dashboard}/-").status_code == 403, "it does not say whose"
    assert browser.post("/grafana/api/ds/query", json={}).status_code == 403


@pytest.mark.parametrize(
    "forged", ["0", "-1", "{other}, {own}", "{own}, {own}", "x", "{own}.0", "0{own}", "\u0661", "1"]
)
def test_a_question_in_no_organisation_of_ones_own_is_refused(scene: Scene, forged: str) -> None:
    header = forged.format(own=scene.own.org, other=scene.other.org)
    asked = scene.browser.post("/grafana/api/ds/query", json={}, headers={b"X-Grafana-Org-Id": header.encode()})
    assert asked.status_code == 403


def test_a_question_in_two_organisations_is_never_the_others(scene: Scene) -> None:
    """Some versions of nginx join such lines, others take the first: Grafana is told none of them."""
    own, other = ((b"X-Grafana-Org-Id", str(client.org).encode()) for client in (scene.own, scene.other))
    for lines in ([own, other], [other, own], [own, other, own]):
        asked = scene.browser.get("/grafana/api/folders/voice", headers=lines)
        assert asked.status_code in {200, 403}
        assert scene.other.name not in asked.text


@pytest.mark.parametrize(
    "query",
    [
        "orgId={other}", "orgId={own}&orgId={other}", "orgId={other}&orgId={own}", "orgId={own}&orgId={own}",
        "orgId=0{own}", "orgId=%3{own}", "orgId=+{own}", "orgId={own};orgId={other}", "orgId=", "orgId", "orgId=1",
        "orgId=x", "%6frgId={other}", "orgid={other}", "kiosk&%6frgId={other}&orgId={own}",
        "orgId={own}{own}{own}{own}{own}{own}{own}{own}{own}{own}{own}{own}{own}{own}{own}{own}{own}{own}{own}{own}",
    ],
)  # fmt: skip
def test_a_page_in_no_organisation_of_ones_own_is_refused(scene: Scene, query: str) -> None:
    for client in (scene.own, scene.other):
        asked = query.format(own=scene.own.org, other=scene.other.org)
        page = scene.browser.get(f"/grafana/d/{client.dashboard}/-?{asked}")
        assert page.status_code in {400, 403}
        assert scene.other.name not in page.text


def test_a_page_that_says_two_organisations_is_refused(scene: Scene) -> None:
    browser = scene.world.signed_in(scene.own, scene.other)
    opened_in = {"X-Grafana-Org-Id": str(scene.other.org)}
    page = browser.get(f"/grafana/d/{scene.own.dashboard}/-?orgId={scene.own.org}", headers=opened_in)
    assert page.status_code == 403


def test_an_organisation_that_is_no_clients_can_only_be_the_staffs(scene: Scene) -> None:
    opened_in = {"X-Grafana-Org-Id": "999999"}
    for path in ("/grafana/api/search", "/grafana/d/voice-fleet/-?orgId=999999", "/grafana/api/folders/voice"):
        assert scene.browser.get(path, headers=opened_in).status_code == 403


def test_another_clients_dashboards_are_not_there(scene: Scene) -> None:
    other = scene.other
    assert scene.browser.get(f"/grafana/api/dashboards/uid/{other.dashboard}").status_code in {403, 404}
    page = scene.browser.get(f"/grafana/d/{other.dashboard}/-?orgId={other.org}")
    assert (page.status_code, other.name in page.text) == (403, False)
    for found in (
        scene.browser.get(f"/grafana/d/{other.dashboard}/-"),
        scene.browser.get("/grafana/api/search"),
        scene.browser.get("/grafana/api/folders/voice", headers={"X-Grafana-Org-Id": str(other.org)}),
        scene.browser.get("/grafana/api/dashboards/uid/voice-overview", headers={"X-Grafana-Org-Id": str(other.org)}),
    ):
        assert other.name not in found.text


@pytest.mark.parametrize("path", ["api/user", "metrics", "api/snapshots", "login", "explore"])
def test_a_stranger_is_refused_in_the_same_words(scene: Scene, path: str) -> None:
    """Not led to the login first: there is nothing behind it."""
    with httpx.Client(base_url=scene.world.lab.portal_url, trust_env=False) as stranger:
        answer = stranger.get(f"/grafana/{path}")
    assert (answer.status_code, answer.text) == (403, REFUSED)


def test_no_cookie_and_no_token_reaches_a_browser(scene: Scene) -> None:
    answers = [
        scene.browser.get(f"/grafana/d/{scene.own.dashboard}/-"),
        scene.browser.get(f"/grafana/api/dashboards/uid/{scene.own.dashboard}"),
        scene.browser.get("/grafana/public/none.css"),
    ]
    for answer in answers:
        assert not {"set-cookie", "x-jwt-assertion"} & set(answer.headers)
    assert not [cookie.name for cookie in scene.browser.cookies.jar if "grafana" in cookie.name]


@pytest.mark.parametrize("host", ["example.org", HOST, f"{HOST}:80", "localhost.example.org"])
def test_a_foreign_name_opens_nothing(scene: Scene, host: str) -> None:
    for path in ("/", "/login/", f"/grafana/d/{scene.own.dashboard}/-", "/static/voice_portal/portal.css"):
        assert scene.browser.get(path, headers={"Host": host}).status_code == 400
    assert scene.browser.get("/healthz", headers={"Host": host}).status_code == 200
