"""To whom a client is open: from its VoiceClient into its row, and out of it again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.operator_world import World
from tests.unit.operator.bodies import many, voice_client
from tests.unit.operator.conftest import ProbeBody
from voiceprobe_operator.errors import Transient

VIEWERS = {"provider": "corp", "groups": ["acme-voice-viewers"], "role": "Viewer"}
ENGINEERS = {"provider": "corp", "groups": ["acme-voice-engineers"], "role": "Engineer"}
pytestmark = pytest.mark.usefixtures("one_probe")


def open_to(world: World, client: str = "acme") -> dict[str, str]:
    """The role of each group, as the client's row has it."""
    found: Any = world.database.rows[client]["access"]
    return {} if found is None else {row["group"]: row["role"] for row in json.loads(found)}


async def declare(world: World, generation: int, *access: Any, **spec: Any) -> None:
    world.apply(voice_client(generation, access=list(access), **spec))
    await world.reconciler.reconcile("acme")


async def test_access_comes_changes_and_goes_and_costs_grafana_nothing(world: World):
    await declare(world, 1, VIEWERS)
    assert open_to(world) == {"acme-voice-viewers": "viewer"}
    world.forget_requests()
    await declare(world, 2, VIEWERS, ENGINEERS)
    assert open_to(world) == {"acme-voice-viewers": "viewer", "acme-voice-engineers": "engineer"}
    await declare(world, 3, ENGINEERS)
    assert open_to(world) == {"acme-voice-engineers": "engineer"}
    await declare(world, 4)
    assert open_to(world) == {}
    assert world.cluster.condition("client")["status"] == "True", "a client that is open to nobody is as declared"
    assert world.far.writes == []
    assert world.database.writes == 3


async def test_a_client_without_a_voice_client_is_open_to_nobody(world: World):
    await declare(world, 1, VIEWERS)
    world.delete("client", "VoiceClient")
    await world.reconciler.reconcile("acme")
    assert open_to(world) == {}


async def test_access_that_somebody_wrote_into_the_row_is_put_right(world: World):
    await declare(world, 1, VIEWERS)
    world.database.rows["acme"]["access"] = '[{"group":"others","provider":"corp","role":"engineer"}]'
    await world.resync()
    assert open_to(world) == {"acme-voice-viewers": "viewer"}


async def test_whom_a_spec_that_cannot_work_names_no_more_is_out_all_the_same(world: World):
    await declare(world, 1, VIEWERS, ENGINEERS, displayName="Acme Ltd")
    await declare(world, 2, ENGINEERS, displayName="Acme", timeZone="Mars/Olympus")
    assert world.cluster.condition("client")["reason"] == "InvalidSpec"
    assert open_to(world) == {"acme-voice-engineers": "engineer"}
    assert world.database.rows["acme"]["display_name"] == "Acme Ltd", "the rest is as it was"


async def nothing_is_declared(world: World) -> None:
    world.delete("client", "VoiceClient")
    world.delete("inbound-sales")


async def test_a_client_that_declares_nothing_any_more_is_open_to_nobody(world: World):
    await declare(world, 1, VIEWERS)
    await nothing_is_declared(world)
    await world.reconciler.reconcile("acme")
    assert open_to(world) == {}
    writes = world.database.writes
    await world.resync()
    assert world.database.writes == writes


async def test_so_is_one_whose_objects_vanished_while_no_operator_ran(world: World):
    await declare(world, 1, VIEWERS)
    world.delete("inbound-sales")
    await world.reconciler.reconcile("acme")
    world.cluster.remove("VoiceClient", "acme", "client")
    # Not even an organisation tells of it.
    world.database.orgs["acme"] = None
    world.far.wipe()
    world.start()
    assert "acme" in await world.resync()
    assert open_to(world) == {}


async def test_so_is_one_of_many_that_vanish_at_once_though_their_probes_stay(world: World, probe_body: ProbeBody):
    world.apply(*many(probe_body, 12))
    await declare(world, 1, VIEWERS)
    world.cluster.objects_.clear()
    world.start()
    await world.resync()
    assert len(world.database.plan) == 13, "more than half of the plan is gone, which is kept: is it a mistake?"
    assert open_to(world) == {}, "it is open again as soon as the VoiceClient is back"


@pytest.mark.parametrize("is_lost", [False, True])
async def test_where_the_database_fails_it_is_tried_until_it_is_open_to_nobody(world: World, is_lost: bool):
    await declare(world, 1, VIEWERS)
    await nothing_is_declared(world)
    world.database.fail_after(0, is_lost)
    with pytest.raises(Transient):
        await world.reconciler.reconcile("acme")
    world.database.well()
    await world.reconciler.reconcile("acme")
    assert open_to(world) == {}


async def test_grafana_that_is_away_keeps_nobody_in(world: World):
    await declare(world, 1, VIEWERS)
    await nothing_is_declared(world)
    world.far.away = True
    with pytest.raises(Transient):
        await world.reconciler.reconcile("acme")
    assert open_to(world) == {}
