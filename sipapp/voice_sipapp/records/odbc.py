"""The database through ODBC: how to connect, what its errors mean, and how records get in."""

import re
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime

import pyodbc

from voice_sipapp.records.cdr import (
    CALL_COLUMNS,
    INTERVAL_COLUMNS,
    LADDER_COLUMNS,
    STREAM_COLUMNS,
    CallRecord,
    Cdr,
    IntervalRecord,
    LadderRecord,
    StreamRecord,
    StreamScore,
    parameters,
)
from voice_sipapp.settings import Database

TIMEOUT_S = 3
ROWS_A_STATEMENT = 200

_ROW_CLASSES = ("21", "22", "23")
"""Classes of SQLSTATE that are about values. Not 42: the statement is always the same, so what is wrong with it
(a right, a table, a limit of the account) is never a record's fault.
"""

_ROW_ERRORS = {1264, 1265, 1292, 1366, 1406, 3819, 4025}
"""MySQL's errors about a value that some servers report under a general SQLSTATE."""

Rows = tuple[str, Sequence[str], Sequence[CallRecord | StreamRecord | IntervalRecord | LadderRecord]]
"""A table, its columns, and records of it."""

pyodbc.pooling = False  # a connection that failed must not come back out of the driver manager's pool


LONGEST_TEXT = 1 << 24
"""Up to so many characters are sent as one piece; no column takes more."""


def connection_string(database: Database, timeout_s: int = TIMEOUT_S) -> str:
    """DSN-less connection string for `database`, with its password: never log it. `timeout_s`: what reading and writing
    may take.
    """
    parts = {
        "DRIVER": "MariaDB Unicode",
        "SERVER": database.host,
        "PORT": str(database.port),
        "UID": database.user,
        "PWD": database.password,
        "DATABASE": database.name,
        "CHARSET": "utf8mb4",
        "CONN_TIMEOUT": str(TIMEOUT_S),
        "READ_TIMEOUT": str(timeout_s),
        "WRITE_TIMEOUT": str(timeout_s),
    }
    if database.tls_ca:
        parts |= {"SSLCA": database.tls_ca, "SSLVERIFY": "1", "FORCETLS": "1"}
    return "".join(f"{key}={_escaped(value)};" for key, value in parts.items())


def _escaped(value: str) -> str:
    """`value` in braces, as ODBC wants whatever may hold a separator; a closing brace is doubled."""
    return "{" + value.replace("}", "}}") + "}"


def connect(database: Database, *, autocommit: bool = False, timeout_s: int = TIMEOUT_S) -> pyodbc.Connection:
    """A connection with UTC and strict checking; each answer may take `timeout_s`. Raises pyodbc.Error.

    It locks no gaps between rows (READ COMMITTED): hosts that take leases at the same time don't wait for each other.
    """
    connection = pyodbc.connect(connection_string(database, timeout_s), autocommit=autocommit, timeout=TIMEOUT_S)
    # Longer texts would be sent in pieces, which the driver (3.1.15) puts together wrongly: of ladders, some arrived
    # twice as long and some lengths (6,248 characters) were refused for good.
    connection.maxwrite = LONGEST_TEXT
    with closing(connection.cursor()) as cursor:
        cursor.execute("SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'")
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
    return connection


def error_text(error: Exception) -> str:
    """One line about `error`, without what the driver adds around it.

    Of its parts that is the longest: the other one is the SQLSTATE, which pyodbc puts last in errors of its own.
    """
    text = max(map(str, error.args), key=len, default=str(error))
    return re.sub(r"\[(?:unixODBC|ma-[^]]*)\]", "", text).strip()[:300]


NOT_TAKEN = (TypeError, ValueError, OverflowError)
"""What the driver raises, besides its own errors, about a value that it can't hand on."""


def row_at_fault(error: Exception) -> bool:
    """Whether the row itself can never be stored; every other error is the server's or the network's and passes."""
    if isinstance(error, NOT_TAKEN):
        return True
    sqlstate = str(error.args[0]) if error.args else ""
    native = {int(code) for code in re.findall(r"\((\d+)\)", str(error.args[-1] if error.args else ""))}
    return sqlstate[:2] in _ROW_CLASSES or bool(native & _ROW_ERRORS)


def schema_at_fault(error: pyodbc.Error) -> bool:
    """Whether the statement does not fit the database: a table, column or right is missing. A person must help."""
    return str(error.args[0] if error.args else "").startswith("42")


def insert(connection: pyodbc.Connection, cdrs: Sequence[Cdr]) -> None:
    """Store `cdrs`, all or none, in one transaction. A record that is there already stays as it is."""
    rows: tuple[Rows, ...] = (
        ("voice_call", CALL_COLUMNS, [cdr.call for cdr in cdrs]),
        ("voice_call_stream", STREAM_COLUMNS, [stream for cdr in cdrs for stream in cdr.streams]),
        ("voice_call_interval", INTERVAL_COLUMNS, [interval for cdr in cdrs for interval in cdr.intervals]),
        ("voice_call_ladder", LADDER_COLUMNS, [ladder for cdr in cdrs for ladder in cdr.ladders]),
    )
    store(connection, rows, [(cdr.call.uuid.bytes, cdr.call.request_id) for cdr in cdrs if cdr.call.request_id])


def store(
    connection: pyodbc.Connection,
    rows: Sequence[Rows],
    asked_for: Sequence[tuple[bytes, int]] = (),
    spoilt: tuple[bytes, str, str] | None = None,
) -> None:
    """Store `rows`, all or none, and commit. A row that is there already stays as it is.

    `asked_for`: calls, and the requests that they came of. `spoilt`: UUID and start of a call of another host's dialer
    that this host spoilt, and how.
    """
    with closing(connection.cursor()) as cursor:
        for table, columns, records in rows:
            for start in range(0, len(records), ROWS_A_STATEMENT):
                part = records[start : start + ROWS_A_STATEMENT]
                cells = [cell for record in part for cell in parameters(record)]
                cursor.execute(_insert(table, columns, len(part)), cells)
                _raise_what_was_hidden(cursor, table, {record.uuid.bytes for record in part})
        for call, request in asked_for:
            cursor.execute("UPDATE voice_call_request SET call_uuid = ? WHERE id = ?", call, request)
        if spoilt is not None:
            _spoil(cursor, *spoilt)
    connection.commit()


def _raise_what_was_hidden(cursor: pyodbc.Cursor, table: str, uuids: set[bytes]) -> None:
    """Raises pyodbc.DataError where the rows of `uuids` were not stored and the driver did not say so.

    The server's error 1265 (a word that an ENUM does not know, for one) has a SQLSTATE of warnings, so MariaDB's driver
    (3.1.15) calls the statement a success, of which nothing was stored.
    """
    if not cursor.messages:
        return
    state, text = cursor.messages[-1]
    places = ", ".join("?" * len(uuids))
    cursor.execute(f"SELECT COUNT(DISTINCT uuid) FROM {table} WHERE uuid IN ({places})", *uuids)  # noqa: S608
    if cursor.fetchone()[0] != len(uuids):
        raise pyodbc.DataError("22000", f"{text} {state}")


def _spoil(cursor: pyodbc.Cursor, uuid: bytes, started_at: str, problem: str) -> None:
    """The call does not count, nor does what its dialer's host heard. That is told once: the part may come again."""
    cursor.execute(
        "UPDATE voice_call SET valid = 0, sip_reason = LEFT(CONCAT_WS('; ', sip_reason, ?), 255)"
        " WHERE uuid = ? AND started_at = ? AND valid",
        problem, uuid, started_at,
    )  # fmt: skip
    cursor.execute(
        "UPDATE voice_call_stream SET valid = 0 WHERE uuid = ? AND started_at = ? AND direction = 'reverse'",
        uuid, started_at,
    )  # fmt: skip


def _insert(table: str, columns: Sequence[str], rows: int) -> str:
    places = ", ".join(["(" + ", ".join("?" * len(columns)) + ")"] * rows)
    # Not INSERT IGNORE: that would also hide values that do not fit.
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {places} ON DUPLICATE KEY UPDATE uuid = uuid"  # noqa: S608


def store_score(connection: pyodbc.Connection, score: StreamScore) -> bool:
    """Put `score` to its stream, and commit; False while the stream is not there."""
    key = "uuid = ? AND direction = ? AND started_at = ?"
    values = parameters(score)
    with closing(connection.cursor()) as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM voice_call_stream WHERE {key}", values[2:])  # noqa: S608 - no value
        (there,) = cursor.fetchone()
        cursor.execute(f"UPDATE voice_call_stream SET mos_lqo = ?, mos_lqo_algorithm = ? WHERE {key}", values)  # noqa: S608
    connection.commit()
    return bool(there)


def utc_text(moment: datetime) -> str:
    """`moment` (with a time zone) as a DATETIME(3) in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
