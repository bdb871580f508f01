"""What the chart's nginx compresses: files, which are the same for everybody, and nothing else."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running_proxy import COOKIE, EchoServer, Proxy, echoing, running

pytestmark = pytest.mark.services

BROWSER = {"Accept_Encoding": "gzip, deflate, br", **COOKIE}
SCRIPT = "/grafana/public/build/app.4f2a.js"
TEXT = b"export const panel = 1;\n" * 4000


@pytest.fixture
def echo() -> Iterator[EchoServer]:
    """Return a server that stands for both the portal and Grafana."""
    with echoing() as server:
        server.body = TEXT
        yield server


@pytest.fixture
def proxy(tmp_path: Path, echo: EchoServer) -> Iterator[Proxy]:
    """Return the proxy as its container would start it."""
    with running(tmp_path, echo.server_port, echo.server_port) as started:
        yield started


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (SCRIPT, "application/javascript"),
        (SCRIPT, "text/javascript; charset=utf-8"),
        ("/grafana/public/build/grafana.dark.css", "text/css; charset=utf-8"),
        ("/grafana/public/img/logo.svg", "image/svg+xml"),
        ("/grafana/public/locales/en-US/grafana.json", "application/json"),
        ("/static/voice_portal/portal.css", 'text/css; charset="utf-8"'),
        ("/static/django_htmx/htmx-2.min.js", "text/javascript"),
    ],
)
def test_a_file_of_text_is(proxy: Proxy, echo: EchoServer, path: str, kind: str) -> None:
    echo.says = {"Content-Type": kind}
    answer = proxy.ask(path.encode(), **BROWSER)
    assert (answer.status, answer.headers["content-encoding"]) == (200, "gzip")
    assert answer.headers["vary"] == "Accept-Encoding"
    assert gzip.decompress(answer.body) == TEXT
    assert len(answer.body) < len(TEXT) / 10


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", "/c/acme/", "text/html; charset=utf-8"),
        ("GET", "/c/acme/calls.csv", "text/css"),
        ("GET", "/grafana/d/vp-1/-?orgId=7&kiosk", "text/html; charset=UTF-8"),
        ("POST", "/grafana/api/ds/query?ds_type=mysql&requestId=Q100", "application/json"),
        ("GET", "/grafana/public/fonts/inter.woff2", "font/woff2"),
    ],
)
def test_what_may_hold_a_secret_is_not_nor_what_is_compressed_already(
    proxy: Proxy, echo: EchoServer, method: str, path: str, kind: str
) -> None:
    echo.says = {"Content-Type": kind}
    answer = proxy.ask(path.encode(), method.encode(), **BROWSER)
    assert (answer.status, answer.body) == (200, TEXT)
    assert "content-encoding" not in answer.headers


def test_who_cannot_read_it_gets_it_as_it_is(proxy: Proxy, echo: EchoServer) -> None:
    echo.says = {"Content-Type": "text/javascript"}
    answer = proxy.ask(SCRIPT.encode(), **COOKIE)
    assert answer.body == TEXT
    assert "content-encoding" not in answer.headers


def test_what_grafana_compressed_itself_is_passed_on(proxy: Proxy, echo: EchoServer) -> None:
    echo.body = gzip.compress(TEXT)
    echo.says = {"Content-Type": "text/javascript", "Content-Encoding": "gzip"}
    assert proxy.ask(SCRIPT.encode(), **BROWSER).body == echo.body


def test_a_file_is_asked_for_and_guarded_like_everything_of_grafanas(proxy: Proxy, echo: EchoServer) -> None:
    echo.says = {"Content-Type": "text/javascript", "Cache-Control": "public, max-age=3600", "Set-Cookie": "a=b"}
    page = proxy.ask(b"/grafana/d/vp-1/-?orgId=7&kiosk", **BROWSER)
    file = proxy.ask(SCRIPT.encode(), **BROWSER)
    asked = [heard.headers for heard in echo.heard if heard.path.startswith("/grafana/")]
    assert asked[0] == asked[1]
    assert asked[1]["x-jwt-assertion"] == "the portal's token"
    assert "cookie" not in asked[1]
    guarding = ("content-security-policy", "x-frame-options", "x-content-type-options", "referrer-policy")
    assert [file.headers[name] for name in guarding] == [page.headers[name] for name in guarding]
    assert file.headers["cache-control"] == "public, max-age=3600"
    assert "set-cookie" not in file.headers


def test_a_stranger_and_a_page_from_elsewhere_get_no_file(proxy: Proxy, echo: EchoServer) -> None:
    assert proxy.ask(SCRIPT.encode(), Accept_Encoding="gzip").body == TEXT, "the portal's answer: the way to its login"
    assert echo.heard[-1].path == "/auth/sign-in"
    foreign = {**BROWSER, "Origin": "https://elsewhere.example"}
    assert proxy.ask(SCRIPT.encode(), **foreign).status == 403
    assert proxy.ask(b"/grafana/public/build/app.js?x=1", **BROWSER).status == 403
