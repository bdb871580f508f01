"""Attacks: what was made for the staff's organisation is asked in a client's, and the other way round.

Both datasources had one uid: a dashboard, a query or a rule of the one ran in the other, with the other's rights.
"""

# ruff: noqa: F811 - fixtures are asked for by their names

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.far_grafana import FarGrafana
from tests.operator_world import World
from tests.unit.operator.conftest import (  # noqa: F401 - fixtures: the operator's far sides as values
    env,
    far,
    one_probe,
    probe_body,
    settings,
    world,
)
from voiceprobe_operator import names
from voiceprobe_operator.alerting.rules import rules
from voiceprobe_operator.dashboards import fleet_dashboard
from voiceprobe_operator.model import Client
from voiceprobe_operator.reconciling.fleet import Fleet
from voiceprobe_operator.settings import Settings

Json = dict[str, Any]
CLIENT, STAFF = "client-acme", "fleet-viewer"
UNKNOWN = (404, "Data source not found")


@pytest.fixture
def staff(settings: Settings, world: World) -> Fleet:
    return Fleet(settings, world.secrets, world.database, world.api, world.server)  # type: ignore[arg-type] # values


@pytest.fixture
async def both(world: World, staff: Fleet, one_probe: object) -> World:
    """A client's organisation and the staff's, as the operator makes them."""
    await world.reconciler.reconcile("acme")
    await staff.reconcile()
    return world


def queries_of(world: World, org: int) -> list[Json]:
    """What every panel of an organisation's dashboards asks."""
    boards = [board for (of, _), board in world.far.dashboards.items() if of == org]
    return [target for board in boards for panel in board["panels"] for target in panel["targets"]]


def org_of(far: FarGrafana, name: str) -> int:
    return next(number for number, known in far.orgs.items() if known == name)


def ask(far: FarGrafana, login: str, query: Json) -> tuple[int, str]:
    body = {"queries": [query], "from": "now-1h", "to": "now"}
    answer = far.asked_by(login, "POST", "/api/ds/query", body)
    return answer.status, json.loads(answer.body).get("message", "")


async def test_no_panel_of_the_one_finds_a_datasource_in_the_other(both: World) -> None:
    for name, stranger, owner in (("acme", STAFF, CLIENT), (names.FLEET, CLIENT, STAFF)):
        queries = queries_of(both, org_of(both.far, name))
        assert len(queries) > 5
        for query in queries:
            assert ask(both.far, stranger, query) == UNKNOWN
        # There is no database in this test: to have come as far as that is to have found the datasource.
        assert ask(both.far, owner, queries[0])[0] == 400


async def test_no_alert_rule_of_a_client_finds_one_in_the_staffs(both: World) -> None:
    for rule in rules():
        for part in rule.model(Client("acme", "Acme"), "http://p")["data"]:
            if part["datasourceUid"] != "__expr__":
                assert ask(both.far, STAFF, part["model"]) == UNKNOWN
                assert ask(both.far, CLIENT, part["model"])[0] == 400


@pytest.mark.parametrize(
    "name", [names.FLEET_DATASOURCE_UID, names.FORMER_DATASOURCE_UID, "Voice calls", "voice_fleet", "VOICE-FLEET", " "]
)
async def test_a_client_reaches_the_staffs_datasource_by_no_name(both: World, name: str) -> None:
    one: Json = {"refId": "A", "rawSql": "SELECT client FROM fleet_client", "format": "table"}
    assert ask(both.far, CLIENT, one | {"datasource": {"uid": name}}) == UNKNOWN
    number = both.far.datasources[org_of(both.far, names.FLEET)]["id"]
    assert ask(both.far, CLIENT, one | {"datasourceId": number}) == UNKNOWN
    asked = one | {"datasource": {"uid": name, "type": "mysql"}, "datasourceId": number}
    assert ask(both.far, CLIENT, asked) == UNKNOWN


def test_nothing_of_the_fleets_dashboard_names_the_clients_datasource() -> None:
    assert f'"{names.CLIENT_DATASOURCE_UID}"' not in json.dumps(fleet_dashboard().model())


async def before(world: World, org: int, **changes: Any) -> None:
    """Have a datasource as it was called before, instead of the one that is there."""
    far = world.far
    (now,) = (source for of, source in far.datasources.items() if of == org)
    whole = far.ask("GET", f"/api/datasources/uid/{now['uid']}", org=org)
    old = whole | {"uid": names.FORMER_DATASOURCE_UID} | changes
    far.ask("PUT", f"/api/datasources/uid/{now['uid']}", {key: old[key] for key in old if key != "version"}, org=org)


def uids(world: World, org: int) -> list[str]:
    return [source["uid"] for source in world.far.ask("GET", "/api/datasources", org=org)]


async def test_an_installation_of_before_is_brought_over_by_a_resync(both: World, staff: Fleet) -> None:
    client, fleet = org_of(both.far, "acme"), org_of(both.far, names.FLEET)
    for org in (client, fleet):
        await before(both, org)
        assert uids(both, org) == [names.FORMER_DATASOURCE_UID]
    await both.resync()
    await staff.reconcile()
    assert uids(both, client) == [names.CLIENT_DATASOURCE_UID]
    assert uids(both, fleet) == [names.FLEET_DATASOURCE_UID]
    assert both.far.password(client) == both.password("voice-client-acme")
    both.forget_requests()
    await both.resync()
    await staff.reconcile()
    assert both.far.writes == []


async def test_one_of_before_beside_the_new_one_goes(both: World, staff: Fleet) -> None:
    client, fleet = org_of(both.far, "acme"), org_of(both.far, names.FLEET)
    for org in (client, fleet):
        old = {"uid": names.FORMER_DATASOURCE_UID, "name": "old", "type": "mysql", "access": "proxy", "url": "x:1"}
        both.far.ask("POST", "/api/datasources", old, org=org)
    stray = {"uid": names.FLEET_DATASOURCE_UID, "name": "stray", "type": "mysql", "access": "proxy", "url": "x:1"}
    both.far.ask("POST", "/api/datasources", stray, org=client)
    await both.resync()
    await staff.reconcile()
    assert uids(both, client) == [names.CLIENT_DATASOURCE_UID]
    assert uids(both, fleet) == [names.FLEET_DATASOURCE_UID]
