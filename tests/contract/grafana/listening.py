"""The other ends of alerts: a webhook and a mail server that keep what comes."""

from __future__ import annotations

import http.server
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

from tests.serving import serving


@dataclass(frozen=True)
class Told:
    """One request to a webhook.

    Attributes:
        at: when it came, by the monotonic clock.
    """

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    at: float

    def of(self, rule: str) -> list[dict[str, Any]]:
        """The alerts of the rule with this title."""
        named = ("alertname", "rulename")
        return [alert for alert in self.body["alerts"] if rule in {alert["labels"].get(name) for name in named}]


class Hook(http.server.ThreadingHTTPServer):
    """A webhook's other end, with any number of paths."""

    def __init__(self) -> None:
        self.heard: list[Told] = []
        super().__init__(("127.0.0.1", 0), _Hear)

    def at(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    def told(self, path: str, rule: str, status: str = "firing") -> list[Told]:
        """What came to `path` and holds an alert of the rule in that status."""
        heard = [told for told in [*self.heard] if told.path == path]
        return [told for told in heard if status in {alert["status"] for alert in told.of(rule)}]


class _Hear(http.server.BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.heard.append(Told(self.path, dict(self.headers), body, time.monotonic()))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def hook() -> Iterator[Hook]:
    """A webhook's other end that listens."""
    with Hook() as server, serving(server):
        yield server


@dataclass(frozen=True)
class Letter:
    """One transaction of SMTP."""

    client: str
    sender: str
    options: list[str]
    to: list[str]
    message: EmailMessage


class Mailbox:
    """A mail server that keeps what comes."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []

    async def handle_DATA(self, _server: object, session: Any, envelope: Any) -> str:
        message = message_from_bytes(envelope.content, policy=policy.default)
        options, to = envelope.mail_options, envelope.rcpt_tos
        self.letters.append(Letter(session.host_name, envelope.mail_from, options, to, message))
        return "250 OK"


@contextmanager
def mailbox(port: int) -> Iterator[Mailbox]:
    """A mail server that listens where Grafana delivers."""
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()
