"""Every route of the portal and of its proxy, and what each kind of person gets there.

A route that is new must be written down here, with what everybody gets: until then this fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests import portal as portal_settings
from tests.attacks.allowed import ROWS
from tests.attacks.engineers import PROBE, Client, post, world
from tests.conftest import Services
from tests.running_proxy import rendered

portal_settings.set_up()

pytestmark = [pytest.mark.services, pytest.mark.database]

PERSONS = ("anonymous", "no right", "other client", "viewer", "engineer", "staff")
LOGIN = 302
"""A way to the login, or to what one has a right to."""
FORMS = {"/login/", "/login/local/", "/logout/"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@dataclass(frozen=True)
class Route:
    """What there is at an address of the attacked client's.

    Attributes:
        path: `{client}`, `{probe}`, `{call}`, `{dashboard}` and `{org}`, in Grafana, stand for its own.
        expected: for each method that the route has, the status for each of PERSONS.
    """

    path: str
    expected: Mapping[str, tuple[int, ...]]


def reading(path: str, *statuses: int) -> Route:
    """A route that can be read and no more."""
    return Route(path, {"GET": statuses, "HEAD": statuses})


def writing(path: str, *statuses: int) -> Route:
    """A route that takes a form and no more."""
    return Route(path, {"POST": statuses})


OF_A_CLIENT = "c/<namespace:client>/"
OWN = "/c/{client}/"
# Another client is 404, like one that there is not; so is everything of a client for who may see none.
LOOKED_AT = (LOGIN, 404, 404, 200, 200, 200)

LED_ON = (LOGIN, 404, 404, 302, 302, 302)
NOBODYS = (404,) * 6
STAFFS = (LOGIN, 403, 403, 403, 403, 200)

PORTAL = {
    "": reading("/", LOGIN, 403, LOGIN, LOGIN, LOGIN, LOGIN),
    "login/": reading("/login/", 200, LOGIN, LOGIN, LOGIN, LOGIN, LOGIN),
    "login/local/": reading("/login/local/", 200, LOGIN, LOGIN, LOGIN, LOGIN, LOGIN),
    # Of a provider that there is not: the others have tests of their own.
    "login/<provider:provider>/": writing("/login/none/", *NOBODYS),
    "login/<provider:provider>/complete/": Route("/login/none/complete/", {"GET": NOBODYS, "POST": NOBODYS}),
    "login/<provider:provider>/ended/": Route("/login/none/ended/", {"GET": NOBODYS}),
    "login/<provider:provider>/metadata.xml": Route("/login/none/metadata.xml", {"GET": NOBODYS}),
    "logout/": reading("/logout/", LOGIN, 200, 200, 200, 200, 200),
    "c/": reading("/c/", LOGIN, 403, 200, 200, 200, 200),
    OF_A_CLIENT: reading(OWN, *LOOKED_AT),
    f"{OF_A_CLIENT}wall/": reading(f"{OWN}wall/", *LOOKED_AT),
    f"{OF_A_CLIENT}trends/": reading(f"{OWN}trends/", *LOOKED_AT),
    f"{OF_A_CLIENT}dashboards/<dashboard:uid>/": reading(f"{OWN}dashboards/voice-overview/", *LED_ON),
    f"{OF_A_CLIENT}probes/<kubernetes_name:probe>/": reading(f"{OWN}probes/{{probe}}/", *LOOKED_AT),
    f"{OF_A_CLIENT}probes/<kubernetes_name:probe>/call/": writing(
        f"{OWN}probes/{{probe}}/call/", LOGIN, 404, 404, 403, 302, 302
    ),
    f"{OF_A_CLIENT}probes/<kubernetes_name:probe>/calls/<uuid:uuid>/": reading(
        f"{OWN}probes/{{probe}}/calls/{{call}}/", *LED_ON
    ),
    f"{OF_A_CLIENT}calls/": reading(f"{OWN}calls/", *LOOKED_AT),
    f"{OF_A_CLIENT}calls.csv": Route(f"{OWN}calls.csv", {"GET": LOOKED_AT}),
    f"{OF_A_CLIENT}calls.parquet": Route(f"{OWN}calls.parquet", {"GET": LOOKED_AT}),
    f"{OF_A_CLIENT}calls/<uuid:uuid>/": reading(f"{OWN}calls/{{call}}/", *LOOKED_AT),
    f"{OF_A_CLIENT}calls/<uuid:uuid>/recordings/<direction:direction>.wav": reading(
        f"{OWN}calls/{{call}}/recordings/forward.wav", *LOOKED_AT
    ),
    f"{OF_A_CLIENT}reports/": reading(f"{OWN}reports/", *LOOKED_AT),
    f"{OF_A_CLIENT}reports/<month:month>/": reading(f"{OWN}reports/{{month}}/", *LOOKED_AT),
    f"{OF_A_CLIENT}reports/<month:month>.csv": reading(f"{OWN}reports/{{month}}.csv", *LOOKED_AT),
    f"{OF_A_CLIENT}reports/<month:month>-incidents.csv": reading(f"{OWN}reports/{{month}}-incidents.csv", *LOOKED_AT),
    f"{OF_A_CLIENT}reports/<month:month>.pdf": reading(f"{OWN}reports/{{month}}.pdf", *LOOKED_AT),
    "fleet/": reading("/fleet/", *STAFFS),
    "hosts/": reading("/hosts/", *STAFFS),
    "access/": reading("/access/", *STAFFS),
    "audit/": reading("/audit/", *STAFFS),
    # Of before addresses named the client: to the only one that one may see. Staff may see several.
    "trends/": reading("/trends/", LOGIN, 404, 302, 302, 302, 404),
    "probes/<kubernetes_name:probe>/": reading("/probes/{probe}/", *LED_ON),
    "probes/<kubernetes_name:probe>/calls/<uuid:uuid>/": reading("/probes/{probe}/calls/{call}/", *LED_ON),
    # nginx asks this, nobody else.
    "auth/grafana": reading("/auth/grafana", 404, 404, 404, 404, 404, 404),
    # The way to the login for those whom nginx sends here; it knows nothing of anybody.
    "auth/sign-in": reading("/auth/sign-in", 302, 302, 302, 302, 302, 302),
}
"""By the pattern of Django's own list of addresses."""

# What answers before Django looks at its list.
BESIDE = {
    "/healthz": reading("/healthz", *[200] * 6),
    "/healthz/database": reading("/healthz/database", *[200] * 6),
    "/static/": reading("/static/voice_portal/portal.css", *[200] * 6),
}

# By the name in the chart's list. The stand-in, which answers as Grafana 10, has no /apis/. Who asks in the attacked
# client's organisation and may not see it is refused before Grafana hears of it.
SHOWN = (LOGIN, 403, 403, 200, 200, 200)
NOT_THERE = (LOGIN, 403, 403, 404, 404, 404)
APIS = "/grafana/apis"
GRAFANA = {
    "dashboard": reading("/grafana/d/{dashboard}/-?orgId={org}&kiosk", *SHOWN),
    "file": reading("/grafana/public/preview.css", LOGIN, 403, 200, 200, 200, 200),
    "dashboard-model": reading("/grafana/api/dashboards/uid/{dashboard}", *SHOWN),
    "dashboard-api": reading(f"{APIS}/dashboard.grafana.app", *NOT_THERE),
    "dashboard-resource": reading(
        f"{APIS}/dashboard.grafana.app/v1beta1/namespaces/default/dashboards/{{dashboard}}/dto", *NOT_THERE
    ),
    "folder": reading("/grafana/api/folders/voice", *SHOWN),
    "folder-resource": reading(f"{APIS}/folder.grafana.app/v1beta1/namespaces/default/folders/voice", *NOT_THERE),
    "search": reading("/grafana/api/search?limit=100", *SHOWN),
    "search-resource": reading(
        f"{APIS}/dashboard.grafana.app/v0alpha1/namespaces/default/search?type=dashboard", *NOT_THERE
    ),
    # Without a query in it: who has no right never learns that it was wrong.
    "query": writing("/grafana/api/ds/query?ds_type=mysql", LOGIN, 403, 403, 400, 400, 400),
}

NGINX = {
    "/": "PORTAL, BESIDE",
    "= /auth/grafana": "PORTAL",
    "@sign_in": "GRAFANA, for who is anonymous",
    "/grafana/": "GRAFANA",
    "/.ending/": "test_a_proxy_that_is_about_to_end_answers_and_says_on_each_connection_that_it_was_the_last_answer",
    "= /healthz": "test_whoever_is_asked_for_by_a_foreign_name_is_not_here",
    "= /healthz/database": "test_whoever_watches_the_pod_asks_by_any_name",
}
"""nginx's locations, and where what is in them is looked at."""

ROUTES = {**PORTAL, **BESIDE, **{f"grafana: {name}": route for name, route in GRAFANA.items()}}


def test_every_address_of_the_portal_is_here() -> None:
    from django.urls import URLPattern, URLResolver, get_resolver

    def walk(patterns: list[URLPattern | URLResolver], above: str = "") -> Iterator[str]:
        for one in patterns:
            path = above + str(one.pattern)
            yield from walk(one.url_patterns, path) if isinstance(one, URLResolver) else [path]

    assert sorted(walk(get_resolver().url_patterns)) == sorted(PORTAL)


def test_every_location_of_the_proxy_is_here() -> None:
    conf = rendered(grafana__url="http://127.0.0.1:3000/grafana", portal__url="https://voice.example.net")["conf"]
    assert set(re.findall(r"^\s*location (.*) \{$", conf, re.MULTILINE)) == set(NGINX)


def test_every_line_of_the_list_for_grafana_is_here() -> None:
    conf = rendered(grafana__url="http://127.0.0.1:3000/grafana", portal__url="https://voice.example.net")["conf"]
    (table,) = re.findall(r"\$grafana_allowed \{\n(.*?)\n *\}\n", conf, re.DOTALL)[:1]
    rows = [line.rsplit(" ", 1)[1].rstrip(";") for line in table.splitlines() if '"~' in line]
    assert rows == [row.name for row in ROWS]
    assert set(rows) == set(GRAFANA)


@dataclass(frozen=True)
class Scene:
    """A client that is attacked, and everybody's browser."""

    client: Client
    browsers: Mapping[str, httpx.Client]

    def path(self, route: Route) -> str:
        own = self.client
        probe = f"{PROBE}-{own.name}"
        return route.path.format(
            probe=probe, call=own.call, dashboard=own.dashboard, client=own.name, org=own.org, month=own.month
        )

    def ask(self, person: str, method: str, route: Route) -> httpx.Response:
        """As a page of the portal's own does, and below /grafana/api as a page of Grafana's that shows this client."""
        opened_in = {"X-Grafana-Org-Id": str(self.client.org)} if "/grafana/api" in route.path else {}
        return post(self.browsers[person], self.path(route), method, opened_in, client=self.client.name)


@pytest.fixture(scope="module")
def scene(services: Services) -> Iterator[Scene]:
    """One of each kind."""
    with world(services.up("portal")) as made:
        own, other = made.client(), made.client()
        people = (made.stranger(), made.signed_in(), made.signed_in(other))
        allowed = (made.signed_in(own, role="viewer"), made.signed_in(own), made.signed_in(staff=True))
        yield Scene(own, dict(zip(PERSONS, (*people, *allowed), strict=True)))


@pytest.mark.parametrize("person", PERSONS)
@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
def test_everybody_gets_there_what_they_have_a_right_to(scene: Scene, route: Route, person: str) -> None:
    for method, statuses in route.expected.items():
        answer = scene.ask(person, method, route)
        assert answer.status_code == statuses[PERSONS.index(person)], f"{method} {answer.text[:300]}"
        if person in PERSONS[:3]:
            assert not is_told(scene.client, answer), "nothing of a client to who may not see it"


def is_told(client: Client, answer: httpx.Response) -> bool:
    """Whether somebody learnt more than they asked with."""
    said = "".join(
        [answer.text, *(f"{name}: {value}\n" for name, value in answer.headers.items() if name != "location")]
    )
    asked = str(answer.request.url)
    return client.name in said.replace(asked, "").replace(f"{PROBE}-{client.name}", "")


@pytest.mark.parametrize("person", PERSONS)
@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
def test_no_route_takes_another_method(scene: Scene, route: Route, person: str) -> None:
    # A form of the login's is for tests of the login; that of the logout would end this session.
    others = set(METHODS) - set(route.expected) - ({"POST"} if route.path in FORMS else set())
    for method in sorted(others):
        status = scene.ask(person, method, route).status_code
        assert status in {302, 400, 403, 404, 405}, f"{method}: {status}"


@pytest.mark.parametrize("person", PERSONS)
@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
def test_every_answer_says_what_a_page_may_load_and_that_nobody_keeps_it(
    scene: Scene, route: Route, person: str
) -> None:
    method = next(iter(route.expected))
    answer = scene.ask(person, method, route)
    names = [name.lower() for name, _ in answer.headers.multi_items()]
    for name in (
        "content-security-policy",
        "x-content-type-options",
        "x-frame-options",
        "referrer-policy",
        "cache-control",
    ):
        assert names.count(name) == 1, name
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert {"form-action", "base-uri", "frame-ancestors"} <= set(policy)
    sources = {source for sources in policy.values() for source in sources.split()}
    assert sources <= {"'none'", "'self'", "'unsafe-inline'", "'unsafe-eval'", "data:", "blob:"}
    assert answer.headers["x-content-type-options"] == "nosniff"
    is_file = Path(answer.request.url.path).suffix == ".css" and answer.status_code == 200
    assert ("no-store" in answer.headers["cache-control"]) != is_file


@pytest.mark.parametrize("person", PERSONS)
def test_an_address_that_there_is_not_is_nobodys(scene: Scene, person: str) -> None:
    for path, statuses in (
        ("/none/", {302, 404}),
        ("/grafana/none", {403}),
        ("/admin/", {302, 404}),
        ("/metrics", {302, 404}),
    ):
        assert scene.browsers[person].get(path).status_code in statuses, path
