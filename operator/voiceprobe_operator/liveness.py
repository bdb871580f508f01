"""Answers the kubelet's liveness probe, and Prometheus.

Not kopf's own endpoint: that one answers 200 whatever happens, and listens on IPv4 or on IPv6 but not on both.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

READ_SECONDS = 5
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def listen(port: int) -> socket.socket:
    """A socket on every address of the pod; raises OSError if the port is taken."""
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))


async def serve(
    listening: socket.socket, age: Callable[[], float], oldest: float, metrics: Callable[[], bytes]
) -> asyncio.Server:
    """Answer requests: /metrics as `metrics` says, any other with 200 while `age()` seconds are at most `oldest`.

    Otherwise 503.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), READ_SECONDS)
            is_metrics = asked.startswith((b"GET /metrics ", b"GET /metrics?"))
            writer.write(_answer("200 OK", METRICS_TYPE, metrics()) if is_metrics else response(age(), oldest))
            await asyncio.wait_for(writer.drain(), READ_SECONDS)
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            # Whoever asked did not ask properly or has gone: there is nobody to tell.
            return
        finally:
            writer.close()

    return await asyncio.start_server(answer, sock=listening)


def response(age: float, oldest: float) -> bytes:
    """The HTTP answer for work last seen going on `age` seconds ago."""
    status = "200 OK" if age <= oldest else "503 Service Unavailable"
    return _answer(status, "application/json", f'{{"secondsSinceResync": {age:.1f}}}\n'.encode())


def _answer(status: str, kind: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body
