"""The operator is killed, and what it needs goes away: conditions tell, and all ends well without anybody's help.

By default a small run; `VOICE_TEST_CHAOS=full` kills the operator 50 times while 100 probes are rolled out.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.flaky_proxy import FlakyProxy, flaky
from tests.labs import own_lab
from tests.operator_replica import holder
from voice_lab import pods, processes
from voice_lab.context import Lab
from voice_lab.services import cluster, database, grafana, operator
from voice_lab.waiting import until

pytestmark = [pytest.mark.services, pytest.mark.long, pytest.mark.timeout(900)]

FULL = os.environ.get("VOICE_TEST_CHAOS") == "full"
PROBES, KILLS = (100, 50) if FULL else (25, 5)
CLIENT = "faults"
LIMIT_S = 120
Body = dict[str, Any]


class Operator:
    """The operator's process, with its service account's rights."""

    def __init__(self, lab: Lab, proxy: FlakyProxy, log: Path) -> None:
        kubeconfig = cluster.service_account_kubeconfig(lab, pods.NAMESPACE, operator.NAME)
        user, password = grafana.administrator(lab)
        self.log = log
        self.settings = {
            **database.environment(lab, "operator"),
            "PATH": os.environ["PATH"],
            "KUBECONFIG": str(kubeconfig),
            "HOME": str(lab.folder),
            "VOICE_GRAFANA_URL": f"{proxy.url}/grafana",
            "VOICE_GRAFANA_USER": user,
            "VOICE_GRAFANA_PASSWORD": password,
            "VOICE_PORTAL_URL": lab.portal_url,
            "VOICE_OPERATOR_NAMESPACE": pods.NAMESPACE,
            "VOICE_STATUS_SECONDS": "3",
            "VOICE_LIVENESS_PORT": str(lab.ports["operator-liveness"]),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "voiceprobe_operator"]
        record = processes.start(self.log.parent, "operator", command, env=self.settings, log=self.log)
        self.process = processes.child(record)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None


class System:
    """The operator's surroundings, of this module alone."""

    def __init__(self, lab: Lab, proxy: FlakyProxy, running: Operator) -> None:
        self.lab, self.proxy, self.operator = lab, proxy, running
        self.grafana = httpx.Client(base_url=lab.grafana_url, auth=grafana.administrator(lab), timeout=30)

    def apply(self, *probes: tuple[str, Body]) -> None:
        items = [
            {
                "apiVersion": "voicequality.io/v1alpha1",
                "kind": "VoiceProbe",
                "metadata": {"name": name, "namespace": CLIENT},
                "spec": {
                    "destination": "sip:+442071838750@sbc.acme.example",
                    "dialer": {"address": "sip:probe-1@voice.example.net"},
                    "receiver": {"address": "sip:agent-7@voice.example.net"},
                    **spec,
                },
            }
            for name, spec in probes
        ]
        self.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return cluster.kubectl(self.lab, "--namespace", CLIENT, *arguments, stdin=stdin)

    def probes(self) -> list[Body]:
        found: list[Body] = json.loads(self.kubectl("get", "voiceprobes", "-o", "json"))["items"]
        return found

    def condition(self, name: str, kind: str) -> Body:
        body = json.loads(self.kubectl("get", "voiceprobe", name, "-o", "json"))
        mine = [c for c in body.get("status", {}).get("conditions", ()) if c["type"] == kind]
        is_new = mine and mine[0].get("observedGeneration") == body["metadata"]["generation"]
        return mine[0] if is_new else {"status": "not yet"}

    def call(self, path: str, **params: str | int) -> Any:
        headers = {"X-Grafana-Org-Id": str(self.organisations()[CLIENT])}
        return self.grafana.get(path, params=params, headers=headers).raise_for_status().json()

    def organisations(self) -> dict[str, int]:
        found = self.grafana.get("/api/orgs", params={"perpage": 1000}).raise_for_status().json()
        assert len({org["name"] for org in found}) == len(found)
        return {org["name"]: org["id"] for org in found}

    def title(self, name: str) -> str:
        uid = next(p["metadata"]["uid"] for p in self.probes() if p["metadata"]["name"] == name)
        found = self.call(f"/api/dashboards/uid/vp-{uid.replace('-', '')}")
        return str(found["dashboard"]["title"])

    def plan(self) -> dict[str, int]:
        with closing(database.connect(self.lab, "admin")) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT probe, generation FROM voice_probe WHERE client = %s", (CLIENT,))
            return dict(cursor.fetchall())


def is_ready(body: Body) -> bool:
    found = [c for c in body.get("status", {}).get("conditions", ()) if c["type"] == "Ready"]
    generation = body["metadata"]["generation"]
    return any(c["status"] == "True" and c["observedGeneration"] == generation for c in found)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with own_lab("faults", ("chart", "schema", "grafana")) as lab:
        origin = lab.grafana_url.removesuffix("/grafana")
        with flaky(origin) as proxy:
            running = Operator(lab, proxy, tmp_path_factory.mktemp("operator") / "log")
            system = System(lab, proxy, running)
            cluster.kubectl(lab, "create", "namespace", CLIENT)
            yield system
            running.kill()
            system.grafana.close()
            sys.stdout.write(running.log.read_text()[-20_000:])


@pytest.fixture
def probe(system: System) -> Iterator[str]:
    """A probe that is ready, under an operator that runs."""
    if system.operator.process is None:
        system.operator.start()
    name = f"p{time.monotonic_ns()}"
    system.apply((name, {"displayName": "Before"}))
    until(lambda: system.condition(name, "Ready")["status"] == "True", what="ready", seconds=LIMIT_S)
    yield name
    system.proxy.mood = "fine"
    system.kubectl("delete", "voiceprobe", name)


def recovers(system: System, probe: str, title: str) -> None:
    """The change that was made meanwhile arrives, within the time of a pulse and not of a resync."""
    until(lambda: system.condition(probe, "Ready")["status"] == "True", what="ready again", seconds=60)
    assert system.title(probe) == f"{title} ({probe})"
    assert system.operator.process is not None
    assert system.operator.process.poll() is None, "nobody had to start it again"


@pytest.mark.parametrize("mood", ["down", "500", "429", "garbage"])
def test_a_grafana_in_trouble_is_a_condition_until_it_is_well(system: System, probe: str, mood: str):
    system.proxy.mood = mood
    system.apply((probe, {"displayName": mood}))
    until(lambda: system.condition(probe, "DashboardsReady")["status"] == "False", what="told", seconds=LIMIT_S)
    assert system.condition(probe, "DashboardsReady")["reason"] == "GrafanaUnavailable"
    assert system.condition(probe, "PlanPublished")["status"] == "True"
    system.proxy.mood = "fine"
    recovers(system, probe, mood)


def test_a_slow_grafana_is_waited_for(system: System, probe: str):
    system.proxy.mood = "slow"
    system.apply((probe, {"displayName": "slow"}))
    recovers(system, probe, "slow")


@pytest.mark.parametrize("wiped", [False, True], ids=["as it was", "empty"])
def test_a_grafana_that_is_restarted_holds_what_is_declared(system: System, probe: str, *, wiped: bool):
    before = system.organisations()
    grafana.stop(system.lab)
    if wiped:
        grafana.forget(system.lab)
    grafana.start(system.lab)
    until(lambda: grafana.healthy(system.lab), what="Grafana runs again", seconds=60)
    if not wiped:
        assert system.organisations() == before
        assert system.title(probe) == f"Before ({probe})"

    def is_filled() -> bool:
        found = system.organisations().get(CLIENT)
        return found is not None and any(hit["title"] == f"Before ({probe})" for hit in system.call("/api/search"))

    until(is_filled, what="the dashboard is there", seconds=60)


def test_a_database_that_is_away_is_a_condition_until_it_is_back(system: System, probe: str):
    database.stop(system.lab)
    try:
        system.apply((probe, {"displayName": "no database"}))
        until(lambda: system.condition(probe, "PlanPublished")["status"] == "False", what="told", seconds=LIMIT_S)
        assert system.condition(probe, "PlanPublished")["reason"] == "DatabaseUnavailable"
    finally:
        database.start(system.lab)
        until(lambda: database.healthy(system.lab), what="the database runs again", seconds=60)
    recovers(system, probe, "no database")
    assert system.plan()[probe] == 2


def test_an_api_server_that_is_restarted_is_found_again(system: System, probe: str):
    cluster.stop_api_server(system.lab)
    time.sleep(5)  # long enough for the streams to break and a few attempts to fail
    cluster.start_api_server(system.lab)
    until(lambda: cluster.healthy(system.lab), what="the API server runs again", seconds=60)
    system.apply((probe, {"displayName": "restarted"}))
    recovers(system, probe, "restarted")


def test_killed_at_any_moment_of_a_roll_out_all_arrives_and_nothing_twice(system: System):
    seed = int(os.environ.get("VOICE_TEST_SEED", random.randrange(10**6)))
    dice = random.Random(seed)
    names = [f"roll-{number:03}" for number in range(PROBES)]
    with rolled_out(system, names, dice) as declare:
        for number in range(KILLS):
            declare(number)
            system.operator.kill()
            # It is dead for certain: the next one need not wait for that, and is killed at its work, not while waiting.
            cluster.kubectl(system.lab, "delete", "lease", operator.NAME, "-n", pods.NAMESPACE, "--ignore-not-found")
            system.operator.start()
            until(lambda: holder(system.lab), what="it leads", seconds=LIMIT_S)
            time.sleep(dice.uniform(0, 3))
        declare(KILLS)
        until(lambda: all(map(is_ready, system.probes())), what="all are ready", seconds=300)
        report = check(system, names)
    sys.stdout.write(json.dumps({"seed": seed, "kills": KILLS, **report}) + "\n")


@contextmanager
def rolled_out(system: System, names: list[str], dice: random.Random) -> Iterator[Callable[[int], None]]:
    """What declares, at each step, some more of the probes, and changes one that is there."""
    order = list(names)
    dice.shuffle(order)
    share = -(-len(order) // (KILLS + 1))

    def declare(step: int) -> None:
        fresh = order[step * share : (step + 1) * share]
        older = order[: step * share]
        changed = dice.sample(older, 1) if older else []
        system.apply(*((name, {"displayName": f"Step {step}"}) for name in [*fresh, *changed]))

    try:
        yield declare
    finally:
        system.kubectl("delete", "voiceprobe", *names, "--ignore-not-found")


def check(system: System, names: list[str]) -> Body:
    """Everything is there once, as declared; what was counted."""
    probes = {p["metadata"]["name"]: p for p in system.probes()}
    mine = {name: probes[name]["metadata"]["generation"] for name in names}
    assert system.plan() == mine
    boards = [hit["uid"] for hit in system.call("/api/search", type="dash-db", limit=5000)]
    uids = [f"vp-{probes[name]['metadata']['uid'].replace('-', '')}" for name in names]
    assert sorted(boards) == sorted(["voice-overview", *uids])
    titles = Counter(hit["title"] for hit in system.call("/api/search", type="dash-db", limit=5000))
    assert titles == Counter(["All probes", *(f"{probes[n]['spec']['displayName']} ({n})" for n in names)])
    assert [source["uid"] for source in system.call("/api/datasources")] == ["voice-client"]
    assert [folder["uid"] for folder in system.call("/api/folders")] == ["voice"]
    users = system.grafana.get("/api/users", params={"perpage": 1000}).raise_for_status().json()
    # The staff's comes when nobody else is to be served; this may have been killed before.
    assert sorted({user["login"] for user in users} - {"fleet-viewer"}) == ["admin", f"client-{CLIENT}"]
    told = published(system, names)
    assert not told or set(told.values()) == {1}, "no generation of a probe was published twice"
    return {"probes": len(names), "events": len(told), "generations": sum(mine.values())}


def published(system: System, names: list[str]) -> Counter[tuple[str, str]]:
    events = json.loads(system.kubectl("get", "events", "-o", "json"))["items"]
    mine = [e for e in events if e["reason"] == "Published" and e["involvedObject"]["name"] in names]
    return Counter((e["involvedObject"]["name"], e["message"].split(";")[0]) for e in mine)
