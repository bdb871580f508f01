"""Addresses, methods, names and headers of every make, at the real nginx: what is not in the list reaches nobody.

Whoever stands behind it only repeats what it hears: what must be refused here is a form, and harms nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.attacks.allowed import ROWS, WORDS, Row, is_plain, may_pass, paths
from tests.running_proxy import COOKIE, HOST, EchoServer, Heard, Proxy, echoing, running

pytestmark = pytest.mark.services

PAGE = "/grafana/d/vp-1/-?orgId=7&kiosk&from=now-6h&to=now"
HEARD_BY_GRAFANA = {
    "host", "connection", "content-length", "x-forwarded-for", "x-forwarded-proto", "x-jwt-assertion", "accept",
    "accept-encoding", "content-type", "if-modified-since", "if-none-match", "origin", "user-agent",
}  # fmt: skip


@dataclass(frozen=True)
class Origin:
    """The portal's origin: nginx, and who stands behind it."""

    proxy: Proxy
    portal: EchoServer
    grafana: EchoServer

    def ask(self, target: str, method: str = "GET", **headers: str) -> int:
        """The status of the answer; what was heard behind nginx begins anew."""
        self.portal.heard.clear()
        self.grafana.heard.clear()
        answer = self.proxy.ask(target.encode(), method.encode(), **COOKIE, **headers)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        return answer.status

    @property
    def heard(self) -> list[Heard]:
        return [*self.portal.heard, *self.grafana.heard]


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origin]:
    """An nginx, a portal that knows who asks, and a Grafana."""
    with (
        echoing() as portal,
        echoing() as grafana,
        running(tmp_path_factory.mktemp("proxy"), portal.server_port, grafana.server_port) as proxy,
    ):
        yield Origin(proxy, portal, grafana)


def assert_told(origin: Origin, method: str, target: str) -> None:
    """Grafana heard this, as it was written, if the list has it; nobody anything if it is no plain address."""
    status = origin.ask(target, method)
    heard = [(one.method, one.path) for one in origin.grafana.heard]
    if not is_plain(target):
        assert (status, origin.heard) == (400, []), target
    elif may_pass(method, target):
        assert (status, heard) == (200, [(method, target)]), target
    elif target.startswith("/grafana/"):
        assert (status, origin.heard) == (403, []), f"{method} {target}"
    else:
        assert heard == [], target


BAD_FORMS = [
    "/grafana/d/vp-1%2f-", "/grafana/d%2Fvp-1", "/grafana/d/%2e%2e/api/user", "/grafana/d/../api/user",
    "/grafana/public/../api/user", "/grafana/public/..%2fapi%2fuser", "/grafana/public/./app.js", "/grafana//d/vp-1",
    "//grafana/d/vp-1", "/grafana/public//app.js", "/grafana/d/vp-1%5c-", "/grafana/d\\vp-1", "/grafana\\d/vp-1",
    "/grafana/%64/vp-1", "/%67rafana/api/user", "/grafana/d/vp-1%00", "/grafana/d/vp-1%0a", "/grafana/d/vp-1%20",
    "/grafana/public/..;/api/user", "/grafana/d/vp-1;x=1", "/grafana/d/vp-1/-#x", "/grafana/d/\x01", "/grafana/d/é",
    "/grafana/public/.env.js", "/grafana/d/vp-1/-?from=%00", "/grafana/d/vp-1/-?from=%0d%0a", "/grafana/d/vp-1?x=\x7f",
    "/grafana/d/vp-1/-?from=%zz", "/grafana/d/vp-1/-?from=%2", '/grafana/d/vp-1/-?from="', "/grafana/d/vp-1/-?from=\\",
    "/%2e%2e/", "/login%2f", "/c/../hosts/", "/c/acme/probes//call/", "/static/..%2f..%2fetc/passwd", "/\\example.org",
    "/.well-known/x", "//example.org/", "/login/?next=%00/", "*", "example.org:443", "https://example.org/",
    f"https://{HOST}/", f"http://{HOST}/grafana/api/user", "/grafana/d/" + "x" * 2000, "/?range=" + "6" * 2000,
    "/login/corp/complete/?code=" + "c" * 3900, "/loginx/?code=" + "c" * 2000,
]  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("target", BAD_FORMS)
def test_an_address_in_another_form_reaches_nobody(origin: Origin, target: str, method: str) -> None:
    assert (origin.ask(target, method), origin.heard) == (400, [])


@pytest.mark.parametrize(
    "target",
    [
        "/", "/login/?next=%2Fgrafana%2Fd%2Fvp-1%2F-%3ForgId%3D7%26kiosk", "/c/acme/trends/?range=24h", "/logout/",
        "/hosts/", "/c/" + "a" * 63 + "/probes/" + "a" * 253 + "/call/", "/healthz", "/healthz/database", "/c/",
        "/c/acme/probes/claims-hotline.2/", "/c/acme/probes/claims/calls/0b5f2c1e-8a77-4f3c-9d5e-1f2a3b4c5d6e/",
        "/static/voice_portal/portal.css", "/c/acme/dashboards/vp-0b5f2c1e8a774f3c9d5e1f2a3b4c5d6e/",
    ],
)  # fmt: skip
def test_the_portals_own_addresses_reach_it(origin: Origin, target: str) -> None:
    assert (origin.ask(target), [heard.path for heard in origin.heard]) == (200, [target])


UNKNOWN_NAMES = [
    "editPanel=1", "editview=settings", "auth_token=x", "snapshot=x", "var-=1", "var-a-b=1", "scopes=x", "inspect=1",
    "orgid=1", "ORGID=1", "orgId[]=1", "=1", "&", "orgId=1&", "orgId=1&&to=now", "orgId=1;to=now", "to=now%26x=1",
    "to=now%3Dx", "to=now%3bx", "to=now%2526x", "to=now=x", "to=now?x", "to=%23x", "to=%5cx", "%6frgId=1",
    "shareView=x", "left=%7B%7D", "panes=x", "redirectTo=%2F%2Fexample.org", "forceLogin=true", "_cache=1",
]  # fmt: skip


@pytest.mark.parametrize("name", UNKNOWN_NAMES)
def test_a_name_in_the_query_that_no_panel_needs_is_refused(origin: Origin, name: str) -> None:
    status = origin.ask(f"/grafana/d/vp-1/-?{name}")
    assert (status in {400, 403}, origin.heard) == (True, [])


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "GETX"])
@pytest.mark.parametrize("target", [PAGE, "/grafana/api/dashboards/uid/vp-1", "/grafana/api/ds/query"])
def test_a_method_that_reads_nothing_reaches_nobody(origin: Origin, method: str, target: str) -> None:
    assert (origin.ask(target, method) in {400, 403, 405}, origin.heard) == (True, [])


HOSTS = ["example.org", f"{HOST}.example.org", f"x{HOST}", f"{HOST}@example.org", "127.0.0.1", "[::1]", "localhost", ""]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("target", ["/", "/login/", PAGE, "/static/voice_portal/portal.css", "/healthz/", "/healthz?x"])
def test_whoever_is_asked_for_by_a_foreign_name_is_not_here(origin: Origin, host: str, target: str) -> None:
    origin.portal.heard.clear()
    origin.grafana.heard.clear()
    answer = origin.proxy.ask(target.encode(), host=host.encode(), **COOKIE)
    is_health = target == "/healthz?x"
    assert (answer.status, origin.grafana.heard) == (200 if is_health and host else 400, [])
    assert is_health or origin.portal.heard == []


def test_two_names_are_none(origin: Origin) -> None:
    origin.portal.heard.clear()
    answer = origin.proxy.ask(b"/", host=f"{HOST}\r\nHost: example.org".encode())
    assert (answer.status, origin.heard) == (400, [])


@pytest.mark.parametrize(
    "page",
    [
        "https://other.example.net", "https://example.net", f"http://{HOST}", f"https://{HOST}:8443", "null", "https://",
        f"https://{HOST}.example.org", f"https://x{HOST}", f"https://{HOST}@example.org", f"https://{HOST}/", HOST,
        f"https://{HOST} https://example.org", f"https://{HOST.upper()}", f"{HOST} https://{HOST}",
    ],
)  # fmt: skip
def test_a_page_from_elsewhere_has_no_browser_ask_grafana(origin: Origin, page: str) -> None:
    """One of a neighbour's, which is sent the session's cookie: it reads no answer, but any SQL would have been run."""
    for target, method in (("/grafana/api/ds/query", "POST"), (PAGE, "GET")):
        assert (origin.ask(target, method, Origin=page), origin.heard) == (403, [])


@pytest.mark.parametrize("port", ["", ":8443"])
def test_a_page_of_the_portals_own_asks_grafana_on_whatever_port_the_browser_is(origin: Origin, port: str) -> None:
    origin.grafana.heard.clear()
    asked = {"Origin": f"https://{HOST}{port}", **COOKIE}
    answer = origin.proxy.ask(b"/grafana/api/ds/query", b"POST", f"{HOST}{port}".encode(), b"{}", **asked)
    assert (answer.status, [heard.body for heard in origin.grafana.heard]) == (200, [b"{}"])


def filled(path: str) -> st.SearchStrategy[str]:
    """The path with an example for each of its words."""
    found = re.search(r"\{(\w+)\}", path)
    if not found:
        return st.just(path)
    return st.sampled_from(WORDS[found[1]][1]).flatmap(lambda text: filled(path.replace(found[0], text, 1)))


def written(row: Row) -> st.SearchStrategy[tuple[str, str]]:
    """A method and a target as the row of the list has them."""
    names = [name.replace("{name}", "probe") for name in row.query]
    value = st.sampled_from(["", "=", "=now-6h", "=Europe%2FLondon", "=7", "=a+b", "=%C3%A4"])
    arguments = st.lists(st.tuples(st.sampled_from(names), value).map("".join), max_size=4) if names else st.just([])
    query = arguments.map("&".join).map(lambda text: f"?{text}" if text else "")
    target = st.tuples(st.sampled_from(paths(row)).flatmap(filled), query).map("".join)
    return st.tuples(st.sampled_from([row.method, *(["HEAD"] if row.method == "GET" else [])]), target)


ALLOWED = st.sampled_from(ROWS).flatmap(written)
PIECES = [
    "%2f", "%5C", "%2e%2e", "/../", "/./", "//", "\\", "%00", "%25", "%20", "%26", "%3D", ";", "&", "=", "#", "?", "..",
    "é", "\x01", "\t", " ", "@", ":", "~", "-", "_", ".", "/", "x", "api/user", "&editPanel=1", "A", "0", "%", "*", "",
]  # fmt: skip


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[str, str]:
    """What the list has, with a piece put in, a part taken out, or another method."""
    method, target = draw(ALLOWED)
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(target)))
        until = draw(st.integers(at, min(at + 3, len(target))))
        target = target[:at] + draw(st.sampled_from(PIECES)) + target[until:]
    return draw(st.sampled_from([method] * 4 + ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"])), target


@settings(max_examples=150)
@given(asked=ALLOWED)
def test_what_the_list_has_reaches_grafana_as_it_was_written(origin: Origin, asked: tuple[str, str]) -> None:
    assert may_pass(*asked)
    assert_told(origin, *asked)


@settings(max_examples=600)
@given(asked=spoilt())
def test_what_is_nearly_in_the_list_reaches_nobody(origin: Origin, asked: tuple[str, str]) -> None:
    method, target = asked
    if target and not target.isspace():
        assert_told(origin, method, target)


@settings(max_examples=300)
@given(rest=st.text(st.characters(min_codepoint=1, max_codepoint=0x17F, exclude_characters="\r\n"), max_size=40))
@example(rest="api/user")
def test_no_other_text_reaches_grafana(origin: Origin, rest: str) -> None:
    assert_told(origin, "GET", f"/grafana/{rest}")


TOKEN = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=20)
NAMES = [
    "X-JWT-Assertion", "X-Grafana-Org-Id", "X-WEBAUTH-USER", "Authorization", "X-Forwarded-Host", "Forwarded",
    "X-Real-IP", "X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override", "X-DS-Authorization", "X-Grafana-Id",
    "X-Access-Token", "X-Original-URI", "X-Auth-Token", "Range", "Referer", "Accept-Language", "Upgrade",
    "X-Accel-Redirect", "Via",
]  # fmt: skip


@settings(max_examples=200)
@given(headers=st.dictionaries(st.sampled_from(NAMES) | TOKEN.map("X-{}".format), TOKEN))
def test_grafana_hears_no_header_that_it_does_not_need(origin: Origin, headers: dict[str, str]) -> None:
    kept = {"host", "cookie", "connection", "content-length", "transfer-encoding", "expect"}
    sent = {name: value for name, value in headers.items() if name.lower() not in kept}
    assert origin.ask(PAGE, **sent) == 200
    (heard,) = origin.grafana.heard
    assert heard.headers.keys() <= HEARD_BY_GRAFANA
    assert (heard.headers["x-jwt-assertion"], heard.headers["host"]) == ("the portal's token", HOST)
    asked = next(one for one in origin.portal.heard if one.path == "/auth/grafana")
    known = {"host", "x-forwarded-proto", "cookie", "connection", "x-original-uri"}
    assert asked.headers.keys() - {"x-grafana-org-id"} == known
    assert asked.headers["x-original-uri"] == PAGE, "nginx's, whatever a browser writes"


def test_each_refusal_is_a_line_without_the_query(origin: Origin) -> None:
    for target in ("/grafana/api/user?token=secret", "/%2e?token=secret", "/grafana/d/vp-1?token=secret", PAGE, "/"):
        origin.ask(target)
    lines = [line.split() for line in origin.proxy.log.read_text().splitlines()[-3:]]
    assert [line[1:] for line in lines] == [
        ["refused", "403", "127.0.0.1", "GET", "/grafana/api/user"],
        ["refused", "400", "127.0.0.1", "GET", "/%2e"],
        ["refused", "403", "127.0.0.1", "GET", "/grafana/d/vp-1"],
    ]
