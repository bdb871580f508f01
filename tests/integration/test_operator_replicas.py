"""Two operators on one API server: who works, who waits, and how one follows the other."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, TypeVar

import httpx
import pytest

from voice_lab import pods, processes, stack, waiting
from voice_lab.context import Lab
from voice_lab.services import cluster, database, grafana, operator

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]
NAMESPACE = "handover"
PROBES = 50
HAND_OVER_SECONDS = 15
READS = {"get", "list", "watch"}
Body = dict[str, Any]
T = TypeVar("T")


class Replica:
    """One operator, with a token of its own, by which the API server's audit log tells it from the others."""

    def __init__(self, lab: Lab, name: str) -> None:
        self._lab, self.name = lab, name
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            self.port = free.getsockname()[1]
        kubeconfig = cluster.service_account_kubeconfig(lab, pods.NAMESPACE, operator.NAME)
        own = kubeconfig.rename(kubeconfig.with_name(f"{name}.kubeconfig"))
        env = {"KUBECONFIG": str(own), "HOME": str(lab.folder), "HOSTNAME": name, "VOICE_LIVENESS_PORT": str(self.port)}
        pods.start(lab, operator.NAME, env=env, replica=f"-{name}")
        self._process = f"{operator.NAME}.operator-{name}"
        waiting.until(self.is_alive, what=f"{name} is alive", seconds=30)

    def is_alive(self) -> bool:
        processes.check(self._lab.folder, self._process)
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/healthz", timeout=5).is_success
        except httpx.HTTPError:
            return False

    def leads(self) -> bool:
        return holder(self._lab).startswith(f"{self.name}_")

    def kill(self) -> None:
        for pid in processes.members(self._lab.folder, self._process):
            os.kill(pid, signal.SIGKILL)

    def terminate(self) -> None:
        processes.stop(self._lab.folder, self._process)

    def log(self) -> str:
        return (self._lab.folder / "logs" / f"{self._process}.log").read_text()


def holder(lab: Lab) -> str:
    path = "jsonpath={.spec.holderIdentity}"
    return cluster.kubectl(lab, "get", "lease", operator.NAME, "-n", pods.NAMESPACE, "-o", path, "--ignore-not-found")


def until(condition: Callable[[], T], seconds: float, what: str) -> T:
    """The first true answer of `condition`."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.2)
    return found


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Servers of this module alone, with no operator."""
    with stack.running(f"{os.environ['VOICE_TEST_LAB']}-replicas") as own:
        stack.up(own, ["chart"])
        metadata = {"name": NAMESPACE}
        cluster.apply(own, json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}))
        try:
            yield own
        finally:
            pods.stop(own, operator.NAME)


def probe(number: int) -> Body:
    return {
        "apiVersion": "voicequality.io/v1alpha1",
        "kind": "VoiceProbe",
        "metadata": {"name": f"line-{number:02d}", "namespace": NAMESPACE},
        "spec": {
            "destination": "sip:+442071838750@sbc.acme.example",
            "dialer": {"address": "sip:probe-1@voice.example.net"},
            "receiver": {"address": "sip:agent-7@voice.example.net"},
        },
    }


def roll_out(lab: Lab) -> None:
    items = [probe(number) for number in range(PROBES)]
    cluster.apply(lab, json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))


def ready(lab: Lab) -> int:
    found = json.loads(cluster.kubectl(lab, "get", "vp", "-n", NAMESPACE, "-o", "json"))["items"]
    conditions = [c for body in found for c in body.get("status", {}).get("conditions", ())]
    return sum(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def asked_by_token(lab: Lab) -> dict[str, list[Body]]:
    """What each replica asked of the API server, its Lease aside, oldest first."""
    found: dict[str, list[Body]] = {}
    for event in cluster.audited(lab, f"{pods.NAMESPACE}:{operator.NAME}"):
        if event.get("objectRef", {}).get("resource") not in {"leases", None}:
            token = event["user"]["extra"]["authentication.kubernetes.io/credential-id"][0]
            found.setdefault(token, []).append(event)
    return found


def test_the_other_takes_over_in_the_middle_of_a_roll_out_and_only_the_leader_works(lab: Lab) -> None:
    first = Replica(lab, "first")
    until(first.leads, 30, "the first one leads")
    second = Replica(lab, "second")
    roll_out(lab)
    until(lambda: ready(lab) >= PROBES // 5, 60, "a fifth is ready")
    assert first.leads()
    assert len(asked_by_token(lab)) == 1, "the one that stands by asks for nothing but the Lease"
    first.kill()
    killed = time.monotonic()
    assert ready(lab) < PROBES
    until(second.leads, HAND_OVER_SECONDS, "the second one leads")
    took = time.monotonic() - killed
    assert took < HAND_OVER_SECONDS
    # As a person would wait.
    everything = ("vp", "--all", "-n", NAMESPACE, "--for=condition=Ready", "--timeout=120s")
    until(lambda: ready(lab) == PROBES, 120, "all are ready")
    cluster.kubectl(lab, "wait", *everything)
    of_first, of_second = asked_by_token(lab).values()
    assert max(e["stageTimestamp"] for e in of_first) < min(e["stageTimestamp"] for e in of_second)
    assert_nothing_twice(lab)

    third = Replica(lab, "third")
    stopping = time.monotonic()
    second.terminate()
    until(third.leads, 5, "handed over at once after SIGTERM")
    print(f"killed: handed over in {took:.1f} s; terminated: {time.monotonic() - stopping:.1f} s")  # noqa: T201
    assert '"severity": "error"' not in second.log()
    until(lambda: len(asked_by_token(lab)) == 3, 30, "the third one works")
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
