"""Which clients are looked at, and when: the service with its outside replaced by values."""

import asyncio
import datetime

import pytest

from tests.unit.operator.bodies import voice_client
from voiceprobe_operator import handlers, names
from voiceprobe_operator.errors import Rejected, Transient
from voiceprobe_operator.handlers import Memo, registry
from voiceprobe_operator.turn.status import conditions


@pytest.fixture
def queued(running, monkeypatch):
    """The clients that the service said need work."""
    keys = []
    monkeypatch.setattr(running._queue, "add", keys.extend)
    monkeypatch.setattr(running._queue, "start", lambda: None)
    return keys


def test_only_a_new_spec_a_new_object_or_an_end_makes_work(running, queued, probe_body):
    body = probe_body()
    running.notice(body, deleted=False)
    running.notice({**body, "status": {"health": "Healthy"}}, deleted=False)
    assert queued == ["acme"]
    running.notice(body, deleted=True)
    assert queued == ["acme"] * 2


async def test_a_number_that_moves_has_the_clients_looked_at_that_it_concerns_the_loser_first(
    running, queued, world, probe_body
):
    def named(client):
        return probe_body(metadata={"namespace": client, "name": client, "uid": client})

    def allotted(client, generation):
        meta = {"name": "a", "uid": "a", "generation": generation}
        return {"kind": "NumberAllotment", "metadata": meta, "spec": {"client": client, "numbers": ["agent-7"]}}

    for body in (named("globex"), named("acme"), named("initech"), allotted("acme", 1)):
        running.notice(world.cluster.put(body), deleted=False)
    world.cluster.put(
        probe_body(metadata={"namespace": "other", "name": "o", "uid": "o"}, receiver={"address": "sip:o@h"})
    )
    await running.resync()
    queued.clear()
    running.notice(world.cluster.put(allotted("globex", 2)), deleted=False)
    assert queued == [names.ALLOTMENTS]
    await running._reconcile(names.ALLOTMENTS)
    assert queued == [names.ALLOTMENTS, "acme", "globex"]
    assert world.cluster.condition("a")["message"] == "1 of 1 count for globex"


async def test_a_rival_that_goes_has_the_one_looked_at_that_it_kept_out(running, queued, world, probe_body):
    first, second = (probe_body(metadata={"namespace": n, "name": n, "uid": n}) for n in ("acme", "globex"))
    for body in (first, second):
        running.notice(world.cluster.put(body), deleted=False)
    await running.resync()
    queued.clear()
    running.notice(world.cluster.remove("VoiceProbe", "acme", "acme"), deleted=True)
    await running._reconcile("acme")
    assert queued == ["acme", "globex"]


async def test_a_resync_looks_at_every_client_and_at_those_whose_last_probe_vanished(
    running, queued, world, probe_body
):
    world.cluster.put(probe_body())
    world.database.plan[("ghost", "gone")] = {}
    await running.resync()
    assert queued == ["acme", "ghost", names.FLEET]
    assert running.seconds_since_resync() < 60


async def test_a_resync_without_the_database_still_looks_at_what_is_declared(running, queued, world, probe_body):
    world.cluster.put(probe_body())
    world.database.away = True
    await running.resync()
    assert queued == ["acme", names.FLEET]


async def test_without_a_complete_list_nothing_is_looked_at(running, queued, world, probe_body):
    running.notice(probe_body(), deleted=False)
    queued.clear()
    world.cluster.away = True
    with pytest.raises(Transient):
        await running.resync()
    assert queued == []


async def test_a_grafana_that_lost_an_organisation_is_filled_again(running, queued, world, probe_body):
    world.cluster.put(probe_body())
    await running.resync()
    await running._reconciler.reconcile("acme")
    queued.clear()
    await running.feel_pulse()
    assert queued == []
    world.far.wipe()
    await running.feel_pulse()
    assert queued == ["acme"]


async def feel_pulse(running, caplog):
    """Warnings of a look at Grafana."""
    caplog.clear()
    await running.feel_pulse()
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


async def test_the_clients_whose_organisations_are_lost_are_named(running, queued, world, probe_body, caplog):
    for client in ("beta", "acme"):
        world.cluster.put(probe_body(metadata={"namespace": client, "uid": client}))
    await running.resync()
    for client in ("acme", "beta"):
        await running._reconciler.reconcile(client)
    assert await feel_pulse(running, caplog) == []
    world.far.wipe()
    (warning,) = await feel_pulse(running, caplog)
    assert warning == "Grafana has lost 2 organisation(s), made again now: acme, beta"


async def test_an_organisation_that_was_removed_as_declared_is_told_of_once_and_is_no_loss(
    running, queued, world, probe_body, caplog
):
    caplog.set_level("INFO")
    objects = [world.cluster.put(voice_client(whenEmpty="Delete")), world.cluster.put(probe_body())]
    await running.resync()
    await running._reconciler.reconcile("acme")
    for body in objects:
        running.notice(body, deleted=True)
    await running._reconciler.reconcile("acme")
    assert "acme" not in world.far.orgs.values()
    assert [record.getMessage() for record in caplog.records if "organisation" in record.getMessage()] == [
        "acme: nothing is declared any more: the organisation is removed as declared (whenEmpty: Delete)"
    ]
    queued.clear()
    assert await feel_pulse(running, caplog) == []
    assert queued == [], "nothing is made again"


async def test_the_organisation_of_a_client_that_declares_nothing_is_nobodys_loss(
    running, queued, world, probe_body, caplog
):
    """It was retained, and then somebody removed it by hand."""
    body = world.cluster.put(probe_body())
    await running.resync()
    await running._reconciler.reconcile("acme")
    running.notice(body, deleted=True)
    await running._reconciler.reconcile("acme")
    queued.clear()
    world.far.wipe()
    assert await feel_pulse(running, caplog) == []
    assert queued == []


@pytest.mark.parametrize("who", ["far", "database"])
async def test_whoever_was_away_and_is_back_has_everything_compared_at_once(running, queued, world, who):
    loop = running.feel_pulse if who == "far" else running.update_health
    getattr(world, who).away = True
    with pytest.raises(Transient):
        await loop()
    assert not running._wanted.is_set()
    getattr(world, who).away = False
    await loop()
    assert running._wanted.is_set()


async def reported(world, store, *bodies):
    """Objects on which the operator has reported."""
    for body in bodies:
        store.notice(world.cluster.put(body | {"status": {"observedGeneration": 3}}), deleted=False)


async def test_health_is_written_where_it_changed(running, queued, world, probe_body):
    await reported(world, running._store, probe_body())
    world.database.plan = {("acme", "inbound-sales"): {}, ("acme", "unknown"): {}}
    await running.update_health()
    await running.update_health()
    assert [patch["health"] for _, patch in world.cluster.patches] == ["NoData"]


async def test_health_of_a_probe_comes_with_its_first_report(running, queued, world, probe_body):
    running.notice(world.cluster.put(probe_body()), deleted=False)
    world.database.plan = {("acme", "inbound-sales"): {}}
    await running.update_health()
    assert world.cluster.patches == []


async def test_conditions_of_both_loops_end_up_in_the_status(running, queued, world, probe_body):
    """Each loop writes the whole list of conditions: one that waits for the API server must not undo the other's."""
    await reported(world, running._store, probe_body())
    ref, written = running._store.probe("acme", "inbound-sales"), asyncio.Event()
    patch_status = world.cluster.patch_status

    async def slow(ref, status):
        await written.wait()
        return await patch_status(ref, status)

    world.cluster.patch_status = slow
    world.database.plan = {("acme", "inbound-sales"): {}}
    now = datetime.datetime.now(datetime.UTC)
    ready = running._health._writer.write(ref, lambda have: {"conditions": conditions(have, {}, 1, now)})
    reporting = asyncio.create_task(ready)
    looking = asyncio.create_task(running.update_health())
    await asyncio.sleep(0)  # both have asked what is known
    written.set()
    await asyncio.gather(reporting, looking)
    assert {c["type"] for c in world.cluster.patches[-1][1]["conditions"]} == {"Ready", "Callable"}


async def test_one_status_that_cannot_be_written_keeps_no_other(running, queued, world, probe_body):
    names = ["first", "second", "third"]
    await reported(world, running._store, *(probe_body(metadata={"name": name, "uid": name}) for name in names))
    world.database.plan = {("acme", name): {} for name in names}
    world.cluster.stubborn = {"first"}
    with pytest.raises(Rejected, match="first"):
        await running.update_health()
    assert sorted(name for name, _ in world.cluster.patches) == ["second", "third"]


async def test_handlers_only_pass_on_what_they_heard(settings, probe_body):
    heard = []
    memo = Memo(settings)
    with pytest.raises(RuntimeError, match="before startup"):
        await handlers.noticed(event={"type": "ADDED", "object": {}}, memo=memo)
    memo.service = type("Heard", (), {"notice": lambda _, body, deleted: heard.append(deleted)})()
    await handlers.noticed(event={"type": None, "object": probe_body()}, memo=memo)
    await handlers.noticed(event={"type": "DELETED", "object": probe_body()}, memo=memo)
    assert heard == [False, True]
    assert registry() is not registry()


async def test_start_and_stop_leave_nothing_running(world, running, probe_body, monkeypatch):
    monkeypatch.setattr(
        "voiceprobe_operator.liveness.listen", lambda _: __import__("socket").create_server(("127.0.0.1", 0))
    )
    world.cluster.put(probe_body())
    before = asyncio.all_tasks()
    await running.start()
    async with asyncio.timeout(10):
        while not world.far.dashboards:
            await asyncio.sleep(0)
    await running.stop()
    assert asyncio.all_tasks() == before
