"""One client's organisation, against conftest's Grafana in memory."""

from dataclasses import replace

import httpx
import pytest

from voiceprobe_operator.dashboards import overview_dashboard, probe_dashboard
from voiceprobe_operator.desired import Access, datasource
from voiceprobe_operator.errors import Rejected, Transient
from voiceprobe_operator.grafana import Grafana
from voiceprobe_operator.model import Client
from voiceprobe_operator.organisation import Organisation

ACME = Client("acme", "Acme Ltd")
ACCESS = Access("secret")


@pytest.fixture
def boards(probe):
    return {board.uid: board for board in (overview_dashboard(ACME), probe_dashboard(ACME, probe))}


@pytest.fixture
def ensure(far, settings, boards):
    """Puts everything of acme right, as often as it is called; the dashboards that were written and removed."""
    grafana = Grafana(settings, transport=httpx.MockTransport(far.answer))

    async def once(*, want=boards, inspect=(), keep=(), access=ACCESS):
        organisation = await Organisation.ensure(grafana, "acme")
        await organisation.ensure_members("client-acme")
        await organisation.ensure_datasource(datasource("vc_1", settings, access))
        await organisation.ensure_folder()
        return await organisation.ensure_dashboards(want, inspect=inspect, keep=keep)

    return once


async def test_from_nothing_everything_is_made_once(far, ensure, boards):
    assert set((await ensure()).put) == set(boards)
    assert far.orgs[2] == "acme"
    assert {key for key in far.members if key[1] != 1} == {(2, 2)}
    assert far.folders[2]["title"] == "Voice"
    far.writes.clear()
    far.reads.clear()
    assert (await ensure()).put == ()
    assert far.writes == []
    assert len(far.reads) == 7


async def test_reads_do_not_grow_with_the_number_of_dashboards(far, ensure, probe_body, boards):
    await ensure()
    far.reads.clear()
    await ensure(inspect=boards)
    assert len(far.reads) == 7 + len(boards)


async def test_a_changed_password_writes_the_datasource_alone(far, ensure):
    await ensure()
    far.writes.clear()
    await ensure(access=Access("other"))
    assert far.writes == ["PUT /datasources/uid/voice-cdr"]


async def test_a_viewer_put_into_another_organisation_is_taken_out_again(far, ensure):
    await ensure()
    far.members[1, 2] = "Editor"
    far.members[2, 2] = "Admin"
    await ensure()
    assert {key: role for key, role in far.members.items() if key[1] == 2} == {(2, 2): "Viewer"}


async def test_an_administrator_who_is_no_member_joins(far, ensure):
    await ensure()
    del far.members[2, 1]
    await ensure()
    assert far.members[2, 1] == "Admin"


async def test_what_was_deleted_comes_back(far, ensure):
    await ensure()
    del far.dashboards[2, "voice-overview"]
    far.folders.clear()
    far.datasources.clear()
    assert (await ensure()).put == ("voice-overview",)
    assert far.folders
    assert far.datasources


async def test_an_edit_that_kept_the_tags_is_found_by_inspection(far, ensure):
    await ensure()
    far.dashboards[2, "voice-overview"]["panels"].pop()
    assert (await ensure()).put == ()
    assert (await ensure(inspect=["voice-overview"])).put == ("voice-overview",)


async def test_a_dashboard_moved_out_of_the_folder_comes_back(far, ensure):
    await ensure()
    far.dashboards[2, "voice-overview"]["folderUid"] = "elsewhere"
    assert (await ensure()).put == ("voice-overview",)


async def test_the_dashboard_of_a_probe_that_is_gone_goes_and_those_of_others_stay(far, ensure, boards):
    await ensure()
    far.dashboards[2, "own"] = {"uid": "own", "title": "own", "tags": [], "folderUid": "voice"}
    written = await ensure(want={"voice-overview": boards["voice-overview"]})
    assert written.removed == ("vp-b1282a905a494fe3a3e60259f5275dc5",)
    assert set(far.dashboards) == {(2, "voice-overview"), (2, "own")}


async def test_the_dashboard_of_an_invalid_probe_is_kept(far, ensure, boards):
    await ensure()
    uid = "vp-b1282a905a494fe3a3e60259f5275dc5"
    assert (await ensure(want={"voice-overview": boards["voice-overview"]}, keep={uid})).removed == ()


async def test_a_dashboard_that_grafana_refuses_does_not_stop_the_others(far, settings, boards):
    def answer(request):
        if request.url.path.endswith("/dashboards/db") and b'"All probes"' in request.content:
            return httpx.Response(400, json={"message": "bad title"})
        return far.answer(request)

    grafana = Grafana(settings, transport=httpx.MockTransport(answer))
    written = await Organisation(grafana, 1).ensure_dashboards(boards, inspect=(), keep=())
    assert isinstance(written.refused["voice-overview"], Rejected)
    assert written.put == ("vp-b1282a905a494fe3a3e60259f5275dc5",)


async def test_a_grafana_that_goes_away_in_the_middle_is_transient(settings, boards):
    async def no_wait(_):
        return None

    grafana = Grafana(settings, transport=httpx.MockTransport(lambda _: httpx.Response(503)), sleep=no_wait)
    with pytest.raises(Transient):
        await Organisation(grafana, 1).ensure_dashboards(boards, inspect=(), keep=())


async def test_the_datasource_gets_the_accounts_password(far, ensure):
    await ensure()
    assert far.passwords[2] == "secret"


async def test_a_viewer_who_exists_already_is_not_made_again(far, ensure):
    far.users[7] = "client-acme"
    await ensure()
    assert sorted(far.users) == [1, 7]
    assert far.members[2, 7] == "Viewer"


async def test_whoever_else_got_into_the_organisation_is_put_out(far, ensure):
    await ensure()
    far.users[9] = "somebody"
    far.members[2, 9] = "Editor"
    await ensure()
    assert {user for org, user in far.members if org == 2} == {1, 2}


@pytest.mark.parametrize("written", ["ADMIN", "admin@example.net"])
async def test_the_operators_administrator_is_known_by_whatever_name_it_logs_in_with(far, settings, written):
    """Grafana takes a login in any case, and an e-mail address, and lists neither among an organisation's members."""
    far.aliases = {written: 1}
    grafana = Grafana(replace(settings, grafana_user=written), transport=httpx.MockTransport(far.answer))
    organisation = await Organisation.ensure(grafana, "acme")
    await organisation.ensure_members("client-acme")
    assert far.logins(2) == {"admin", "client-acme"}
    del far.members[2, 1]
    await organisation.ensure_members("client-acme")
    assert far.members[2, 1] == "Admin"
