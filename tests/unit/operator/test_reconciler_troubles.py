"""What goes wrong with a client: what is said, to whom and when, and what goes on all the same."""

from dataclasses import replace

import pytest

from tests.unit.operator.bodies import many, plan, voice_client
from voiceprobe_operator.errors import NotYet, Rejected, Transient

NOC = {"name": "noc", "email": {"addresses": ["noc@acme.example"]}}
pytestmark = pytest.mark.usefixtures("one_probe")


async def fail_twice(world):
    """Trouble that is there at the second try too is told of every probe."""
    for _ in range(2):
        with pytest.raises(Transient):
            await world.reconciler.reconcile("acme")


def refuse(world, title):
    """Have Grafana refuse the dashboard of that title: somebody's folder is called like it."""
    world.far.ask("POST", "/api/folders", {"uid": "theirs", "title": title}, org=2)


async def test_trouble_that_passes_is_told_of_the_client_and_of_no_probe(world, probe_body):
    world.apply(voice_client(displayName="Acme Ltd"), *many(probe_body, 3))
    await world.resync()
    world.forget_requests()
    world.reconciler.forget()
    world.far.away = True
    with pytest.raises(Transient):
        await world.reconciler.reconcile("acme")
    assert world.cluster.condition("client")["reason"] == "GrafanaUnavailable"
    world.far.away = False
    await world.reconciler.reconcile("acme")
    assert world.cluster.condition("client")["status"] == "True"
    assert [name for name, _ in world.cluster.patches] == ["client", "client"]


async def test_what_was_published_in_trouble_is_told_once_when_it_has_passed(world):
    world.far.away = True
    with pytest.raises(Transient):
        await world.reconciler.reconcile("acme")
    assert world.cluster.events == []
    world.far.away = False
    await world.reconciler.reconcile("acme")
    assert world.cluster.events == [("inbound-sales", "Published")]
    assert [name for name, _ in world.cluster.patches] == ["inbound-sales"]


async def test_trouble_that_lasts_does_not_bring_back_what_the_last_call_said_before_it(world):
    world.far.away = True
    await fail_twice(world)
    calls = {"client": "acme", "probe": "inbound-sales", "health": "NoData", "last_call_at": None}
    world.database.state = lambda *_: calls | {"health": "Suspended"}
    await world.health.update()
    await fail_twice(world)
    assert world.cluster.objects_["VoiceProbe", "acme", "inbound-sales"]["status"]["health"] == "Suspended"


async def test_an_object_that_cannot_be_patched_hides_trouble_from_no_other(world, probe_body):
    world.apply(voice_client(displayName="Acme Ltd"), *many(probe_body, 1))
    await world.resync()
    world.reconciler.forget()
    world.far.away, world.cluster.stubborn = True, {"client"}
    for _ in range(2):
        with pytest.raises(Rejected, match="client cannot be patched"):
            await world.reconciler.reconcile("acme")
    assert world.cluster.condition("p0")["reason"] == "GrafanaUnavailable"


async def test_an_object_that_cannot_be_patched_has_no_event_of_another_told_twice(world, probe_body):
    world.apply(*many(probe_body, 2))
    world.far.away = True
    with pytest.raises(Transient):
        await world.reconciler.reconcile("acme")
    world.far.away, world.cluster.stubborn = False, {"inbound-sales"}
    for _ in range(3):
        with pytest.raises(Rejected):
            await world.reconciler.reconcile("acme")
    assert sorted(world.cluster.events) == [("p0", "Published"), ("p1", "Published")]


async def test_nothing_is_told_to_be_published_of_a_generation_that_was_not(world, probe_body):
    world.far.away = True
    with pytest.raises(Transient):
        await world.reconciler.reconcile("acme")
    world.database.refuse = {"inbound-sales": Rejected("DatabaseRejected", "too long")}
    world.apply(probe_body(metadata={"generation": 4}, displayName="Sales"))
    with pytest.raises(Transient):
        await world.reconciler.reconcile("acme")
    assert world.cluster.events == []


async def test_alerting_that_is_still_starting_is_no_first_try(world, far):
    world.apply(voice_client(displayName="Acme Ltd", receivers=[NOC]))
    far.restart(poll_s=60)
    with pytest.raises(NotYet):
        await world.resync()
    far.now += 60
    far.away = True
    world.reconciler.forget()
    with pytest.raises(Transient):
        await world.reconciler.reconcile("acme")
    assert world.cluster.condition("inbound-sales")["status"] == "True"


async def test_a_second_look_in_one_turn_tells_of_nothing_twice(world, probe_body):
    world.apply(*many(probe_body, 3))
    await world.resync()
    world.forget_requests()
    for body in [probe_body(), *many(probe_body, 3)]:
        body["metadata"]["generation"] = 4
        body["spec"]["displayName"] = "Renamed"
        world.apply(body)
    refuse(world, "Renamed (inbound-sales)")
    await world.reconciler.reconcile("acme")
    assert sorted(world.cluster.events) == [(name, "Published") for name in ("inbound-sales", "p0", "p1", "p2")]


async def test_a_database_that_is_away_is_said_and_does_not_keep_grafana_waiting(world):
    world.database.away = True
    await fail_twice(world)
    condition = world.cluster.condition
    assert condition("inbound-sales", "PlanPublished")["reason"] == "DatabaseUnavailable"
    assert condition("inbound-sales", "DatasourceReady")["status"] == "False"
    assert condition("inbound-sales", "DashboardsReady")["status"] == "True"
    world.database.away = False
    await world.reconciler.reconcile("acme")
    assert condition("inbound-sales")["status"] == "True"
    assert world.database.orgs["acme"] == 2


async def test_without_the_plan_no_dashboard_is_removed(world, probe_body):
    world.apply(*many(probe_body, 3))
    await world.resync()
    world.delete("p0")
    world.database.away = True
    with pytest.raises(Transient):
        await world.reconciler.reconcile("acme")
    assert len(world.far.dashboards) == 5
    world.database.away = False
    await world.reconciler.reconcile("acme")
    assert len(world.far.dashboards) == 4


async def test_a_probe_that_went_before_the_database_came_back_leaves_no_dashboard(world):
    world.database.away = True
    with pytest.raises(Transient):
        await world.reconciler.reconcile("acme")
    assert len(world.far.dashboards) == 2
    world.cluster.remove("VoiceProbe", "acme", "inbound-sales")
    world.database.away = False
    await world.resync()
    assert set(world.far.dashboards) == {(2, "voice-overview")}
    assert world.far.rules == {}


async def test_a_grafana_that_is_away_is_said_and_does_not_keep_the_plan_waiting(world):
    world.far.away = True
    await fail_twice(world)
    assert plan(world) == {"inbound-sales"}
    assert world.cluster.condition("inbound-sales", "PlanPublished")["status"] == "True"
    assert "Grafana does not answer" in world.cluster.condition("inbound-sales")["message"]
    world.far.away = False
    await world.reconciler.reconcile("acme")
    assert world.cluster.condition("inbound-sales")["status"] == "True"
    assert world.cluster.events == [("inbound-sales", "Published"), ("inbound-sales", "DashboardWritten")]


async def test_a_grafana_that_stays_away_is_said_once(world):
    world.far.away = True
    for _ in range(3):
        with pytest.raises(Transient):
            await world.reconciler.reconcile("acme")
    assert len(world.cluster.patches) == 1


async def test_a_secret_that_may_not_be_read_is_said(world):
    world.cluster.denied = True
    await fail_twice(world)
    assert "403" in world.cluster.condition("inbound-sales")["message"]


async def test_a_bad_spec_is_a_condition_and_keeps_what_it_had(world, probe_body):
    other = {"name": "other", "uid": "00000000-0000-0000-0000-000000000002"}
    world.apply(probe_body(metadata=other))
    await world.reconciler.reconcile("acme")
    world.apply(probe_body(metadata=other | {"generation": 4}, call={"timeZone": "Mars/Olympus"}))
    await world.reconciler.reconcile("acme")
    assert world.cluster.condition("other")["reason"] == "InvalidSpec"
    assert world.cluster.condition("inbound-sales")["status"] == "True"
    assert plan(world) == {"inbound-sales", "other"}
    assert len(world.far.dashboards) == 3


async def test_a_row_that_the_database_refuses_is_the_probes_own_trouble(world, probe_body):
    world.apply(probe_body(metadata={"name": "other", "uid": "00000000-0000-0000-0000-000000000002"}))
    world.database.refuse = {"other": Rejected("DatabaseRejected", "the database refuses the plan: too long")}
    await world.reconciler.reconcile("acme")
    assert "too long" in world.cluster.condition("other")["message"]
    assert world.cluster.condition("inbound-sales")["status"] == "True"
    world.forget_requests()
    await world.reconciler.reconcile("acme")
    assert world.database.statements == [], "it is not tried again before it changes"
    assert "too long" in world.cluster.condition("other")["message"]


async def test_a_dashboard_that_grafana_refuses_is_the_probes_own_trouble(world, probe_body):
    world.apply(probe_body(metadata={"name": "other", "uid": "00000000-0000-0000-0000-000000000002"}))
    world.far.add_orgs("acme")
    refuse(world, "Probe inbound-sales")
    await world.reconciler.reconcile("acme")
    assert world.cluster.condition("inbound-sales", "DashboardsReady")["reason"] == "GrafanaRejected"
    assert world.cluster.condition("other")["status"] == "True"
    world.forget_requests()
    await world.reconciler.reconcile("acme")
    assert world.far.writes == []
    world.far.ask("DELETE", "/api/folders/theirs", org=2)
    await world.resync()
    assert world.cluster.condition("inbound-sales")["status"] == "True"


async def test_a_bad_client_keeps_the_name_and_zone_that_it_had(world):
    world.apply(voice_client(displayName="Acme Insurance", timeZone="Europe/London"))
    await world.reconciler.reconcile("acme")
    before = world.database.rows["acme"]
    assert before["display_name"] == "Acme Insurance"
    world.far.writes.clear()
    world.apply(voice_client(2, displayName="Acme", timeZone="Mars/Olympus"))
    await world.reconciler.reconcile("acme")
    assert world.cluster.condition("client")["reason"] == "InvalidSpec"
    assert world.database.rows["acme"] == before
    assert world.far.writes == [], "no dashboard was rewritten"


async def test_without_the_database_a_bad_client_is_not_shown_by_defaults(world):
    world.apply(voice_client(displayName="Acme Insurance", timeZone="Europe/London"))
    await world.reconciler.reconcile("acme")
    world.far.writes.clear()
    world.apply(voice_client(2, displayName="Acme", timeZone="Mars/Olympus"))
    world.reconciler.forget()
    world.database.away = True
    await fail_twice(world)
    assert world.far.writes == [], "what the client is called and where it is stands in the database alone"
    assert world.cluster.condition("inbound-sales")["reason"] == "DatabaseUnavailable"
    assert world.cluster.condition("client")["reason"] == "InvalidSpec"


async def test_an_authority_that_vanished_is_a_condition(world, monkeypatch, tmp_path):
    gone = replace(world.settings, mysql_tls_ca=tmp_path / "gone.pem")
    monkeypatch.setattr(world.reconciler, "_settings", gone)
    await fail_twice(world)
    assert "gone.pem" in world.cluster.condition("inbound-sales")["message"]


async def test_an_object_that_cannot_be_patched_keeps_no_other_from_its_status(world, probe_body):
    world.apply(
        voice_client(displayName="Acme Ltd", timeZone="Europe/London"),
        probe_body(metadata={"name": "bad", "uid": "u2"}, call={"timeZone": "Mars/Olympus"}),
    )
    world.cluster.stubborn = {"inbound-sales"}
    with pytest.raises(Rejected, match="inbound-sales cannot be patched"):
        await world.reconciler.reconcile("acme")
    assert world.cluster.condition("client")["status"] == "True"
    assert world.cluster.condition("bad")["reason"] == "InvalidSpec"
