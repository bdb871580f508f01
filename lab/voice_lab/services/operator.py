"""The operator: its Deployment's container, with its service account's rights and no others."""

from __future__ import annotations

import httpx

from voice_lab import pods
from voice_lab.context import Lab
from voice_lab.services import cluster

REQUIRES = ("chart",)
PACKAGES: tuple[str, ...] = ()
NAME = "voice-quality-operator"


def install() -> None:
    """Nothing beyond the packages."""


def start(lab: Lab) -> None:
    """Start it with a token of its service account; its pod is up with the chart."""
    if lab.pods:
        return
    kubeconfig = cluster.service_account_kubeconfig(lab, pods.NAMESPACE, NAME)
    pods.start(lab, NAME, env={"KUBECONFIG": str(kubeconfig), "HOME": str(lab.folder)})


def healthy(lab: Lab) -> bool:
    """Tell whether its liveness endpoint answers, or its pods are ready."""
    if lab.pods:
        return pods.are_ready(lab, NAME)
    pods.check(lab, NAME)
    try:
        answer = httpx.get(f"http://127.0.0.1:{lab.ports['operator-liveness']}/healthz", timeout=5)
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.OK


def stop(lab: Lab) -> None:
    """End it."""
    pods.stop(lab, NAME)
