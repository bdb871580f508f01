"""To whom a client is open, on a real server: the column, the view, and the way from the last schema to this one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

import pymysql
import pytest
from hypothesis import HealthCheck, given, settings

from tests.conftest import Database
from tests.unit.operator.test_grants import ALIKE, ENTRIES, entry
from voice_lab.services import schema
from voiceprobe_operator.database import Database as OperatorsDatabase
from voiceprobe_operator.database import sql
from voiceprobe_operator.desired import Row, client_row
from voiceprobe_operator.grants import access_row
from voiceprobe_operator.model import Client
from voiceprobe_operator.settings import Settings

pytestmark = pytest.mark.services

CLIENT, OTHER = "access-test", "access-test-other"
READ = "SELECT provider, group_name, role FROM voice_client_access WHERE client = %s"
# As the portal compares: nothing but the same octets is the same group.
EXACTLY = "CAST(group_name AS BINARY) = CAST(%s AS BINARY)"
# Whoever reads one of these must not learn to whom a client is open.
FOR_GRAFANA = "client\\_%%", "fleet\\_%%"


def asked(database: Database, statement: str, *values: object, account: str = "owner") -> list[tuple[Any, ...]]:
    with closing(database.connect(account)) as connection, connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def operators(database: Database) -> OperatorsDatabase:
    """The database as the operator uses it, by its own account."""
    return OperatorsDatabase(Settings.from_env({
        **database.environment("operator"), "VOICE_GRAFANA_URL": "http://none/grafana", "VOICE_GRAFANA_USER": "none",
        "VOICE_GRAFANA_PASSWORD": "none", "VOICE_PORTAL_URL": "http://none", "VOICE_OPERATOR_NAMESPACE": "none",
    }))  # fmt: skip


def row(access: str | None, name: str = CLIENT) -> Row:
    return client_row(Client(name, "Access Ltd", access=access))


def forget(database: Database) -> None:
    asked(database, "DELETE FROM voice_client WHERE client IN (%s, %s)", CLIENT, OTHER)


@pytest.fixture
def clients(database: Database) -> Iterator[Database]:
    """The shared server; this module's clients go after the test."""
    yield database
    forget(database)


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(entries=ENTRIES)
def test_the_portal_reads_what_the_operator_wrote(clients: Database, entries: list[Any]) -> None:
    access = access_row(entries)
    with closing(clients.connect("operator")) as connection, connection.cursor(pymysql.cursors.DictCursor) as cursor:
        sql.upsert(cursor, "voice_client", [row(access)])
        found = sql.published(cursor, CLIENT).client_row
    assert found == row(access), "otherwise it would be written anew at every resync"
    wanted = [] if access is None else [(a["provider"], a["group"], a["role"]) for a in json.loads(access)]
    assert sorted(asked(clients, READ, CLIENT, account="portal")) == sorted(wanted)


def opens(database: Database, group: str, provider: str = "corp") -> set[str]:
    """The clients that are open to a group, as the portal asks."""
    statement = f"SELECT client FROM voice_client_access WHERE provider = %s AND {EXACTLY}"
    return {str(client) for (client,) in asked(database, statement, provider, group, account="portal")}


@pytest.mark.parametrize("group", ALIKE)
async def test_nothing_opens_a_client_but_the_group_itself(clients: Database, group: str) -> None:
    await operators(clients).publish(CLIENT, row(access_row([entry(group)])), (), ())
    assert CLIENT in opens(clients, group)
    assert CLIENT not in opens(clients, group, provider="partner")
    alike = {*ALIKE, group + " ", group + "\t", group + "x", group[:-1], group.swapcase()} - {group}
    assert [other for other in sorted(alike) if CLIENT in opens(clients, other)] == []


async def test_a_group_that_is_too_long_for_the_view_is_not_cut_to_another_one(clients: Database) -> None:
    """The operator writes none; nor does it open anything if somebody else does."""
    long = "x" * 256
    rows = json.dumps([{"provider": "corp", "group": long, "role": "viewer"}])
    await operators(clients).publish(CLIENT, row(rows), (), ())
    for group in (long, long[:-1]):
        assert CLIENT not in opens(clients, group)


async def test_access_comes_changes_and_goes_in_one_row_and_touches_no_other(clients: Database) -> None:
    database = operators(clients)
    await database.publish(OTHER, row(access_row([entry("theirs")]), OTHER), (), ())
    for access in ([entry("a")], [entry("b", role="Engineer")], []):
        await database.publish(CLIENT, row(access_row(access)), (), ())
        shown = [(group, role) for _, group, role in asked(clients, READ, CLIENT)]
        assert shown == [(group, one["role"].lower()) for one in access for group in one["groups"]]
    await database.publish(CLIENT, row(access_row([entry("a")])), (), ())
    assert {CLIENT, OTHER} <= await database.shown_clients()
    await database.close_to_all(CLIENT)
    assert asked(clients, READ, CLIENT) == []
    assert CLIENT not in await database.shown_clients()
    assert [group for _, group, _ in asked(clients, READ, OTHER)] == ["theirs"]


def test_no_view_of_grafanas_shows_to_whom_a_client_is_open(clients: Database) -> None:
    statement = (
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = DATABASE()"
        " AND (table_name LIKE %s OR table_name LIKE %s)"
    )
    columns = asked(clients, statement, *(like.replace("%%", "%") for like in FOR_GRAFANA))
    assert len({table for table, _ in columns}) == 11
    assert not [column for column in columns if column[1] in {"access", "group_name", "role", "provider"}]


@pytest.mark.parametrize("account", ["sip", "operator"])
def test_nobody_but_the_portal_may_read_the_view(clients: Database, account: str) -> None:
    with pytest.raises(pymysql.OperationalError, match="denied"):
        asked(clients, READ, CLIENT, account=account)


@pytest.mark.parametrize("statement", [
    "UPDATE voice_client SET access = NULL", "INSERT INTO voice_client_access VALUES ('a', 'b', 'c', 'engineer')",
    "DELETE FROM voice_client_access", "UPDATE voice_client_access SET role = 'engineer'",
])  # fmt: skip
def test_the_portals_account_opens_nothing_to_anybody(clients: Database, statement: str) -> None:
    with pytest.raises(pymysql.OperationalError, match=r"denied|not updatable|not insertable"):
        asked(clients, statement, account="portal")


@pytest.fixture
def last_schema(own_database: Database) -> Iterator[Database]:
    """A server of this worker alone, with the schema of the last version; afterwards it has this one's again."""
    schema.manage(own_database.lab, "owner", "migrate", "cdr", "0001")
    assert not columns_of(own_database) & {"access"}
    yield own_database
    schema.manage(own_database.lab, "owner", "migrate_once")
    forget(own_database)


def columns_of(database: Database, table: str = "voice_client") -> set[str]:
    return {str(found[0]) for found in asked(database, f"SHOW COLUMNS FROM {table}")}


def as_the_last_operator(client: Row) -> Row:
    """A row as the last version's operator writes it, which knows of no access."""
    return {column: value for column, value in client.items() if column != "access"}


def upserted(database: Database, rows: Iterable[Row]) -> None:
    with closing(database.connect("operator")) as connection, connection.cursor(pymysql.cursors.DictCursor) as cursor:
        for one in rows:
            sql.upsert(cursor, "voice_client", [one])


def test_an_upgrade_keeps_the_clients_and_opens_none(last_schema: Database) -> None:
    upserted(last_schema, [as_the_last_operator(row(None))])
    schema.manage(last_schema.lab, "owner", "migrate_once")
    assert asked(last_schema, "SELECT display_name, access FROM voice_client WHERE client = %s", CLIENT) == [
        ("Access Ltd", None)
    ]
    assert asked(last_schema, READ, CLIENT, account="portal") == []


def test_an_operator_of_the_last_version_goes_on_beside_this_schema_and_closes_nothing(last_schema: Database) -> None:
    """While pods are exchanged, and after a rollback, which leaves the schema as it is."""
    schema.manage(last_schema.lab, "owner", "migrate_once")
    upserted(last_schema, [row(access_row([entry("a")]))])
    renamed = [as_the_last_operator(row(None, name)) | {"display_name": "Renamed"} for name in (CLIENT, OTHER)]
    upserted(last_schema, renamed)
    names = dict(asked(last_schema, "SELECT client, display_name FROM voice_client WHERE client LIKE 'access-test%%'"))
    assert names == {CLIENT: "Renamed", OTHER: "Renamed"}
    assert [group for _, group, _ in asked(last_schema, READ, CLIENT)] == ["a"]
    assert asked(last_schema, READ, OTHER) == []


def test_a_migration_that_was_cut_short_after_the_column_is_run_again(last_schema: Database) -> None:
    asked(last_schema, "ALTER TABLE voice_client ADD COLUMN access JSON NULL")
    schema.manage(last_schema.lab, "owner", "migrate_once")
    assert columns_of(last_schema, "voice_client_access") == {"client", "provider", "group_name", "role"}
