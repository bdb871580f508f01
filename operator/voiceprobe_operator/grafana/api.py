"""Grafana's HTTP API: bounded concurrency, retries, deadlines, and what an answer means."""

# ruff: noqa: ANN401 - JSON is whatever Grafana says

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from voiceprobe_operator import metrics
from voiceprobe_operator.backoff import delay
from voiceprobe_operator.errors import Denied, Rejected, Taken, Transient
from voiceprobe_operator.grafana.connections import Answer, Connections, Pool, Unanswered
from voiceprobe_operator.grafana.login import REFUSED, Login
from voiceprobe_operator.grafana.trust import Trust
from voiceprobe_operator.settings import Settings

# Grafana on SQLite answers "database is locked" to more writers than a few, and is no faster for them.
CONCURRENCY = 3
ATTEMPTS = 4
# For one request with all its attempts, and the longest that Grafana may ask us to stay away in between.
DEADLINE_SECONDS = 60
LONGEST_PAUSE_SECONDS = 20
# 401 and 403 are for a while too, see below: an administrator's password that is being changed heals without us.
_TRANSIENT = frozenset({408, 409, 425, 429})
# An attempt whose answer got lost may have made it, or somebody else did.
_EXISTS = frozenset({409, 412})
ADDRESS = "VOICE_GRAFANA_URL must be its address as the operator sees it, with its sub-path"
ADMINISTRATOR = "the account of VOICE_GRAFANA_USER must be a server administrator of Grafana"
HEALTH = "/api/health"
_RETRY_AT_ONCE = frozenset({429, 500, 502, 503, 504})


class Grafana:
    """One Grafana server, as its server administrator. `org` is the organisation that a request is about."""

    def __init__(
        self,
        settings: Settings,
        *,
        connections: Connections | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._url = settings.grafana_url
        self._login = Login(settings.grafana_user, settings.grafana_password)
        trust = Trust(settings.grafana_tls_ca, "VOICE_GRAFANA_TLS_CA")
        self._connections = Pool(CONCURRENCY, trust) if connections is None else connections
        self._slots = asyncio.Semaphore(CONCURRENCY)
        self._sleep = sleep

    async def aclose(self) -> None:
        """Close the connections."""
        await self._connections.aclose()

    async def get(self, path: str, *, org: int | None = None, **params: str | int) -> Any:
        """The JSON at `path`; None if there is none (404)."""
        answer = await self._send("GET", f"{path}?{urlencode(params)}" if params else path, org)
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        return _checked("GET", path, answer)

    async def send(self, method: str, path: str, body: Any = None, *, org: int | None = None) -> Any:
        """Change something; the answer's JSON."""
        return _checked(method, path, await self._send(method, path, org, body))

    async def create(self, path: str, body: Any, *, org: int | None = None) -> Any:
        """Make something; the answer's JSON. Raises Taken if there is one already."""
        answer = await self._send("POST", path, org, body)
        if answer.status in _EXISTS:
            raise Taken("GrafanaUnavailable", f"Grafana has {path} already: {_message(answer)}")
        return _checked("POST", path, answer)

    async def delete(self, path: str, *, org: int | None = None) -> None:
        """Remove what is at `path`. It may be gone already."""
        answer = await self._send("DELETE", path, org)
        if answer.status != HTTPStatus.NOT_FOUND:
            _checked("DELETE", path, answer)

    async def _send(self, method: str, path: str, org: int | None, body: Any = None) -> Answer:
        """The one way to Grafana: every request of the operator passes here."""
        headers = {"Accept": "application/json"} | ({} if org is None else {"X-Grafana-Org-Id": str(org)})
        content = None
        if body is not None:
            headers = headers | {"Content-Type": "application/json"}
            content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        try:
            # One that waits for its next attempt keeps its slot: a Grafana in trouble is not given more to do.
            async with self._slots, asyncio.timeout(DEADLINE_SECONDS):
                return await self._attempts(method, path, headers, content)
        except TimeoutError as error:
            sentence = f"Grafana does not answer: {method} {path} took longer than {DEADLINE_SECONDS} s"
            raise Transient("GrafanaUnavailable", sentence) from error

    async def _attempts(self, method: str, path: str, headers: dict[str, str], content: bytes | None) -> Answer:
        route = metrics.route(method, path.partition("?")[0])
        for attempt in range(1, ATTEMPTS + 1):
            last, pause = attempt == ATTEMPTS, delay(attempt, base=0.25, cap=5)
            try:
                with metrics.request("grafana", route) as call:
                    answer = await self._ask(method, path, headers, content)
                    call.code = str(answer.status)
            except Unanswered as error:
                if last:
                    raise Transient("GrafanaUnavailable", f"Grafana does not answer: {error}") from error
            else:
                if last or answer.status not in _RETRY_AT_ONCE:
                    return answer
                pause = max(pause, _asked_pause(answer))
            await self._sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    async def _ask(self, method: str, path: str, headers: dict[str, str], content: bytes | None) -> Answer:
        """One attempt, with the login as it is now; with another one if there is another when it is refused."""
        url = self._url + path
        if path == HEALTH:
            # Everybody is told: it needs no login, and an answer says nothing of one that was refused.
            return await self._connections.ask(method, url, headers, content)
        authorization = self._login.authorization()
        answer = await self._connections.ask(method, url, headers | {"Authorization": authorization}, content)
        if answer.status == HTTPStatus.UNAUTHORIZED and self._login.refused(authorization):
            authorization = self._login.authorization()
            answer = await self._connections.ask(method, url, headers | {"Authorization": authorization}, content)
            if answer.status == HTTPStatus.UNAUTHORIZED:
                self._login.refused(authorization)
        if answer.status < HTTPStatus.MULTIPLE_CHOICES:
            self._login.accepted()
        return answer


def _checked(method: str, path: str, answer: Answer) -> Any:
    """The answer's JSON; raises Transient or Rejected if it is a refusal."""
    if 200 <= answer.status < 300:
        return _json(answer)
    sentence = f"Grafana answered {answer.status} to {method} {path}: {_message(answer)}"
    if answer.status == HTTPStatus.UNAUTHORIZED:
        raise Transient("GrafanaUnavailable", REFUSED)
    if 300 <= answer.status < 400:
        where = answer.headers.get("Location", "nowhere")
        text = f"{sentence}; it sends to {where}: VOICE_GRAFANA_URL must be the address that sends nowhere else"
        raise Transient("GrafanaUnavailable", text)
    if answer.status == HTTPStatus.FORBIDDEN:
        raise Denied("GrafanaUnavailable", f"{sentence}: {ADMINISTRATOR}")
    if answer.status in _TRANSIENT or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Transient("GrafanaUnavailable", sentence)
    raise Rejected("GrafanaRejected", sentence)


def _asked_pause(answer: Answer) -> float:
    """Seconds that Grafana, or a proxy before it, asks us to wait (RFC 9110 10.2.3); a date is not looked at."""
    text = answer.headers.get("Retry-After", "")
    return min(float(text), LONGEST_PAUSE_SECONDS) if text.isascii() and text.isdigit() else 0


def _json(answer: Answer) -> Any:
    if not answer.content:
        return None
    try:
        return json.loads(answer.content)
    except ValueError as error:
        # A web page with status 200: a proxy or something else answers at Grafana's address.
        text = f"what answers at Grafana's address does not speak JSON, so this is not Grafana: {ADDRESS}"
        raise Transient("GrafanaUnavailable", text) from error


def _message(answer: Answer) -> str:
    try:
        body = json.loads(answer.content)
    except ValueError:
        return answer.reason
    message = body.get("message") if isinstance(body, dict) else None
    return str(message or answer.reason)
