"""Allotted numbers over what happens to operators and clusters: a restart, a CRD that comes later."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from tests.operator_replica import Replica, namespace, ready, roll_out, until
from voice_lab import places
from voice_lab.context import Lab
from voice_lab.services import cluster, database

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]
CRD = places.CHECKOUT / "crds" / "numberallotments.yaml"


def allot(lab: Lab, name: str, client: str, *numbers: str) -> None:
    spec = {"client": client, "numbers": list(numbers)}
    body = {
        "apiVersion": "voicequality.io/v1alpha1",
        "kind": "NumberAllotment",
        "metadata": {"name": name},
        "spec": spec,
    }
    cluster.apply(lab, json.dumps(body))


def allotted(lab: Lab, *clients: str) -> dict[str, list[str]]:
    """The numbers that count, by client: that of the first of its probes that is published."""
    with closing(database.connect(lab, "admin")) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT client, allotted_numbers FROM voice.voice_probe WHERE client IN %s ORDER BY client, probe DESC",
            (clients,),
        )
        return {client: json.loads(numbers) for client, numbers in cursor.fetchall()}


def test_what_was_allotted_while_no_operator_ran_counts_when_one_begins(own_cluster: Lab) -> None:
    lab, clients = own_cluster, ("numbers-a", "numbers-b")
    for client in clients:
        namespace(lab, client)
        roll_out(lab, client, 2)
    allot(lab, "moving", "numbers-a", "numbers-a", "+442071838750")
    one = Replica(lab, "numbers-1")
    until(lambda: allotted(lab, *clients) == {"numbers-a": ["numbers-a", "+442071838750"], "numbers-b": []}, 90, "one")
    one.kill()
    allot(lab, "moving", "numbers-b", "numbers-b", "numbers-a", "+442071838750")
    Replica(lab, "numbers-2")
    until(lambda: allotted(lab, *clients) == {"numbers-b": ["numbers-b", "+442071838750"]}, 90, "the other")
    until(lambda: ready(lab, "numbers-a") == 0, 30, "who lost the numbers is told")
    cluster.kubectl(lab, "delete", "na", "moving")
    until(lambda: allotted(lab, *clients) == {"numbers-a": [], "numbers-b": []}, 30, "none")
    until(lambda: ready(lab, "numbers-a") == 2, 30, "all are ready")
    for client in clients:
        cluster.kubectl(lab, "delete", "vp", "--all", "-n", client)


def test_a_cluster_that_gets_the_crd_later_is_served_before_and_after(own_cluster: Lab) -> None:
    """helm adds no CRD to a release that is there: an upgrade begins without it."""
    lab, client = own_cluster, "numbers-late"
    cluster.kubectl(lab, "delete", "-f", str(CRD))
    namespace(lab, client)
    roll_out(lab, client, 1)
    one = Replica(lab, "numbers-3")
    try:
        until(lambda: ready(lab, client) == 1, 90, "it is ready")
        assert allotted(lab, client) == {client: []}
        # The API server may answer for the kind for a moment after its CRD is gone.
        until(lambda: "knows no NumberAllotment" in Path(one.log).read_text(), 30, "it is said")
        assert '"severity": "error"' not in Path(one.log).read_text()
    finally:
        cluster.kubectl(lab, "apply", "-f", str(CRD))
    cluster.kubectl(lab, "wait", "--for=condition=Established", "crd/numberallotments.voicequality.io", "--timeout=30s")
    allot(lab, "late", client, client)
    until(lambda: allotted(lab, client) == {client: [client]}, 60, "it counts")
    cluster.kubectl(lab, "delete", "na", "late")
    cluster.kubectl(lab, "delete", "vp", "--all", "-n", client)
