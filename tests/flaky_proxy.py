"""A way to Grafana that can be told to misbehave."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

SLOW_SECONDS = 10


class FlakyProxy:
    """Passes requests on, and notes them; `mood`: fine, down, slow, garbage, or the status that it answers."""

    def __init__(self, target: str) -> None:
        self.mood = "fine"
        self.requests: list[tuple[str, str]] = []
        self.far = httpx.Client(base_url=target, timeout=60)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def _handler(proxy) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                proxy.requests.append((self.command, self.path))
                if proxy.mood == "down":
                    self.close_connection = True
                    self.connection.close()
                    return
                if proxy.mood == "slow":
                    time.sleep(SLOW_SECONDS)
                self.give(*self.found(body))

            def found(self, body: bytes) -> tuple[int, bytes]:
                if proxy.mood == "garbage":
                    return 200, b"<html>Welcome to the wrong place</html>"
                if proxy.mood.isdigit():
                    return int(proxy.mood), b'{"message": "not now"}'
                kept = {k: v for k, v in self.headers.items() if k.lower() not in {"host", "connection"}}
                kept["Accept-Encoding"] = "identity"
                answer = proxy.far.request(self.command, self.path, content=body, headers=kept)
                return answer.status_code, answer.content

            def give(self, status: int, content: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        return Handler


@contextmanager
def flaky(target: str) -> Iterator[FlakyProxy]:
    """A proxy to `target` (scheme, host and port), running."""
    proxy = FlakyProxy(target)
    thread = threading.Thread(target=proxy.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.server.shutdown()
        proxy.server.server_close()
        proxy.far.close()
        thread.join(10)
