"""The chart's proxy in a real nginx, between a portal and a Grafana that only repeat what they hear."""

from __future__ import annotations

import http.client
import http.server
import json
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.ports import free_port
from tests.serving import serving
from voice_lab import processes
from voice_lab.services.chart import CHART
from voice_lab.tools import kubectl

CONFIGURATION, DEPLOYMENT = "voice-quality-portal-proxy", "voice-quality-portal"
HOST = "voice.example.net"
COOKIE = {"Cookie": "voice_portal_session=1"}
"""Whoever brings it is signed in, to the portal that repeats."""


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with the path and the headers of the request; as the portal, knows whoever brings a cookie."""

    server: EchoServer
    protocol_version = "HTTP/1.1"

    def repeat(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.heard.append(Heard(self.command, self.path, headers, body))
        if self.path == "/auth/grafana" and "Cookie" not in self.headers:
            return self._say(401, b"")
        text = self.server.body or json.dumps({"path": self.path, "headers": headers}).encode()
        return self._say(self.server.status, text, {"X-JWT-Assertion": "the portal's token", **self.server.says})

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_PROPFIND = repeat

    def _say(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@dataclass(frozen=True)
class Heard:
    """A request as it came out of nginx."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class EchoServer(http.server.ThreadingHTTPServer):
    """Repeats, says what a test has it say, and remembers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Echo)
        self.heard: list[Heard] = []
        self.says: dict[str, str] = {}
        self.body = b""
        self.status = 200


@contextmanager
def echoing() -> Iterator[EchoServer]:
    """Such a server, while it is needed."""
    with EchoServer() as server, serving(server):
        yield server


def rendered(chart: Path = CHART, **values: object) -> dict[str, Any]:
    """The chart's proxy: its configuration, its command, and what it does before it ends."""
    settings = [f"--set={name.replace('__', '.')}={value}" for name, value in values.items()]
    command = [str(kubectl.program("helm")), "template", "release", str(chart), "--set=mysql.host=mysql", *settings]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    objects = {(found["kind"], found["metadata"]["name"]): found for found in yaml.safe_load_all(text) if found}
    pod = objects["Deployment", DEPLOYMENT]["spec"]["template"]["spec"]
    (proxy,) = (container for container in pod["containers"] if container["name"] == "proxy")
    return {
        "conf": objects["ConfigMap", CONFIGURATION]["data"]["nginx.conf"],
        "command": proxy["command"],
        "end": proxy["lifecycle"]["preStop"]["exec"]["command"],
    }


@dataclass(frozen=True)
class Proxy:
    """A running nginx.

    Attributes:
        browser: one that asks for it by its name.
        log: the file that it writes to.
    """

    port: int
    browser: httpx.Client
    log: Path

    def ask(
        self, target: bytes, method: bytes = b"GET", host: bytes = HOST.encode(), body: bytes = b"", **headers: str
    ) -> Answer:
        """Ask for a target as it stands, which no well-behaved client would write so."""
        lines = [b"%s %s HTTP/1.1" % (method, target), b"Host: " + host, b"Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}".encode() for name, value in headers.items()]
        lines += [b"Content-Length: %d" % len(body)] if body else []
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(b"\r\n".join([*lines, b"", b""]) + body)
            response = http.client.HTTPResponse(connection, method=method.decode(errors="replace"))
            response.begin()
            said = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, said, response.getheaders(), response.read())


@dataclass(frozen=True)
class Answer:
    """What nginx answered: `every` has headers that came twice, twice."""

    status: int
    headers: Mapping[str, str]
    every: list[tuple[str, str]] = field(repr=False)
    body: bytes = b""


@contextmanager
def running(folder: Path, portal: int, grafana: int, *, chart: Path = CHART, **values: object) -> Iterator[Proxy]:
    """The proxy as its container would start it, before a portal and a Grafana on these ports of this machine.

    `{port}` in a value is the proxy's own.
    """
    etc, run, port = folder / "etc", folder / "run", free_port()
    theirs = {"/etc/voice-proxy": etc, "/run/voice-proxy": run, "/etc/voice-grafana": folder / "pki"}

    def moved(text: str) -> str:
        for path, place in theirs.items():
            text = text.replace(path, str(place))
        return text

    own = {
        "grafana__url": f"http://127.0.0.1:{grafana}/grafana",
        "portal__url": f"https://{HOST}",
        "portal__port": port,
        "portal__address": "127.0.0.1",
        "portal__appPort": portal,
        "portal__proxyUser": "root",
    }
    proxy = rendered(chart, **{name: str(value).format(port=port) for name, value in {**own, **values}.items()})
    etc.mkdir()
    run.mkdir()
    (etc / "nginx.conf").write_text(moved(proxy["conf"]))
    log = folder / "nginx.log"
    record = processes.start(folder, "nginx", [moved(word) for word in proxy["command"]], log=log)
    process = processes.child(record)
    headers = {"Host": HOST}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=10, trust_env=False) as browser:
        try:
            _wait_until_it_answers(browser, process, log)
            yield Proxy(port, browser, log)
        finally:
            process.terminate()
            process.wait(10)


def _wait_until_it_answers(browser: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 10
    while process.poll() is None and time.monotonic() < deadline:
        try:
            browser.get("/healthz")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"nginx does not answer (exit code {process.poll()}): {log.read_text()}")
