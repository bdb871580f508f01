"""A portal as a checkout's own chart would start it: nginx and gunicorn before a database with its own schema."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from bench.portal import rows
from voice_lab import commands, ports, processes, stack, waiting
from voice_lab.context import Lab
from voice_lab.services import database
from voice_lab.tools import kubectl

DEPLOYMENT, PROXY = "voice-quality-portal", "voice-quality-portal-proxy"
GROUP = "bench-engineers"
ACCESS = json.dumps([{"provider": "corp", "group": GROUP, "role": "engineer"}])
LOGIN = "bench"
SESSION = """
import django; django.setup()
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
browser = Client()
browser.force_login(User.objects.get(username__in=("bench", "insider/bench")))
print(browser.cookies[settings.SESSION_COOKIE_NAME].value, end="")
"""


@dataclass(frozen=True)
class Served:
    """A portal that answers.

    Attributes:
        url: nginx'; `app` is gunicorn's.
        cookie: of somebody who is signed in and may see the client of the rows.
        overview: the address of the client's overview.
    """

    lab: Lab
    url: str
    app: str
    cookie: str
    overview: str

    def browser(self) -> httpx.Client:
        """A browser of that person's."""
        return _browser(self.url, self.cookie)

    def processes(self) -> dict[str, list[int]]:
        """The processes of nginx and of gunicorn."""
        return {name: processes.members(self.lab.folder, name) for name in ("nginx", "gunicorn")}


def _browser(url: str, cookie: str) -> httpx.Client:
    return httpx.Client(base_url=url, cookies={"voice_portal_session": cookie}, timeout=60, trust_env=False)


@contextmanager
def serving(instance: str, folder: Path, calls: int) -> Iterator[Served]:
    """The portal of the checkout in `folder`, with `calls` calls in a database of its own.

    Raises:
        LabError: something of it does not start.
    """
    with stack.running(instance) as lab:
        stack.up(lab, ["database"])
        checkout = _Checkout(lab, folder)
        checkout.migrate()
        with closing(database.connect(lab, "admin", patience_s=600)) as connection, connection.cursor() as cursor:
            rows.make(cursor, calls, ACCESS)
        yield checkout.serve()


class _Checkout:
    def __init__(self, lab: Lab, folder: Path) -> None:
        self._lab, self._folder = lab, folder
        self._port, self._app, self._metrics = ports.draw(3)

    def migrate(self) -> None:
        """Make accounts and tables, as this checkout has them, and somebody who is signed in."""
        passwords = {f"VOICE_{one.upper()}_PASSWORD": self._lab.passwords[f"mysql-{one}"] for one in database.ACCOUNTS}
        self._run("admin", "-m", "django", "service_accounts", **passwords)
        self._run("owner", "-m", "django", "migrate_once")

    def serve(self) -> Served:
        """Start both programs, and wait until they answer."""
        objects = self._chart()
        pod = objects["Deployment", DEPLOYMENT]["spec"]["template"]["spec"]
        containers = {container["name"]: container for container in pod["containers"]}
        gunicorn = [*containers["portal"]["command"], *containers["portal"]["args"]]
        command = [sys.executable, *gunicorn[1:]]
        processes.start(self._lab.folder, "gunicorn", command, env=self._environment("portal"))
        proxy = self._lab.folder / "proxy"
        (proxy / "run").mkdir(parents=True)

        def moved(text: str) -> str:
            return text.replace("/etc/voice-proxy", str(proxy)).replace("/run/voice-proxy", str(proxy / "run"))

        (proxy / "nginx.conf").write_text(moved(objects["ConfigMap", PROXY]["data"]["nginx.conf"]))
        processes.start(self._lab.folder, "nginx", [moved(word) for word in containers["proxy"]["command"]])
        waiting.until(self._answers, what=f"the portal of {self._folder} answers", seconds=60)
        cookie = self._sign_in()
        with _browser(self._url, cookie) as browser:
            overview = browser.get("/", follow_redirects=True).raise_for_status().url.path
        return Served(self._lab, self._url, f"http://127.0.0.1:{self._app}", cookie, overview)

    @property
    def _url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def _answers(self) -> bool:
        for name in ("gunicorn", "nginx"):
            processes.check(self._lab.folder, name)
        try:
            return httpx.get(f"{self._url}/healthz/database", timeout=5).is_success
        except httpx.TransportError:
            return False

    def _sign_in(self) -> str:
        """The cookie of somebody new: as this checkout's lab makes people, or as it was done before there was that."""
        if (self._folder / "lab/voice_lab/insider.py").exists():
            self._run("portal", "-m", "voice_lab.insider", "add", LOGIN, GROUP)
        else:
            self._run(
                "portal", "-m", "django", "demo_user", LOGIN, f"--client={rows.CLIENT}", VOICE_DEMO_PASSWORD=LOGIN * 5
            )
        return self._run("portal", "-c", SESSION)

    def _run(self, account: str, *command: str, **env: str) -> str:
        return commands.run([sys.executable, *command], env={**self._environment(account), **env}, seconds=120)

    def _environment(self, account: str) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{self._folder / 'portal'}:{self._folder / 'lab'}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(self._lab.folder),
            "DJANGO_SETTINGS_MODULE": "voice_portal.config.settings",
            **database.environment(self._lab, account),
            "VOICE_PORTAL_URL": self._url,
            # Nobody listens there: what is measured has no Grafana behind it.
            "VOICE_GRAFANA_URL": "http://127.0.0.1:9/grafana",
            "VOICE_GRAFANA_JWT_KEY_FILE": str(self._lab.folder / "pki" / "portal.key"),
            "VOICE_PORTAL_SECRET_KEY": self._lab.passwords["portal-key"],
            "VOICE_PORTAL_METRICS_PORT": str(self._metrics),
        }

    def _chart(self) -> dict[tuple[str, str], dict[str, Any]]:
        values = {
            "mysql.host": "127.0.0.1", "grafana.url": "http://127.0.0.1:9/grafana", "portal.url": self._url,
            "portal.port": self._port, "portal.address": "127.0.0.1", "portal.appPort": self._app,
            "portal.proxyUser": "root",
        }  # fmt: skip
        settings = [f"--set={name}={value}" for name, value in values.items()]
        chart = self._folder / "charts" / "voice-quality"
        command = [str(kubectl.program("helm")), "template", "release", str(chart), *settings]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return {(found["kind"], found["metadata"]["name"]): found for found in yaml.safe_load_all(text) if found}
