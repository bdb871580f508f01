"""Statements sent to MySQL, over connections that are kept for the next one."""

from __future__ import annotations

import ssl
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from threading import Condition
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import pymysql
from pymysql.constants import CR, ER
from pymysql.cursors import SSCursor

from voice_lab.grafana_stand_in.query.frames import ROW_LIMIT, Rows

CONNECT_S, ANSWER_S = 5, 30
"""How long a connection, and a statement's next row, are waited for."""
IDLE_S = 30
"""For so long a connection is kept that nobody uses: each of a lab's many datasources may have some."""
_TOLD = {ER.BAD_FIELD_ERROR, ER.PARSE_ERROR, ER.NO_SUCH_TABLE}
"""The errors of a server that Grafana tells of; of the others it says where to look."""
_LOG = "please inspect Grafana server log for details"

Connection: TypeAlias = "pymysql.Connection[pymysql.cursors.Cursor]"


class DatabaseError(Exception):
    """The statement was not answered; the text is what Grafana says of it."""


class UnusableSource(Exception):
    """The certificate authority of a datasource cannot be read: Grafana cannot even begin with it."""


@dataclass(frozen=True)
class Source:
    """How a datasource reaches MySQL. Equal ones share their connections; a changed one gets its own.

    Attributes:
        url: "host" or "host:port".
        timezone: of the session, or "" for the server's.
        authority: PEM of who signed the server's certificate; None for a connection without TLS.
        most: connections at once; 0 for any number.
        idle: connections kept while nobody uses them.
    """

    url: str
    user: str
    database: str
    timezone: str
    password: str = field(repr=False)
    authority: str | None = field(repr=False)
    most: int
    idle: int

    @classmethod
    def of(cls, document: Mapping[str, Any], secrets: Mapping[str, str]) -> Source:
        """That of a datasource as it is stored, with its secrets; the numbers' defaults are of Grafana's settings."""
        details = document.get("jsonData") or {}
        return cls(
            url=document.get("url") or "",
            user=document.get("user") or "",
            database=details.get("database") or document.get("database") or "",
            timezone=details.get("timezone") or "",
            password=secrets.get("password", ""),
            authority=secrets.get("tlsCACert", "") if details.get("tlsAuthWithCACert") else None,
            most=int(details.get("maxOpenConns", 100)),
            idle=int(details.get("maxIdleConns", 100)),
        )


class Pool:
    """Connections by source. Any number of threads may use it."""

    def __init__(self, row_limit: int = ROW_LIMIT) -> None:
        self._row_limit = row_limit
        self._changed = Condition()
        self._busy: Counter[Source] = Counter()
        self._waiting: Counter[Source] = Counter()
        self._idle: dict[Source, list[tuple[Connection, float]]] = {}
        """Those that are kept, and since when."""

    def ask(self, source: Source, sql: str) -> Rows:
        """Run one statement.

        Raises:
            DatabaseError: no answer, or an error.
            UnusableSource: see there.
        """
        with _errors(), self._connection(source) as connection:
            cursor = connection.cursor(SSCursor)
            cursor.execute(sql)
            columns: Any = cursor.description or ()
            rows = tuple(cursor.fetchmany(self._row_limit + 1)) if columns else ()
            cursor.close()  # reads the rest, and forgets it, as Go's driver does
            return Rows([(name, code) for name, code, *_ in columns], rows, self._row_limit)

    def ping(self, source: Source) -> None:
        """See whether there is a connection to be had; raises as `ask` does."""
        with _errors(), self._connection(source) as connection:
            connection.ping(reconnect=False)

    def close(self) -> None:
        """End the connections that nobody uses."""
        self._end_idle(before=float("inf"))

    @contextmanager
    def _connection(self, source: Source) -> Iterator[Connection]:
        with self._changed:
            self._waiting[source] += 1
            self._changed.wait_for(lambda: not source.most or self._busy[source] < source.most)
            self._waiting[source] -= 1
            self._waiting += Counter()
            self._busy[source] += 1
        try:
            self._end_idle(before=time.monotonic() - IDLE_S)
            connection = self._kept(source) or _connect(source)
            try:
                yield connection
            except BaseException:
                _end(connection)  # who knows what is still under way in it
                raise
            self._keep(source, connection)
        finally:
            with self._changed:
                self._busy[source] -= 1
                self._busy += Counter()  # without those that are 0
                self._changed.notify_all()

    def _kept(self, source: Source) -> Connection | None:
        """A connection that still works, out of those that were kept."""
        while True:
            with self._changed:
                kept = self._idle.get(source)
                if not kept:
                    return None
                connection, _ = kept.pop()
            try:
                connection.ping(reconnect=False)
            except pymysql.MySQLError:
                _end(connection)
            else:
                return connection

    def _keep(self, source: Source, connection: Connection) -> None:
        """Keep it for the next query: if so many may be kept, and always if one waits for it at the limit.

        Both as Go's database/sql does it; nothing of its session is reset.
        """
        if not connection.open:
            return
        with self._changed:
            kept = self._idle.setdefault(source, [])
            if len(kept) < max(source.idle, self._waiting[source]):
                kept.append((connection, time.monotonic()))
                return
        _end(connection)

    def _end_idle(self, before: float) -> None:
        ended = []
        with self._changed:
            for source, kept in list(self._idle.items()):
                ended += [connection for connection, since in kept if since < before]
                self._idle[source] = [one for one in kept if one[1] >= before]
                if not self._idle[source]:
                    del self._idle[source]
        for connection in ended:
            _end(connection)


@lru_cache(maxsize=64)
def trust(authority: str | None) -> ssl.SSLContext | None:
    """What verifies the server and its name; None where no TLS is wanted.

    Raises:
        UnusableSource: see there.
    """
    if authority is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # which trusts nobody yet, the machine's authorities neither
    try:
        context.load_verify_locations(cadata=authority)
    except (ssl.SSLError, ValueError) as error:
        raise UnusableSource(str(error)) from error
    return context


def _connect(source: Source) -> Connection:
    context = trust(source.authority)
    try:
        connection = _open(source, context)
    except ValueError as error:  # its address is none
        raise pymysql.OperationalError(CR.CR_UNKNOWN_HOST, str(error)) from error
    try:
        if source.timezone:
            with connection.cursor() as cursor:
                cursor.execute("SET time_zone = %s", (source.timezone,))
    except BaseException:
        _end(connection)
        raise
    return connection


def _open(source: Source, context: ssl.SSLContext | None) -> Connection:
    address = urlsplit(f"//{source.url}")
    return pymysql.connect(
        host=address.hostname or "127.0.0.1",
        port=address.port or 3306,
        user=source.user,
        password=source.password.encode(),
        database=source.database or None,
        collation="utf8mb4_unicode_ci",
        use_unicode=False,  # the bytes of the protocol
        conv={},
        autocommit=True,
        connect_timeout=CONNECT_S,
        read_timeout=ANSWER_S,
        write_timeout=ANSWER_S,
        ssl=context,
        ssl_disabled=context is None,
    )


def _end(connection: Connection) -> None:
    if connection.open:
        connection.close()


@contextmanager
def _errors() -> Iterator[None]:
    """Raise DatabaseError for what pymysql raises."""
    try:
        yield
    except pymysql.MySQLError as error:
        raise DatabaseError(_told(error)) from error


def _told(error: Exception) -> str:
    code, text = (*error.args, "", "")[:2]
    cause = getattr(error, "original_exception", None)
    if isinstance(cause, ssl.SSLError):  # what Grafana says then was not measured
        return f"tls: {cause}"
    if code == CR.CR_SSL_CONNECTION_ERROR:
        return "TLS requested but server does not support TLS"
    if code in _TOLD:
        return f"Error {code}: {text}"
    # 2000 to 2999 are the client's own errors.
    if not isinstance(code, int) or 2000 <= code < 3000:
        return f"failed to connect to server - {_LOG}"
    return f"query failed - {_LOG}"
