"""Pages, files, figures and the websocket, as Grafana itself answers them (contract, 11)."""

from __future__ import annotations

import base64
import os
import socket
from urllib.parse import quote

import httpx
import pytest

from tests.contract.grafana.server import Asker, Server
from tests.contract.grafana.world import Org, User

pytestmark = pytest.mark.services
HTML = {"Accept": "text/html"}
PICTURE = "/public/img/user_profile.png"
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-XSS-Protection": "1; mode=block"}


def page(asker: Asker, path: str) -> httpx.Response:
    return asker.having(**HTML).get(path)


@pytest.fixture(scope="module")
def built(server: Server) -> bool:
    """Whether it has Grafana's pages, a program. One without answers each of them with an empty body, and the stand-in
    with a preview of its own; what else a page is answered with is the same.
    """
    return "grafanaBootData" in page(server.nobody, "/login").text


def is_page(answer: httpx.Response, status: int = 200) -> None:
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "text/html; charset=UTF-8"
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert not {"x-frame-options", "set-cookie"} & set(answer.headers)


def is_program(answer: httpx.Response, *, built: bool) -> None:
    """What is in the page, where pages were built."""
    if built:
        parts = ("<script", "window.grafanaBootData", '<base href="/grafana/"')
        assert [part for part in parts if part not in answer.text] == []


@pytest.mark.parametrize("end", ["", "/-", "/probe-one"], ids=["no slug", "a dash", "the slug"])
@pytest.mark.parametrize("uid", ["vp-1", "none"], ids=["a dashboard", "a dashboard that there is not"])
def test_the_page_of_a_dashboard_does_not_say_whether_there_is_one(
    org: Org, viewer: User, built: bool, uid: str, end: str
):
    org.folder()
    org.dashboard("vp-1", "Probe one")
    answer = page(viewer.asker, f"/d/{uid}{end}?orgId={org.id}&kiosk&theme=system&from=now-6h&to=now&refresh=1m")
    is_page(answer)
    is_program(answer, built=built)


def test_the_page_of_a_dashboard_may_be_in_a_frame(org: Org, viewer: User):
    answer = page(viewer.asker, f"/d/vp-1/-?orgId={org.id}&kiosk")
    assert not {"x-frame-options", "content-security-policy"} & set(answer.headers)


def test_a_page_leads_nobody_to_the_login_and_remembers_where_it_was(server: Server):
    answer = page(server.nobody, "/d/UID/-?orgId=3&kiosk")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/grafana/login")
    remembered = quote("/grafana/d/UID/-?orgId=3&kiosk", safe="")
    assert answer.headers["Set-Cookie"] == f"redirect_to={remembered}; Path=/grafana; HttpOnly; SameSite=Lax"
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


def test_the_login_is_a_page_for_nobody(server: Server, built: bool):
    answer = page(server.nobody, "/login")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=UTF-8"
    is_program(answer, built=built)


def test_the_login_leads_who_has_a_token_to_the_start(viewer: User):
    answer = page(viewer.asker, "/login")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/grafana/")
    assert "redirect_to=" in answer.headers["Set-Cookie"], "it is cleared"


def test_an_unknown_page_is_not_found_in_html(viewer: User, built: bool):
    answer = page(viewer.asker, "/no/such/page")
    is_page(answer, 404)
    is_program(answer, built=built)


def test_a_missing_file_is_not_found_in_html(viewer: User):
    answer = page(viewer.asker, "/public/none.js")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")


def test_a_picture_is_given_to_everybody_and_kept_for_an_hour(server: Server):
    answer = server.nobody.get(PICTURE)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Last-Modified"].endswith(" GMT")
    assert answer.content.startswith(b"\x89PNG")


def test_figures_are_given_to_everybody(server: Server):
    """Counts by organisation among them, of all clients: the portal's proxy has to keep them."""
    answer = server.nobody.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert "\ngrafana_" in f"\n{answer.text}"


def upgrade(server: Server, **headers: str) -> str:
    """The status line that answers a request for a websocket."""
    at = httpx.URL(server.url)
    asked = {
        "Host": f"{at.host}:{at.port}", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(), "Origin": server.origin,
    } | headers  # fmt: skip
    lines = ["GET /grafana/api/live/ws HTTP/1.1", *(f"{name}: {value}" for name, value in asked.items())]
    with socket.create_connection((at.host, at.port), timeout=10) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        return connection.makefile("rb").readline().decode().strip()


def test_a_websocket_is_opened_for_who_has_a_token_though_live_is_off(server: Server, viewer: User):
    assert upgrade(server, **viewer.asker.headers) == "HTTP/1.1 101 Switching Protocols"


def test_a_websocket_is_not_opened_for_nobody(server: Server):
    assert upgrade(server) == "HTTP/1.1 401 Unauthorized"


def test_the_websocket_is_nothing_to_be_read(viewer: User):
    answer = viewer.asker.get("/api/live/ws")
    assert (answer.status_code, answer.text) == (400, "Bad Request\n")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Sec-Websocket-Version"] == "13"
