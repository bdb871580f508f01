"""The chart's nginx configuration in a real nginx, between a portal and a Grafana that only repeat what they hear."""

import socketserver
import ssl
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.running_proxy import COOKIE, EchoServer, echoing, rendered, running
from tests.serving import serving
from voice_lab import pki

pytestmark = pytest.mark.services

ProxyStart = Callable[..., httpx.Client]


@pytest.fixture
def echo() -> Iterator[EchoServer]:
    """Return a server that stands for both the portal and Grafana."""
    with echoing() as server:
        yield server


@pytest.fixture
def secure_echo(tmp_path: Path) -> Iterator[int]:
    """Return the port of a Grafana behind TLS, which is grafana.example to the authority in tmp_path/pki."""
    pki.create_authority(tmp_path / "pki")
    pki.issue(tmp_path / "pki", "grafana", hosts=("grafana.example",))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pki" / "grafana.pem", tmp_path / "pki" / "grafana.key")
    with EchoServer() as server:
        # In the connection's own thread: a client that hangs up in the middle disturbs nobody.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        with serving(server):
            yield server.server_port


class Names(socketserver.BaseRequestHandler):
    """A DNS server (RFC 1035) to which every name has the IPv4 address 127.0.0.1 and no IPv6 address."""

    def handle(self) -> None:
        query, answer_to = self.request
        end = query.index(b"\0", 12) + 5
        question, is_ipv4 = query[12:end], query[end - 4 : end - 2] == b"\0\1"
        header = query[:2] + struct.pack(">5H", 0x8180, 1, int(is_ipv4), 0, 0)
        found = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + bytes([127, 0, 0, 1]) if is_ipv4 else b""
        answer_to.sendto(header + question + found, self.client_address)


@pytest.fixture
def resolver() -> Iterator[str]:
    """Return the address of a DNS server that knows every name."""
    with socketserver.ThreadingUDPServer(("127.0.0.1", 0), Names) as server, serving(server):
        yield f"127.0.0.1:{server.server_address[1]}"


@pytest.fixture
def start(tmp_path: Path, echo: EchoServer) -> Iterator[ProxyStart]:
    """Start the proxy as its container would; gives a browser."""
    with ExitStack() as stack:

        def start(**values: object) -> httpx.Client:
            port = echo.server_port
            return stack.enter_context(running(tmp_path, port, port, **values)).browser

        yield start


PAGE = "/grafana/d/vp-1/-?orgId=7&kiosk"
QUERY = "/grafana/api/ds/query?ds_type=mysql&requestId=Q100"


@pytest.mark.parametrize(("method", "path"), [("GET", PAGE), ("POST", QUERY)])
def test_a_stranger_who_wants_a_page_of_grafana_is_passed_to_the_portal(
    start: ProxyStart, method: str, path: str
) -> None:
    """The portal answers with the way to its login: it alone can write an address into another."""
    forged = {"X-Original-URI": "/elsewhere", "X-JWT-Assertion": "forged"}
    heard = start().request(method, path, headers=forged).json()
    assert heard["path"] == "/auth/sign-in"
    assert heard["headers"]["x-original-uri"] == path
    assert heard["headers"]["x-forwarded-proto"] == "https"
    assert heard["headers"].get("x-jwt-assertion") is None


def test_a_redirect_is_on_whatever_port_and_scheme_the_browser_is(start: ProxyStart) -> None:
    assert start().get("/grafana", headers=COOKIE).headers["location"] == "/grafana/"


def test_grafana_hears_who_asks_from_the_portal_alone(start: ProxyStart) -> None:
    forged = {
        "X-JWT-Assertion": "forged",
        "Authorization": "Basic x",
        "X-WEBAUTH-USER": "admin",
        "X-Grafana-Org-Id": "1",
    }
    heard = start().get(f"{PAGE}&timezone=Europe%2FLondon", headers=COOKIE | forged).json()
    assert heard["path"] == f"{PAGE}&timezone=Europe%2FLondon", "as it was written"
    assert heard["headers"]["x-jwt-assertion"] == "the portal's token"
    assert heard["headers"].keys().isdisjoint({"cookie", "authorization", "x-webauth-user", "x-grafana-org-id"})


def test_a_query_arrives_with_its_body(start: ProxyStart, echo: EchoServer) -> None:
    asked = {"Content-Type": "application/json", "Origin": "https://voice.example.net"}
    assert start().post(QUERY, content=b'{"queries": []}', headers=COOKIE | asked).status_code == 200
    heard = echo.heard[-1]
    assert (heard.method, heard.path, heard.body) == ("POST", QUERY, b'{"queries": []}')
    assert asked.items() <= {name.title(): value for name, value in heard.headers.items()}.items()


def test_who_asks_is_told_by_the_sessions_cookie_alone_and_for_what_by_nginx(
    start: ProxyStart, echo: EchoServer
) -> None:
    start().get(PAGE, headers=COOKIE | {"X-Wish": "admin", "Authorization": "Basic x", "X-Original-URI": "/x"})
    asked = next(heard for heard in echo.heard if heard.path == "/auth/grafana")
    assert asked.headers.keys() == {"host", "x-forwarded-proto", "cookie", "connection", "x-original-uri"}
    assert asked.headers["x-original-uri"] == PAGE, "what was asked for, whatever the browser says it was"


def test_the_portal_is_told_in_which_organisation_a_page_was_opened_and_grafana_is_not(
    start: ProxyStart, echo: EchoServer
) -> None:
    answer = start().get(PAGE, headers=COOKIE | {"X-Grafana-Org-Id": "7"})
    asked = next(heard for heard in echo.heard if heard.path == "/auth/grafana")
    assert asked.headers["x-grafana-org-id"] == "7"
    assert "x-grafana-org-id" not in answer.json()["headers"]


@pytest.mark.parametrize("path", ["/", PAGE])
def test_both_are_asked_by_the_name_that_people_type(start: ProxyStart, path: str) -> None:
    asked = start().get(path, headers=COOKIE | {"Host": "voice.example.net:8443"})
    assert asked.json()["headers"]["host"] == "voice.example.net"


@pytest.mark.parametrize("path", ["/healthz", "/healthz/database"])
@pytest.mark.parametrize("host", ["10.0.0.7:8080", "[fd00::7]:8080", "balancer"])
def test_whoever_watches_the_pod_asks_by_any_name(start: ProxyStart, path: str, host: str) -> None:
    assert start().get(path, headers={"Host": host}).json()["path"] == path


@pytest.mark.parametrize("path", ["/", PAGE])
def test_both_hear_whose_browser_it_is_and_how_it_came(start: ProxyStart, path: str) -> None:
    headers = start().get(path, headers=COOKIE | {"X-Forwarded-For": "2001:db8::7"}).json()["headers"]
    assert headers["x-forwarded-for"] == "2001:db8::7, 127.0.0.1"
    assert headers["x-forwarded-proto"] == "https", "as people typed it: TLS ends at the load balancer"


def test_a_grafana_whose_name_nobody_knows_takes_only_its_own_pages_away(start: ProxyStart) -> None:
    browser = start(grafana__url="http://grafana.invalid:3000/grafana")
    assert browser.get("/").status_code == 200
    assert browser.get(PAGE, headers=COOKIE).status_code in {502, 504}


def test_a_grafana_that_has_a_name_is_reached(start: ProxyStart, echo: EchoServer, resolver: str) -> None:
    browser = start(grafana__url=f"http://grafana.example:{echo.server_port}/grafana", grafana__resolver=resolver)
    assert browser.get(PAGE, headers=COOKIE).json()["path"] == PAGE


@pytest.mark.parametrize(
    ("host", "authority", "status"),
    [("grafana.example", "its own", 200), ("grafana.example", "another", 502), ("another.example", "its own", 502)],
)
def test_a_token_goes_to_no_grafana_that_is_not_who_it_says(
    start: ProxyStart, secure_echo: int, resolver: str, tmp_path: Path, host: str, authority: str, status: int
) -> None:
    if authority == "another":
        pki.create_authority(tmp_path / "pki")
    tls = {"grafana__url": f"https://{host}:{secure_echo}/grafana", "grafana__caConfigMap": "grafana-ca"}
    browser = start(**tls, grafana__resolver=resolver)
    assert browser.get(PAGE, headers=COOKIE).status_code == status


@pytest.mark.parametrize(
    ("resolv_conf", "expected"),
    [
        ("search svc.cluster.local\nnameserver 10.96.0.10\n", "resolver 10.96.0.10 valid=30s;"),
        ("nameserver 10.0.0.2\nnameserver fd00::a\n", "resolver 10.0.0.2 [fd00::a] valid=30s;"),
        ("nameserver fe80::1%eth0\n", "resolver 127.0.0.1 valid=30s;"),
        ("", "resolver 127.0.0.1 valid=30s;"),
    ],
)
def test_the_proxy_asks_the_pods_own_dns_servers(tmp_path: Path, resolv_conf: str, expected: str) -> None:
    command = rendered(grafana__url="http://grafana.internal:3000/grafana", portal__url="https://x")["command"]
    (tmp_path / "resolv.conf").write_text(resolv_conf)
    moved = {
        "/etc/resolv.conf": str(tmp_path / "resolv.conf"),
        "/run/voice-proxy": str(tmp_path),
        "exec nginx": "exec true",
    }
    for theirs, ours in moved.items():
        command = [word.replace(theirs, ours) for word in command]
    subprocess.run(command, check=True)
    assert (tmp_path / "resolver.conf").read_text().strip() == expected


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"grafana__url": "https://[2001:db8::5]:3000/grafana"}, "proxy_ssl_name 2001:db8::5;"),
        ({"grafana__url": "https://grafana.internal/grafana"}, "proxy_ssl_name grafana.internal;"),
        ({"portal__address": "::1"}, "listen [::1]:8080 default_server;"),
        ({"portal__address": "[::1]"}, "listen [::1]:8080 default_server;"),
    ],
)
def test_addresses_of_either_family_are_written_as_nginx_reads_them(values: dict[str, str], line: str) -> None:
    whole = {"grafana__url": "http://127.0.0.1:3000/grafana", "portal__url": "https://x", **values}
    assert line in rendered(**whole)["conf"]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://voice.example.net", '"voice.example.net"'),
        ("http://127.0.0.1:8080", '"127.0.0.1"'),
        ("https://[2001:db8::5]:8443", '"[2001:db8::5]"'),
    ],
)
def test_the_portals_name_is_that_of_its_address(url: str, name: str) -> None:
    conf = rendered(grafana__url="http://127.0.0.1:3000/grafana", portal__url=url)["conf"]
    assert f"server_name {name};" in conf
