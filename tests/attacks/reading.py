"""What attacks by SQL start from: clients' accounts as the operator makes them, asked as Grafana asks."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pymysql
from pymysql.constants import COMMAND

from tests.conftest import Database
from tests.integration.portal.conftest import PROBE
from voice_lab.grafana_stand_in.query import Pool, Source
from voice_lab.grafana_stand_in.query.frames import Rows
from voice_lab.grafana_stand_in.query.mysql import trust
from voiceprobe_operator import names
from voiceprobe_operator.database import Database as OperatorsDatabase
from voiceprobe_operator.desired import Access, datasource
from voiceprobe_operator.errors import OutsideError
from voiceprobe_operator.reconciling.access import access
from voiceprobe_operator.reconciling.readers import Readers
from voiceprobe_operator.settings import Settings

Value = Any
CALL = {
    "generation": 1, "sip_host": "h", "from_uri": "sip:a", "to_uri": "sip:b", "srtp": 0, "disposition": "busy",
    "duration_ms": 0, "hangup_by": "none", "audio": "x", "valid": 1,
}  # fmt: skip


def settings(database: Database) -> Settings:
    """The operator's, on this database."""
    return Settings.from_env({
        **database.environment("operator"), "VOICE_GRAFANA_URL": "http://none/grafana", "VOICE_GRAFANA_USER": "none",
        "VOICE_GRAFANA_PASSWORD": "none", "VOICE_PORTAL_URL": "http://none", "VOICE_OPERATOR_NAMESPACE": "none",
    })  # fmt: skip


def connect(source: Source) -> pymysql.Connection[Any]:
    """A connection such as Grafana's, for who does not want to wait for the answer."""
    host, _, port = source.url.rpartition(":")
    return pymysql.connect(
        host=host, port=int(port), user=source.user, password=source.password, database=source.database,
        ssl=trust(source.authority), autocommit=True, read_timeout=60,
    )  # fmt: skip


@dataclass
class Client:
    """A client, its read account, and its datasource in Grafana with the connections that this keeps."""

    name: str
    account: str
    granted: Access
    source: Source
    pool: Pool
    database: Database

    def ask(self, sql: str) -> Rows:
        """What a panel gets; raises the stand-in's DatabaseError."""
        return self.pool.ask(self.source, sql)

    def text(self, sql: str) -> str:
        """All of an answer as text; an error is its text."""
        try:
            return str(self.ask(sql).rows)
        except Exception as error:
            return str(error)

    def abandon(self, sql: str, times: int) -> int:
        """Send a query, and go away before it is answered; how many of them the server took."""
        taken = 0
        for _ in range(times):
            try:
                connection = connect(self.source)
            except pymysql.OperationalError as error:
                assert error.args[0] in {1203, 1226}, error  # noqa: PT017 - too many connections of this account
                continue
            connection._execute_command(COMMAND.COM_QUERY, sql)  # type: ignore[attr-defined]
            connection._force_close()  # type: ignore[attr-defined]
            taken += 1
        return taken

    def call(self, host: pymysql.Connection[Any], **changes: Value) -> None:
        """Have a SIP host write a call."""
        now = datetime.now(UTC).replace(tzinfo=None)
        row = {"uuid": secrets.token_bytes(16), "started_at": now, "ended_at": now, "client": self.name, "probe": "p"}
        row |= CALL | changes
        marks = ", ".join(["%s"] * len(row))
        with host.cursor() as cursor:
            cursor.execute(f"INSERT INTO voice_call ({', '.join(row)}) VALUES ({marks})", list(row.values()))


@contextmanager
def clients(database: Database, *prefixes: str) -> Iterator[list[Client]]:
    """Clients whose names begin so: their rows, their accounts and three calls of each."""
    found, pool = [], Pool(1000)
    operators, own = OperatorsDatabase(settings(database)), settings(database)
    run = secrets.token_hex(4)
    with closing(database.connect("owner")) as owner, closing(database.connect("sip")) as host:
        for prefix in prefixes:
            name, password = f"{prefix}-{run}", secrets.token_urlsafe(24)
            account, granted = names.account(name), access(password, own)
            row = {"client": name, "display_name": name, "account": account, "time_zone": "UTC"}
            asyncio.run(operators.publish(name, row, (), ()))
            asyncio.run(operators.ensure_account(account, password))
            made = datasource(account, own, granted)
            source = Source.of(made.visible, dict(made.secret))
            found.append(Client(name, account, granted, source, pool, database))
            plan(owner, name)
            for number in range(3):
                found[-1].call(host, started_at=datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=1 + number))
        yield found
        pool.close()
        with owner.cursor() as cursor, closing(database.connect("operator")) as operator:
            for client in found:
                for table in (
                    "voice_call",
                    "voice_probe",
                    "voice_client",
                    "voice_call_request",
                    "voice_call_request_lock",
                ):
                    cursor.execute(f"DELETE FROM {table} WHERE client = %s", (client.name,))
                with operator.cursor() as dropping:
                    dropping.execute("DROP USER %s@'%%'", (client.account,))


def plan(owner: pymysql.Connection[Any], client: str) -> None:
    """A probe in the plan, that there is a row which its client may read."""
    row = PROBE | {"client": client, "probe": "p", "uid": secrets.token_hex(18), "updated_at": datetime.now(UTC)}
    with owner.cursor() as cursor:
        columns, marks = ", ".join(row), ", ".join(["%s"] * len(row))
        cursor.execute(f"INSERT INTO voice_probe ({columns}) VALUES ({marks})", list(row.values()))


def running(database: Database, account: str) -> list[str]:
    """What runs for an account on the server; not who is still at the door, and may be sent away."""
    with closing(database.connect("admin")) as connection, connection.cursor() as cursor:
        sql = "SELECT COALESCE(info, command), command FROM information_schema.processlist WHERE user = %s"
        cursor.execute(sql, (account,))
        return [str(what) for what, command in cursor.fetchall() if command not in ("Killed", "Connect")]


@contextmanager
def watched(database: Database, every_s: float = 0.5) -> Iterator[None]:
    """The operator's watch over the read accounts, at work."""
    ended = threading.Event()

    async def look() -> None:
        watch = Readers(OperatorsDatabase(settings(database)))
        while not ended.is_set():
            with suppress(OutsideError):
                await watch.look()
            await asyncio.sleep(every_s)

    thread = threading.Thread(target=lambda: asyncio.run(look()))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def beside(*works: Callable[[], object]) -> Iterator[None]:
    """Each of `works` in a thread of its own, whatever becomes of it."""

    def alone(work: Callable[[], object]) -> None:
        with suppress(Exception):
            work()

    threads = [threading.Thread(target=alone, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join()


def is_mariadb(database: Database) -> bool:
    """Whether this run's server is MariaDB, and not MySQL."""
    with closing(database.connect("admin")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT VERSION()")
        return "MariaDB" in str(cursor.fetchone())
