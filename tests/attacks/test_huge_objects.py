"""Whoever writes in a client's namespace makes its objects as large as the API server takes them, and many of them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.chart import containers, rendered
from tests.operator_replica import Replica, namespace, ready, roll_out, until
from voice_lab import processes
from voice_lab.context import Lab
from voice_lab.services import cluster, operator

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]
CLIENT, OTHER = "huge", "huge-neighbour"
MIB = 2**20
OBJECTS, AT_ONCE = 240, 60
# Of annotations an object may have 256 KiB in all.
ANNOTATIONS = {f"note-{number}": "x" * 50_000 for number in range(5)}


def probe(number: int) -> dict[str, object]:
    """One that has no place in the plan, as nobody knows its time zone: the operator says so, and that is all."""
    return {
        "apiVersion": "voicequality.io/v1alpha1",
        "kind": "VoiceProbe",
        "metadata": {"name": f"huge-{number}", "namespace": CLIENT, "annotations": ANNOTATIONS},
        "spec": {
            "destination": "sip:+442071838750@sbc.acme.example",
            "dialer": {"address": "sip:probe-1@voice.example.net"},
            "receiver": {"address": "sip:huge@voice.example.net"},
            "call": {"timeZone": "Nowhere/At-All"},
        },
    }


def most_memory(pid: int) -> int:
    """The most memory that a process ever had, in bytes."""
    (kilobytes,) = re.findall(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(kilobytes) * 1024


def test_huge_objects_of_one_client_keep_the_operator_from_no_other(own_cluster: Lab) -> None:
    lab = own_cluster
    for client in (CLIENT, OTHER):
        namespace(lab, client)
    for first in range(0, OBJECTS, AT_ONCE):
        items = [probe(number) for number in range(first, first + AT_ONCE)]
        cluster.kubectl(
            lab, "create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        )
    replica = Replica(lab, "huge")
    try:
        until(lambda: "voice_operator_leader 1.0" in replica.get("/metrics").text, 60, "it leads")
        roll_out(lab, OTHER, 1)
        until(lambda: ready(lab, OTHER) == 1, 90, "the neighbour's probe is ready")
        until(lambda: is_told(lab, f"huge-{OBJECTS - 1}"), 90, "the last of them is told what is wrong")
        (pid,) = processes.members(lab.folder, f"{operator.NAME}.operator-{replica.name}")
        peak = most_memory(pid)
        cluster.kubectl(lab, "delete", "vp", "--all", "-n", OTHER)
    finally:
        # All by one request: kubectl reads all, and asks for each.
        cluster.kubectl(lab, "delete", "--raw", f"/apis/voicequality.io/v1alpha1/namespaces/{CLIENT}/voiceprobes")
        replica.terminate()
    assert peak < allowed_memory(), f"{peak / MIB:.0f} MiB, and the kernel kills it"


def allowed_memory() -> int:
    """The memory that the chart lets the operator have, in bytes."""
    container = containers(rendered()["Deployment", "voice-quality-operator"]["spec"]["template"])["operator"]
    return int(container["resources"]["limits"]["memory"].removesuffix("Mi")) * MIB


def is_told(lab: Lab, name: str) -> bool:
    """Whether an object's status says what is wrong with it."""
    return "Nowhere/At-All" in cluster.kubectl(lab, "get", "vp", name, "-n", CLIENT, "-o", "jsonpath={.status}")
