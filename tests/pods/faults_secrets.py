"""Exchanging what pods have mounted, and what is on the other side of it: passwords, keys, certificates."""

from __future__ import annotations

import json
import secrets
import shutil
from contextlib import closing
from pathlib import Path

import httpx
import pymysql
from pymysql.cursors import Cursor

from tests.pods.faults_world import NAME, SECONDS, World
from tests.ports import free_port
from voice_lab import pki, processes, waiting
from voice_lab.context import Lab
from voice_lab.node import plan
from voice_lab.services import database, grafana

DATABASE_HOSTS = ("127.0.0.1", "localhost", plan.HOST_NAME)
NUDGE = "voicequality.io/look"


def put(world: World, kind: str, name: str, **content: str | None) -> None:
    """Change these keys of a Secret or ConfigMap; None: remove one."""
    within = "stringData" if kind == "secret" else "data"
    gone = {key: None for key, text in content.items() if text is None}
    body = {within: {key: text for key, text in content.items() if text is not None}}
    if gone:
        body["data"] = {**body.get("data", {}), **gone}  # type: ignore[dict-item]
    world.kubectl("patch", kind, name, "--patch-file=/dev/stdin", stdin=json.dumps(body))


def until_mounted(world: World, deployment: str, volume: str, file: str, text: str | None) -> None:
    """Wait until each pod of the Deployment has this file with this content; None: has it no more.

    A kubelet looks once in a minute or so; a pod that is changed it looks at at once.
    """
    world.kubectl("annotate", "pods", "-l", f"{NAME}={deployment}", "--overwrite", f"{NUDGE}={secrets.token_hex(4)}")
    kind = "configmap" if volume.endswith("-ca") else "secret"

    def is_there() -> bool:
        paths = [world.mounted(pod, volume, kind) / file for pod in world.pods(deployment)]
        return all((path.read_text() if path.exists() else None) == text for path in paths)

    waiting.until(is_there, what=f"the kubelet has exchanged {file}", seconds=2 * SECONDS)


def set_password(lab: Lab, account: str, password: str) -> None:
    """Change the password of a MySQL account, and end its connections, which would go on without it."""
    with closing(database.connect(lab, "admin")) as connection, connection.cursor() as cursor:
        cursor.execute(f"ALTER USER {account}@'%%' IDENTIFIED BY %s", (password,))
    end_connections(lab, account)


def end_connections(lab: Lab, account: str) -> None:
    """End all connections of a MySQL account: whoever goes on has to log in."""
    with closing(database.connect(lab, "admin")) as connection, connection.cursor() as cursor:
        _end(cursor, account)


def _end(cursor: Cursor, account: str) -> None:
    cursor.execute("SELECT id FROM information_schema.processlist WHERE user = %s", (account,))
    for (number,) in cursor.fetchall():
        try:
            cursor.execute(f"KILL {int(number)}")
        except pymysql.OperationalError:
            continue  # it has ended by itself


def set_grafana_password(lab: Lab, password: str) -> None:
    """Change the password of Grafana's administrator. The stand-in has it from its environment alone."""
    if grafana.is_real():
        answer = httpx.put(
            f"{lab.grafana_url}/api/admin/users/1/password",
            json={"password": password},
            auth=grafana.administrator(lab),
            timeout=30,
        )
        answer.raise_for_status()
        lab.passwords["grafana-admin"] = password
        return
    grafana.stop(lab)
    lab.passwords["grafana-admin"] = password
    grafana.start(lab)
    waiting.until(lambda: grafana.healthy(lab), what="Grafana answers again", seconds=SECONDS)


class Authority:
    """A certificate authority of a test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        pki.create_authority(folder)

    @property
    def pem(self) -> str:
        """Its certificate."""
        return (self.folder / "ca.pem").read_text()

    def issue(self, name: str, *hosts: str) -> tuple[Path, Path]:
        """Certificate and key of a server with these names and addresses."""
        pki.issue(self.folder, name, hosts=hosts)
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"


def exchange_certificate(lab: Lab, authority: Authority) -> None:
    """Have the database show a certificate of this authority from now on, and have the lab itself trust that too."""
    keys = lab.folder / "pki"
    for path in authority.issue("database", *DATABASE_HOSTS):
        shutil.copyfile(path, keys / path.name)
    with closing(database.connect(lab, "admin")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT VERSION()")
        (version,) = cursor.fetchone() or ("",)
        cursor.execute("FLUSH SSL" if "MariaDB" in version else "ALTER INSTANCE RELOAD TLS")
    trusted = database.authority(lab)
    trusted.write_text(trusted.read_text() + authority.pem)


class GrafanaDoor:
    """The way from pods to the lab's Grafana, by TLS."""

    def __init__(self, lab: Lab, authority: Authority) -> None:
        self.lab, self._port = lab, free_port()
        self.open(authority)

    @property
    def url(self) -> str:
        """Grafana's address as pods know it."""
        return f"https://{plan.HOST_NAME}:{self._port}/grafana"

    def open(self, authority: Authority) -> None:
        """Open it, or open it anew, with a certificate of this authority."""
        self.authority = authority
        certificate, key = authority.issue("grafana", plan.HOST_NAME)
        near = f"{self._port},pf=ip6,bind=[{plan.host_address(self.lab.index)}],fork,reuseaddr,backlog=128"
        tls = f"cert={certificate},key={key},verify=0"
        far = f"TCP4:127.0.0.1:{self.lab.ports['grafana']}"
        processes.start(self.lab.folder, "door-grafana-tls", ["socat", f"OPENSSL-LISTEN:{near},{tls}", far])
