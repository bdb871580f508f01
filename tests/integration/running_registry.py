"""A registry of container images in memory, with as much of OCI's distribution specification as a push needs."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.serving import serving


class Registry(ThreadingHTTPServer):
    """What was pushed: blobs by digest, manifests by name and tag."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.server_address[1]}"


@contextmanager
def running() -> Iterator[Registry]:
    """A registry until the block ends."""
    with Registry() as server, serving(server):
        yield server


class _Handler(BaseHTTPRequestHandler):
    server: Registry
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None: ...

    def do_GET(self) -> None:
        self._answer(200 if self.path == "/v2/" else 404)

    def do_HEAD(self) -> None:
        digest = self.path.rpartition("/")[2]
        found = self.server.blobs.get(digest)
        self._answer(200 if found is not None else 404, length=len(found or b""))

    def do_POST(self) -> None:
        name = re.fullmatch(r"/v2/(.+)/blobs/uploads/.*", self.path)
        assert name
        self._answer(202, Location=f"/v2/{name[1]}/blobs/uploads/{uuid.uuid4()}")

    def do_PATCH(self) -> None:
        upload = self.path.partition("?")[0]
        self.server.blobs[upload] = self.server.blobs.get(upload, b"") + self._body()
        self._answer(202, Location=upload, Range=f"0-{len(self.server.blobs[upload]) - 1}")

    def do_PUT(self) -> None:
        path, _, query = self.path.partition("?")
        if "/manifests/" in path:
            body = self._body()
            self.server.manifests[path] = body
            self._answer(201, **{"Docker-Content-Digest": f"sha256:{sha256(body).hexdigest()}"})
            return
        body = self.server.blobs.pop(path, b"") + self._body()
        digest = f"sha256:{sha256(body).hexdigest()}"
        assert query.replace("%3A", ":") == f"digest={digest}"
        self.server.blobs[digest] = body
        self._answer(201, Location=path)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _answer(self, status: int, *, length: int = 0, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
