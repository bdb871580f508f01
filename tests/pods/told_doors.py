"""Ways from pods to MySQL and Grafana that can be told to misbehave: what is at an address, seen from a pod."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

Mood = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
CHUNK = 1 << 16
# A server's first packet (protocol 10), of a server that offers everything that a login needs but TLS.
CAPABILITIES = 0x0008_8200 | 0x0000_0001
GREETING = (
    b"\x0a8.0.36\0\x01\0\0\0saltsalt\0"
    + (CAPABILITIES & 0xFFFF).to_bytes(2, "little")
    + b"\x2d\x02\0"
    + (CAPABILITIES >> 16).to_bytes(2, "little")
    + b"\x15"
    + bytes(10)
    + b"saltsaltsalt\0mysql_native_password\0"
)
MYSQL_WITHOUT_TLS = len(GREETING).to_bytes(3, "little") + b"\0" + GREETING
MAIL_SERVER = b"220 mail.example ESMTP\r\n"


def leads_to(port: int) -> Mood:
    """What listens at that port of the loopback."""

    async def through(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            ways = [asyncio.create_task(_pass(reader, far_writer)), asyncio.create_task(_pass(far_reader, writer))]
            _, pending = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
        finally:
            far_writer.close()

    return through


def says(data: bytes) -> Mood:
    """A server that speaks first, and says this."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await reader.read()

    return greet


def answers(status: int, body: object = None, **headers: str) -> Mood:
    """A web server with one answer to everything: a page if `body` is bytes, else JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body or {"message": "not you"}).encode()
    lines = [f"HTTP/1.1 {status} Told", f"Content-Length: {len(content)}", *(f"{k}: {v}" for k, v in headers.items())]
    answer = "\r\n".join([*lines, "", ""]).encode() + content

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
                await reader.readexactly(int(fields.get(b"content-length", b"0")))
                writer.write(answer)
                await writer.drain()

    return serve


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()


class Door:
    """One port at an address of this machine. Whoever is connected when it changes is cut off."""

    def __init__(self, loop: asyncio.AbstractEventLoop, address: str) -> None:
        self._loop, self._address = loop, address
        self._server: asyncio.Server | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        with socket.create_server((address, 0), family=socket.AF_INET6) as probe:
            self.port: int = probe.getsockname()[1]

    def open(self, mood: Mood, tls: ssl.SSLContext | None = None) -> None:
        """Let everybody meet `mood` from now on."""
        self._run(self._open(mood, tls))

    def shut(self) -> None:
        """Nothing listens any more."""
        self._run(self._shut())

    def _run(self, work: Awaitable[None]) -> None:
        async def done() -> None:
            await work

        asyncio.run_coroutine_threadsafe(done(), self._loop).result(30)

    async def _open(self, mood: Mood, tls: ssl.SSLContext | None) -> None:
        await self._shut()

        async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task
            self._under_way.add(task)
            try:
                await mood(reader, writer)
            except (OSError, asyncio.CancelledError):
                writer.transport.abort()
            finally:
                self._under_way.discard(task)
                writer.close()

        self._server = await asyncio.start_server(meet, self._address, self.port, ssl=tls)

    async def _shut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in list(self._under_way):
            task.cancel()


@contextmanager
def doors(address: str, number: int) -> Iterator[list[Door]]:
    """So many doors at an address, all shut."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    made = [Door(loop, address) for _ in range(number)]
    try:
        yield made
    finally:
        for door in made:
            door.shut()
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
