"""Titles of dashboards: Grafana before 11.3 writes one over another of the same title, whatever their uids."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import re

import hypothesis.strategies as st
import pytest
from hypothesis import example, given, settings

from tests.far_grafana import FarGrafana
from tests.operator_world import World
from tests.unit.operator.bodies import UID, voice_client
from tests.unit.operator.conftest import ENV, STORED
from voiceprobe_operator import names
from voiceprobe_operator.dashboards import OVERVIEW_TITLE, probe_title
from voiceprobe_operator.errors import Transient
from voiceprobe_operator.model import parse_probe
from voiceprobe_operator.settings import Settings

OTHER = "vp-00000000000000000000000000000002"
LONGEST = 189  # of a title in Grafana's database
# What the CRD lets people write, and what could be mistaken for something else.
ODD = ["Voice", "voice!", " VOICE ", "All probes", " all PROBES", "Probe a", "—", "語音", " ", "a (voice)", "voice",
       "a", "A", "All probes (a)", "é", "(", ")"]  # fmt: skip
displayed = st.one_of(st.sampled_from(ODD), st.text(min_size=1, max_size=120))
named = st.one_of(
    st.sampled_from(["voice", "a", "all-probes", "a.b"]), st.from_regex(r"[a-z0-9]{1,63}", fullmatch=True)
)


def body(name, shown, number=1):
    made = copy.deepcopy(STORED)
    made["metadata"] |= {"name": name, "uid": f"00000000-0000-0000-0000-{number:012}"}
    made["spec"]["displayName"] = shown
    return made


def bodies(probes):
    return [body(name, shown, number) for number, (name, shown) in enumerate(probes.items(), start=1)]


def same(title):
    """As Grafana compares titles."""
    return title.strip().lower()


@given(st.dictionaries(named, displayed, min_size=1, max_size=5))
@example({"voice": "—", "a": "voice"})
@example({"a": "b", "b": "a"})
def test_no_title_is_another_ones_or_the_folders(probes):
    titles = [probe_title(parse_probe(one)) for one in bodies(probes)]
    assert len({same(title) for title in [*titles, OVERVIEW_TITLE]}) == len(titles) + 1
    for title in titles:
        assert re.sub("[^a-z0-9]+", "-", title.lower()).strip("-") != names.FOLDER_TITLE.lower()
        assert title == title.strip()


def test_the_longest_name_and_display_name_fit_into_grafanas_database():
    assert len(probe_title(parse_probe(body("n" * 63, "d" * 120)))) <= LONGEST
    assert len(probe_title(parse_probe(body("voice", "—" * 120)))) <= LONGEST


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(named, displayed, min_size=1, max_size=4), st.data())
@example({"voice": "—"}, None)
def test_after_one_reconcile_every_dashboard_is_there_whatever_the_probes_are_called(probes, data):
    async def reconcile(world, declared):
        world.apply(*declared)
        await world.resync()
        wanted = {names.dashboard(one["metadata"]["uid"]) for one in declared} | {names.OVERVIEW_UID}
        assert {uid for _, uid in world.far.dashboards} == wanted
        assert all(world.cluster.condition(name)["status"] == "True" for name in probes)
        world.forget_requests()
        await world.resync()
        assert world.far.writes == []

    async def run():
        world = World(Settings.from_env(ENV), FarGrafana())
        await reconcile(world, bodies(probes))
        if data is not None:
            # They swap what they are called by.
            shuffled = data.draw(st.permutations(list(probes.values())))
            renamed = bodies(dict(zip(probes, shuffled, strict=True)))
            await reconcile(world, [one | {"metadata": one["metadata"] | {"generation": 4}} for one in renamed])
        await world.aclose()

    asyncio.run(run())


@pytest.mark.usefixtures("one_probe")
@pytest.mark.parametrize("database_away", [False, True])
async def test_a_probe_that_was_made_anew_under_its_name_has_its_dashboard_at_once(world, probe_body, database_away):
    """The old one's dashboard has the same title, and another uid."""
    await world.resync()
    world.delete("inbound-sales")
    world.apply(probe_body(metadata={"uid": OTHER.removeprefix("vp-"), "generation": 1}))
    world.database.away = database_away
    with pytest.raises(Transient) if database_away else contextlib.nullcontext():
        await world.reconciler.reconcile("acme")
    assert set(world.far.dashboards) == {(2, "voice-overview"), (2, OTHER)}
    world.database.away = False
    await world.resync()
    assert set(world.far.dashboards) == {(2, "voice-overview"), (2, OTHER)}


@pytest.mark.usefixtures("one_probe")
@pytest.mark.parametrize("uid", [UID, "voice-overview"])
async def test_a_title_that_somebody_took_is_given_back_at_the_next_resync(world, uid):
    await world.resync()
    other = ({UID, "voice-overview"} - {uid}).pop()
    # Grafana writes over the other one, which is gone then; its content has this one's revision, as tags were kept.
    world.far.ask("DELETE", f"/api/dashboards/uid/{other}", org=2)
    world.far.edit_dashboard(2, uid, title="Probe inbound-sales" if uid == "voice-overview" else "All probes")
    await world.resync()
    titles = {of: board["title"] for (_, of), board in world.far.dashboards.items()}
    assert titles == {UID: "Probe inbound-sales", "voice-overview": "All probes"}
    world.forget_requests()
    await world.resync()
    assert world.far.writes == []


@pytest.mark.usefixtures("one_probe")
async def test_a_renamed_dashboard_is_named_again_at_the_next_resync(world):
    await world.resync()
    world.far.edit_dashboard(2, UID, title="Mine")
    await world.resync()
    assert world.far.dashboards[2, UID]["title"] == "Probe inbound-sales"
    assert world.cluster.events[-1] == ("inbound-sales", "DashboardRestored")


@pytest.mark.usefixtures("one_probe")
@pytest.mark.parametrize(("uid", "title"), [(UID, "probe INBOUND-sales "), ("voice-overview", "all probes")])
async def test_nothing_is_written_over_a_dashboard_of_somebody_elses(world, uid, title):
    world.apply(voice_client(displayName="Acme Ltd"))
    await world.resync()
    world.far.ask("DELETE", f"/api/dashboards/uid/{uid}", org=2)
    theirs = {"dashboard": {"uid": "theirs", "title": title, "panels": []}, "folderUid": "voice"}
    world.far.ask("POST", "/api/dashboards/db", theirs, org=2)
    await world.resync()
    assert world.far.dashboards[2, "theirs"]["panels"] == []
    told = world.cluster.condition("inbound-sales" if uid == UID else "client", "DashboardsReady")
    assert (told["status"], told["reason"]) == ("False", "GrafanaRejected")
    assert "somebody else's dashboard theirs has the title" in told["message"]
    world.far.ask("DELETE", "/api/dashboards/uid/theirs", org=2)
    await world.resync()
    assert (2, uid) in world.far.dashboards
    assert world.cluster.condition("client")["status"] == "True"
    assert world.cluster.condition("inbound-sales")["status"] == "True"


@pytest.mark.usefixtures("one_probe")
async def test_a_dashboard_that_grafana_wrote_over_another_is_not_taken_for_written(world, probe_body):
    """Nobody saw in time that the title was taken."""
    await world.resync()
    theirs = {"dashboard": {"uid": "theirs", "title": "Sales (inbound-sales)"}, "folderUid": "voice"}
    world.far.ask("POST", "/api/dashboards/db", theirs, org=2)
    world.apply(probe_body(metadata={"generation": 4}, displayName="Sales"))
    await world.reconciler.reconcile("acme")
    told = world.cluster.condition("inbound-sales", "DashboardsReady")
    assert (told["status"], told["reason"]) == ("False", "GrafanaRejected")
