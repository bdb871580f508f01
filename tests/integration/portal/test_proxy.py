"""The chart's nginx configuration in a real nginx, between a portal and a Grafana that only repeat what they hear."""

import http.server
import json
import socketserver
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.ports import free_port
from voice_lab import pki, processes
from voice_lab.services.chart import CHART
from voice_lab.tools import kubectl

pytestmark = pytest.mark.services

CONFIGURATION, DEPLOYMENT = "voice-quality-portal-proxy", "voice-quality-portal"
ProxyStart = Callable[..., httpx.Client]


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with the path and the headers of the request; as the portal, knows whoever brings a cookie."""

    def do_GET(self) -> None:
        if self.path == "/auth/grafana" and "Cookie" not in self.headers:
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = json.dumps({"path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}}).encode()
        self.send_response(200)
        self.send_header("X-JWT-Assertion", "the portal's token")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def echo() -> Iterator[int]:
    """Return the port of a server that stands for both the portal and Grafana."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def secure_echo(tmp_path: Path) -> Iterator[int]:
    """Return the port of a Grafana behind TLS, which is grafana.example to the authority in tmp_path/pki."""
    pki.create_authority(tmp_path / "pki")
    pki.issue(tmp_path / "pki", "grafana", hosts=("grafana.example",))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pki" / "grafana.pem", tmp_path / "pki" / "grafana.key")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        # In the connection's own thread: a client that hangs up in the middle disturbs nobody.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


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
    with socketserver.ThreadingUDPServer(("127.0.0.1", 0), Names) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def rendered(**values: object) -> dict[str, Any]:
    """Return the chart's proxy: its configuration and its command."""
    settings = [f"--set={name.replace('__', '.')}={value}" for name, value in values.items()]
    command = [str(kubectl.program("helm")), "template", "release", str(CHART), "--set=mysql.host=mysql", *settings]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    objects = {(found["kind"], found["metadata"]["name"]): found for found in yaml.safe_load_all(text) if found}
    pod = objects["Deployment", DEPLOYMENT]["spec"]["template"]["spec"]
    (proxy,) = (container for container in pod["containers"] if container["name"] == "proxy")
    return {"conf": objects["ConfigMap", CONFIGURATION]["data"]["nginx.conf"], "command": proxy["command"]}


@pytest.fixture
def start(tmp_path: Path, echo: int) -> Iterator[ProxyStart]:
    """Start the proxy as its container would; gives a browser."""
    running: list[subprocess.Popen[bytes]] = []
    browsers: list[httpx.Client] = []
    etc, run = tmp_path / "etc", tmp_path / "run"

    def moved(text: str) -> str:
        theirs = {"/etc/voice-proxy": etc, "/run/voice-proxy": run, "/etc/voice-grafana": tmp_path / "pki"}
        for path, folder in theirs.items():
            text = text.replace(path, str(folder))
        return text

    def start(**values: object) -> httpx.Client:
        port = free_port()
        grafana = {"grafana__url": f"http://127.0.0.1:{echo}/grafana", "portal__url": "https://voice.example.net"}
        own = {
            "portal__port": port,
            "portal__address": "127.0.0.1",
            "portal__appPort": echo,
            "portal__proxyUser": "root",
        }
        proxy = rendered(**{**grafana, **own, **values})
        etc.mkdir()
        run.mkdir()
        (etc / "nginx.conf").write_text(moved(proxy["conf"]))
        log = tmp_path / "nginx.log"
        record = processes.start(tmp_path, "nginx", [moved(word) for word in proxy["command"]], log=log)
        running.append(processes.child(record))
        browsers.append(httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10, trust_env=False))
        wait_until_it_answers(browsers[-1], running[-1], log)
        return browsers[-1]

    yield start
    for browser in browsers:
        browser.close()
    for process in running:
        process.terminate()
        process.wait(10)


def wait_until_it_answers(browser: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 10
    while process.poll() is None and time.monotonic() < deadline:
        try:
            browser.get("/")
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"nginx does not answer (exit code {process.poll()}): {log.read_text()}")


COOKIE = {"Cookie": "voice_portal_session=1"}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_stranger_who_wants_a_page_of_grafana_is_passed_to_the_portal(start: ProxyStart, method: str) -> None:
    """The portal answers with the way to its login: it alone can write an address into another."""
    forged = {"X-Original-URI": "/elsewhere", "X-JWT-Assertion": "forged"}
    heard = start().request(method, "/grafana/d/vp-1/-?orgId=7&kiosk", headers=forged).json()
    assert heard["path"] == "/auth/sign-in"
    assert heard["headers"]["x-original-uri"] == "/grafana/d/vp-1/-?orgId=7&kiosk"
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
    heard = start().get("/grafana/api/user?a=%2F&b=1", headers=COOKIE | forged).json()
    assert heard["path"] == "/grafana/api/user?a=%2F&b=1"
    assert heard["headers"]["x-jwt-assertion"] == "the portal's token"
    assert heard["headers"].keys().isdisjoint({"cookie", "authorization", "x-webauth-user", "x-grafana-org-id"})


@pytest.mark.parametrize("path", ["/", "/grafana/api/user"])
def test_both_hear_whose_browser_it_is_and_how_it_came(start: ProxyStart, path: str) -> None:
    headers = start().get(path, headers=COOKIE | {"X-Forwarded-For": "2001:db8::7"}).json()["headers"]
    assert headers["x-forwarded-for"] == "2001:db8::7, 127.0.0.1"
    assert headers["x-forwarded-proto"] == "https", "as people typed it: TLS ends at the load balancer"


def test_a_grafana_whose_name_nobody_knows_takes_only_its_own_pages_away(start: ProxyStart) -> None:
    browser = start(grafana__url="http://grafana.invalid:3000/grafana")
    assert browser.get("/").status_code == 200
    assert browser.get("/grafana/", headers=COOKIE).status_code in {502, 504}


def test_a_grafana_that_has_a_name_is_reached(start: ProxyStart, echo: int, resolver: str) -> None:
    browser = start(grafana__url=f"http://grafana.example:{echo}/grafana", grafana__resolver=resolver)
    assert browser.get("/grafana/api/user?a=%2F", headers=COOKIE).json()["path"] == "/grafana/api/user?a=%2F"


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
    assert browser.get("/grafana/api/user", headers=COOKIE).status_code == status


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
        ({"portal__address": "::1"}, "listen [::1]:8080;"),
        ({"portal__address": "[::1]"}, "listen [::1]:8080;"),
    ],
)
def test_addresses_of_either_family_are_written_as_nginx_reads_them(values: dict[str, str], line: str) -> None:
    whole = {"grafana__url": "http://127.0.0.1:3000/grafana", "portal__url": "https://x", **values}
    assert line in rendered(**whole)["conf"]
