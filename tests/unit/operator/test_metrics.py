"""What is counted, and that no name ever becomes a label."""

import re

import pytest

from voiceprobe_operator import metrics
from voiceprobe_operator.errors import Transient


def samples(name):
    """Values of a metric by their labels."""
    found = (s for metric in metrics.REGISTRY.collect() for s in metric.samples)
    return {tuple(s.labels.values()): s.value for s in found if s.name == name}


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("GET", "/api/orgs/17/users", "GET /api/orgs/{}/users"),
        ("GET", "/api/orgs/name/acme%2Fx", "GET /api/orgs/name/{}"),
        ("POST", "/api/dashboards/db", "POST /api/dashboards/db"),
        ("DELETE", "/api/dashboards/uid/vp-17", "DELETE /api/dashboards/uid/{}"),
        ("GET", "/api/v1/namespaces/ops/secrets/voice-client-acme", "GET /api/v1/namespaces/{}/secrets/{}"),
    ],
)
def test_a_route_holds_no_id(method, path, route):
    assert metrics.route(method, path) == route


async def test_a_roll_out_is_counted_by_call_without_a_name_of_anybody(world, probe_body):
    before = samples("voice_operator_request_seconds_count")
    world.apply(probe_body())
    await world.resync()
    asked = samples("voice_operator_request_seconds_count")
    dashboards = ("grafana", "POST /api/dashboards/db", "200")
    assert asked[dashboards] - before.get(dashboards, 0) == 2
    text = metrics.exposition().decode()
    assert not re.search("acme|inbound-sales|b1282a90", text)


async def test_drift_is_what_differs_though_nothing_new_is_declared(world, probe_body):
    world.apply(probe_body())
    before = samples("voice_operator_drift_corrected_total")
    await world.resync()
    await world.resync()
    assert samples("voice_operator_drift_corrected_total") == before, "to make something is no drift"
    world.database.plan.clear()
    org, uid = next(iter(world.far.dashboards))
    world.far.ask("DELETE", f"/api/dashboards/uid/{uid}", org=org)
    await world.resync()
    after = samples("voice_operator_drift_corrected_total")
    assert {kind: after[kind] - before[kind] for kind in after if after[kind] != before[kind]} == {
        ("plan",): 1,
        ("dashboard",): 1,
    }


async def test_turns_are_counted_by_how_they_ended():
    before = samples("voice_operator_reconcile_seconds_count")
    with metrics.reconciling(Transient):
        pass
    with pytest.raises(Transient), metrics.reconciling(Transient):
        raise Transient("GrafanaUnavailable", "away")
    with pytest.raises(ZeroDivisionError), metrics.reconciling(Transient):
        raise ZeroDivisionError
    after = samples("voice_operator_reconcile_seconds_count")
    assert {result: after[result] - before.get(result, 0) for result in after} == {
        ("done",): 1,
        ("retried",): 1,
        ("failed",): 1,
    }


def test_what_is_not_counted_is_asked_for():
    metrics.watch(leads=lambda: True, queued=lambda: 3, backing_off=lambda: 1, age=lambda: 7.5)
    metrics.probes({"Healthy": 4, "NoData": 1})
    metrics.probes({"Healthy": 5})
    assert samples("voice_operator_leader") == {(): 1}
    assert samples("voice_operator_queue_depth") == {(): 3}
    assert samples("voice_operator_resync_age_seconds") == {(): 7.5}
    assert samples("voice_operator_probes") == {("Healthy",): 5}
    assert list(samples("voice_operator_build_info").values()) == [1]
