"""The staff's organisation: everything in it, nothing twice, and nothing that a client could be called."""

import re

import pytest

from voiceprobe_operator import names
from voiceprobe_operator.database.sql import FLEET_VIEWS
from voiceprobe_operator.errors import Transient
from voiceprobe_operator.reconciling.fleet import Fleet


@pytest.fixture
def fleet(settings, world):
    return Fleet(settings, world.secrets, world.database, world.api, world.server)


async def test_organisation_viewer_datasource_and_dashboard_come_from_nothing(fleet, world, far):
    await fleet.reconcile()
    (org,) = (number for number, name in far.orgs.items() if name == names.FLEET)
    assert far.logins(org) == {"admin", "fleet-viewer"}
    assert set(far.dashboards) == {(org, "voice-fleet")}
    assert far.datasources[org]["user"] == "voice_fleet"
    password = world.password("voice-fleet")
    assert far.password(org) == password
    assert world.database.accounts == {"voice_fleet": (password, FLEET_VIEWS)}
    assert fleet.organisations() == {names.FLEET: org}


async def test_what_is_right_is_not_written_again(fleet, far):
    await fleet.reconcile()
    far.writes.clear()
    await fleet.reconcile()
    assert far.writes == []


async def test_what_somebody_edited_or_removed_is_put_right(fleet, far):
    await fleet.reconcile()
    (key,) = far.dashboards
    far.drop_panel(*key)
    await fleet.reconcile()
    assert len(far.dashboards[key]["panels"]) > 5
    org, uid = key
    far.ask("DELETE", f"/api/dashboards/uid/{uid}", org=org)
    await fleet.reconcile()
    assert key in far.dashboards


async def test_a_grafana_that_was_wiped_is_noticed_and_filled_again(fleet, world, far):
    await fleet.reconcile()
    far.wipe()
    await world.server.find_organisations()
    assert world.server.strangers(fleet.organisations()) == [names.FLEET]
    await fleet.reconcile()
    assert names.FLEET in far.orgs.values()
    assert [uid for _, uid in far.dashboards] == ["voice-fleet"]


async def test_after_a_failure_the_organisation_is_looked_up_again(fleet, world, far):
    await fleet.reconcile()
    far.away = True
    with pytest.raises(Transient):
        await fleet.reconcile()
    assert names.FLEET not in world.server.organisations


@pytest.mark.parametrize("client", ["fleet", "a", "x" * 63])
def test_no_client_can_be_called_so(client):
    # RFC 1123: what a namespace may be called.
    assert not re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", names.FLEET)
    assert names.account(client) != names.FLEET_ACCOUNT
    assert names.secret(client) != names.FLEET_SECRET
    assert names.viewer(client) != names.FLEET_VIEWER
    assert not names.FLEET_ACCOUNT.startswith("vc_")
    assert not names.FLEET_VIEWER.startswith("client-")
    assert not names.FLEET_SECRET.startswith("voice-client-")
