"""The proxy's container as a cluster runs it: another user, no privileges, nothing writable but its volumes."""

from __future__ import annotations

import json
import os
import shutil
import socketserver
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.integration.portal.test_proxy import Names
from tests.ports import free_port
from tests.running_proxy import HOST, EchoServer, echoing, rendered, running
from tests.serving import serving
from voice_lab import pki, processes

pytestmark = pytest.mark.services

USER = 10001
# As containerd does it: the root is read-only, the volume that nginx writes to is a mount of its own.
AS_IN_A_POD = """
mount --bind "$1" "$1"
mount -o remount,bind,ro /
shift
exec setpriv --reuid=10001 --regid=10001 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
"""
PAGE = "/grafana/d/vp-1/-?orgId=7&kiosk"
COOKIE = {"Cookie": "voice_portal_session=s"}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users reach, as a volume is."""
    path = Path(tempfile.mkdtemp(prefix="voice-proxy-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@contextmanager
def in_a_pod(folder: Path, app: int) -> Iterator[tuple[httpx.Client, Path]]:
    """The proxy in front of a portal on the port `app`; gives a browser and the log."""
    etc, run, port, log = folder / "etc", folder / "run", free_port(), folder / "nginx.log"
    proxy = rendered(
        grafana__url=f"http://127.0.0.1:{app}/grafana",
        portal__url=f"https://{HOST}",
        portal__port=port,
        portal__appPort=app,
    )
    etc.mkdir()
    run.mkdir()
    log.touch()
    for path in (run, log):  # what a container writes to is its user's
        os.chown(path, USER, USER)
    moved = {"/etc/voice-proxy": str(etc), "/run/voice-proxy": str(run)}
    for theirs, ours in moved.items():
        proxy = {
            "conf": proxy["conf"].replace(theirs, ours),
            "command": [word.replace(theirs, ours) for word in proxy["command"]],
        }
    (etc / "nginx.conf").write_text(proxy["conf"])
    command = ["unshare", "--mount", "sh", "-ec", AS_IN_A_POD, "sh", str(run), *proxy["command"]]
    process = processes.child(processes.start(folder, "nginx", command, log=log))
    with httpx.Client(
        base_url=f"http://127.0.0.1:{port}", headers={"Host": HOST}, timeout=10, trust_env=False
    ) as browser:
        try:
            wait_for(lambda: answers(browser), process, log)
            yield browser, log
        finally:
            processes.stop(folder, "nginx")


def answers(browser: httpx.Client) -> bool:
    try:
        return browser.get("/healthz").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def wait_for(condition, process: subprocess.Popen[bytes], log: Path, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.05)
    pytest.fail(f"it never came to that (exit code {process.poll()}): {log.read_text()[-1000:]}")


def test_it_runs_as_user_10001_on_a_root_that_nobody_can_write(folder: Path) -> None:
    with echoing() as echo, in_a_pod(folder, echo.server_port) as (browser, log):
        large = browser.post("/upload", content=b"x" * 500_000)
        assert large.status_code == httpx.codes.OK, "a body that does not fit into memory goes to the volume"
        assert browser.get("/").status_code == httpx.codes.OK
        pids = processes.members(folder, "nginx")
        users = {Path(f"/proc/{pid}").stat().st_uid for pid in pids}
        said = log.read_text()
    assert users == {USER}
    assert "denied" not in said
    assert "[alert]" not in said
    assert "[emerg]" not in said


@contextmanager
def grafana_behind_tls(keys: Path) -> Iterator[int]:
    """A Grafana with a certificate of the authority in `keys`."""
    pki.issue(keys, "grafana", hosts=("grafana.example",))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys / "grafana.pem", keys / "grafana.key")
    with EchoServer() as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        with serving(server):
            yield server.server_port


def exchange(path: Path, text: str) -> None:
    """Put another file in a file's place, as the kubelet exchanges what it mounts."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def test_an_authority_that_is_exchanged_takes_effect_and_one_that_is_none_takes_nothing_away(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    pki.create_authority(theirs)
    pki.create_authority(tmp_path / "pki")  # another one, of the same name
    names = socketserver.ThreadingUDPServer(("127.0.0.1", 0), Names)
    with names, serving(names), echoing() as portal, grafana_behind_tls(theirs) as grafana:
        values = {
            "grafana__url": f"https://grafana.example:{grafana}/grafana",
            "grafana__caConfigMap": "grafana-ca",
            "grafana__resolver": f"127.0.0.1:{names.server_address[1]}",
        }
        with running(tmp_path, portal.server_port, grafana, **values) as proxy:
            portal.says = {"X-JWT-Assertion": "token"}
            process = processes.child(processes.Record(**record(tmp_path)))

            def status() -> int:
                return proxy.browser.get(PAGE, headers=COOKIE).status_code

            assert status() == httpx.codes.BAD_GATEWAY
            exchange(tmp_path / "pki" / "ca.pem", (theirs / "ca.pem").read_text())
            wait_for(lambda: status() == httpx.codes.OK, process, proxy.log)
            exchange(tmp_path / "pki" / "ca.pem", "none")
            wait_for(lambda: "[emerg]" in proxy.log.read_text(), process, proxy.log)
            assert status() == httpx.codes.OK


def test_a_proxy_that_is_about_to_end_answers_and_says_on_each_connection_that_it_was_the_last_answer(
    tmp_path: Path,
) -> None:
    """Whoever asks on a connection while it is being closed has no answer, and does not know whether it was heard."""
    query = "/grafana/api/ds/query?ds_type=mysql&requestId=Q100"
    with echoing() as echo, running(tmp_path, echo.server_port, echo.server_port) as proxy:
        assert proxy.browser.get("/").headers["connection"] == "keep-alive"
        *_, script = rendered(grafana__url="http://grafana/grafana", portal__url=f"https://{HOST}")["end"]
        first, *_ = script.replace("/run/voice-proxy", str(tmp_path / "run")).split(";")
        subprocess.run(["sh", "-c", first], check=True)
        for method, path in (("GET", "/probes/?a=b%2Fc"), ("POST", "/login/"), ("GET", PAGE), ("POST", query)):
            echo.heard.clear()
            answer = proxy.browser.request(method, path, headers=COOKIE, content=b"x" if method == "POST" else b"")
            assert (answer.status_code, answer.headers["connection"]) == (httpx.codes.OK, "close")
            heard = [(each.method, each.path, each.body) for each in echo.heard if each.path != "/auth/grafana"]
            assert heard == [(method, path, answer.request.content)]
        stranger = proxy.browser.get(PAGE)
        assert (stranger.json()["path"], stranger.json()["headers"]["x-original-uri"]) == ("/auth/sign-in", PAGE)
        assert proxy.browser.get("/grafana/api/admin/settings").status_code == httpx.codes.FORBIDDEN
        assert proxy.browser.get("/healthz", headers={"Host": "pod"}).status_code == httpx.codes.OK


def record(folder: Path) -> dict[str, object]:
    """What the lab wrote down of the proxy that it started."""
    found: dict[str, object] = json.loads((folder / "processes" / "nginx.json").read_text())
    return found
