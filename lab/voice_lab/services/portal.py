"""The portal: its Deployment's containers, nginx and gunicorn, and people who are signed in there."""

from __future__ import annotations

import base64
import json

import httpx

from voice_lab import insider, pods
from voice_lab.context import Lab
from voice_lab.services import chart, cluster, doors, schema

REQUIRES = ("chart",)
PACKAGES = ("nginx",)
NAME = "voice-quality-portal"
COOKIE = "voice_portal_session"


def install() -> None:
    """Nothing beyond the packages."""


def start(lab: Lab) -> None:
    """Migrate as the chart's hook does, then start nginx and gunicorn; pods are up with the chart, and get a way in."""
    if lab.pods:
        doors.open_to(lab, pods.NAMESPACE, NAME)
        return
    chart.migrate(lab)
    pods.start(lab, NAME, env={"HOME": str(lab.folder)})


def healthy(lab: Lab) -> bool:
    """Tell whether the portal answers through nginx and reaches its database."""
    if lab.pods and not pods.are_ready(lab, NAME):
        return False
    pods.check(lab, NAME)
    try:
        answer = httpx.get(f"{lab.portal_url}/healthz/database", timeout=5)
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.OK


def stop(lab: Lab) -> None:
    """End nginx and gunicorn."""
    pods.stop(lab, NAME)


def add_user(lab: Lab, login: str, *clients: str, role: str = "engineer", staff: bool = False) -> None:
    """Make somebody who may see `clients` with that role, or is of the provider's own staff, as a sign-in would."""
    groups = [insider.group(client, role) for client in clients]
    _insider(lab, "add", login, *groups, *(["--staff"] if staff else []))


def session(lab: Lab, login: str) -> str:
    """Return the cookie of a new session of somebody whom `add_user` made."""
    return _insider(lab, "session", login)


def _insider(lab: Lab, *words: str) -> str:
    """Run `voice_lab.insider`, as the database's administrator and with the key that the portal has now: tests exchange
    the portal's password and its key.
    """
    found = cluster.kubectl(lab, "get", "secret", "voice-portal", "-n", pods.NAMESPACE, "-o", "json")
    key = base64.b64decode(json.loads(found)["data"]["secret-key"]).decode()
    return schema.run(lab, "admin", "voice_lab.insider", *words, VOICE_PORTAL_SECRET_KEY=key)
