"""The server under test, and those who ask it: nobody, the administrator, viewers."""

from __future__ import annotations

import base64
import http.cookiejar
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import httpx
import jwt
import pytest

from tests.contract.grafana.matching import Json, differences
from voice_portal.grafana import tokens

T = TypeVar("T")
MEASURED = (10, 0, 0)
"""The version of which the answers were recorded; `server.version` of the stand-in is the same."""
CACHED_S = 5
"""How long a signed-in user and a datasource are remembered."""
PATIENCE_S = 20


class NoCookies(http.cookiejar.DefaultCookiePolicy):
    """Takes none, and so sends none."""

    def set_ok(self, *_: object) -> bool:
        return False


@dataclass(frozen=True)
class Server:
    """A Grafana, or what says that it is one.

    Attributes:
        url: its address with the sub-path.
        root_url: what it was told that browsers call it, ending in a slash.
        key_file: the key of which it knows the public half.
        mail_port: where it delivers its mail, on the loopback address.
    """

    url: str
    root_url: str
    login: tuple[str, str]
    key_file: Path
    mail_port: int

    @property
    def origin(self) -> str:
        return self.url.removesuffix("/grafana")

    @cached_property
    def http(self) -> httpx.Client:
        cookies = http.cookiejar.CookieJar(NoCookies())
        limits = httpx.Limits(max_connections=40, max_keepalive_connections=40)
        return httpx.Client(base_url=self.origin, timeout=60, trust_env=False, cookies=cookies, limits=limits)

    @cached_property
    def named_version(self) -> str:
        return str(self.http.get("/grafana/api/health").json()["version"])

    @cached_property
    def version(self) -> tuple[int, ...]:
        """The numbers that its version begins with."""
        found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", self.named_version)
        assert found, f"{self.named_version} is no version"
        return tuple(int(number or 0) for number in found.groups())

    def since(self, version: str) -> bool:
        """Whether it is of `version` or newer."""
        return self.version >= tuple(int(number) for number in version.split("."))

    def only_before(self, version: str, why: str) -> None:
        """Leave the test here where the fact is no longer one: it changed with `version`."""
        if self.since(version):
            pytest.skip(f"changed with {version}: {why} (this is {self.named_version})")

    def only_since(self, version: str, why: str) -> None:
        """Leave the test here where the fact is not yet one: it came with `version`."""
        if not self.since(version):
            pytest.skip(f"came with {version}: {why} (this is {self.named_version})")

    def check(self, answer: httpx.Response, status: int, recorded: Json) -> Any:
        """The body of `answer`, if it is as it was recorded."""
        told = answer.json() if "json" in answer.headers.get("Content-Type", "") and answer.content else answer.text
        asked = f"{answer.request.method} {answer.request.url.raw_path.decode()}"
        assert answer.status_code == status, f"{asked}: {answer.status_code} instead of {status}: {told!r:.2000}"
        self.compare(told, recorded, asked)
        return told

    def compare(self, told: Json, recorded: Json, what: str) -> None:
        """Fail with each difference. A newer Grafana may say more in its objects."""
        faults = differences(recorded, told, more=self.version > MEASURED)
        assert not faults, f"{what}: " + "\n".join(faults)

    def token(self, login: str, **claims: Any) -> str:
        """A token as the portal signs it; claims that are None are left out."""
        now = int(time.time())
        whole = {"iss": tokens.ISSUER, "aud": tokens.AUDIENCE, "sub": login, "iat": now, "exp": now + 120} | claims
        key = tokens.load_key(self.key_file)
        told = {name: value for name, value in whole.items() if value is not None}
        return jwt.encode(told, key, algorithm=tokens.ALGORITHM, headers={"kid": tokens.KEY_ID})

    @property
    def nobody(self) -> Asker:
        return Asker(self)

    @property
    def admin(self) -> Asker:
        return self.basic(*self.login)

    def basic(self, login: str, password: str) -> Asker:
        credentials = base64.b64encode(f"{login}:{password}".encode()).decode()
        return Asker(self, {"Authorization": f"Basic {credentials}"})

    def bearing(self, token: str) -> Asker:
        return Asker(self, {"X-JWT-Assertion": token})

    def portal_token(self, client: str) -> Asker:
        """A client's viewer, as the portal itself signs for it."""
        return self.bearing(tokens.viewer_token(client, tokens.load_key(self.key_file), datetime.now(UTC)))


@dataclass(frozen=True)
class Asker:
    """Who asks, and in which organisation if one is named."""

    server: Server
    headers: Mapping[str, str] = field(default_factory=dict)

    def within(self, org: object) -> Asker:
        return self.having(**{"X-Grafana-Org-Id": str(org)})

    def having(self, **headers: str) -> Asker:
        return replace(self, headers={**self.headers, **headers})

    def ask(self, method: str, path: str, body: Json = None, **params: Any) -> httpx.Response:
        """Send a request. `path` is below the sub-path, percent-encoded; a `body` of bytes is sent as it is."""
        headers = {"Accept": "application/json", **self.headers}
        content: bytes | None = None
        if isinstance(body, bytes):
            content, headers = body, {"Content-Type": "application/json", **headers}
            body = None
        url = f"{self.server.url}{path}"
        # An empty mapping would take away the query that stands in `path`.
        return self.server.http.request(method, url, json=body, content=content, headers=headers, params=params or None)

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.ask("GET", path, **params)

    def post(self, path: str, body: Json = None, **params: Any) -> httpx.Response:
        return self.ask("POST", path, body, **params)

    def put(self, path: str, body: Json = None, **params: Any) -> httpx.Response:
        return self.ask("PUT", path, body, **params)

    def patch(self, path: str, body: Json = None) -> httpx.Response:
        return self.ask("PATCH", path, body)

    def delete(self, path: str, **params: Any) -> httpx.Response:
        return self.ask("DELETE", path, **params)


def read(answer: httpx.Response) -> Any:
    """The body of an answer that must be a success."""
    assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text:.2000}"
    return answer.json() if answer.content else None


def until(condition: Callable[[], T], what: str, seconds: float = PATIENCE_S) -> T:
    """The first true answer of `condition`."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.1)
    return found
