"""What is waited for is told once, and is known as long as it lasts."""

import logging

import pytest

from voiceprobe_operator.errors import Denied, Transient
from voiceprobe_operator.waits import Waits


def test_a_reason_is_a_line_when_it_begins_when_it_changes_and_when_it_ends(caplog):
    waits = Waits()
    with caplog.at_level(logging.INFO):
        for sentence in ("away", "away", "refused", "refused"):
            waits.because("MySQL", sentence)
        assert waits.sentences() == ["refused"]
        waits.over("MySQL")
        waits.over("MySQL")
    assert [record.getMessage() for record in caplog.records] == ["MySQL: away", "MySQL: refused", "MySQL: goes on"]
    assert waits.sentences() == []


def test_one_reason_of_many_is_one_reason():
    waits = Waits()
    waits.because("MySQL", "away")
    waits.because("resync", "away")
    assert waits.sentences() == ["away"]
    waits.over("MySQL")
    assert waits.knows("away")


@pytest.mark.parametrize("who", ["far", "database"])
async def test_a_service_that_is_away_is_waited_for_and_told_of_once(started, world, caplog, who):
    service = started
    name, work = ("Grafana", service.feel_pulse) if who == "far" else ("MySQL", service.update_health)
    getattr(world, who).away = True
    caplog.clear()
    for _ in range(3):
        assert not await service._attempt(name, work)
    (sentence,) = service.waiting()
    assert [r.getMessage() for r in caplog.records if r.levelname == "WARNING"] == [f"{name}: {sentence}"]
    getattr(world, who).away = False
    assert await service._attempt(name, work)
    assert service.waiting() == []


async def test_a_thousand_clients_that_fail_for_the_known_reason_are_no_thousand_lines(started, caplog):
    service = started
    away, other = Transient("DatabaseUnavailable", "MySQL is away"), Transient("X", "something else")
    service._waits.because("MySQL", away.sentence)
    caplog.clear()
    for number in range(1000):
        service._report_failure(f"client-{number}", away, 1)
    assert caplog.records == []
    for _ in range(3):
        service._report_failure("acme", other, 1)
    assert [r.getMessage() for r in caplog.records] == ["acme: something else (again in 1 s)"]


async def test_a_leader_waits_until_everything_was_compared_once(running):
    running._election._mine, running._election.trouble = {"spec": {}}, ""
    assert running.waiting() == ["starting: everything is compared for the first time"]
    await running.resync()
    await running._queue.stop()
    assert running.waiting() == []


async def test_a_replica_that_stands_by_is_ready_once_it_could_ask_who_leads(running, world):
    assert "has not been asked yet" in running.waiting()[0]
    running._waits.because("MySQL", "left over")
    running._election.trouble = ""
    assert running.waiting() == []


@pytest.mark.parametrize("missing", ["VoiceProbe", "NumberAllotment"])
async def test_a_crd_that_is_missing_is_waited_for(started, world, missing):
    crd = world.cluster.crds.pop(missing)
    await started.resync()
    (sentence,) = started.waiting()
    assert sentence.startswith(f"the cluster knows no {missing}, so n")
    assert "kubectl apply --server-side --field-manager=helm --force-conflicts -f -" in sentence
    world.cluster.crds[missing] = crd
    await started.resync()
    assert started.waiting() == []


async def test_a_crd_that_is_older_names_the_fields_that_get_lost(started, world):
    spec = schema(world, "VoiceProbe")["properties"]["spec"]["properties"]
    del spec["call"]["properties"]["allowOverlap"], spec["receiver"]["properties"]["confirmation"]
    await started.resync()
    (sentence,) = started.waiting()
    assert (
        "CRD of VoiceProbe is older than this operator and drops spec.call.allowOverlap, spec.receiver.con" in sentence
    )


async def test_a_crd_that_is_newer_is_a_note_and_no_reason_to_wait(started, world, caplog):
    schema(world, "VoiceClient")["properties"]["spec"]["properties"]["colour"] = {"type": "string"}
    await started.resync()
    await started.resync()
    assert started.waiting() == []
    (note,) = [r.getMessage() for r in caplog.records if "newer than this operator" in r.getMessage()]
    assert "does nothing with spec.colour" in note


async def test_who_may_not_see_crds_works_on_and_says_so_once(started, world, monkeypatch, caplog):
    async def denied(_):
        raise Denied("KubernetesUnavailable", "403 to GET customresourcedefinitions")

    monkeypatch.setattr(world.cluster, "crd", denied)
    await started.resync()
    await started.resync()
    assert started.waiting() == []
    assert sum("nobody can see whether the CRD of VoiceProbe" in r.getMessage() for r in caplog.records) == 1


def schema(world, kind):
    return world.cluster.crds[kind]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


@pytest.fixture
async def started(running):
    """A service that leads and has compared everything."""
    running._election._mine, running._election.trouble = {"spec": {}}, ""
    await running.resync()
    await running._queue.stop()
    yield running
    await running._queue.stop()
