"""The folder of a client's dashboards, and who may see into it, against the stand-in."""

import pytest

from tests.unit.operator.bodies import UID, voice_client
from tests.unit.operator.test_metrics import samples
from voiceprobe_operator import names
from voiceprobe_operator.reconciling.fleet import Fleet

PERMISSIONS = "/api/folders/voice/permissions"
ASKED = "GET /folders/voice/permissions"
BOARDS = {"voice-overview", UID}
pytestmark = pytest.mark.usefixtures("one_probe")


@pytest.fixture
async def shown(world, one_probe):
    """A client with a probe whose viewer sees its dashboards."""
    world.apply(voice_client(displayName="Acme Ltd"))
    await world.resync()
    assert world.far.seen_by("client-acme") == BOARDS
    world.forget_requests()


@pytest.fixture
def blind(shown, far):
    """Grafana 10.0 deletes the permissions of a folder's uid in all organisations, wherever the folder is deleted."""
    far.ask("POST", "/api/folders", {"uid": "voice", "title": "Somebody's"}, org=1)
    far.ask("DELETE", "/api/folders/voice", org=1)
    assert far.seen_by("client-acme") == set()


def permissions(far, org=2):
    """Who may do what: role or user, and level."""
    found = far.ask("GET", PERMISSIONS, org=org)
    return {entry.get("role") or entry["userLogin"]: entry["permission"] for entry in found}


@pytest.mark.usefixtures("blind")
async def test_a_folder_that_is_deleted_in_another_organisation_blinds_nobody_for_longer_than_a_resync(world, far):
    before = samples("voice_operator_drift_corrected_total")
    await world.resync()
    assert far.seen_by("client-acme") == BOARDS
    assert far.writes == ["POST /folders/voice/permissions"]
    assert permissions(far) == {"Viewer": 1, "Editor": 2}
    after = samples("voice_operator_drift_corrected_total")
    assert {kind: after[kind] - before[kind] for kind in after if after[kind] != before[kind]} == {("folder",): 1}
    assert world.cluster.events == [("client", "FolderRestored")]


@pytest.mark.usefixtures("blind")
async def test_what_was_put_right_is_not_put_right_again(world, far):
    await world.resync()
    world.forget_requests()
    await world.resync()
    assert (far.writes, world.cluster.events) == ([], [])


@pytest.mark.usefixtures("shown")
async def test_permissions_cost_one_request_a_resync_and_none_in_between(world, far):
    await world.resync()
    assert far.reads.count(ASKED) == 1
    assert far.writes == []
    world.forget_requests()
    world.apply(voice_client(2, displayName="Acme"))
    await world.reconciler.reconcile("acme")
    assert ASKED not in far.reads


async def test_a_new_folder_is_not_asked_for_permissions(world, far):
    await world.resync()
    assert ASKED not in far.reads
    assert far.writes.count("POST /folders") == 1


@pytest.mark.usefixtures("shown")
async def test_permissions_that_people_and_teams_have_stay(world, far):
    user = far.add_user("auditor")
    theirs = [{"userId": user, "permission": 4}, {"teamId": 3, "permission": 1}, {"role": "Editor", "permission": 1}]
    far.ask("POST", PERMISSIONS, {"items": theirs}, org=2)
    assert far.seen_by("client-acme") == set()
    await world.resync()
    assert far.state.get("permission", 2, "voice")["items"] == [{"role": "Viewer", "permission": 1}, *theirs]
    assert far.seen_by("client-acme") == BOARDS


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("level", [1, 2, 4])
async def test_viewers_who_may_view_or_more_are_left_alone(world, far, level):
    far.ask("POST", PERMISSIONS, {"items": [{"role": "Viewer", "permission": level}]}, org=2)
    await world.resync()
    assert far.writes == []


@pytest.mark.usefixtures("shown")
async def test_a_renamed_folder_gets_its_name_back_and_that_is_drift(world, far):
    far.ask("PUT", "/api/folders/voice", {"title": "Somebody's", "overwrite": True}, org=2)
    before = samples("voice_operator_drift_corrected_total")[("folder",)]
    await world.resync()
    assert far.folders[2]["title"] == names.FOLDER_TITLE
    assert samples("voice_operator_drift_corrected_total")[("folder",)] == before + 1
    assert world.cluster.events == [("client", "FolderRestored")]


@pytest.mark.parametrize("is_there", [False, True])
async def test_another_folder_of_the_name_is_left_alone_and_told_of(world, far, is_there):
    """Before 11.3 Grafana knows no two folders of one title, and writes the other one if it is told to overwrite."""
    if is_there:
        await world.resync()
        far.ask("PUT", "/api/folders/voice", {"title": "Somebody's", "overwrite": True}, org=2)
    else:
        far.add_orgs("acme")
    far.ask("POST", "/api/folders", {"uid": "theirs", "title": "voice"}, org=2)
    await world.resync()
    told = world.cluster.condition("inbound-sales", "DashboardsReady")
    assert (told["status"], told["reason"]) == ("False", "GrafanaRejected")
    assert told["message"] == "another folder of the organisation is called Voice: rename or remove it"
    far.ask("DELETE", "/api/folders/theirs", org=2)
    await world.resync()
    assert world.cluster.condition("inbound-sales")["status"] == "True"
    assert far.folders[2]["title"] == names.FOLDER_TITLE


async def test_the_staffs_folder_is_looked_at_likewise(world, far):
    fleet = Fleet(world.settings, world.secrets, world.database, world.api, world.server)
    await fleet.reconcile()
    (org,) = fleet.organisations().values()
    far.ask("POST", PERMISSIONS, {"items": []}, org=org)
    assert far.seen_by("fleet-viewer") == set()
    await fleet.reconcile()
    assert far.seen_by("fleet-viewer") == {"voice-fleet"}
