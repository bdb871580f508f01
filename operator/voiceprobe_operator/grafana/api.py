"""Grafana's HTTP API: pooled connections, time-outs, bounded concurrency, retries."""

# ruff: noqa: ANN401 - JSON is whatever Grafana says

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from voiceprobe_operator import metrics
from voiceprobe_operator.backoff import delay
from voiceprobe_operator.errors import Rejected, Transient, explain
from voiceprobe_operator.settings import Settings

# Grafana on SQLite answers "database is locked" to more writers than a few, and is no faster for them.
CONCURRENCY = 3
ATTEMPTS = 4
TIMEOUT = httpx.Timeout(30, connect=5)
# For one request with all its attempts, and the longest that Grafana may ask us to stay away in between.
DEADLINE_SECONDS = 60
LONGEST_PAUSE_SECONDS = 20
# 401 and 403 are for a while too: an administrator's password that is being changed heals without us.
_TRANSIENT = frozenset({401, 403, 408, 409, 425, 429})
# An attempt whose answer got lost may have made it, or somebody else did.
_EXISTS = frozenset({409, 412})
_RETRY_AT_ONCE = frozenset({429, 500, 502, 503, 504})


class Grafana:
    """One Grafana server, as its server administrator. `org` is the organisation that a request is about."""

    def __init__(
        self,
        settings: Settings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._http = httpx.AsyncClient(
            base_url=settings.grafana_url,
            auth=(settings.grafana_user, settings.grafana_password),
            timeout=TIMEOUT,
            limits=httpx.Limits(max_connections=CONCURRENCY, max_keepalive_connections=CONCURRENCY),
            transport=transport,
        )
        self._slots = asyncio.Semaphore(CONCURRENCY)
        self._sleep = sleep

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def get(self, path: str, *, org: int | None = None, **params: str | int) -> Any:
        """The JSON at `path`; None if there is none (404)."""
        response = await self._send("GET", path, org, params=params)
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        return self._checked(response)

    async def send(self, method: str, path: str, body: Any = None, *, org: int | None = None) -> Any:
        """Change something; the answer's JSON."""
        return self._checked(await self._send(method, path, org, json=body))

    async def create(self, path: str, body: Any, *, org: int | None = None) -> Any:
        """Make something; the answer's JSON. Transient if there is one already: what was known is not so any more."""
        response = await self._send("POST", path, org, json=body)
        if response.status_code in _EXISTS:
            raise Transient("GrafanaUnavailable", f"Grafana has {path} already: {_message(response)}")
        return self._checked(response)

    async def delete(self, path: str, *, org: int | None = None) -> None:
        """Remove what is at `path`. It may be gone already."""
        response = await self._send("DELETE", path, org)
        if response.status_code != httpx.codes.NOT_FOUND:
            self._checked(response)

    async def _send(self, method: str, path: str, org: int | None, **content: Any) -> httpx.Response:
        """The one way to Grafana: every request of the operator passes here."""
        headers = {} if org is None else {"X-Grafana-Org-Id": str(org)}
        try:
            # One that waits for its next attempt keeps its slot: a Grafana in trouble is not given more to do.
            async with self._slots, asyncio.timeout(DEADLINE_SECONDS):
                return await self._attempts(method, path, headers=headers, **content)
        except TimeoutError as error:
            sentence = f"Grafana does not answer: {method} {path} took longer than {DEADLINE_SECONDS} s"
            raise Transient("GrafanaUnavailable", sentence) from error

    async def _attempts(self, method: str, path: str, **content: Any) -> httpx.Response:
        for attempt in range(1, ATTEMPTS + 1):
            last, pause = attempt == ATTEMPTS, delay(attempt, base=0.25, cap=5)
            try:
                with metrics.request("grafana", metrics.route(method, path)) as call:
                    response = await self._http.request(method, path, **content)
                    call.code = str(response.status_code)
            except httpx.HTTPError as error:
                if last:
                    raise Transient("GrafanaUnavailable", f"Grafana does not answer: {explain(error)}") from error
            else:
                if last or response.status_code not in _RETRY_AT_ONCE:
                    return response
                pause = max(pause, _asked_pause(response))
            await self._sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _checked(self, response: httpx.Response) -> Any:
        status = response.status_code
        if response.is_success:
            return _json(response)
        request = response.request
        sentence = f"Grafana answered {status} to {request.method} {request.url.path}: {_message(response)}"
        if status in _TRANSIENT or status >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise Transient("GrafanaUnavailable", sentence)
        raise Rejected("GrafanaRejected", sentence)


def _asked_pause(response: httpx.Response) -> float:
    """Seconds that Grafana, or a proxy before it, asks us to wait (RFC 9110 10.2.3); a date is not looked at."""
    text = response.headers.get("Retry-After", "")
    return min(float(text), LONGEST_PAUSE_SECONDS) if text.isascii() and text.isdigit() else 0


def _json(response: httpx.Response) -> Any:
    if not response.content:
        return None
    try:
        return response.json()
    except ValueError as error:
        # A web page with status 200: a proxy or something else answers at Grafana's address.
        raise Transient(
            "GrafanaUnavailable", f"{response.request.url.path} did not answer JSON: not Grafana?"
        ) from error


def _message(response: httpx.Response) -> str:
    try:
        body = response.json()
    except ValueError:
        return response.reason_phrase
    message = body.get("message") if isinstance(body, dict) else None
    return str(message or response.reason_phrase)
