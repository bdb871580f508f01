"""Ways between pods and this machine: what listens on the loopback is reached by pods at `host.lab.internal`, and the
portal's Service by people at the loopback, where a load balancer would be. Nothing in a lab without pods.
"""

from __future__ import annotations

import json

from voice_lab import commands, processes
from voice_lab.context import Lab
from voice_lab.node import plan
from voice_lab.services import cluster

REQUIRES = ("cluster",)
PACKAGES = ("socat",)
INWARDS = ("mysql", "grafana", "identity")
"""Servers of this machine that pods reach, by the names of their ports."""


def install() -> None:
    """Nothing beyond the packages."""


def start(lab: Lab) -> None:
    """Open the ways from pods to this machine's servers."""
    if lab.pods:
        for name in INWARDS:
            _open(lab, name, f"[{plan.host_address(lab.index)}]:{lab.ports[name]}", f"127.0.0.1:{lab.ports[name]}")


def healthy(lab: Lab) -> bool:
    """Tell whether they are open."""
    if not lab.pods:
        return True
    for name in INWARDS:
        processes.check(lab.folder, _process(name))
    listening = commands.run(["ss", "-Hltn"])  # a connection would be one to the server behind it
    return all(f"[{plan.host_address(lab.index)}]:{lab.ports[name]} " in listening for name in INWARDS)


def stop(lab: Lab) -> None:
    """Close all of them."""
    for name in (*INWARDS, "portal"):
        processes.stop(lab.folder, _process(name))


def open_to(lab: Lab, namespace: str, service: str) -> None:
    """Open the way from this machine's portal port to a Service of the cluster."""
    found = json.loads(cluster.kubectl(lab, "get", "service", service, "-n", namespace, "-o", "json"))["spec"]
    address, port = found["clusterIP"], found["ports"][0]["port"]
    _open(lab, "portal", f"127.0.0.1:{lab.ports['portal']}", f"[{address}]:{port}")


def _open(lab: Lab, name: str, near: str, far: str) -> None:
    host, _, port = near.rpartition(":")
    listening = f"TCP{_family(near)}-LISTEN:{port},bind={host},fork,reuseaddr,backlog=128"
    processes.start(lab.folder, _process(name), ["socat", listening, f"TCP{_family(far)}:{far}"])


def _family(address: str) -> int:
    return 6 if address.startswith("[") else 4


def _process(name: str) -> str:
    return f"door-{name}"
