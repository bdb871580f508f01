"""One HTTP request to Grafana and its answer, over pooled connections. What either means is not known here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import aiohttp
from yarl import URL

from voiceprobe_operator.errors import explain

TIMEOUT = aiohttp.ClientTimeout(total=30, sock_connect=5)


class Unanswered(Exception):
    """No answer, or half of one; in words."""


class Answer(NamedTuple):
    """An HTTP response, read to its end."""

    status: int
    reason: str
    headers: Mapping[str, str]
    content: bytes


class Connections(Protocol):
    """A way to an HTTP server."""

    async def ask(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None) -> Answer:
        """Send one request and read its answer; raises Unanswered. `url` is absolute, with its query."""

    async def aclose(self) -> None:
        """Close what is open."""


class Pool:
    """At most `limit` connections, kept open. To be made inside the event loop."""

    def __init__(self, limit: int) -> None:
        # No cookies: each request says who asks.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=limit), cookie_jar=aiohttp.DummyCookieJar(), timeout=TIMEOUT
        )

    async def ask(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None) -> Answer:
        """See `Connections`. A redirect is an answer: what was to be written is not sent anywhere else."""
        request = self._session.request(
            method, URL(url, encoded=True), headers=headers, data=content, allow_redirects=False
        )
        try:
            async with request as response:
                return Answer(response.status, response.reason or "", response.headers, await response.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unanswered(explain(error)) from error

    async def aclose(self) -> None:
        """See `Connections`."""
        await self._session.close()
