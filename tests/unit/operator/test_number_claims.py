"""Two claims to one number, as whole clients see it: what is published, what is said, and to whom."""

import json

import pytest

from tests.unit.operator.bodies import many
from voiceprobe_operator.errors import Transient
from voiceprobe_operator.metrics import REGISTRY

EARLY, LATE = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"


@pytest.fixture
def line(probe_body):
    """A probe of a client, its receiver's number and its age."""

    def make(client, receiver="agent-7", created=EARLY, generation=1, destination="+442071838750", **spec):
        meta = {"namespace": client, "name": f"{client}-line", "uid": f"uid-{client}", "creationTimestamp": created}
        address = {"address": f"sip:{receiver}@voice.example.net"}
        return probe_body(
            metadata=meta | {"generation": generation},
            receiver=address,
            destination=f"sip:{destination}@sbc.example",
            **spec,
        )

    return make


def allotment(name, client, *numbers, created=EARLY, generation=1):
    meta = {"name": name, "uid": f"uid-{name}", "generation": generation, "creationTimestamp": created}
    spec = {"client": client, "numbers": list(numbers)}
    return {"apiVersion": "voicequality.io/v1alpha1", "kind": "NumberAllotment", "metadata": meta, "spec": spec}


def allotted(world):
    """What the plan holds, by client."""
    return {client: json.loads(row["allotted_numbers"]) for (client, _), row in world.database.plan.items()}


def reasons(world, client, *kinds):
    return [world.cluster.condition(f"{client}-line", kind)["reason"] for kind in kinds or ("PlanPublished",)]


async def test_a_number_that_is_allotted_to_nobody_is_published_and_said_to_tell_nothing(world, line):
    world.apply(line("acme"))
    await world.resync()
    assert allotted(world) == {"acme": []}
    assert reasons(world, "acme", "Ready", "PlanPublished", "NumberAllotted") == ["Ready", "Published", "NotAllotted"]
    assert "agent-7, +442071838750" in world.cluster.condition("acme-line", "NumberAllotted")["message"]


async def test_allotted_numbers_are_published_as_the_probe_writes_them(world, line):
    world.apply(line("acme", "Agent-7", destination="02071838750"), allotment("a", "acme", "agent-7", "+4420*"))
    await world.resync()
    assert allotted(world) == {"acme": ["Agent-7", "02071838750"]}
    assert reasons(world, "acme", "NumberAllotted") == ["Allotted"]
    assert world.cluster.condition("a")["reason"] == "Allotted"


async def test_nobody_has_a_number_that_he_only_calls(world, line):
    world.apply(line("acme", "agent-7"), line("globex", "agent-9"), allotment("a", "acme", "agent-7", "+442071838750"))
    await world.resync()
    assert allotted(world) == {"acme": ["agent-7", "+442071838750"], "globex": []}
    assert reasons(world, "globex", "Ready", "NumberAllotted") == ["Ready", "NotAllotted"]


async def test_the_second_receiver_of_one_number_is_not_published_and_hears_of_nobody(world, line):
    world.apply(line("acme", "+442071838750", EARLY), line("globex", "00442071838750", LATE))
    await world.resync()
    assert set(allotted(world)) == {"acme"}
    told = reasons(world, "globex", "Ready", "PlanPublished", "NumberAllotted", "DashboardsReady")
    assert told == ["NumberTaken"] * 3 + ["Ready"]
    assert reasons(world, "acme", "Ready") == ["Ready"]
    said = json.dumps(world.cluster.objects_["VoiceProbe", "globex", "globex-line"]["status"]) + str(
        world.cluster.messages
    )
    assert "00442071838750 of receiver.address" in said
    assert "ask the provider to allot it to this client" in said
    assert "acme" not in said.replace("acme-line", "")
    assert world.cluster.events.count(("globex-line", "NumberTaken")) == 1
    world.forget_requests()
    await world.resync()
    assert (world.cluster.patches, world.cluster.events, world.database.writes) == ([], [], 0)


async def test_when_the_first_goes_the_second_is_published_without_anybody_doing_anything(world, line):
    world.apply(line("acme", created=EARLY), line("globex", created=LATE))
    await world.resync()
    world.delete("acme-line")
    await world.reconciler.reconcile("acme")
    assert await world.follow() == ["globex"]
    assert set(allotted(world)) == {"globex"}
    assert reasons(world, "globex", "Ready", "NumberAllotted") == ["Ready", "NotAllotted"]
    assert world.cluster.events[-1] == ("globex-line", "Published")


async def test_whom_a_number_is_allotted_to_takes_it_back_from_whoever_was_first(world, line):
    world.apply(line("globex", "02071838750", EARLY), line("acme", "+442071838750", LATE))
    await world.resync()
    assert set(allotted(world)) == {"globex"}
    world.apply(allotment("a", "acme", "+442071838750"))
    assert await world.follow() == ["globex", "acme"]
    assert allotted(world) == {"acme": ["+442071838750"]}
    assert reasons(world, "globex") == ["NumberTaken"]
    assert "health" not in world.cluster.objects_["VoiceProbe", "globex", "globex-line"]["status"]
    assert "write it in full" in world.cluster.condition("globex-line")["message"]


async def test_an_allotment_that_moves_takes_the_number_along(world, line):
    world.apply(line("acme", "agent-7"), line("globex", "agent-8"), allotment("a", "acme", "agent-8", "+442071838750"))
    await world.resync()
    assert (allotted(world), reasons(world, "globex")) == ({"acme": ["+442071838750"]}, ["NumberTaken"])
    world.apply(allotment("a", "globex", "agent-8", "+442071838750", generation=2))
    assert await world.follow() == ["acme", "globex"]
    assert allotted(world) == {"acme": [], "globex": ["agent-8", "+442071838750"]}
    assert reasons(world, "acme", "Ready", "NumberAllotted") == ["Ready", "NotAllotted"]


async def test_the_second_allotment_of_a_number_says_whose_it_is_and_the_rest_of_it_counts(world, line):
    world.apply(
        line("acme", "agent-7"),
        line("globex", "agent-8"),
        allotment("first", "acme", "+4420718387*"),
        allotment("second", "globex", "agent-8", "+442071838750", created=LATE),
    )
    await world.resync()
    assert allotted(world) == {"acme": ["+442071838750"], "globex": ["agent-8"]}
    said = world.cluster.condition("second")
    assert (said["status"], said["reason"]) == ("False", "NumberTaken")
    assert said["message"].startswith("+442071838750 is acme's by +4420718387* of first; 1 of 2 count for globex")
    world.store.notice(world.cluster.remove("NumberAllotment", "", "first"), deleted=True)
    await world.follow()
    assert world.cluster.condition("second")["status"] == "True"
    assert allotted(world) == {"acme": [], "globex": ["agent-8", "+442071838750"]}


@pytest.mark.parametrize("restarts", [False, True])
async def test_nobody_keeps_a_number_by_a_spec_that_cannot_work(world, line, restarts):
    """Such a spec leaves in the plan what was declared before: but not what is another client's by now."""
    world.apply(line("acme", "agent-7"), allotment("a", "acme", "agent-7"))
    await world.resync()
    world.apply(line("acme", "agent-7", generation=2, call={"timeZone": "Mars/Olympus"}))
    await world.reconciler.reconcile("acme")
    assert allotted(world) == {"acme": ["agent-7"]}, "it stays while it is acme's"
    if restarts:
        world.start()
        await world.resync()
    world.apply(allotment("a", "globex", "agent-7", generation=2), line("globex", "agent-7", LATE))
    await (world.resync() if restarts else world.follow())
    assert allotted(world) == {"globex": ["agent-7"]}


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_number_that_is_taken_back_tells_nothing_any_more_whatever_becomes_of_the_row(world, line, restarts):
    """The row itself stays: it is what was declared before, or the allotments' own kind may have gone by mistake."""
    world.apply(line("acme", "agent-7"), allotment("a", "acme", "agent-7"))
    await world.resync()
    world.apply(line("acme", "agent-7", generation=2, call={"timeZone": "Mars/Olympus"}))
    await world.reconciler.reconcile("acme")
    if restarts:
        world.start()
        await world.resync()
    world.store.notice(world.cluster.remove("NumberAllotment", "", "a"), deleted=True)
    await (world.resync() if restarts else world.follow())
    assert allotted(world) == {"acme": []}
    writes = world.database.writes
    await world.resync()
    assert world.database.writes == writes, "once is enough"
    world.apply(line("acme", "agent-7", generation=3), allotment("a", "acme", "agent-7", generation=3))
    await world.resync()
    assert allotted(world) == {"acme": ["agent-7"]}


async def test_nobody_keeps_a_number_by_vanishing_with_more_than_half_of_the_plan(world, line, probe_body):
    world.apply(line("acme", "agent-70"), allotment("a", "acme", "agent-70"), *many(probe_body, 20))
    await world.resync()
    world.start()
    for kind, client, name in [key for key in world.cluster.objects_ if key[0] == "VoiceProbe"]:
        world.cluster.remove(kind, client, name)
    await world.resync()
    assert len(world.database.plan) == 21, "it may be the wrong cluster"
    world.apply(allotment("a", "globex", "agent-70", generation=2))
    await world.resync()
    assert "acme-line" not in {probe for _, probe in world.database.plan}
    assert len(world.database.plan) == 20


async def test_what_was_allotted_while_no_operator_ran_is_no_drift(world, line):
    world.apply(line("acme", "agent-7"))
    await world.resync()
    world.start()
    before = drift()
    world.cluster.put(allotment("a", "acme", "agent-7"))
    await world.resync()
    assert allotted(world) == {"acme": ["agent-7"]}
    assert drift() == before
    world.database.plan["acme", "acme-line"]["allotted_numbers"] = "[]"
    await world.resync()
    assert (allotted(world), drift()) == ({"acme": ["agent-7"]}, before + 1)


def drift():
    return REGISTRY.get_sample_value("voice_operator_drift_corrected_total", {"kind": "plan"})


async def test_a_thousand_probes_of_others_are_not_looked_at_for_one_number(world, line, probe_body):
    world.apply(*many(probe_body, 300), line("globex", "agent-8"))
    await world.resync()
    world.forget_requests()
    world.apply(allotment("a", "globex", "agent-8"))
    assert await world.follow() == ["globex"]
    assert len(world.database.statements) == 1
    assert [name for name, _ in world.cluster.patches] == ["a", "globex-line"]


async def test_a_cluster_without_the_kind_allots_nothing_and_all_else_works(world, line):
    world.apply(line("acme"))
    assert "NumberAllotment" not in {kind for kind, _, _ in world.cluster.objects_}
    await world.resync()
    assert reasons(world, "acme", "Ready") == ["Ready"]


async def test_an_allotment_that_cannot_work_says_so_and_keeps_what_it_gave(world, line):
    world.apply(line("acme"), allotment("a", "acme", "agent-7"))
    await world.resync()
    world.apply(allotment("a", "acme", "+44 20", generation=2))
    await world.follow()
    said = world.cluster.condition("a")
    assert (said["reason"], "+44 20" in said["message"]) == ("InvalidSpec", True)
    assert allotted(world) == {"acme": ["agent-7"]}


async def test_an_allotment_whose_status_cannot_be_written_keeps_no_other(world):
    world.apply(allotment("a", "acme", "agent-7"), allotment("b", "acme", "agent-8"))
    await world.resyncing.look()
    world.cluster.stubborn = {"a"}
    with pytest.raises(Exception, match="a cannot be patched"):
        await world.allotter.reconcile()
    assert world.cluster.condition("b")["status"] == "True"


async def test_what_fails_at_the_loser_is_tried_again_and_nothing_is_given_twice(world, line):
    world.apply(line("acme", "agent-7"), line("globex", "agent-8"), allotment("a", "acme", "agent-7"))
    await world.resync()
    world.apply(allotment("a", "globex", "agent-7", generation=2))
    world.database.away = True
    with pytest.raises(Transient):
        await world.follow()
    world.database.away = False
    await world.resync()
    assert "acme" not in allotted(world)
