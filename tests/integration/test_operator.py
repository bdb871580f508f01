"""The operator with its service account's rights alone, against a real API server, MySQL and Grafana."""

from __future__ import annotations

import datetime
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, Protocol, TypeVar

import httpx
import pymysql
import pytest

from tests.conftest import Database, Grafana
from voice_lab.context import Lab

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("operator")]
# Of this worker alone: what is left is removed at the end, when another worker may still be at it.
NAMESPACE = f"operator-test-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
PATIENCE = 60
T = TypeVar("T")
Body = dict[str, Any]


class Kubectl(Protocol):
    def kubectl(self, *arguments: str, stdin: str | None = None) -> str: ...


class System:
    """One client, seen from every side that the operator writes to."""

    def __init__(self, cluster: Kubectl, grafana: Grafana, database: Database) -> None:
        self._cluster, self._database = cluster, database
        self._grafana = httpx.Client(base_url=grafana.url, auth=grafana.admin, timeout=30)

    def close(self) -> None:
        self._grafana.close()

    def apply(self, kind: str, name: str, spec: Body) -> None:
        metadata = {"name": name, "namespace": NAMESPACE}
        body = {"apiVersion": "voicequality.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}
        self._cluster.kubectl("apply", "-f", "-", stdin=json.dumps(body))

    def probe(self, name: str, **spec: Any) -> None:
        smallest = {
            "destination": "sip:+442071838750@sbc.acme.example",
            "dialer": {"address": "sip:probe-1@voice.example.net"},
            "receiver": {"address": f"sip:{NAMESPACE}@voice.example.net"},
        }
        self.apply("VoiceProbe", name, smallest | spec)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self._cluster.kubectl("--namespace", NAMESPACE, *arguments, stdin=stdin)

    def status(self, name: str) -> Body:
        body: Body = json.loads(self.kubectl("get", "voiceprobe", name, "-o", "json"))
        return body.get("status", {}) | {"uid": body["metadata"]["uid"]}

    def condition(self, name: str, kind: str = "Ready") -> Body:
        found = (c for c in self.status(name).get("conditions", ()) if c["type"] == kind)
        return next(found, {"status": "not yet"})

    def ready(self, name: str) -> bool:
        return bool(self.condition(name)["status"] == "True")

    def rows(self, query: str, *values: object, account: str = "admin") -> list[Body]:
        with closing(self._database.connect(account)) as connection:
            cursor = connection.cursor(pymysql.cursors.DictCursor)
            cursor.execute(query, values)
            connection.commit()
            return list(cursor.fetchall())

    def plan(self) -> dict[str, Body]:
        rows = self.rows("SELECT * FROM voice.voice_probe WHERE client = %s", NAMESPACE)
        return {row["probe"]: row for row in rows}

    def org(self) -> int:
        return int(self._grafana.get(f"/api/orgs/name/{NAMESPACE}").raise_for_status().json()["id"])

    def call(self, method: str, path: str, **content: Any) -> Any:
        headers = {"X-Grafana-Org-Id": str(self.org())}
        return self._grafana.request(method, path, headers=headers, **content).raise_for_status().json()

    def dashboards(self) -> set[str]:
        return {hit["uid"] for hit in self.call("GET", "/api/search", params={"type": "dash-db"})}

    def answers(self, uid: str) -> dict[str, Body]:
        """What Grafana answers to each panel of a dashboard, by title."""
        panels = self.call("GET", f"/api/dashboards/uid/{uid}")["dashboard"]["panels"]
        asked = {"from": "now-1h", "to": "now"}
        result = {}
        for panel in panels:
            query = panel["targets"][0] | {"intervalMs": 10_000, "maxDataPoints": 500}
            result[panel["title"]] = self.call("POST", "/api/ds/query", json=asked | {"queries": [query]})
        return result

    def record_configuration_error(self, probe: str, reason: str) -> None:
        """Write the record of a call that the SIP host could not place, as it would."""
        now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None) - datetime.timedelta(seconds=10)
        self.rows(
            "INSERT INTO voice.voice_call (uuid, started_at, client, probe, generation, sip_host, from_uri, to_uri,"
            " srtp, ended_at, disposition, sip_reason, duration_ms, hangup_by, audio, valid)"
            " VALUES (%s, %s, %s, %s, 1, 'h', 'a', 'b', 0, %s, 'configuration_error', %s, 0, 'none', 'tone', 1)",
            *(uuid.uuid4().bytes, now, NAMESPACE, probe, now, reason),
        )

    def record_call(self, probe: str, mos: float, late_ms: int = 40) -> None:
        """Write a call and both of its streams, as a SIP host would; `late_ms` is how long the dialer heard nothing."""
        # Grafana asks up to the last full second, so a call of this very moment would not be seen yet.
        now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None) - datetime.timedelta(seconds=5)
        key = uuid.uuid4().bytes
        self.rows(
            "INSERT INTO voice.voice_call (uuid, started_at, client, probe, generation, sip_host, from_uri, to_uri,"
            " srtp, ended_at, disposition, sip_code, pdd_ms, duration_ms, hangup_by, audio, valid)"
            " VALUES (%s, %s, %s, %s, 1, 'h', 'a', 'b', 0, %s, 'answered', 200, 900, 30000, 'local', 'tone', 1)",
            *(key, now, NAMESPACE, probe, now),
        )
        for direction, better, late in (("forward", 0.1, 40), ("reverse", 0.0, late_ms)):
            self.rows(
                "INSERT INTO voice.voice_call_stream (uuid, direction, started_at, client, probe, sip_host, rtp_rx,"
                " loss_pct, jitter_ms, rtt_ms, r_factor, mos_cq, late_media_ms, one_way, valid)"
                " VALUES (%s, %s, %s, %s, %s, 'h', 1500, 0.1, 2, 30, 90, %s, %s, 0, 1)",
                *(key, direction, now, NAMESPACE, probe, mos + better, late),
            )


def until(condition: Callable[[], T], seconds: float = PATIENCE) -> T:
    """The first true answer of `condition`."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.3)
    return found


@pytest.fixture(scope="module")
def system(cluster: Kubectl, operator: Lab) -> Iterator[System]:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(namespace))
    system = System(cluster, Grafana.of(operator), Database(operator))
    yield system
    system.kubectl("delete", "voiceprobe,voiceclient", "--all")
    system.close()


@pytest.fixture
def probe(system: System) -> Iterator[str]:
    """A probe that is ready; it goes with its test."""
    name = f"p-{uuid.uuid4().hex[:8]}"
    system.probe(name)
    until(lambda: system.ready(name))
    yield name
    system.kubectl("delete", "voiceprobe", name, "--ignore-not-found")


def uid_of(system: System, probe: str) -> str:
    return str(system.status(probe)["grafana"]["dashboardUid"])


def test_a_probe_becomes_plan_account_organisation_and_dashboards(system: System, probe: str) -> None:
    row = system.plan()[probe]
    assert (row["every_ms"], row["duration_ms"], json.loads(row["codecs"])) == (300_000, 30_000, ["PCMA", "PCMU"])
    assert {"voice-overview", uid_of(system, probe)} <= system.dashboards()
    client = system.rows("SELECT * FROM voice.voice_client WHERE client = %s", NAMESPACE)[0]
    assert client["grafana_org_id"] == system.org()
    grants = system.rows(f"SHOW GRANTS FOR '{client['account']}'@'%%'")
    text = " ".join(str(value) for row in grants for value in row.values())
    assert text.count("GRANT SELECT ON") == 6
    assert client["grafana_login"] == f"client-{NAMESPACE}"
    assert [e["reason"] for e in events(system, probe)].count("Published") == 1


def test_every_panel_answers_from_the_clients_own_rows(system: System, probe: str) -> None:
    system.record_call(probe, mos=4.2)
    uid = uid_of(system, probe)
    for board in (uid, "voice-overview"):
        for title, answer in system.answers(board).items():
            frames = answer["results"]["A"].get("frames", [])
            assert "error" not in answer["results"]["A"], title
            assert any(frame["data"]["values"] for frame in frames), title


def test_two_probes_of_one_display_name_are_two_series(system: System, probe: str) -> None:
    twin = f"{probe}-twin"
    for name, mos in ((probe, 4.2), (twin, 2.2)):
        system.probe(name, displayName="Inbound sales")
        system.record_call(name, mos)
    until(lambda: {system.plan().get(name, {}).get("display_name") for name in (probe, twin)} == {"Inbound sales"})
    frames = system.answers("voice-overview")["MOS of the worst probes"]["results"]["A"]["frames"]
    series = json.dumps([frame["schema"] for frame in frames])
    system.kubectl("delete", "voiceprobe", twin)
    assert f"Inbound sales ({probe})" in series
    assert f"Inbound sales ({twin})" in series


def test_a_call_shows_in_the_status(system: System, probe: str) -> None:
    until(lambda: system.status(probe).get("health") == "NoData")
    system.record_call(probe, mos=3.8)
    status = until(lambda: (s := system.status(probe)).get("health") == "Degraded" and s)
    assert (status["lastCall"]["mos"], status["lastCall"]["mosForward"]) == (3.8, 3.9)
    assert "3.8" in system.kubectl("get", "vp", probe)


def test_late_media_shows_in_the_status_by_the_probes_own_threshold(system: System, probe: str) -> None:
    system.record_call(probe, mos=4.3, late_ms=4500)
    status = until(lambda: (s := system.status(probe)).get("health") == "Unhealthy" and s)
    assert status["lastCall"]["reason"] == "late media: the first sound came 4.5 s after the answer"
    assert "late media" in system.kubectl("get", "vp", probe, "-o", "wide")
    system.probe(probe, thresholds={"lateMediaSeconds": {"warning": 5, "critical": 8}})
    status = until(lambda: (s := system.status(probe)).get("health") == "Healthy" and s)
    assert "reason" not in status["lastCall"]
    assert system.plan()[probe]["late_media_ms_critical"] == 8000


def test_a_probe_that_cannot_be_called_says_why_until_it_can(system: System, probe: str) -> None:
    until(lambda: system.condition(probe, "Callable")["status"] == "Unknown")
    system.record_configuration_error(probe, "Nothing to play: there is no recording called 'x'.")
    condition = until(lambda: (c := system.condition(probe, "Callable"))["status"] == "False" and c)
    assert condition["reason"] == "ConfigurationError"
    assert condition["message"] == "Nothing to play: there is no recording called 'x'."
    status = system.status(probe)
    assert (status["lastCall"]["outcome"], status["lastCall"]["reason"]) == (
        "configuration_error",
        "Nothing to play: there is no recording called 'x'.",
    )
    assert "Unhealthy" in system.kubectl("get", "vp", probe)
    assert "Nothing to play" in system.kubectl("get", "vp", probe, "-o", "wide")
    assert system.ready(probe), "the operator's own work is done all the same"
    system.record_call(probe, mos=4.2)
    until(lambda: system.condition(probe, "Callable")["status"] == "True")
    assert "reason" not in system.status(probe)["lastCall"]


def test_a_changed_spec_reaches_the_plan(system: System, probe: str) -> None:
    system.probe(probe, call={"every": "1m", "duration": "10s"}, suspend=True)
    until(lambda: system.plan()[probe]["every_ms"] == 60_000)
    assert system.plan()[probe]["suspended"] == 1
    until(lambda: system.status(probe).get("health") == "Suspended")
    assert system.status(probe)["observedGeneration"] == 2


def test_a_deleted_probe_leaves_the_plan_and_grafana_but_not_its_calls(system: System, probe: str) -> None:
    system.record_call(probe, mos=4.2)
    uid = uid_of(system, probe)
    system.kubectl("delete", "voiceprobe", probe)
    until(lambda: probe not in system.plan())
    until(lambda: uid not in system.dashboards())
    assert system.rows("SELECT 1 FROM voice.voice_call WHERE probe = %s", probe)


def test_a_voice_client_names_the_client(system: System, probe: str) -> None:
    system.apply("VoiceClient", "client", {"displayName": "Acme Ltd", "timeZone": "Europe/London"})
    row = until(
        lambda: system.rows(
            "SELECT * FROM voice.voice_client WHERE client = %s AND display_name = 'Acme Ltd'", NAMESPACE
        )
    )[0]
    assert row["time_zone"] == "Europe/London"
    path = "/api/dashboards/uid/voice-overview"
    until(lambda: system.call("GET", path)["dashboard"]["timezone"] == "Europe/London")


VIEWERS = {"provider": "corp", "role": "Viewer", "groups": [f"{NAMESPACE}-voice-viewers"]}
ENGINEERS = {"provider": "corp", "role": "Engineer", "groups": [f"{NAMESPACE}-voice-engineers"]}


def opened(system: System) -> dict[tuple[str, str], str]:
    """Whom the groups of this module open something to, as the portal reads it: the role by client and group."""
    rows = system.rows("SELECT * FROM voice.voice_client_access WHERE group_name LIKE %s", f"{NAMESPACE}-%")
    return {(row["client"], row["group_name"]): row["role"] for row in rows}


def test_access_is_opened_changed_and_closed_as_the_voice_client_says(system: System, probe: str) -> None:
    viewers, engineers = f"{NAMESPACE}-voice-viewers", f"{NAMESPACE}-voice-engineers"
    system.apply("VoiceClient", "client", {"access": [VIEWERS]})
    until(lambda: opened(system) == {(NAMESPACE, viewers): "viewer"})
    also = {"provider": "corp", "role": "Engineer", "groups": [engineers, viewers]}
    system.apply("VoiceClient", "client", {"access": [VIEWERS, also]})
    until(lambda: opened(system) == {(NAMESPACE, viewers): "engineer", (NAMESPACE, engineers): "engineer"})
    system.apply("VoiceClient", "client", {"access": [ENGINEERS], "timeZone": "Mars/Olympus"})
    until(lambda: opened(system) == {(NAMESPACE, engineers): "engineer"})
    system.kubectl("delete", "voiceclient", "client")
    until(lambda: opened(system) == {})
    assert system.ready(probe)


def test_a_client_that_declares_nothing_but_access_is_opened_and_closed_too(system: System) -> None:
    system.apply("VoiceClient", "client", {"access": [VIEWERS]})
    until(lambda: opened(system))
    system.kubectl("delete", "voiceclient", "client")
    until(lambda: not opened(system))


@pytest.mark.parametrize("foreign", ["kube-system", "default"])
def test_a_voice_client_opens_no_other_client_whatever_it_says(system: System, foreign: str) -> None:
    """Its writer may be a client's own: rights in their namespace are all that they have."""
    tricks = {"client": foreign, "namespace": foreign, "displayName": foreign}
    group = f'{NAMESPACE}-{foreign}","client":"{foreign}'
    entry = {"provider": "corp", "role": "Engineer", "groups": [group], "client": foreign, "namespace": foreign}
    metadata = {
        "name": "client",
        "namespace": NAMESPACE,
        "labels": {"client": foreign},
        "annotations": {"client": foreign},
    }
    body = {"apiVersion": "voicequality.io/v1alpha1", "kind": "VoiceClient", "metadata": metadata}
    system.kubectl(
        "apply", "--validate=false", "-f", "-", stdin=json.dumps(body | {"spec": {**tricks, "access": [entry]}})
    )
    until(lambda: opened(system))
    assert set(opened(system)) == {(NAMESPACE, group)}
    system.kubectl("delete", "voiceclient", "client")
    until(lambda: not opened(system))


def test_a_bad_spec_is_a_sentence_and_disturbs_nobody(system: System, probe: str) -> None:
    system.probe("bad-zone", call={"timeZone": "Mars/Olympus"})
    condition = until(lambda: (c := system.condition("bad-zone"))["status"] == "False" and c)
    assert condition["reason"] == "InvalidSpec"
    assert "'Mars/Olympus' is not a time zone" in condition["message"]
    assert "bad-zone" not in system.plan()
    assert system.ready(probe)


def test_drift_is_put_right_and_told(system: System, probe: str) -> None:
    uid = uid_of(system, probe)
    system.call("DELETE", "/api/datasources/uid/voice-client")
    system.call("DELETE", f"/api/dashboards/uid/{uid}")
    # The lab's operator compares everything every 20 s.
    until(lambda: uid in system.dashboards())
    assert system.call("GET", "/api/datasources/uid/voice-client/health")["status"] == "OK"
    assert "DashboardRestored" in [e["reason"] for e in events(system, probe)]


def events(system: System, probe: str) -> list[Body]:
    text = system.kubectl("get", "events", "--field-selector", f"involvedObject.name={probe}", "-o", "json")
    found: list[Body] = json.loads(text)["items"]
    return found
