"""The statements that the operator sends to MySQL. Values are always bound; names are checked.

They need only what docs/architecture.md grants `voice_operator`. PyMySQL's errors come out as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pymysql.constants import ER
from pymysql.cursors import DictCursor
from pymysql.err import OperationalError

from voiceprobe_operator import names
from voiceprobe_operator.database.limits import CONNECTIONS, SECONDS, Reader
from voiceprobe_operator.desired import PLAN_COLUMNS, Row, fingerprint
from voiceprobe_operator.fingerprints import canonical

CLIENT_VIEWS = (
    "client_call",
    "client_call_stream",
    "client_call_interval",
    "client_call_ladder",
    "client_probe",
    "client_call_judged",
)
FLEET_VIEWS = ("fleet_client", "fleet_probe", "fleet_call", "fleet_call_judged", "fleet_sip_host")
_JSON_COLUMNS = ("dtmf", "codecs", "allotted_numbers")
_NOT_OURS = ("updated_at", "grafana_org_id")
_IDENTIFIER = re.compile(r"[A-Za-z0-9_]{1,64}", re.ASCII)
# MariaDB's default is more than this: no limit at all.
_ANY_MEMORY = 2**62
# What the names of read accounts are like.
_READERS = (names.CLIENT_ACCOUNT_PREFIX.replace("_", r"\_") + "%", names.FLEET_ACCOUNT)
_KEYS = {"voice_client": ("client",), "voice_probe": ("client", "probe")}


@dataclass(slots=True)
class Published:
    """What the database holds of one client: its row (None if none), its organisation, its plan by probe.

    Of a probe's row, its fingerprint, the uid of the VoiceProbe it came from, and its numbers that were allotted.
    """

    client_row: Row | None = None
    org: int | None = None
    plan: dict[str, bytes] = field(default_factory=dict)
    uids: dict[str, str] = field(default_factory=dict)
    allotted: dict[str, tuple[str, ...]] = field(default_factory=dict)


def identifier(name: str) -> str:
    """`name`, if it may stand in a statement as it is; raises ValueError."""
    if not _IDENTIFIER.fullmatch(name):
        raise ValueError(f"{name!r} is not usable as a name in SQL: letters, digits and _ only")
    return name


def published(cursor: DictCursor, client: str) -> Published:
    """What the database holds of `client`."""
    cursor.execute("SELECT * FROM voice_client WHERE client = %s", (client,))
    row = cursor.fetchone()
    found = Published()
    if row is not None:
        found.client_row, found.org = _ours(row), row["grafana_org_id"]
    cursor.execute("SELECT * FROM voice_probe WHERE client = %s", (client,))
    for row in _rows(cursor):
        probe = str(row["probe"])
        found.plan[probe], found.uids[probe] = fingerprint(_plan_row(row)), str(row["uid"])
        if numbers := json.loads(str(row["allotted_numbers"])):
            found.allotted[probe] = tuple(numbers)
    return found


def _rows(cursor: DictCursor) -> Iterator[dict[str, Any]]:
    while rows := cursor.fetchmany(100):
        yield from rows


def _plan_row(found: dict[str, Any]) -> Row:
    # A column of a newer schema than ours is none of our business.
    row = {column: found[column] for column in PLAN_COLUMNS if column in found}
    # MySQL gives JSON back in a spelling of its own.
    return row | {column: canonical(json.loads(str(row[column]))) for column in _JSON_COLUMNS}


def _ours(found: dict[str, Any]) -> Row:
    row = {column: value for column, value in found.items() if column not in _NOT_OURS}
    if row.get("access") is not None:
        row["access"] = canonical(json.loads(str(row["access"])))
    return row


def upsert(cursor: DictCursor, table: Literal["voice_client", "voice_probe"], rows: Sequence[Row]) -> None:
    """Insert `rows`, all of the same columns, in one statement; a row with the key of one becomes equal to it."""
    columns = [identifier(column) for column in rows[0]]
    changes = [f"{column} = VALUES({column})" for column in (*columns, "updated_at") if column not in _KEYS[table]]
    one = f"({', '.join(['%s'] * len(columns))}, UTC_TIMESTAMP(3))"
    cursor.execute(
        f"INSERT INTO {table} ({', '.join(columns)}, updated_at)"  # noqa: S608 - names checked, values bound
        f" VALUES {', '.join([one] * len(rows))} ON DUPLICATE KEY UPDATE {', '.join(changes)}",
        [value for row in rows for value in row.values()],
    )


def remove_probes(cursor: DictCursor, client: str, probes: Sequence[str]) -> None:
    """Take `probes` out of the plan. Their calls stay."""
    if probes:
        cursor.execute("DELETE FROM voice_probe WHERE client = %s AND probe IN %s", (client, tuple(probes)))


def revoke_numbers(cursor: DictCursor, client: str, probes: Sequence[str]) -> None:
    """No number tells that a call is of these probes."""
    cursor.execute(
        "UPDATE voice_probe SET allotted_numbers = '[]', updated_at = UTC_TIMESTAMP(3)"
        " WHERE client = %s AND probe IN %s",
        (client, tuple(probes)),
    )


def set_organisation(cursor: DictCursor, client: str, org: int | None) -> None:
    """Remember the client's Grafana organisation; None: it has none any more."""
    cursor.execute(
        "UPDATE voice_client SET grafana_org_id = %s, updated_at = UTC_TIMESTAMP(3) WHERE client = %s", (org, client)
    )


def close_to_all(cursor: DictCursor, client: str) -> None:
    """Let nobody but the provider's staff see `client` any more."""
    cursor.execute("UPDATE voice_client SET access = NULL, updated_at = UTC_TIMESTAMP(3) WHERE client = %s", (client,))


def known_probes(cursor: DictCursor) -> set[tuple[str, str]]:
    """(client, probe) of every probe in the plan."""
    cursor.execute("SELECT client, probe FROM voice_probe")
    return {(str(row["client"]), str(row["probe"])) for row in _rows(cursor)}


def shown_clients(cursor: DictCursor) -> set[str]:
    """Every client that has an organisation in Grafana, or is open to somebody in the portal."""
    cursor.execute("SELECT client FROM voice_client WHERE grafana_org_id IS NOT NULL OR access IS NOT NULL")
    return {str(row["client"]) for row in _rows(cursor)}


_STATES = (
    "SELECT client, probe, health, last_call_at, last_call_generation, disposition, sip_code, sip_reason,"
    " mos, mos_forward, mos_reverse, one_way, silent, late_media_ms, late_media_ms_warning FROM voice_probe_state"
)


def states(cursor: DictCursor) -> list[dict[str, Any]]:
    """Health and last call of every probe of every client."""
    cursor.execute(_STATES)
    return list(cursor.fetchall())


def states_of(cursor: DictCursor, client: str, probes: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Health and last call of some probes of a client, by probe."""
    if not probes:
        return {}
    cursor.execute(f"{_STATES} WHERE client = %s AND probe IN %s", (client, tuple(probes)))
    return {str(row["probe"]): row for row in cursor.fetchall()}


def make_account(
    cursor: DictCursor, database: str, account: str, password: str, views: Sequence[str], *, tls: bool
) -> None:
    """Make or mend a read account: this password, these views, these limits, TLS or not."""
    cursor.execute("CREATE USER IF NOT EXISTS %s@'%%' IDENTIFIED BY %s", (account, password))
    required = "SSL" if tls else "NONE"
    limits = f"WITH MAX_USER_CONNECTIONS {CONNECTIONS}"
    # MySQL has no limit of time for an account. Whoever may log in there may change the password, unless the present
    # one is asked for; MariaDB knows no such word.
    limits += f" MAX_STATEMENT_TIME {SECONDS}" if is_mariadb(cursor) else " PASSWORD REQUIRE CURRENT"
    cursor.execute(f"ALTER USER %s@'%%' IDENTIFIED BY %s REQUIRE {required} {limits}", (account, password))
    for view in views:
        cursor.execute(f"GRANT SELECT ON `{identifier(database)}`.`{view}` TO %s@'%%'", (account,))


def read_nothing(cursor: DictCursor, views: Sequence[str]) -> None:
    """Ask every view for no row at all: fails unless the account may read them."""
    cursor.execute(f"SELECT 1 FROM {', '.join(views)} LIMIT 0")  # noqa: S608 - constant names


def is_limited(cursor: DictCursor) -> bool:
    """Whether the account that asks has the limits that a read account has."""
    cursor.execute("SELECT @@max_user_connections AS connections")
    (row,) = cursor.fetchall()
    if is_mariadb(cursor):
        cursor.execute("SELECT @@max_statement_time AS seconds")
        row |= cursor.fetchall()[0]
    return bool(row["connections"] == CONNECTIONS and row.get("seconds", SECONDS) == SECONDS)


def is_mariadb(cursor: DictCursor) -> bool:
    """Whether the server is MariaDB, and not MySQL."""
    cursor.execute("SELECT VERSION() AS version")
    return "MariaDB" in str(cursor.fetchall()[0]["version"])


def readers(cursor: DictCursor) -> list[Reader]:
    """Every connection of a read account. Fails for an account without PROCESS, which would see its own alone.

    MySQL tells of memory only where `performance_schema` is on.
    """
    memory = "p.memory_used" if is_mariadb(cursor) else "0"
    cursor.execute(
        f"SELECT p.id AS id, p.user AS account, {memory} AS memory, COALESCE(t.trx_lock_structs, 0) AS locks"  # noqa: S608
        " FROM information_schema.processlist p"
        " LEFT JOIN information_schema.innodb_trx t ON t.trx_mysql_thread_id = p.id"
        " WHERE (p.user LIKE %s OR p.user = %s) AND p.command <> 'Killed'",
        _READERS,
    )
    rows = cursor.fetchall()
    memories = {} if memory != "0" or not rows else _memories(cursor)
    return [
        Reader(row["id"], row["account"], int(memories.get(row["id"], row["memory"])), int(row["locks"]))
        for row in rows
    ]


def _memories(cursor: DictCursor) -> dict[int, int]:
    """Bytes that each connection of a read account takes, as MySQL counts them."""
    cursor.execute(
        "SELECT t.processlist_id AS id, SUM(m.current_number_of_bytes_used) AS memory"
        " FROM performance_schema.threads t"
        " JOIN performance_schema.memory_summary_by_thread_by_event_name m ON m.thread_id = t.thread_id"
        " WHERE t.processlist_user LIKE %s OR t.processlist_user = %s GROUP BY t.processlist_id",
        _READERS,
    )
    return {int(row["id"]): int(row["memory"]) for row in cursor.fetchall()}


def end(cursor: DictCursor, connection: int) -> None:
    """End a connection and what runs in it; one that has ended by itself is none to fail for."""
    try:
        cursor.execute("KILL CONNECTION %s", (connection,))
    except OperationalError as error:
        if error.args[0] != ER.NO_SUCH_THREAD:
            raise


def unlimited(cursor: DictCursor) -> list[str]:
    """What the server's own settings leave unlimited, a sentence each: docs/operator.md#what-a-viewers-sql-may-take."""
    mariadb = is_mariadb(cursor)
    memory = "max_session_mem_used" if mariadb else "performance_schema"
    isolation = "tx_isolation" if mariadb else "transaction_isolation"
    cursor.execute("SHOW GLOBAL VARIABLES WHERE variable_name IN %s", ((memory, isolation),))
    found = {str(row["Variable_name"]): str(row["Value"]) for row in cursor.fetchall()}
    sentences = []
    if found[memory] == "OFF" or (mariadb and int(found[memory]) >= _ANY_MEMORY):
        sentences.append(f"MySQL's {memory} is {found[memory]}: one query may take all of the server's memory")
    if found[isolation] not in ("READ-COMMITTED", "READ-UNCOMMITTED"):
        sentences.append(
            f"MySQL's {isolation} is {found[isolation]}, not READ-COMMITTED: a locking read of one client may hold up"
            " writes of others until it is ended"
        )
    return sentences
