"""The portal: its Deployment's containers, nginx and gunicorn, and a demo login."""

from __future__ import annotations

import httpx

from voice_lab import pods
from voice_lab.context import Lab
from voice_lab.services import chart, doors, schema

REQUIRES = ("chart",)
PACKAGES = ("nginx",)
NAME = "voice-quality-portal"


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


def add_user(lab: Lab, login: str, *clients: str, staff: bool = False) -> None:
    """Make a local login for `clients`, or for the provider's own staff, with the lab's demo password."""
    chosen = [f"--client={client}" for client in clients] + (["--staff"] if staff else [])
    schema.manage(lab, "portal", "demo_user", login, *chosen, VOICE_DEMO_PASSWORD=lab.passwords["demo"])
