"""One HTTP request to Grafana and its answer, over pooled connections. What either means is not known here."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import NamedTuple, Protocol

import aiohttp
from yarl import URL

from voiceprobe_operator.errors import explain
from voiceprobe_operator.grafana.trust import Trust, UnreadableAuthority

TIMEOUT = aiohttp.ClientTimeout(total=30, sock_connect=5)
_RIGHT = "is Grafana running there, and is VOICE_GRAFANA_URL right?"


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

    def __init__(self, limit: int, trust: Trust | None = None) -> None:
        self._trust = Trust(None, "") if trust is None else trust
        # No cookies: each request says who asks.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=limit), cookie_jar=aiohttp.DummyCookieJar(), timeout=TIMEOUT
        )

    async def ask(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None) -> Answer:
        """See `Connections`. A redirect is an answer: what was to be written is not sent anywhere else."""
        try:
            async with self._session.request(
                method,
                URL(url, encoded=True),
                headers=headers,
                data=content,
                allow_redirects=False,
                ssl=self._trust.context(),
            ) as response:
                return Answer(response.status, response.reason or "", response.headers, await response.read())
        except UnreadableAuthority as error:
            raise Unanswered(str(error)) from error
        except aiohttp.ClientConnectorCertificateError as error:
            raise Unanswered(_untrusted(error)) from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unanswered(_unreached(error, url)) from error

    async def aclose(self) -> None:
        """See `Connections`."""
        await self._session.close()


def _untrusted(error: aiohttp.ClientConnectorCertificateError) -> str:
    reason = getattr(error.certificate_error, "verify_message", "") or explain(error.certificate_error)
    return (
        f"its certificate is not trusted: VOICE_GRAFANA_TLS_CA must hold the authority that signed it, and"
        f" VOICE_GRAFANA_URL name a host that is in it ({error.host}: {reason})"
    )


def _unreached(error: aiohttp.ClientError | TimeoutError, url: str) -> str:
    """Why nobody answered at Grafana's address, and the mend."""
    where = URL(url).authority
    cause = getattr(error, "os_error", None)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"no address is known for {where}: VOICE_GRAFANA_URL must have a name that the pod can look up"
    if isinstance(cause, ssl.SSLError) or isinstance(error, aiohttp.ClientSSLError):
        return (
            f"{where} does not speak TLS: VOICE_GRAFANA_URL must begin with http:// there ({explain(cause or error)})"
        )
    if isinstance(cause, ConnectionRefusedError):
        return f"nothing listens at {where}: {_RIGHT}"
    if isinstance(error, TimeoutError) or isinstance(cause, OSError):
        return f"{where} keeps silent: is it running, and may the pod reach it (NetworkPolicy, security group)?"
    return _unanswered(error, where)


def _unanswered(error: aiohttp.ClientError, where: str) -> str:
    """What became of a request that was sent, and the mend."""
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return f"{where} closes the connection without an answer: {_RIGHT}"
    if isinstance(error, aiohttp.ClientResponseError):
        mend = "VOICE_GRAFANA_URL must begin with https:// where Grafana has TLS, and have Grafana's own port"
        return f"what answers at {where} does not speak HTTP: {mend}"
    return explain(error)
