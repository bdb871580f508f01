"""Answers Prometheus: one thread, at one address, that calls must never feel.

It goes after media and signalling (see `priority`), takes few connections at once, gives each a short time, and makes
its page at most once a second, however many ask.
"""

import asyncio
import logging
import os
import re
import socket
import threading
import time
from collections.abc import Callable

from voice_sipapp import priority

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MOST_CONNECTIONS = 8
LONGEST_S = 5.0
"""What a connection may take from beginning to end."""

LONGEST_OCTETS = 8192
"""Of a request's head."""

FRESH_S = 1.0
"""How long a page is good for."""

_ACCEPTING_TURNS = 3
"""Of the event loop, from a connection that is accepted to its task."""

_REQUEST = re.compile(rb"([A-Z]+) (/[^ ?#\r\n]*)(?:\?[^ #\r\n]*)? HTTP/1\.[0-9]\r\n")

log = logging.getLogger(__name__)


class Exporter(threading.Thread):
    """Serves what `exposition` makes at `/metrics` of `address` (a literal) and `port`. Made, it listens; raises
    OSError, with what to do, where it can't.
    """

    def __init__(self, address: str, port: int, exposition: Callable[[], bytes]) -> None:
        super().__init__(name="metrics", daemon=True)
        self._exposition = exposition
        self._page, self._made_at = b"", float("-inf")
        self._open = 0
        self._connections: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            self._socket = socket.create_server((address, port), family=family, backlog=MOST_CONNECTIONS)
        except OSError as error:
            self._loop.close()
            raise OSError(
                f"no metrics at {address} port {port}: {os.strerror(error.errno or 0)}; set VOICE_METRICS_ADDRESS to"
                " an address of this host and a TCP port that is free, or leave it empty"
            ) from error

    def run(self) -> None:
        """Serve until told to stop."""
        priority.take(priority.SCORING)
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    def stop(self, timeout_s: float = 2.0) -> None:
        """Answer nobody any more."""
        if self.is_alive():
            self._loop.call_soon_threadsafe(self._ending.set)
            self.join(timeout_s)
        else:
            self._loop.close()
        self._socket.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._begin, sock=self._socket, limit=LONGEST_OCTETS)
        await self._ending.wait()
        self._loop.remove_reader(self._socket)
        for _ in range(_ACCEPTING_TURNS):
            await asyncio.sleep(0)
        server.close()  # not before: asyncio leaves open what a closed server has accepted but not begun
        for each in self._connections:
            each.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await asyncio.sleep(0)  # what was given up is closed

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection that came; it is closed in the end, even if it is ended before it begins."""
        connection = asyncio.create_task(self._connected(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)
        connection.add_done_callback(lambda _: writer.transport.abort())

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open <= MOST_CONNECTIONS:
                async with asyncio.timeout(LONGEST_S):
                    writer.write(self._answer(await reader.readuntil(b"\r\n\r\n")))
                    writer.close()
                    await writer.wait_closed()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError) as error:
            log.debug("a connection to the metrics came to nothing: %r", error)
        finally:
            self._open -= 1

    def _answer(self, head: bytes) -> bytes:
        """What the request that begins with `head` gets."""
        request = _REQUEST.match(head)
        if request is None:
            return _response("400 Bad Request", b"This is no request of HTTP.\n")
        method, path = request.groups()
        if path != b"/metrics":
            return _response("404 Not Found", b"Here is only /metrics.\n")
        if method not in (b"GET", b"HEAD"):
            return _response("405 Method Not Allowed", b"", "Allow: GET, HEAD\r\n")
        try:
            page = self._current()
        except Exception:
            log.exception("the metrics can't be made")
            return _response("500 Internal Server Error", b"The metrics can't be made; the log says why.\n")
        return _response("200 OK", page, with_body=method == b"GET", kind=CONTENT_TYPE)

    def _current(self) -> bytes:
        now = time.monotonic()
        if now - self._made_at >= FRESH_S:
            self._page, self._made_at = self._exposition(), now
        return self._page


def _response(
    status: str, body: bytes, more: str = "", *, with_body: bool = True, kind: str = "text/plain; charset=utf-8"
) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}Connection: close\r\n\r\n"
    )
    return head.encode() + (body if with_body else b"")
