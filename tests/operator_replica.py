"""Operators that a test starts by itself, on a lab of its own."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx

from tests.ports import free_port
from voice_lab import pods, processes, waiting
from voice_lab.context import Lab
from voice_lab.services import cluster, operator

Body = dict[str, Any]
T = TypeVar("T")


class Replica:
    """One operator, with a token of its own, by which the API server's audit log tells it from the others."""

    def __init__(self, lab: Lab, name: str, **settings: str) -> None:
        self._lab, self.name = lab, name
        self.port = free_port()
        kubeconfig = cluster.service_account_kubeconfig(lab, pods.NAMESPACE, operator.NAME)
        self.kubeconfig = kubeconfig.rename(kubeconfig.with_name(f"{name}.kubeconfig"))
        env = {
            "KUBECONFIG": str(self.kubeconfig),
            "HOME": str(lab.folder),
            "HOSTNAME": name,
            "VOICE_LIVENESS_PORT": str(self.port),
        }
        pods.start(lab, operator.NAME, env=env | settings, replica=f"-{name}")
        self._process = f"{operator.NAME}.operator-{name}"
        waiting.until(self.is_alive, what=f"{name} is alive", seconds=30)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=5)

    def is_alive(self) -> bool:
        processes.check(self._lab.folder, self._process)
        try:
            return self.get("/healthz").is_success
        except httpx.HTTPError:
            return False

    def leads(self) -> bool:
        return holder(self._lab).startswith(f"{self.name}_")

    def kill(self) -> None:
        for pid in processes.members(self._lab.folder, self._process):
            os.kill(pid, signal.SIGKILL)

    def terminate(self) -> None:
        processes.stop(self._lab.folder, self._process)

    @property
    def log(self) -> Path:
        return self._lab.folder / "logs" / f"{self._process}.log"


def holder(lab: Lab) -> str:
    """Who holds the Lease."""
    path = "jsonpath={.spec.holderIdentity}"
    return cluster.kubectl(lab, "get", "lease", operator.NAME, "-n", pods.NAMESPACE, "-o", path, "--ignore-not-found")


def until(condition: Callable[[], T], seconds: float, what: str) -> T:
    """The first true answer of `condition`."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.2)
    return found


def namespace(lab: Lab, name: str) -> None:
    """A client's namespace."""
    cluster.apply(lab, json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))


def roll_out(lab: Lab, client: str, probes: int) -> None:
    """Declare `probes` VoiceProbes at once."""
    items = [_probe(client, number) for number in range(probes)]
    cluster.apply(lab, json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))


def _probe(client: str, number: int) -> Body:
    return {
        "apiVersion": "voicequality.io/v1alpha1",
        "kind": "VoiceProbe",
        "metadata": {"name": f"line-{number:02d}", "namespace": client},
        "spec": {
            "destination": "sip:+442071838750@sbc.acme.example",
            "dialer": {"address": "sip:probe-1@voice.example.net"},
            "receiver": {"address": f"sip:{client}@voice.example.net"},
        },
    }


def ready(lab: Lab, client: str, kind: str = "vp") -> int:
    """How many objects of a client are Ready."""
    found = json.loads(cluster.kubectl(lab, "get", kind, "-n", client, "-o", "json"))["items"]
    conditions = [c for body in found for c in body.get("status", {}).get("conditions", ())]
    return sum(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
