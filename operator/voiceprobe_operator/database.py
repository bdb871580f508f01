"""The voice database as the operator uses it. PyMySQL blocks, so every unit of work runs in a thread.

A unit is one connection: units are rare (a change, a resync, a look at the states), and a connection that is not kept
cannot go stale behind a failover. Errors come out as Transient or Rejected, with a sentence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from typing import Any, TypeAlias, TypeVar

import pymysql
from pymysql.connections import Connection
from pymysql.cursors import DictCursor

from voiceprobe_operator import sql
from voiceprobe_operator.desired import Row
from voiceprobe_operator.diff import Diff
from voiceprobe_operator.errors import OutsideError, Rejected, Transient, explain
from voiceprobe_operator.settings import Settings

T = TypeVar("T")
# The type stubs are generic, the class itself is not.
Connected: TypeAlias = "Connection[DictCursor]"
CONNECT_SECONDS = 5
ANSWER_SECONDS = 15

# Numbers of MySQL's errors, which MariaDB shares.
_NO_SCHEMA = frozenset({1049, 1054, 1146, 1356})
_NO_RIGHT = frozenset({1044, 1045, 1142, 1143, 1227, 1410, 1698})
_BAD_VALUE = (pymysql.DataError, pymysql.IntegrityError)


class Database:
    """MySQL under the operator's account."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._database = sql.identifier(settings.mysql_database)

    async def published(self, client: str) -> sql.Published:
        """What the database holds of `client`."""
        return await self._unit(lambda cursor: sql.published(cursor, client))

    async def publish(self, client_row: Row | None, plan: Diff[str, Row], client: str) -> dict[str, Rejected]:
        """Write the client's row (None: it is right already) and its plan; the probes that were refused, and why."""

        def write(cursor: DictCursor) -> dict[str, Rejected]:
            if client_row is not None:
                sql.upsert(cursor, "voice_client", client_row)
            sql.remove_probes(cursor, client, plan.drop)
            refused = {}
            for probe, row in plan.put.items():
                try:
                    sql.upsert(cursor, "voice_probe", row)
                except _BAD_VALUE as error:
                    # One statement failed, not the transaction: the other probes go on.
                    refused[probe] = Rejected("DatabaseRejected", f"the database refuses the plan: {_text(error)}")
            return refused

        return await self._unit(write)

    async def set_organisation(self, client: str, org: int) -> None:
        """Remember the client's Grafana organisation."""
        await self._unit(lambda cursor: sql.set_organisation(cursor, client, org))

    async def known_probes(self) -> set[tuple[str, str]]:
        """(client, probe) of every probe in the plan."""
        return await self._unit(sql.known_probes)

    async def states(self) -> list[dict[str, Any]]:
        """Health and last call of every probe of every client."""
        return await self._unit(sql.states)

    async def ensure_account(self, account: str, password: str) -> bool:
        """Whether the read account had to be made or mended. Logging in with it tests all that it needs."""
        if await asyncio.to_thread(self._works, account, password):
            return False
        tls = self._settings.mysql_tls_ca is not None
        await self._unit(lambda cursor: sql.make_account(cursor, self._database, account, password, tls=tls))
        return True

    def _works(self, account: str, password: str) -> bool:
        try:
            with closing(self._connect(account, password)) as connection, connection.cursor() as cursor:
                sql.read_nothing(cursor)
        except pymysql.Error as error:
            if _number(error) in _NO_RIGHT:
                return False
            raise translated(error) from error
        return True

    async def _unit(self, work: Callable[[DictCursor], T]) -> T:
        return await asyncio.to_thread(self._transaction, work)

    def _transaction(self, work: Callable[[DictCursor], T]) -> T:
        try:
            with closing(self._connect()) as connection, connection.cursor() as cursor:
                result = work(cursor)
                connection.commit()
                return result
        except pymysql.Error as error:
            raise translated(error) from error

    def _connect(self, account: str | None = None, password: str | None = None) -> Connected:
        settings = self._settings
        try:
            return pymysql.connect(
                host=settings.mysql_host,
                port=settings.mysql_port,
                user=settings.mysql_user if account is None else account,
                password=settings.mysql_password if password is None else password,
                database=self._database,
                charset="utf8mb4",
                # A server that is not strict by itself would cut what does not fit, and say nothing.
                init_command="SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
                ssl={"ca": str(settings.mysql_tls_ca)} if settings.mysql_tls_ca else None,
                connect_timeout=CONNECT_SECONDS,
                read_timeout=ANSWER_SECONDS,
                write_timeout=ANSWER_SECONDS,
                cursorclass=DictCursor,
            )
        except OSError as error:
            # PyMySQL translates those of the connection itself: this is the authority's file, which has changed.
            text = f"the operator cannot read {settings.mysql_tls_ca}: {explain(error)}"
            raise Transient("AuthorityUnreadable", text) from error


def translated(error: pymysql.Error) -> OutsideError:
    """`error` as a sentence and a decision whether to try again."""
    number = _number(error)
    if number in _NO_SCHEMA:
        return Transient("SchemaMissing", "the database has no voice schema yet, or an old one: run the migrations")
    if number in _NO_RIGHT:
        # The migrations grant the rights on tables, so a database without a schema denies them too.
        sentence = f"the database denies the operator a right, is the schema migrated? {_text(error)}"
        return Transient("DatabaseDenied", sentence)
    if isinstance(error, _BAD_VALUE):
        return Rejected("DatabaseRejected", f"the database refuses a value: {_text(error)}")
    return Transient("DatabaseUnavailable", f"the database does not answer: {_text(error)}")


def _number(error: pymysql.Error) -> int | None:
    return error.args[0] if error.args and isinstance(error.args[0], int) else None


def _text(error: pymysql.Error) -> str:
    return str(error.args[-1]) if error.args else type(error).__name__
