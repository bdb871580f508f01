"""One client's organisation, against the stand-in."""

from dataclasses import replace

import pytest

from tests.far_grafana import Connected
from voice_lab.grafana_stand_in.access import ADMIN_ID
from voice_lab.grafana_stand_in.state import SERVER
from voiceprobe_operator.dashboards import overview_dashboard, probe_dashboard
from voiceprobe_operator.desired import Access, datasource
from voiceprobe_operator.grafana import Grafana
from voiceprobe_operator.grafana.organisation import Organisation
from voiceprobe_operator.grafana.server import Server
from voiceprobe_operator.model import Client
from voiceprobe_operator.secretvalue import SecretValue

ACME = Client("acme", "Acme Ltd")
ACCESS = Access("secret")


@pytest.fixture
def boards(probe):
    return {
        board.uid: board for board in (overview_dashboard(ACME, "https://p"), probe_dashboard(ACME, probe, "https://p"))
    }


@pytest.fixture
def ensure(far, settings, boards):
    """Looks at acme whole and puts everything right, as often as it is called; the dashboards that were written."""
    grafana = Grafana(settings, connections=Connected(far.answer))
    server = Server(grafana)

    async def once(*, access=ACCESS, inspect=()):
        await server.look()
        organisation = await Organisation.look(grafana, await server.organisation("acme"), "client-acme", server.login)
        await organisation.ensure_members("client-acme", server.login)
        await organisation.ensure_datasource(datasource("vc_1", settings, access), server.version)
        await organisation.ensure_folder()
        for uid in inspect:
            await organisation.inspect(boards[uid])
        held = organisation.held.dashboards
        put = [uid for uid, board in boards.items() if held.get(uid) != board.revision]
        for uid in put:
            await organisation.put(boards[uid], server.version)
        return put

    return once


async def test_from_nothing_everything_is_made_once(far, ensure, boards):
    assert set(await ensure()) == set(boards)
    assert far.orgs[2] == "acme"
    assert {key for key in far.members if key[1] != 1} == {(2, 2)}
    assert far.folders[2]["title"] == "Voice"
    far.writes.clear()
    far.reads.clear()
    assert await ensure() == []
    assert far.writes == []
    assert len(far.reads) == 2 + 5, "two for the server, five for the client"


async def test_organisations_are_listed_to_the_end(far, settings):
    far.add_orgs(*(f"client-{number}" for number in range(2, 1500)))
    server = Server(Grafana(settings, connections=Connected(far.answer)))
    await server.find_organisations()
    assert len(server.organisations) == 1499


async def test_an_older_grafana_knows_a_datasource_by_its_number(far, ensure):
    far.restart(version="8.5.27")
    await ensure()
    far.writes.clear()
    await ensure(access=Access("other"))
    assert far.writes == ["PUT /datasources/1"]


async def test_a_changed_password_writes_the_datasource_alone(far, ensure):
    await ensure()
    far.writes.clear()
    await ensure(access=Access("other"))
    assert far.writes == ["PUT /datasources/uid/voice-client"]


async def test_a_viewer_put_into_another_organisation_is_taken_out_again(far, ensure):
    await ensure()
    far.add_member(1, "client-acme", "Editor")
    far.ask("PATCH", "/api/orgs/2/users/2", {"role": "Admin"})
    await ensure()
    assert {key: role for key, role in far.members.items() if key[1] == 2} == {(2, 2): "Viewer"}


async def test_an_administrator_who_is_no_member_joins(far, ensure):
    await ensure()
    far.leave(2)
    await ensure()
    assert far.members[2, 1] == "Admin"


async def test_what_was_deleted_comes_back(far, ensure):
    await ensure()
    far.ask("DELETE", "/api/dashboards/uid/voice-overview", org=2)
    far.ask("DELETE", "/api/datasources/uid/voice-client", org=2)
    assert await ensure() == ["voice-overview"]
    assert far.datasources


async def test_a_deleted_folder_comes_back_with_its_dashboards(far, ensure, boards):
    await ensure()
    far.delete_folder(2)
    assert await ensure() == [*boards]
    assert far.folders


async def test_an_edit_that_kept_the_tags_is_found_by_inspection(far, ensure):
    await ensure()
    far.drop_panel(2, "voice-overview")
    assert await ensure() == []
    assert await ensure(inspect=["voice-overview"]) == ["voice-overview"]


async def test_a_dashboard_moved_out_of_the_folder_comes_back(far, ensure):
    await ensure()
    far.ask("POST", "/api/folders", {"uid": "elsewhere", "title": "Elsewhere"}, org=2)
    far.edit_dashboard(2, "voice-overview", folderUid="elsewhere")
    assert await ensure() == ["voice-overview"]


async def test_the_datasource_gets_the_accounts_password(far, ensure):
    await ensure()
    assert far.password(2) == "secret"


async def test_a_viewer_who_exists_already_is_not_made_again(far, ensure):
    user = far.add_user("client-acme")
    await ensure()
    assert sorted(far.users) == [1, user]
    assert far.members[2, user] == "Viewer"


async def test_whoever_else_got_into_the_organisation_is_put_out(far, ensure):
    await ensure()
    far.add_user("somebody")
    far.add_member(2, "somebody", "Editor")
    await ensure()
    assert {user for org, user in far.members if org == 2} == {1, 2}


@pytest.mark.parametrize("written", ["ADMIN", "admin@example.net"])
async def test_the_operators_administrator_is_known_by_whatever_name_it_logs_in_with(far, settings, written):
    """Grafana takes a login in any case, and an e-mail address, and lists neither among an organisation's members."""
    far.state.put("user", SERVER, ADMIN_ID, {**far.state.get("user", SERVER, ADMIN_ID), "email": "admin@example.net"})
    grafana = Grafana(
        replace(settings, grafana_user=SecretValue("VOICE_GRAFANA_USER", written)), connections=Connected(far.answer)
    )
    server = Server(grafana)
    await server.look()
    org = await server.organisation("acme")

    async def look_and_ensure():
        organisation = await Organisation.look(grafana, org, "client-acme", server.login)
        await organisation.ensure_members("client-acme", server.login)

    await look_and_ensure()
    assert far.logins(2) == {"admin", "client-acme"}
    far.leave(2)
    await look_and_ensure()
    assert far.members[2, 1] == "Admin"
