"""The stand-in on a socket: HTTP by aiohttp, slow answers in threads, alerts in the background."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from urllib.parse import quote

from aiohttp import web

from voice_lab.errors import LabError
from voice_lab.grafana_stand_in.alerting import scheduler
from voice_lab.grafana_stand_in.alerting.delivery import Smtp
from voice_lab.grafana_stand_in.http import HEADERS, SWITCHING, Request, Response, failed, redirect
from voice_lab.grafana_stand_in.server import Later, Server, error

BIGGEST_BODY = 16 * 2**20
_SHARED = ("contact-points", "policies", "mute-timings")
"""What Grafana keeps in one document an organisation, which it reads, changes and writes back."""
_log = logging.getLogger(__name__)
_AT_ONCE, AT_ONCE_EACH = 256, 8
"""Threads that wait for databases, in all and for one user in one organisation."""
_WRITING_S = 0.02
"""How long such a change takes: measured 15 to 20 ms."""


def application(server: Server) -> web.Application:
    """The web application that answers as `server`, below its sub-path and without it."""
    app = web.Application(client_max_size=BIGGEST_BODY)
    app.router.add_route("*", "/{path:.*}", _Handler(server).handle)
    return app


class _Handler:
    def __init__(self, server: Server) -> None:
        self._server = server
        self._sub_path = server.config.sub_path
        self._writes: dict[str, int] = {}
        self._turns: dict[tuple[int, int], asyncio.Semaphore] = {}
        self._threads = ThreadPoolExecutor(_AT_ONCE, "slow-answer")

    async def handle(self, incoming: web.Request) -> web.StreamResponse:
        path = incoming.path
        below = path.removeprefix(self._sub_path) if f"{path}/".startswith(f"{self._sub_path}/") else path
        if below == path and not path.startswith("/api/"):
            return _sent(redirect(f"{self._server.config.root_url}{quote(path)}", 301))
        headers = {name.lower(): value for name, value in incoming.headers.items()}
        query = dict(incoming.query)
        request = Request(incoming.method, below or "/", query, headers, await incoming.read(), incoming.query_string)
        if await self._lost_race(request):
            return _sent(error(failed(500, "could not find object using provided id and hash")))
        try:
            found = self._server.answer(request)
            response = await self._slowly(found) if isinstance(found, Later) else found
        except Exception:
            _log.exception("%s %s", request.method, request.path)
            response = error(failed(500, "Internal server error"))
        return await _opened(incoming) if response.status == SWITCHING else _sent(response)

    async def _slowly(self, later: Later) -> Response:
        """What a thread comes to. Nobody has more than some at once: one client's slow queries hold up no other's."""
        async with self._turns.setdefault(later.asker, asyncio.Semaphore(AT_ONCE_EACH)):
            return await asyncio.get_running_loop().run_in_executor(self._threads, later)

    async def _lost_race(self, request: Request) -> bool:
        """Whether somebody else's change of the same document came in between."""
        if request.method == "GET" or not any(name in request.path for name in _SHARED):
            return False
        org = request.headers.get("x-grafana-org-id", "")
        before = self._writes.get(org, 0)
        await asyncio.sleep(_WRITING_S)
        if self._writes.get(org, 0) != before:
            return True
        self._writes[org] = before + 1
        return False


async def _opened(incoming: web.Request) -> web.WebSocketResponse:
    """A websocket on which nothing is ever said."""
    socket = web.WebSocketResponse()
    await socket.prepare(incoming)
    async for _ in socket:
        pass
    return socket


def _sent(response: Response) -> web.Response:
    headers = {**HEADERS, **response.headers}
    if response.body:
        headers["Content-Type"] = response.content_type
    return web.Response(status=response.status, body=response.body, headers=headers)


@asynccontextmanager
async def running(server: Server, host: str, port: int, smtp: Smtp) -> AsyncIterator[None]:
    """Answer meanwhile, and tell of alerts.

    Raises:
        LabError: the port is taken.
    """
    runner = web.AppRunner(application(server), access_log=None)
    await runner.setup()
    try:
        await _listen(web.TCPSite(runner, host, port))
        alerts = asyncio.create_task(scheduler.run(server.alerting, server.sources.run, smtp))
        try:
            yield
        finally:
            alerts.cancel()
            await asyncio.wait([alerts])
    finally:
        await runner.cleanup()


async def _listen(site: web.TCPSite) -> None:
    try:
        await site.start()
    except OSError as error:
        raise LabError(
            f"{site.name} cannot be served ({error.strerror}): name an address and a port here that nobody uses"
        ) from error
