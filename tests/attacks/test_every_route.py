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

PERSONS = ("anonymous", "no right", "other client", "allowed", "staff")
LOGIN = 302
"""A way to the login, or to what one has a right to."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@dataclass(frozen=True)
class Route:
    """What there is at an address of the attacked client's.

    Attributes:
        path: `{probe}`, `{call}`, `{dashboard}` and `{client}` stand for its own.
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


PORTAL = {
    "": reading("/", LOGIN, 403, 200, 200, 200),
    "login/": reading("/login/", 200, LOGIN, LOGIN, LOGIN, LOGIN),
    "logout/": reading("/logout/", LOGIN, 200, 200, 200, 200),
    "client/": writing("/client/", LOGIN, 404, 404, 302, 302),
    "trends/": reading("/trends/", LOGIN, 403, 200, 200, 200),
    "probes/<kubernetes_name:probe>/": reading("/probes/{probe}/", LOGIN, 403, 404, 200, 200),
    "probes/<kubernetes_name:probe>/call/": writing("/probes/{probe}/call/", LOGIN, 403, 404, 302, 302),
    "probes/<kubernetes_name:probe>/calls/<uuid:uuid>/": reading(
        "/probes/{probe}/calls/{call}/", LOGIN, 403, 404, 200, 200
    ),
    "fleet/": reading("/fleet/", LOGIN, 403, 403, 403, 200),
    "hosts/": reading("/hosts/", LOGIN, 403, 403, 403, 200),
    # nginx asks this, nobody else.
    "auth/grafana": reading("/auth/grafana", 404, 404, 404, 404, 404),
    # The way to the login for those whom nginx sends here; it knows nothing of anybody.
    "auth/sign-in": reading("/auth/sign-in", 302, 302, 302, 302, 302),
}
"""By the pattern of Django's own list of addresses."""

# What answers before Django looks at its list.
BESIDE = {
    "/healthz": reading("/healthz", 200, 200, 200, 200, 200),
    "/healthz/database": reading("/healthz/database", 200, 200, 200, 200, 200),
    "/static/": reading("/static/voice_portal/portal.css", 200, 200, 200, 200, 200),
}

# By the name in the chart's list. The stand-in, which answers as Grafana 10, has no /apis/.
GRAFANA = {
    "dashboard": reading("/grafana/d/{dashboard}/-?kiosk", LOGIN, 403, 200, 200, 200),
    "file": reading("/grafana/public/preview.css", LOGIN, 403, 200, 200, 200),
    "dashboard-model": reading("/grafana/api/dashboards/uid/{dashboard}", LOGIN, 403, 404, 200, 200),
    "dashboard-api": reading("/grafana/apis/dashboard.grafana.app", LOGIN, 403, 404, 404, 404),
    "dashboard-resource": reading(
        "/grafana/apis/dashboard.grafana.app/v1beta1/namespaces/default/dashboards/{dashboard}/dto",
        LOGIN,
        403,
        404,
        404,
        404,
    ),
    "folder": reading("/grafana/api/folders/voice", LOGIN, 403, 200, 200, 200),
    "folder-resource": reading(
        "/grafana/apis/folder.grafana.app/v1beta1/namespaces/default/folders/voice", LOGIN, 403, 404, 404, 404
    ),
    "search": reading("/grafana/api/search?limit=100", LOGIN, 403, 200, 200, 200),
    "search-resource": reading(
        "/grafana/apis/dashboard.grafana.app/v0alpha1/namespaces/default/search?type=dashboard",
        LOGIN,
        403,
        404,
        404,
        404,
    ),
    # Without a query in it: who has no right never learns that it was wrong.
    "query": writing("/grafana/api/ds/query?ds_type=mysql", LOGIN, 403, 400, 400, 400),
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
        return route.path.format(probe=f"{PROBE}-{own.name}", call=own.call, dashboard=own.dashboard, client=own.name)

    def ask(self, person: str, method: str, route: Route) -> httpx.Response:
        return post(self.browsers[person], self.path(route), method, client=self.client.name)


@pytest.fixture(scope="module")
def scene(services: Services) -> Iterator[Scene]:
    """One of each kind; the staff look at the attacked client."""
    with world(services.up("portal")) as made:
        own, other = made.client(), made.client()
        people = (made.stranger(), made.signed_in(), made.signed_in(other), made.signed_in(own))
        staff = made.signed_in(staff=True)
        assert post(staff, "/client/", client=own.name).status_code == 302
        yield Scene(own, dict(zip(PERSONS, (*people, staff), strict=True)))


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
    others = set(METHODS) - set(route.expected) - ({"POST"} if route.path in {"/login/", "/logout/"} else set())
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
