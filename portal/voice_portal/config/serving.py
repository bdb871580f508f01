"""How gunicorn serves the portal's metrics and readiness: `gunicorn --config python:voice_portal.config.serving`.

Its worker processes count into one folder, and its first process, which serves no page, answers Prometheus and kubelet
from there on a port of its own. No way leads to that port through the portal's nginx.
"""

import json
import os
import shutil
import signal
import socket
import tempfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from voice_portal.config import beginning
from voice_portal.config.env import Env, InvalidEnvironment
from voice_portal.config.readyz import Answers

FOLDER = tempfile.mkdtemp(prefix="voice-portal-metrics-")
# Before prometheus_client is imported, here and in the workers: it chooses once, for one process or for many.
os.environ["PROMETHEUS_MULTIPROC_DIR"] = FOLDER

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest  # noqa: E402
from prometheus_client.multiprocess import MultiProcessCollector  # noqa: E402

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]

READ_SECONDS = 5


def on_starting(arbiter: "Arbiter") -> None:
    """Listen before the first worker starts; raises SystemExit with the reason if a setting or the port is wrong.

    What is wrong with the files of the settings alone, such as an empty Secret, is waited for: the kubelet exchanges
    them in place, and a container that ends is started again more and more rarely.
    """
    try:
        port = Env.read(os.environ).metrics_port
    except InvalidEnvironment as error:
        if not error.may_pass:
            raise SystemExit(str(error)) from error
        port = error.metrics_port
    try:
        server = MetricsServer(port)
    except OSError as error:
        raise SystemExit(
            f"The portal cannot start: no metrics on port {port} (VOICE_PORTAL_METRICS_PORT): {error}"
        ) from error
    Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    # gunicorn handles signals later only, and process 1 of a container ignores what it does not handle.
    before = signal.signal(signal.SIGTERM, _end)
    beginning.await_contents(Path(FOLDER), arbiter.log)
    signal.signal(signal.SIGTERM, before)


def _end(*_: object) -> None:
    raise SystemExit(0)


def post_worker_init(_worker: object) -> None:
    """Look, in one of the workers, at what the portal needs. Here, as Django is set up now."""
    watching = import_module("voice_portal.config.watching")
    Thread(target=watching.look_for_ever, args=(Path(FOLDER),), name="readiness", daemon=True).start()


def on_exit(_arbiter: object) -> None:
    """Leave nothing behind."""
    shutil.rmtree(FOLDER, ignore_errors=True)


class MetricsServer(ThreadingHTTPServer):
    """Answers on every address of the pod, by IPv6 and IPv4."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        self.readiness = Answers(Path(FOLDER))
        super().__init__(("", port), MetricsHandler, bind_and_activate=False)
        self.socket.close()
        if socket.has_dualstack_ipv6():
            self.socket = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        else:
            self.socket = socket.create_server(("", port))


class MetricsHandler(BaseHTTPRequestHandler):
    """GET /metrics and /readyz, and nothing else."""

    timeout = READ_SECONDS
    server: MetricsServer

    def do_GET(self) -> None:
        """What the workers have counted, as Prometheus reads it (text format 0.0.4); or readiness, as JSON."""
        path = self.path.partition("?")[0]
        if path == "/readyz":
            is_ready, body = self.server.readiness.now()
            self._answer(200 if is_ready else 503, "application/json", json.dumps(body).encode() + b"\n")
        elif path == "/metrics":
            registry = CollectorRegistry()
            MultiProcessCollector(registry, path=FOLDER)  # type: ignore[no-untyped-call]
            self._answer(200, CONTENT_TYPE_LATEST, generate_latest(registry))
        else:
            self.send_error(404)

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: Prometheus asks all day."""
