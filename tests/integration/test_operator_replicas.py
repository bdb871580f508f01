"""Two operators on one API server: who works, who waits, and how one follows the other."""

from __future__ import annotations

import json
import time
from contextlib import closing
from typing import Any

import httpx
import pytest

from tests.operator_replica import Replica, holder, namespace, ready, roll_out, until
from voice_lab import pods, processes
from voice_lab.context import Lab
from voice_lab.services import cluster, database, grafana, operator

pytestmark = [pytest.mark.services, pytest.mark.long, pytest.mark.timeout(300)]
NAMESPACE = "handover"
PROBES = 150
HAND_OVER_SECONDS = 15
Body = dict[str, Any]


@pytest.fixture
def lab(own_cluster: Lab) -> Lab:
    namespace(own_cluster, NAMESPACE)
    return own_cluster


def asked_by_token(lab: Lab, since: int) -> dict[str, list[Body]]:
    """What each replica asked of the API server, its Lease aside, after the first `since` requests, oldest first."""
    found: dict[str, list[Body]] = {}
    for event in cluster.audited(lab, f"{pods.NAMESPACE}:{operator.NAME}")[since:]:
        if event.get("objectRef", {}).get("resource") not in {"leases", None}:
            token = event["user"]["extra"]["authentication.kubernetes.io/credential-id"][0]
            found.setdefault(token, []).append(event)
    return found


def test_the_other_takes_over_in_the_middle_of_a_roll_out_and_only_the_leader_works(lab: Lab) -> None:
    since = len(cluster.audited(lab, f"{pods.NAMESPACE}:{operator.NAME}"))
    first = Replica(lab, "first")
    until(first.leads, 30, "the first one leads")
    second = Replica(lab, "second")
    roll_out(lab, NAMESPACE, PROBES)
    until(lambda: ready(lab, NAMESPACE) >= PROBES // 5, 60, "a fifth is ready")
    assert first.leads()
    assert len(asked_by_token(lab, since)) == 1, "the one that stands by asks for nothing but the Lease"
    assert "voice_operator_leader 1.0" in first.get("/metrics").text
    assert "voice_operator_leader 0.0" in second.get("/metrics").text
    first.kill()
    killed = time.monotonic()
    assert ready(lab, NAMESPACE) < PROBES
    until(second.leads, HAND_OVER_SECONDS, "the second one leads")
    took = time.monotonic() - killed
    assert took < HAND_OVER_SECONDS
    # As a person would wait.
    everything = ("vp", "--all", "-n", NAMESPACE, "--for=condition=Ready", "--timeout=120s")
    until(lambda: ready(lab, NAMESPACE) == PROBES, 120, "all are ready")
    cluster.kubectl(lab, "wait", *everything)
    of_first, of_second = asked_by_token(lab, since).values()
    assert max(e["stageTimestamp"] for e in of_first) < min(e["stageTimestamp"] for e in of_second)
    assert_nothing_twice(lab)

    third = Replica(lab, "third")
    stopping = time.monotonic()
    second.terminate()
    until(third.leads, 5, "handed over at once after SIGTERM")
    print(f"killed: handed over in {took:.1f} s; terminated: {time.monotonic() - stopping:.1f} s")  # noqa: T201
    assert '"severity": "error"' not in second.log.read_text()
    until(lambda: len(asked_by_token(lab, since)) == 3, 30, "the third one works")
    third.terminate()
    assert holder(lab) == ""


def assert_nothing_twice(lab: Lab) -> None:
    text = cluster.kubectl(lab, "get", "events", "-n", NAMESPACE, "-o", "json")
    published = [e["involvedObject"]["name"] for e in json.loads(text)["items"] if e["reason"] == "Published"]
    assert len(published) == len(set(published))
    with closing(database.connect(lab, "admin")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM voice.voice_probe WHERE client = %s", (NAMESPACE,))
        assert cursor.fetchall() == ((PROBES,),)
    with httpx.Client(base_url=lab.grafana_url, auth=grafana.administrator(lab), timeout=30) as server:
        org = server.get(f"/api/orgs/name/{NAMESPACE}").json()["id"]
        headers = {"X-Grafana-Org-Id": str(org)}
        found = server.get("/api/search", params={"type": "dash-db"}, headers=headers).json()
        assert sum(hit["uid"].startswith("vp-") for hit in found) == PROBES
        assert len({hit["title"] for hit in found}) == len(found)


def test_one_that_stands_by_ends_at_once(lab: Lab) -> None:
    leader, waiting_one = Replica(lab, "leader"), None
    until(leader.leads, 30, "the first one leads")
    waiting_one = Replica(lab, "waiting")
    began = time.monotonic()
    waiting_one.terminate()
    assert time.monotonic() - began < processes.STOP_SECONDS - 2, "it was not killed"
    assert leader.leads()
    leader.terminate()
