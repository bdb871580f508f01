"""A pod in a client's namespace, which by its labels is one of the release's, and looks what it reaches."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from voice_lab import waiting
from voice_lab.context import Lab
from voice_lab.images import names
from voice_lab.services import chart, cluster

NAME = "neighbour"
Target = tuple[str, int]
LABELS = {
    "app.kubernetes.io/name": "voice-quality-test",
    "app.kubernetes.io/part-of": "voice-quality",
    "app.kubernetes.io/instance": chart.RELEASE,
}
# A connection that is refused has passed as well: a policy lets nothing of it through.
LOOK = """
import json, socket, sys
reached = []
for host, port in json.loads(sys.argv[1]):
    try:
        socket.create_connection((host, port), timeout=4).close()
    except TimeoutError:
        continue
    except ConnectionRefusedError:
        pass
    reached.append((host, port))
print(json.dumps(reached))
"""


def reached(lab: Lab, namespace: str, targets: Iterable[Target]) -> set[Target]:
    """Those of `targets` to which a pod of `namespace`, which is made and deleted, gets through."""
    container: dict[str, Any] = {
        "name": NAME,
        "image": names.tagged(names.PORTAL),
        "imagePullPolicy": "Never",
        "command": ["python", "-c", LOOK, json.dumps(list(targets))],
    }
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": NAME, "namespace": namespace, "labels": LABELS},
        "spec": {"restartPolicy": "Never", "automountServiceAccountToken": False, "containers": [container]},
    }
    cluster.apply(lab, json.dumps(body))
    where = (NAME, "-n", namespace)
    try:
        waiting.until(
            lambda: cluster.kubectl(lab, "get", "pod", *where, "-o", "jsonpath={.status.phase}") == "Succeeded",
            what="the neighbour has looked",
            seconds=90,
        )
        return {(host, port) for host, port in json.loads(cluster.kubectl(lab, "logs", *where))}
    finally:
        cluster.kubectl(lab, "delete", "pod", *where, "--wait=false", "--grace-period=1")
