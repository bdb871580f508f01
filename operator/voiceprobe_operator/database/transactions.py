"""The voice database as the operator uses it. PyMySQL blocks, so every unit of work runs in a thread.

A unit is one connection: units are rare (a change, a resync, a look at the states), and a connection that is not kept
cannot go stale behind a failover. Errors come out as Transient or Rejected, with a sentence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeAlias, TypeVar

import pymysql
from pymysql.connections import Connection
from pymysql.cursors import DictCursor

from voiceprobe_operator import metrics
from voiceprobe_operator.database import sql
from voiceprobe_operator.database.limits import Reader
from voiceprobe_operator.database.refusals import (
    AT_LIMIT,
    BAD_VALUE,
    NO_RIGHT,
    WRONG_LOGIN,
    number,
    text_of,
    translated,
)
from voiceprobe_operator.desired import Row
from voiceprobe_operator.errors import OutsideError, Rejected, Transient, explain
from voiceprobe_operator.secretvalue import UnreadableSecret
from voiceprobe_operator.settings import Settings, address

T = TypeVar("T")
# The type stubs are generic, the class itself is not.
Connected: TypeAlias = "Connection[DictCursor]"
CONNECT_SECONDS = 5
ANSWER_SECONDS = 15
# Rows of one statement: a thousand take a tenth of the time that they take one by one.
ROWS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of rows: those that were refused, and the states of those that were not, by probe."""

    refused: dict[str, Rejected] = field(default_factory=dict)
    states: dict[str, dict[str, Any]] = field(default_factory=dict)


class Database:
    """MySQL under the operator's account."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._database = sql.identifier(settings.mysql_database)
        self._under_way: set[asyncio.Task[Any]] = set()

    async def aclose(self) -> None:
        """Return once nothing is asked of the database any more: a thread goes on when nobody waits for it."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def published(self, client: str) -> sql.Published:
        """What the database holds of `client`."""
        return await self._unit("published", lambda cursor: sql.published(cursor, client))

    async def publish(self, client: str, client_row: Row | None, rows: Iterable[Row], gone: Sequence[str]) -> Receipt:
        """Write the client's row (None: it is right already) and rows of its plan, and remove the probes `gone`."""

        def write(cursor: DictCursor) -> Receipt:
            if client_row is not None:
                sql.upsert(cursor, "voice_client", [client_row])
            sql.remove_probes(cursor, client, gone)
            receipt = Receipt()
            for part in _parts(rows, ROWS_AT_ONCE):
                refused = _upsert(cursor, part)
                receipt.refused.update(refused)
                taken = [str(row["probe"]) for row in part if row["probe"] not in refused]
                receipt.states.update(sql.states_of(cursor, client, taken))
            return receipt

        return await self._unit("publish", write)

    async def revoke_numbers(self, client: str, probes: Sequence[str]) -> None:
        """Let no number tell that a call is of these probes; their rows stay otherwise."""
        await self._unit("revoke_numbers", lambda cursor: sql.revoke_numbers(cursor, client, probes))

    async def close_to_all(self, client: str) -> None:
        """Let nobody but the provider's staff see `client` any more."""
        await self._unit("close_to_all", lambda cursor: sql.close_to_all(cursor, client))

    async def set_organisation(self, client: str, org: int | None) -> None:
        """Remember the client's Grafana organisation; None: it has none any more."""
        await self._unit("set_organisation", lambda cursor: sql.set_organisation(cursor, client, org))

    async def known_probes(self) -> set[tuple[str, str]]:
        """(client, probe) of every probe in the plan."""
        return await self._unit("known_probes", sql.known_probes)

    async def shown_clients(self) -> set[str]:
        """Every client that has an organisation in Grafana, or is open to somebody in the portal."""
        return await self._unit("shown_clients", sql.shown_clients)

    async def states(self) -> list[dict[str, Any]]:
        """Health and last call of every probe of every client."""
        return await self._unit("states", sql.states)

    async def ensure_account(self, account: str, password: str, views: Sequence[str] = sql.CLIENT_VIEWS) -> bool:
        """Whether the read account had to be made or mended. Logging in with it tests all that it needs."""
        if await self._in_thread(lambda: self._works(account, password, views)):
            return False
        tls = self._settings.mysql_tls_ca is not None
        await self._unit(
            "ensure_account",
            lambda cursor: sql.make_account(cursor, self._database, account, password, views, tls=tls),
        )
        return True

    async def readers(self) -> list[Reader]:
        """Every connection of a read account."""
        return await self._unit("readers", sql.readers)

    async def end_readers(self, connections: Sequence[int]) -> None:
        """End these connections, and what runs in them."""

        def end(cursor: DictCursor) -> None:
            for connection in connections:
                sql.end(cursor, connection)

        await self._unit("end_readers", end)

    async def unlimited(self) -> list[str]:
        """What the server's own settings leave unlimited, a sentence each."""
        return await self._unit("unlimited", sql.unlimited)

    def _works(self, account: str, password: str, views: Sequence[str]) -> bool:
        try:
            with closing(self._connect(account, password)) as connection, connection.cursor() as cursor:
                sql.read_nothing(cursor, views)
                return sql.is_limited(cursor)
        except pymysql.Error as error:
            if number(error) in NO_RIGHT:
                return False
            if number(error) in AT_LIMIT:
                return True
            raise self._translated(error, account) from error

    async def _unit(self, name: str, work: Callable[[DictCursor], T]) -> T:
        with metrics.request("mysql", name) as call:
            try:
                result = await self._in_thread(lambda: self._transaction(work))
            except OutsideError as error:
                call.code = error.reason
                raise
            call.code = "ok"
            return result

    async def _in_thread(self, work: Callable[[], T]) -> T:
        task = asyncio.create_task(asyncio.to_thread(work))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    def _transaction(self, work: Callable[[DictCursor], T]) -> T:
        try:
            with closing(self._log_in()) as connection, connection.cursor() as cursor:
                result = work(cursor)
                connection.commit()
                return result
        except pymysql.Error as error:
            raise self._translated(error, self._settings.mysql_user) from error

    def _log_in(self) -> Connected:
        """A connection as the operator's own account, with whichever password that has while it is exchanged."""
        user = self._settings.mysql_user
        try:
            return self._settings.mysql_password.tried(lambda password: self._connect(user, password), _is_wrong_login)
        except UnreadableSecret as error:
            raise Transient("PasswordUnreadable", str(error)) from error

    def _connect(self, account: str, password: str) -> Connected:
        settings = self._settings
        try:
            return pymysql.connect(
                host=settings.mysql_host,
                port=settings.mysql_port,
                user=account,
                password=password,
                database=self._database,
                charset="utf8mb4",
                # A server that is not strict by itself would cut what does not fit, and say nothing.
                init_command="SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
                # Read anew by each connection, so an authority that was exchanged is used at once.
                ssl={"ca": str(settings.mysql_tls_ca)} if settings.mysql_tls_ca else None,
                connect_timeout=CONNECT_SECONDS,
                read_timeout=ANSWER_SECONDS,
                write_timeout=ANSWER_SECONDS,
                cursorclass=DictCursor,
            )
        except OSError as error:
            # PyMySQL translates those of the connection itself: this is the authority's file, which has changed.
            text = f"VOICE_MYSQL_TLS_CA: the operator cannot read {settings.mysql_tls_ca}: {explain(error)}"
            raise Transient("AuthorityUnreadable", text) from error

    def _translated(self, error: pymysql.Error, account: str) -> OutsideError:
        server = address(self._settings.mysql_host, self._settings.mysql_port)
        return translated(error, server=server, account=account)


def _is_wrong_login(error: Exception) -> bool:
    return isinstance(error, pymysql.Error) and number(error) in WRONG_LOGIN


def _parts(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    rest = iter(rows)
    while part := list(islice(rest, size)):
        yield part


def _upsert(cursor: DictCursor, rows: Sequence[Row]) -> dict[str, Rejected]:
    """Write rows of the plan; those that the database refuses keep no other from being written."""
    try:
        sql.upsert(cursor, "voice_probe", rows)
    except BAD_VALUE as error:
        if len(rows) == 1:
            sentence = f"the database refuses the plan: {text_of(error)}"
            return {str(rows[0]["probe"]): Rejected("DatabaseRejected", sentence)}
        # One statement failed, not the transaction: each row for itself tells which.
        return {probe: refusal for row in rows for probe, refusal in _upsert(cursor, [row]).items()}
    return {}
