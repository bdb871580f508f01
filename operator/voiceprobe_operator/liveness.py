"""Answers the kubelet's probes, and Prometheus.

/healthz: whether this process goes on, whatever it waits for. /readyz: whether it waits for anything.

Not kopf's own endpoint: that one answers 200 whatever happens, and listens on IPv4 or on IPv6 but not on both.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Sequence

READ_SECONDS = 5
JSON_TYPE = "application/json"
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def listen(port: int) -> socket.socket:
    """A socket on every address of the pod; raises OSError if the port is taken."""
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))


async def serve(
    listening: socket.socket,
    age: Callable[[], float],
    oldest: float,
    metrics: Callable[[], bytes],
    waiting: Callable[[], Sequence[str]],
) -> asyncio.Server:
    """Answer requests: /metrics as `metrics` says, /readyz with 200 while `waiting` names nothing, and any other with
    200 while `age()` seconds are at most `oldest`. Otherwise 503.
    """

    def found(asked: bytes) -> bytes:
        path = asked.split(b" ", 2)[1].partition(b"?")[0] if asked.count(b" ") > 1 else b""
        if path == b"/metrics":
            return _answer("200 OK", METRICS_TYPE, metrics())
        return readiness(waiting()) if path == b"/readyz" else response(age(), oldest)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), READ_SECONDS)
            writer.write(found(asked))
            await asyncio.wait_for(writer.drain(), READ_SECONDS)
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            # Whoever asked did not ask properly or has gone: there is nobody to tell.
            return
        finally:
            writer.close()

    return await asyncio.start_server(answer, sock=listening)


def response(age: float, oldest: float) -> bytes:
    """The HTTP answer for work last seen going on `age` seconds ago."""
    return _answer(_status(age <= oldest), JSON_TYPE, f'{{"secondsSinceResync": {age:.1f}}}\n'.encode())


def readiness(waiting: Sequence[str]) -> bytes:
    """The HTTP answer of an operator that waits for this, a sentence each."""
    body = json.dumps({"ready": not waiting, "waitingFor": list(waiting)}, ensure_ascii=False)
    return _answer(_status(not waiting), JSON_TYPE, f"{body}\n".encode())


def _status(is_well: bool) -> str:
    return "200 OK" if is_well else "503 Service Unavailable"


def _answer(status: str, kind: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body
