"""A counting proxy between the operator and Grafana: it passes every byte on and notes each request."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

CHUNK = 1 << 16
ORG = re.compile(rb"^x-grafana-org-id: *(\d+)", re.I | re.M)
READS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it was sent. `began` is in seconds of the monotonic clock, `org` the organisation that a header
    names, if any; headers and body are kept of a write only.
    """

    began: float
    method: str
    path: str
    org: str
    headers: bytes = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def is_write(self) -> bool:
        """Whether it may change something: a query through Grafana never does."""
        return self.method not in READS


class Proxy:
    """Where to connect, and what came through so far."""

    def __init__(self, port: int) -> None:
        self.requests: list[Request] = []
        self.bytes_read = 0
        self.port = 0
        self._to = port

    def since(self, index: int) -> list[Request]:
        """The requests that came after the first `index`."""
        return self.requests[index:]

    async def serve(self, listening: asyncio.Event) -> None:
        """Serve until cancelled; `listening` is set once `port` is known."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        listening.set()
        async with server:
            await server.serve_forever()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            # Grafana is away: the operator sees its connection close, as it would without us.
            writer.close()
            return
        answers = asyncio.create_task(self._answers(far_reader, writer))
        try:
            await self._questions(reader, far_writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # either side may end the connection at any time
        finally:
            far_writer.close()
            answers.cancel()
            with suppress(asyncio.CancelledError):
                await answers
            writer.close()

    async def _questions(self, reader: asyncio.StreamReader, far: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            began = time.monotonic()
            body = await reader.readexactly(_length(head))
            method, path, _ = head.split(b"\r\n", 1)[0].decode("ascii").split(" ")
            kept = b"" if method in READS else body
            org = ORG.search(head)
            named = org[1].decode() if org else ""
            self.requests.append(Request(began, method, path, named, head if kept else b"", kept))
            far.write(head + body)
            await far.drain()

    async def _answers(self, far: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await far.read(CHUNK):
                self.bytes_read += len(data)
                writer.write(data)
                await writer.drain()
        writer.close()


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


@contextmanager
def counting(port: int) -> Iterator[Proxy]:
    """A proxy to `port` of this machine, in a thread of its own."""
    proxy = Proxy(port)
    loop = asyncio.new_event_loop()
    listening = asyncio.Event()
    thread = threading.Thread(target=loop.run_forever, name="proxy", daemon=True)
    thread.start()
    task = asyncio.run_coroutine_threadsafe(proxy.serve(listening), loop)
    asyncio.run_coroutine_threadsafe(listening.wait(), loop).result(timeout=10)
    try:
        yield proxy
    finally:
        task.cancel()
        asyncio.run_coroutine_threadsafe(_end_all(), loop).result(timeout=10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        loop.close()


async def _end_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
