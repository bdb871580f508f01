"""A whole client: what is done, what is said about it, what is left alone, and what it costs."""

from collections import Counter
from dataclasses import replace

import pytest

from tests.unit.operator.bodies import UID, many, plan, voice_client
from voiceprobe_operator.errors import Transient

pytestmark = pytest.mark.usefixtures("one_probe")


async def test_everything_comes_from_a_probe_with_one_status_and_one_event(world):
    await world.reconciler.reconcile("acme")
    assert plan(world) == {"inbound-sales"}
    assert world.database.orgs["acme"] == 2
    assert world.cluster.condition("inbound-sales")["status"] == "True"
    assert world.cluster.events == [("inbound-sales", "Published")]
    assert len(world.cluster.patches) == 1
    assert world.cluster.patches[0][1]["health"] == "NoData"
    await world.health.update()
    assert len(world.cluster.patches) == 1, "the first status carries the health already"


async def test_a_whole_look_at_what_is_right_writes_nothing_anywhere(world):
    await world.resync()
    world.forget_requests()
    await world.resync()
    await world.health.update()
    assert (world.far.writes, world.cluster.patches, world.cluster.events) == ([], [], [])
    assert world.database.writes == 0


async def test_a_look_at_what_is_known_asks_nobody(world):
    await world.reconciler.reconcile("acme")
    world.forget_requests()
    await world.reconciler.reconcile("acme")
    assert (world.far.reads, world.far.writes, world.database.reads, world.database.writes) == ([], [], 0, 0)


async def test_from_nothing_each_object_is_written_once_and_reads_do_not_grow(world, probe_body):
    world.apply(*many(probe_body, 200))
    world.forget_requests()
    await world.resync()
    written = Counter(world.far.writes)
    assert written["POST /dashboards/db"] == 202
    assert sum(written.values()) == 202 + 4 + 13 + 2, "organisation, viewer, datasource, folder; rules; policy, silence"
    assert len(world.far.reads) <= 13
    assert (len(world.cluster.patches), len(world.cluster.events)) == (201, 201)


async def test_one_changed_probe_of_many_costs_one_of_each(world, probe_body):
    world.apply(*many(probe_body, 100))
    await world.resync()
    world.forget_requests()
    changed = many(probe_body, 1)[0]
    changed["metadata"]["generation"] = 4
    changed["spec"]["thresholds"]["mos"]["warning"] = 4.1
    world.apply(changed)
    await world.reconciler.reconcile("acme")
    assert (world.far.reads, world.far.writes) == ([], ["POST /dashboards/db"])
    assert (world.database.reads, [row["probe"] for row in world.database.statements]) == (0, ["p0"])
    assert [name for name, _ in world.cluster.patches] == ["p0"]
    assert world.cluster.events == [("p0", "Published")]


async def test_a_resync_of_many_costs_no_more_than_of_one_but_for_those_whose_hour_it_is(world, probe_body):
    world.apply(*many(probe_body, 100))
    await world.resync()
    world.forget_requests()
    await world.resync()
    contents = [path for path in world.far.reads if path.startswith("GET /dashboards/uid/")]
    of_all_clients = [path for path in world.far.reads if path in {"GET /health", "GET /orgs"}]
    assert len(of_all_clients) == 2
    assert len(world.far.reads) - len(contents) - len(of_all_clients) <= 9
    assert len(contents) < 20


async def test_each_content_is_read_once_an_hour(world, probe_body, monkeypatch):
    world.apply(*many(probe_body, 50))
    await world.resync()
    now = 1_800_000_000.0
    monkeypatch.setattr("time.time", lambda: now)
    await world.resync()
    read = Counter()
    for _ in range(24):
        now += 300
        world.forget_requests()
        await world.resync()
        contents = [path for path in world.far.reads if path.startswith("GET /dashboards/uid/")]
        assert len(contents) < 20
        read.update(contents)
    assert set(read.values()) == {2}
    assert len(read) == 52


async def test_a_namespace_that_never_declared_anything_gets_nothing(world):
    await world.reconciler.reconcile("globex")
    assert world.far.writes == []
    assert world.database.writes == 0


async def test_the_last_probe_takes_its_plan_and_dashboard_with_it_but_not_the_organisation(world):
    await world.reconciler.reconcile("acme")
    world.delete("inbound-sales")
    await world.reconciler.reconcile("acme")
    assert plan(world) == set()
    assert set(world.far.dashboards) == {(2, "voice-overview")}
    assert world.far.orgs[2] == "acme"
    assert "acme" in world.database.rows


async def test_an_organisation_goes_with_the_last_object_if_its_client_said_so(world):
    world.apply(voice_client(whenEmpty="Delete"))
    await world.resync()
    world.delete("client", kind="VoiceClient")
    await world.reconciler.reconcile("acme")
    assert "acme" in world.far.orgs.values(), "a probe is left"
    world.start()
    await world.resync()
    world.delete("inbound-sales")
    await world.reconciler.reconcile("acme")
    assert "acme" not in world.far.orgs.values()
    assert "client-acme" not in world.far.users.values()
    assert world.database.orgs["acme"] is None
    world.forget_requests()
    assert await world.resync() == set()
    assert world.far.writes == []


async def test_an_organisation_whose_probes_may_not_be_swept_stays(world, probe_body):
    world.apply(voice_client(whenEmpty="Delete"), *many(probe_body, 20))
    await world.resync()
    world.cluster.objects_.clear()
    await world.resync()
    assert "acme" in world.far.orgs.values()
    assert len(plan(world)) == 21


async def test_what_a_client_left_while_grafana_was_away_goes_with_the_next_process(world):
    await world.reconciler.reconcile("acme")
    world.delete("inbound-sales")
    world.far.away = True
    with pytest.raises(Transient):
        await world.reconciler.reconcile("acme")
    assert plan(world) == set(), "no call is made for it any more"
    world.far.away = False
    world.start()
    await world.resync()
    assert set(world.far.dashboards) == {(2, "voice-overview")}


async def test_an_edited_dashboard_is_put_right_and_told_a_change_of_the_client_is_not_drift(world, monkeypatch):
    await world.reconciler.reconcile("acme")
    world.apply(voice_client(displayName="Acme Ltd", timeZone="Europe/London"))
    await world.reconciler.reconcile("acme")
    assert "DashboardRestored" not in dict(map(reversed, world.cluster.events))
    assert world.cluster.events[-1] == ("client", "Applied")
    assert world.cluster.condition("client")["status"] == "True"
    world.far.drop_panel(2, UID)
    monkeypatch.setattr("voiceprobe_operator.reconciling.shower.is_due", lambda *_: True)
    await world.resync()
    assert world.cluster.events[-1] == ("inbound-sales", "DashboardRestored")


async def test_a_deleted_dashboard_comes_back_at_the_next_resync(world):
    await world.resync()
    world.far.ask("DELETE", f"/api/dashboards/uid/{UID}", org=2)
    await world.resync()
    assert (2, UID) in world.far.dashboards
    assert world.cluster.events[-1] == ("inbound-sales", "DashboardRestored")


async def test_what_is_known_and_was_not_so_is_looked_at_again_at_once(world, probe_body):
    await world.resync()
    world.far.delete_folder(2)
    world.apply(probe_body(metadata={"generation": 4}, displayName="Sales"))
    await world.reconciler.reconcile("acme")
    assert world.far.folders
    assert len(world.far.dashboards) == 2
    assert world.cluster.condition("inbound-sales")["status"] == "True"
    assert ("inbound-sales", "Published") in world.cluster.events[1:]


async def test_a_datasource_that_was_known_and_is_gone_is_made_again_at_once(world):
    await world.resync()
    world.far.ask("DELETE", "/api/datasources/uid/voice-client", org=2)
    world.apply(voice_client(whenEmpty="Delete"))
    await world.reconciler.reconcile("acme")
    assert 2 in world.far.datasources
    assert world.cluster.condition("client")["status"] == "True"


async def test_a_wiped_grafana_is_filled_again(world):
    await world.resync()
    organisations = world.reconciler.organisations()
    world.far.wipe()
    await world.server.find_organisations()
    lost = world.server.strangers(organisations)
    assert lost == ["acme"]
    world.reconciler.forget(lost)
    await world.reconciler.reconcile("acme")
    assert len(world.far.dashboards) == 2
    assert world.cluster.condition("inbound-sales")["status"] == "True"


async def test_an_organisation_that_went_before_the_pulse_told_is_made_again(world, probe_body):
    await world.resync()
    world.far.delete_org(2)
    world.apply(probe_body(metadata={"generation": 4}, displayName="Sales"))
    await world.reconciler.reconcile("acme")
    assert world.far.orgs[3] == "acme"
    assert len(world.far.dashboards) == 2
    assert world.cluster.condition("inbound-sales")["status"] == "True"


async def test_what_is_forgotten_while_it_is_worked_with_stays_forgotten(world, probe_body):
    await world.resync()
    inner = world.database.publish

    async def publish(*arguments):
        world.reconciler.forget(["acme"])
        return await inner(*arguments)

    world.database.publish = publish
    world.apply(probe_body(metadata={"generation": 4}, suspend=True))
    await world.reconciler.reconcile("acme")
    world.forget_requests()
    await world.reconciler.reconcile("acme")
    assert world.database.reads == 1


async def test_a_sweep_that_is_refused_keeps_plan_and_dashboards_until_it_is_meant(world, probe_body):
    world.apply(*many(probe_body, 20))
    await world.resync()
    for n in range(20):
        world.cluster.remove("VoiceProbe", "acme", f"p{n}")
    await world.resync()
    await world.resync()
    assert len(plan(world)) == 21
    assert len(world.far.dashboards) == 22
    assert world.cluster.events.count(("voice-system", "SweepRefused")) == 1
    world.settings = replace(world.settings, sweep_all=True)
    world.start()
    await world.resync()
    assert plan(world) == {"inbound-sales"}
    assert len(world.far.dashboards) == 2


async def test_ends_that_events_told_are_no_riddle(world, probe_body):
    world.apply(*many(probe_body, 20))
    await world.resync()
    for n in range(20):
        world.delete(f"p{n}")
    await world.resync()
    assert plan(world) == {"inbound-sales"}
    assert len(world.far.dashboards) == 2


async def test_a_grafana_without_alert_provisioning_is_said_and_the_rest_is_ready(world, far):
    far.restart(version="8.5.0")
    await world.resync()
    assert world.cluster.condition("inbound-sales", "AlertsReady")["reason"] == "GrafanaTooOld"
    assert world.cluster.condition("inbound-sales")["status"] == "True"
    assert not far.rules
