"""A whole client: what is done, what is said about it, and what is left alone."""

from dataclasses import replace

import httpx
import pytest

from voiceprobe_operator.diff import apply
from voiceprobe_operator.errors import Rejected, Transient
from voiceprobe_operator.grafana import Grafana
from voiceprobe_operator.reconciler import INSPECTED, Reconciler
from voiceprobe_operator.sql import Published
from voiceprobe_operator.status import merged
from voiceprobe_operator.statuswriter import StatusWriter

CLIENT = {
    "kind": "VoiceClient",
    "metadata": {"name": "client", "namespace": "acme", "uid": "c1", "generation": 1},
    "spec": {"displayName": "Acme Ltd", "timeZone": "Europe/London"},
}


class Cluster:
    def __init__(self):
        self.bodies, self.events, self.patches, self.denied = [], [], 0, False
        self.stubborn = set()

    async def objects(self, kind, namespace=None):
        return [body for body in self.bodies if body["kind"] == kind]

    async def patch_status(self, ref, status):
        if ref.name in self.stubborn:
            raise Rejected("KubernetesRejected", f"{ref.name} cannot be patched")
        self.patches += 1
        body = next(b for b in self.bodies if (b["kind"], b["metadata"]["name"]) == (ref.kind, ref.name))
        body["status"] = merged(body.get("status", {}), status)

    async def password(self, namespace, client):
        if self.denied:
            raise Transient("KubernetesUnavailable", "the Kubernetes API answered 403")
        return f"password of {client}"

    async def event(self, ref, kind, reason, message):
        self.events.append((ref.name, reason))

    def condition(self, name, kind="Ready"):
        body = next(b for b in self.bodies if b["metadata"]["name"] == name)
        return next(c for c in body["status"]["conditions"] if c["type"] == kind)


class Store:
    def __init__(self):
        self.row, self.org, self.plan, self.writes, self.refuse = None, None, {}, 0, {}
        self.away = False

    async def published(self, client):
        if self.away:
            raise Transient("DatabaseUnavailable", "the database does not answer")
        return Published(self.row, self.org, dict(self.plan))

    async def publish(self, row, plan, client):
        self.writes += 1
        self.row = row or self.row
        self.plan = {k: v for k, v in apply(self.plan, plan).items() if k not in self.refuse}
        return self.refuse

    async def set_organisation(self, client, org):
        self.org = org

    async def ensure_account(self, account, password):
        return False


@pytest.fixture
def cluster(probe_body):
    cluster = Cluster()
    cluster.bodies = [probe_body()]
    return cluster


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def reconciler(settings, cluster, store, far):
    async def no_wait(_):
        return None

    grafana = Grafana(settings, transport=httpx.MockTransport(far.answer), sleep=no_wait)
    return Reconciler(settings, cluster, store, grafana, StatusWriter(cluster))


async def test_everything_comes_from_a_probe_and_a_second_look_writes_nothing(reconciler, cluster, store, far):
    await reconciler.reconcile("acme")
    assert set(store.plan) == {"inbound-sales"}
    assert store.org == 2
    assert cluster.condition("inbound-sales")["status"] == "True"
    assert cluster.events == [("inbound-sales", "Published"), ("inbound-sales", "DashboardWritten")]
    before = (store.writes, cluster.patches, len(cluster.events))
    far.writes.clear()
    await reconciler.reconcile("acme")
    assert (store.writes, cluster.patches, len(cluster.events)) == before
    assert far.writes == []


async def test_a_namespace_that_never_declared_anything_gets_nothing(reconciler, cluster, store, far):
    cluster.bodies = []
    await reconciler.reconcile("acme")
    assert far.writes == []
    assert store.writes == 0


async def test_the_last_probe_takes_its_plan_and_dashboard_with_it_but_not_the_organisation(
    reconciler, cluster, store, far
):
    await reconciler.reconcile("acme")
    cluster.bodies = []
    await reconciler.reconcile("acme")
    assert store.plan == {}
    assert set(far.dashboards) == {(2, "voice-overview")}
    assert far.orgs[2] == "acme"
    assert store.row is not None


async def test_drift_is_put_right_and_told_a_change_of_the_client_is_not_drift(reconciler, cluster, far):
    await reconciler.reconcile("acme")
    cluster.bodies.append(CLIENT | {"status": {}})
    await reconciler.reconcile("acme")
    assert "DashboardRestored" not in dict(map(reversed, cluster.events))
    assert cluster.condition("client")["status"] == "True"
    uid = "vp-b1282a905a494fe3a3e60259f5275dc5"
    far.dashboards[2, uid]["panels"].pop()
    reconciler.inspect(["acme"])
    await reconciler.reconcile("acme")
    assert cluster.events[-1] == ("inbound-sales", "DashboardRestored")


async def test_a_database_that_is_away_is_said_and_does_not_keep_grafana_waiting(reconciler, cluster, store, far):
    store.away = True
    with pytest.raises(Transient):
        await reconciler.reconcile("acme")
    assert cluster.condition("inbound-sales", "PlanPublished")["reason"] == "DatabaseUnavailable"
    assert cluster.condition("inbound-sales", "DatasourceReady")["status"] == "False"
    assert cluster.condition("inbound-sales", "DashboardsReady")["status"] == "True"
    store.away = False
    await reconciler.reconcile("acme")
    assert cluster.condition("inbound-sales")["status"] == "True"
    assert store.org == 2


async def test_a_grafana_that_is_away_is_said_and_does_not_keep_the_plan_waiting(reconciler, cluster, store, far):
    far.away = True
    with pytest.raises(Transient):
        await reconciler.reconcile("acme")
    assert set(store.plan) == {"inbound-sales"}
    assert cluster.condition("inbound-sales", "PlanPublished")["status"] == "True"
    assert "Grafana does not answer" in cluster.condition("inbound-sales")["message"]
    far.away = False
    await reconciler.reconcile("acme")
    assert cluster.condition("inbound-sales")["status"] == "True"


async def test_a_secret_that_may_not_be_read_is_said(reconciler, cluster):
    cluster.denied = True
    with pytest.raises(Transient):
        await reconciler.reconcile("acme")
    assert "403" in cluster.condition("inbound-sales")["message"]


async def test_a_bad_spec_is_a_condition_and_keeps_what_it_had(reconciler, cluster, store, far, probe_body):
    other = {"name": "other", "uid": "00000000-0000-0000-0000-000000000002"}
    cluster.bodies.append(probe_body(metadata=other))
    await reconciler.reconcile("acme")
    cluster.bodies[1] = probe_body(metadata=other | {"generation": 4}, call={"timeZone": "Mars/Olympus"})
    await reconciler.reconcile("acme")
    assert cluster.condition("other")["reason"] == "InvalidSpec"
    assert cluster.condition("inbound-sales")["status"] == "True"
    assert set(store.plan) == {"inbound-sales", "other"}
    assert len(far.dashboards) == 3


async def test_a_row_that_the_database_refuses_is_the_probes_own_trouble(reconciler, cluster, store, probe_body):
    cluster.bodies.append(probe_body(metadata={"name": "other", "uid": "00000000-0000-0000-0000-000000000002"}))
    store.refuse = {"other": Rejected("DatabaseRejected", "the database refuses the plan: too long")}
    await reconciler.reconcile("acme")
    assert "too long" in cluster.condition("other")["message"]
    assert cluster.condition("inbound-sales")["status"] == "True"


async def test_dashboards_of_a_large_client_are_inspected_in_turns(reconciler, cluster, far, probe_body):
    cluster.bodies = [
        probe_body(metadata={"name": f"p{n}", "uid": f"00000000-0000-0000-0000-{n:012}"}) for n in range(2 * INSPECTED)
    ]
    await reconciler.reconcile("acme")
    seen = set()
    for _ in range(3):
        far.reads.clear()
        reconciler.inspect(["acme"])
        await reconciler.reconcile("acme")
        read = {path for path in far.reads if path.startswith("GET /dashboards/")}
        assert len(read) == INSPECTED
        seen |= read
    assert len(seen) == 2 * INSPECTED + 1


async def test_a_column_of_a_newer_schema_is_no_difference(reconciler, store):
    await reconciler.reconcile("acme")
    store.plan = {probe: row | {"a_newer_column": 1} for probe, row in store.plan.items()}
    store.writes = 0
    await reconciler.reconcile("acme")
    assert store.writes == 0


def voice_client(**spec):
    meta = {"name": "client", "namespace": "acme", "uid": "00000000-0000-0000-0000-00000000000c", "generation": 1}
    return {"apiVersion": "voicequality.io/v1alpha1", "kind": "VoiceClient", "metadata": meta, "spec": spec}


async def test_a_bad_client_keeps_the_name_and_zone_that_it_had(reconciler, cluster, store, far):
    cluster.bodies.append(voice_client(displayName="Acme Insurance", timeZone="Europe/London"))
    await reconciler.reconcile("acme")
    before = store.row
    assert before["display_name"] == "Acme Insurance"
    far.writes.clear()
    cluster.bodies[-1] = voice_client(displayName="Acme", timeZone="Mars/Olympus")
    await reconciler.reconcile("acme")
    assert cluster.condition("client")["reason"] == "InvalidSpec"
    assert store.row == before
    assert far.writes == [], "no dashboard was rewritten"


async def test_without_the_database_a_bad_client_is_not_shown_by_defaults(reconciler, cluster, store, far):
    cluster.bodies.append(voice_client(displayName="Acme Insurance", timeZone="Europe/London"))
    await reconciler.reconcile("acme")
    far.writes.clear()
    cluster.bodies[-1] = voice_client(displayName="Acme", timeZone="Mars/Olympus")
    store.away = True
    with pytest.raises(Transient):
        await reconciler.reconcile("acme")
    assert far.writes == [], "what the client is called and where it is stands in the database alone"
    assert cluster.condition("inbound-sales")["reason"] == "DatabaseUnavailable"
    assert cluster.condition("client")["reason"] == "InvalidSpec"


async def test_an_authority_that_vanished_is_a_condition(reconciler, cluster, settings, monkeypatch, tmp_path):
    gone = replace(settings, mysql_tls_ca=tmp_path / "gone.pem")
    monkeypatch.setattr(reconciler, "_settings", gone)
    with pytest.raises(Transient):
        await reconciler.reconcile("acme")
    assert "gone.pem" in cluster.condition("inbound-sales")["message"]


async def test_an_object_that_cannot_be_patched_keeps_no_other_from_its_status(reconciler, cluster, probe_body):
    bad = probe_body(metadata={"name": "bad", "uid": "u2"}, call={"timeZone": "Mars/Olympus"})
    cluster.bodies += [CLIENT | {"status": {}}, bad]
    cluster.stubborn = {"inbound-sales"}
    with pytest.raises(Rejected, match="inbound-sales cannot be patched"):
        await reconciler.reconcile("acme")
    assert cluster.condition("client")["status"] == "True"
    assert cluster.condition("bad")["reason"] == "InvalidSpec"
