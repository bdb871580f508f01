"""The operator where something outside is missing or wrong: it stays up, says what it waits for, and goes on by itself.

So does a Secret that is exchanged: nobody restarts anything.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pymysql
import pytest

from tests.flaky_proxy import FlakyProxy, flaky
from tests.labs import own_lab
from tests.operator_replica import holder, namespace, ready, roll_out, until
from tests.ports import free_port
from voice_lab import pods, processes
from voice_lab.context import Lab
from voice_lab.services import cluster, database, grafana, operator

pytestmark = [pytest.mark.services, pytest.mark.long, pytest.mark.timeout(300)]
CLIENT = "starting"
LIMIT_S = 60
FILES = ("VOICE_MYSQL_PASSWORD", "VOICE_GRAFANA_USER", "VOICE_GRAFANA_PASSWORD")
Body = dict[str, Any]


class Started:
    """An operator with its passwords in files of `folder`."""

    def __init__(self, lab: Lab, folder: Path, grafana_url: str, **changes: str) -> None:
        self.folder, self.log, self.port = folder, folder / "log", free_port()
        kubeconfig = cluster.service_account_kubeconfig(lab, pods.NAMESPACE, operator.NAME)
        user, password = grafana.administrator(lab)
        settings = {
            **database.environment(lab, "operator"),
            "VOICE_GRAFANA_USER": user,
            "VOICE_GRAFANA_PASSWORD": password,
            "VOICE_GRAFANA_URL": f"{grafana_url}/grafana",
            "VOICE_PORTAL_URL": lab.portal_url,
            "VOICE_OPERATOR_NAMESPACE": pods.NAMESPACE,
            "VOICE_STATUS_SECONDS": "2",
            "VOICE_LIVENESS_PORT": str(self.port),
            "PATH": os.environ["PATH"],
            "KUBECONFIG": str(kubeconfig),
            "HOME": str(folder),
        } | changes
        for name in FILES:
            self.exchange(name, settings.pop(name))
            settings[f"{name}_FILE"] = str(folder / name)
        record = processes.start(
            folder, "operator", [sys.executable, "-m", "voiceprobe_operator"], env=settings, log=self.log
        )
        self.process = processes.child(record)
        until(lambda: self.status("/healthz") == 200, LIMIT_S, "it is alive")

    def exchange(self, name: str, text: str) -> None:
        fresh = self.folder / f"{name}.new"
        fresh.write_text(text + "\n")
        fresh.rename(self.folder / name)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=5, trust_env=False)

    def status(self, path: str) -> int:
        assert self.process.poll() is None, self.log.read_text()[-5000:]
        try:
            return self.get(path).status_code
        except httpx.HTTPError:
            return 0

    def waits_for(self, text: str) -> bool:
        return any(text in sentence for sentence in self.get("/readyz").json()["waitingFor"])

    def warnings(self, begins: str) -> int:
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return sum(line["message"].startswith(begins) and line["severity"] == "warning" for line in lines)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(60)


class World:
    """A lab without an operator, and a way to its Grafana that can misbehave."""

    def __init__(self, lab: Lab, proxy: FlakyProxy) -> None:
        self.lab, self.proxy = lab, proxy


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with own_lab("start", ("chart", "schema", "grafana")) as lab:
        namespace(lab, CLIENT)
        roll_out(lab, CLIENT, 2)
        with flaky(lab.grafana_url.removesuffix("/grafana")) as proxy:
            yield World(lab, proxy)


@pytest.fixture
def start(world: World, tmp_path: Path) -> Iterator[Callable[..., Started]]:
    """Starts the operator, with changes of its settings; it is ended after the test."""
    running: list[Started] = []

    def start(**changes: str) -> Started:
        running.append(Started(world.lab, tmp_path, world.proxy.url, **changes))
        return running[-1]

    yield start
    world.proxy.mood = "fine"
    for one in running:
        one.end()


def test_it_waits_for_all_that_is_missing_and_goes_on_when_it_comes(world: World, start: Callable[..., Started]):
    database.stop(world.lab)
    world.proxy.mood = "garbage"
    started = start()
    until(lambda: started.waits_for("nothing listens at 127.0.0.1:"), LIMIT_S, "it waits for the database")
    until(lambda: started.waits_for("this is not Grafana: VOICE_GRAFANA_URL must be"), LIMIT_S, "and for Grafana")
    assert started.status("/readyz") == 503
    assert started.status("/healthz") == 200
    database.start(world.lab)
    world.proxy.mood = "fine"
    until(lambda: started.status("/readyz") == 200, LIMIT_S, "it is ready")
    until(lambda: ready(world.lab, CLIENT) == 2, LIMIT_S, "the probes are ready")
    assert started.warnings("MySQL: the database does not answer: nothing listens") == 1, "once, not at each try"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"VOICE_MYSQL_HOST": "mysql.invalid"}, "VOICE_MYSQL_HOST must be a name that the pod can look up"),
        ({"VOICE_MYSQL_PASSWORD": "wrong"}, "refuses the login of voice_operator, so password or user is wrong"),
        ({"VOICE_MYSQL_DATABASE": "another"}, "another"),
        ({"VOICE_GRAFANA_PASSWORD": "wrong"}, "Grafana refuses the administrator's login (401): VOICE_GRAFANA_USER"),
    ],
)
def test_what_is_wrong_is_a_sentence_with_the_mend(
    start: Callable[..., Started], changes: dict[str, str], sentence: str
):
    started = start(**changes)
    until(lambda: started.waits_for(sentence), LIMIT_S, sentence)
    assert (started.status("/readyz"), started.status("/healthz")) == (503, 200)


@pytest.mark.parametrize("mood", ["403", "500", "404"])
def test_a_grafana_that_refuses_is_a_sentence(world: World, start: Callable[..., Started], mood: str):
    world.proxy.mood = mood
    started = start()
    words = {"404": "not Grafana, or Grafana under another sub-path", "403": "must be a server administrator"}
    until(lambda: started.waits_for(words.get(mood, f"Grafana answered {mood}")), LIMIT_S, mood)
    world.proxy.mood = "fine"
    until(lambda: started.status("/readyz") == 200, LIMIT_S, "it is ready by itself")


def test_another_authority_is_believed_once_its_file_holds_it(
    world: World, start: Callable[..., Started], tmp_path: Path
):
    right = database.authority(world.lab).read_text()
    path = tmp_path / "ca.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=other", "-days", "2"]
    subprocess.run([*words, "-keyout", str(tmp_path / "key"), "-out", str(path)], check=True, capture_output=True)
    started = start(VOICE_MYSQL_TLS_CA=str(path))
    until(lambda: started.waits_for("VOICE_MYSQL_TLS_CA must hold the authority that signed it"), LIMIT_S, "untrusted")
    path.with_suffix(".new").write_text(right)
    path.with_suffix(".new").rename(path)
    until(lambda: started.status("/readyz") == 200, LIMIT_S, "it is ready")


def test_passwords_that_were_rotated_are_used_without_a_restart(world: World, start: Callable[..., Started]):
    started = start()
    until(lambda: started.status("/readyz") == 200, LIMIT_S, "it is ready")
    before = world.lab.passwords["mysql-operator"]
    try:
        change_password(world.lab, "rotated-in-mysql")
        until(lambda: started.waits_for("refuses the login of voice_operator"), LIMIT_S, "it is refused")
        started.exchange("VOICE_MYSQL_PASSWORD", "rotated-in-mysql")
        until(lambda: started.status("/readyz") == 200, LIMIT_S, "it is ready again")
    finally:
        change_password(world.lab, before)
    assert started.process.poll() is None
    assert "rotated-in-mysql" not in started.log.read_text()


def test_a_password_that_is_not_the_accounts_yet_is_told_and_keeps_nothing_waiting(
    world: World, start: Callable[..., Started]
):
    started = start()
    until(lambda: started.status("/readyz") == 200, LIMIT_S, "it is ready")
    before = world.lab.passwords["mysql-operator"]
    try:
        started.exchange("VOICE_MYSQL_PASSWORD", "rotated-in-the-secret")
        told = "which is refused: the one before it still works"
        until(lambda: told in started.log.read_text(), LIMIT_S, "it is told")
        change_password(world.lab, "rotated-in-the-secret")
        so_far = asked_of_mysql(started)
        until(lambda: asked_of_mysql(started) > so_far + 3, LIMIT_S, "it goes on")
        assert started.status("/readyz") == 200
    finally:
        change_password(world.lab, before)
    assert "refuses the login" not in started.log.read_text()


def asked_of_mysql(started: Started) -> float:
    """How often MySQL has answered so far."""
    lines = started.get("/metrics").text.splitlines()
    kept = [
        line for line in lines if line.startswith("voice_operator_request_seconds_count") and 'server="mysql"' in line
    ]
    return sum(float(line.rpartition(" ")[2]) for line in kept if 'code="ok"' in line)


def change_password(lab: Lab, password: str) -> None:
    with closing(database.connect(lab, "admin")) as connection, connection.cursor() as cursor:
        cursor.execute("ALTER USER voice_operator@'%%' IDENTIFIED BY %s", (password,))


@pytest.mark.parametrize("how", ["changed", "deleted"])
def test_a_clients_password_that_was_exchanged_is_the_accounts_and_the_datasources(
    world: World, start: Callable[..., Started], how: str
):
    started = start()
    until(lambda: ready(world.lab, CLIENT) == 2, LIMIT_S, "the probes are ready")
    until(lambda: started.status("/readyz") == 200, LIMIT_S, "it is ready")
    secret = ("secret", f"voice-client-{CLIENT}", "-n", pods.NAMESPACE)
    account, old = login(world.lab)
    if how == "deleted":
        cluster.kubectl(world.lab, "delete", *secret)
    else:
        body = json.dumps({"stringData": {"password": "a-new-password-of-somebody"}})
        cluster.kubectl(world.lab, "patch", *secret, "-p", body)
    until(
        lambda: may_log_in(world.lab, *login(world.lab)) and login(world.lab)[1] != old, LIMIT_S, "it is the account's"
    )
    assert not may_log_in(world.lab, account, old)
    with httpx.Client(base_url=world.lab.grafana_url, auth=grafana.administrator(world.lab), timeout=30) as server:
        org = server.get(f"/api/orgs/name/{CLIENT}").json()["id"]

        def answers() -> bool:
            path = "/api/datasources/uid/voice-client/health"
            return server.get(path, headers={"X-Grafana-Org-Id": str(org)}).status_code == 200

        until(answers, LIMIT_S, "the datasource logs in")


def login(lab: Lab) -> tuple[str, str]:
    """Name and password of the client's read account, as its Secret holds them; empty: there is none now."""
    name = f"voice-client-{CLIENT}"
    text = cluster.kubectl(lab, "get", "secret", name, "-n", pods.NAMESPACE, "-o", "json", "--ignore-not-found")
    data = json.loads(text)["data"] if text.strip() else {"username": "", "password": ""}
    username, password = (base64.b64decode(data[key]).decode() for key in ("username", "password"))
    return username, password


def may_log_in(lab: Lab, account: str, password: str) -> bool:
    try:
        pymysql.connect(
            host="127.0.0.1",
            port=lab.ports["mysql"],
            user=account,
            password=password,
            ssl_ca=str(database.authority(lab)),
            connect_timeout=5,
        ).close()
    except pymysql.MySQLError:
        return False
    return True


def test_it_ends_in_order_while_the_database_and_grafana_keep_silent(world: World, start: Callable[..., Started]):
    started = start()
    until(lambda: started.status("/readyz") == 200, LIMIT_S, "it is ready")
    world.proxy.mood = "slow"
    server = processes.members(world.lab.folder, database.NAME)
    for pid in server:
        os.kill(pid, signal.SIGSTOP)
    try:
        asked = len(world.proxy.requests)
        until(lambda: len(world.proxy.requests) > asked, LIMIT_S, "it waits for Grafana")
        started.process.send_signal(signal.SIGTERM)
        assert started.process.wait(28) == 0, "within the 30 s that a pod has"
    finally:
        for pid in server:
            os.kill(pid, signal.SIGCONT)
    assert holder(world.lab) == "", "the next one need not wait"
