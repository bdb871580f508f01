"""gunicorn with the chart's own hooks: what its processes count, and where that is answered."""

import re
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.ports import free_port
from voice_lab import processes

pytestmark = pytest.mark.services

WORKERS = 2
MALFORMED = r'voice_portal_sign_ins_total\{outcome="malformed"\}'


def command(port: int) -> list[str]:
    hooks = [
        "--config=python:voice_portal.config.serving",
        f"--workers={WORKERS}",
        "--threads=4",
        "--no-control-socket",
    ]
    return [sys.executable, "-m", "gunicorn", "voice_portal.config.wsgi", f"--bind=127.0.0.1:{port}", *hooks]


@pytest.fixture
def serving(portal_env, tmp_path):
    """gunicorn, and where its metrics are; its log and its temporary files are in tmp_path."""
    port, metrics_port = free_port(), free_port()
    env = {**portal_env, "VOICE_PORTAL_METRICS_PORT": str(metrics_port), "TMPDIR": str(tmp_path)}
    record = processes.start(tmp_path, "gunicorn", command(port), env=env, log=tmp_path / "gunicorn.log")
    process = processes.child(record)
    portal, metrics = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{metrics_port}/metrics"
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx.get(f"{portal}/healthz", trust_env=False)
            break
        except httpx.HTTPError:
            assert time.monotonic() < deadline, (tmp_path / "gunicorn.log").read_text()
            time.sleep(0.1)
    yield process, portal, metrics
    if process.poll() is None:
        process.terminate()
    process.wait(30)


def asked(url: str) -> str:
    return httpx.get(url, trust_env=False, timeout=10).text


def test_what_all_processes_count_is_added_up_and_is_there_from_the_start(serving):
    _, portal, metrics = serving
    assert re.search(rf"^{MALFORMED} 0.0$", asked(metrics), re.MULTILINE), "a rise from nothing would be missed"
    times = 20
    for _ in range(times):
        with httpx.Client(base_url=portal, headers={"Host": "testserver"}, trust_env=False) as browser:
            browser.get("/login/local/")
            token = browser.cookies["csrftoken"]
            answer = browser.post("/login/local/", data={"username": "", "csrfmiddlewaretoken": token})
            assert answer.status_code == 200
    assert re.search(rf"^{MALFORMED} {times}.0$", asked(metrics), re.MULTILINE)
    assert all("pid" not in line for line in asked(metrics).splitlines()), "one line for all processes"


def test_metrics_are_answered_by_ipv6_and_ipv4(serving):
    _, _, metrics = serving
    assert "voice_portal_" in asked(metrics)
    if socket.has_dualstack_ipv6():
        assert "voice_portal_" in asked(metrics.replace("127.0.0.1", "[::1]"))


def test_whoever_connects_and_says_nothing_keeps_nobody_waiting(serving):
    _, _, metrics = serving
    port = int(metrics.rpartition(":")[2].partition("/")[0])
    with ExitStack() as silent:
        for _ in range(10):
            silent.enter_context(socket.create_connection(("127.0.0.1", port)))
        assert "voice_portal_" in asked(metrics)


def test_nothing_is_left_behind(serving, tmp_path: Path):
    process, _, _ = serving
    assert list(tmp_path.glob("voice-portal-metrics-*"))
    process.terminate()
    process.wait(30)
    assert not list(tmp_path.glob("voice-portal-metrics-*"))


def test_a_taken_port_is_named_before_anything_is_served(portal_env, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        env = {**portal_env, "VOICE_PORTAL_METRICS_PORT": str(port), "TMPDIR": str(tmp_path)}
        done = subprocess.run(command(free_port()), env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert f"The portal cannot start: no metrics on port {port} (VOICE_PORTAL_METRICS_PORT)" in done.stderr
    assert "Traceback" not in done.stderr
