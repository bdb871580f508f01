"""What the thread that follows the plan asks the database and tells it, over one connection in autocommit mode.

Times are compared by the database's clock alone: the clocks of hosts don't matter.
"""

import time
from collections.abc import Collection, Mapping
from contextlib import closing
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyodbc

from voice_sipapp.plan import probe
from voice_sipapp.plan.leases import CATCH_UP_S, TTL_S, Host, Lease
from voice_sipapp.plan.requests import Request
from voice_sipapp.records.cdr import Parameter
from voice_sipapp.records.odbc import ROWS_A_STATEMENT

_JSON = ("dtmf", "codecs", "allotted_numbers")
# MySQL has a type of its own for JSON, which MariaDB's ODBC driver (3.1.15) refuses to fetch (HY106).
_READ = ", ".join(f"CAST({column} AS CHAR)" if column in _JSON else column for column in probe.COLUMNS)
_ALL = "CONCAT(" + ", ".join(f"QUOTE({column})" for column in probe.COLUMNS) + ")"


def fingerprint(connection: pyodbc.Connection) -> tuple[int, int]:
    """A number that changes with the plan. Reading 1,000 rows costs this process 19 ms, and this 0.3 ms."""
    ((rows, total),) = _rows(connection, f"SELECT COUNT(*), COALESCE(SUM(CRC32({_ALL})), 0) FROM voice_probe")  # noqa: S608
    return int(rows), int(total)


def read_plan(connection: pyodbc.Connection) -> list[dict[str, probe.Cell]]:
    """All rows of the plan."""
    rows = _rows(connection, f"SELECT {_READ} FROM voice_probe ORDER BY client, probe")  # noqa: S608
    return [dict(zip(probe.COLUMNS, map(_plain, row), strict=True)) for row in rows]


def _plain(cell: probe.Cell | Decimal) -> probe.Cell:
    return float(cell) if isinstance(cell, Decimal) else cell


def beat(connection: pyodbc.Connection, row: Mapping[str, Parameter], follows: str = "") -> bool:
    """Write this host's heartbeat: `row` of `voice_sip_host`, by column; `heartbeat_at` is the database's to say.

    False, and nothing is written, where another process of this name is alive: another `instance`, and not the one that
    this process `follows`. The assignments are made from left to right: the first decides about the others.
    """
    columns = [*(column for column in row if column not in ("sip_host", "instance")), "heartbeat_at"]
    places = ", ".join(["?"] * len(row) + ["UTC_TIMESTAMP(3)"])
    changes = ", ".join(f"{column} = IF(instance = VALUES(instance), VALUES({column}), {column})" for column in columns)
    _execute(
        connection,
        f"INSERT INTO voice_sip_host ({', '.join(row)}, heartbeat_at) VALUES ({places})"  # noqa: S608
        " ON DUPLICATE KEY UPDATE instance = IF(instance IN (VALUES(instance), ?) OR parties = ''"
        " OR heartbeat_at <= UTC_TIMESTAMP(3) - INTERVAL ? SECOND, VALUES(instance), instance),"
        f" {changes}",
        *row.values(), follows, TTL_S,
    )  # fmt: skip
    ((instance,),) = _rows(connection, "SELECT instance FROM voice_sip_host WHERE sip_host = ?", row["sip_host"])
    return bool(instance == row["instance"])


def clock_offset_ms(connection: pyodbc.Connection, tries: int = 3) -> float:
    """How far this host's wall clock is ahead of the database's, in ms.

    The database read its clock somewhere between question and answer: the middle is taken, of the fastest of `tries`,
    which can be wrong by half of that round trip.
    """
    found = []
    for _ in range(tries):
        asked = time.time()
        ((text,),) = _rows(connection, "SELECT CAST(UNIX_TIMESTAMP(UTC_TIMESTAMP(6)) AS CHAR)")
        answered = time.time()
        found.append((answered - asked, (asked + answered) / 2 - float(text)))
    return min(found)[1] * 1000


def live_hosts(connection: pyodbc.Connection) -> tuple[Host, ...]:
    """The hosts whose heartbeat is fresh and that may hold something, in the order of their names."""
    query = (
        "SELECT sip_host, parties, clients FROM voice_sip_host"
        " WHERE parties <> '' AND heartbeat_at > UTC_TIMESTAMP(3) - INTERVAL ? SECOND ORDER BY sip_host"
    )
    return tuple(
        Host(name, _names(parties), _names(clients)) for name, parties, clients in _rows(connection, query, TTL_S)
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def renew(connection: pyodbc.Connection, host: str) -> int:
    """Renew what `host` holds; returns how many leases that are."""
    with closing(connection.cursor()) as cursor:
        cursor.execute(
            "UPDATE voice_probe_lease SET expires_at = UTC_TIMESTAMP(3) + INTERVAL ? SECOND"
            " WHERE sip_host = ? AND expires_at > UTC_TIMESTAMP(3)",
            TTL_S, host,
        )  # fmt: skip
        return int(cursor.rowcount)


def held(connection: pyodbc.Connection, host: str) -> frozenset[Lease]:
    """What `host` holds."""
    query = "SELECT client, probe, party FROM voice_probe_lease WHERE sip_host = ? AND expires_at > UTC_TIMESTAMP(3)"
    return frozenset(Lease(*row) for row in _rows(connection, query, host))


def exchange(
    connection: pyodbc.Connection, host: str, take: Collection[Lease], give: Collection[Lease], left_s: float = 0.0
) -> None:
    """Take those of `take` for `host` that are free, and give back `give`, which are not called since `left_s` seconds.

    A lease that is given back ran out when it was left. The assignments are made from left to right: whether the second
    one renews depends on who holds the lease after the first.
    """
    rows = sorted([(*lease, host, TTL_S * 1000) for lease in take] + [(*lease, host, -left_s * 1000) for lease in give])
    for start in range(0, len(rows), ROWS_A_STATEMENT):
        part = rows[start : start + ROWS_A_STATEMENT]
        places = ", ".join(["(?, ?, ?, ?, UTC_TIMESTAMP(3) + INTERVAL ? * 1000 MICROSECOND)"] * len(part))
        _execute(
            connection,
            f"INSERT INTO voice_probe_lease (client, probe, party, sip_host, expires_at) VALUES {places}"  # noqa: S608
            " ON DUPLICATE KEY UPDATE"
            " sip_host = IF(expires_at <= UTC_TIMESTAMP(3), VALUES(sip_host), sip_host),"
            " expires_at = IF(sip_host = VALUES(sip_host), VALUES(expires_at), expires_at)",
            *(cell for row in part for cell in row),
        )


def free_for(connection: pyodbc.Connection) -> dict[Lease, float]:
    """The leases that ran out, or were given back, a short time ago: for how many seconds each has been free."""
    query = (
        "SELECT client, probe, party, TIMESTAMPDIFF(MICROSECOND, expires_at, UTC_TIMESTAMP(6)) / 1000000"
        " FROM voice_probe_lease"
        " WHERE expires_at BETWEEN UTC_TIMESTAMP(3) - INTERVAL ? SECOND AND UTC_TIMESTAMP(3)"
    )
    return {Lease(*lease): float(age) for *lease, age in _rows(connection, query, CATCH_UP_S)}


def forget_leases(connection: pyodbc.Connection) -> None:
    """Remove the leases that nobody took for an hour: their probes are gone."""
    _execute(connection, "DELETE FROM voice_probe_lease WHERE expires_at < UTC_TIMESTAMP(3) - INTERVAL 1 HOUR")


def requests(connection: pyodbc.Connection) -> list[Request]:
    """The calls that somebody asked for: those that nobody claimed yet, and those claimed just now."""
    query = (
        "SELECT id, client, probe, TIMESTAMPDIFF(MICROSECOND, requested_at, UTC_TIMESTAMP(6)) / 1000000,"
        " claimed_at IS NULL FROM voice_call_request"
        " WHERE claimed_at IS NULL OR claimed_at > UTC_TIMESTAMP(3) - INTERVAL 60 SECOND ORDER BY id LIMIT 1000"
    )
    return [
        Request(id_, client, probe, float(age), bool(open_))
        for id_, client, probe, age, open_ in _rows(connection, query)
    ]


def claim(connection: pyodbc.Connection, host: str, request: int) -> bool:
    """Claim the request with this number for `host`; False if another was faster."""
    with closing(connection.cursor()) as cursor:
        cursor.execute(
            "UPDATE voice_call_request SET claimed_at = UTC_TIMESTAMP(3), claimed_by = ?"
            " WHERE id = ? AND claimed_at IS NULL",
            host, request,
        )  # fmt: skip
        return bool(cursor.rowcount == 1)


def note_call(connection: pyodbc.Connection, request: int, call: UUID) -> None:
    """Write down which call came of a request."""
    _execute(connection, "UPDATE voice_call_request SET call_uuid = ? WHERE id = ?", call.bytes, request)


def release_all(connection: pyodbc.Connection, host: str) -> None:
    """Give back everything and say in the heartbeat that `host` will hold nothing: it stops."""
    _execute(connection, "UPDATE voice_sip_host SET parties = '' WHERE sip_host = ?", host)
    _execute(connection, "UPDATE voice_probe_lease SET expires_at = UTC_TIMESTAMP(3) WHERE sip_host = ?", host)


def _rows(connection: pyodbc.Connection, query: str, *cells: Parameter) -> list[Any]:
    with closing(connection.cursor()) as cursor:
        return list(cursor.execute(query, *cells).fetchall())


def _execute(connection: pyodbc.Connection, query: str, *cells: Parameter) -> None:
    with closing(connection.cursor()) as cursor:
        cursor.execute(query, *cells)
