"""A database in trouble, a real one: every record waits, none is lost, none is there twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pymysql
import pytest

from tests.integration.test_sip_calls import CLIENT, Records
from tests.integration.test_sip_calls import records as records  # noqa: PLC0414 - a fixture
from tests.integration.test_sip_database import NOW, a_call
from tests.integration.test_sip_database import server as server  # noqa: PLC0414 - a fixture
from voice_sipapp.measurement import scoring
from voice_sipapp.records.cdr import Cdr, LadderRecord
from voice_sipapp.records.spool import Spool
from voice_sipapp.records.writer import Writer
from voice_sipapp.settings import Database

pytestmark = [pytest.mark.services, pytest.mark.database]

NOT_ALLOWED = 1227
LONGEST_S = 15
"""How long the writer may hang at most, whatever the database does."""


class Run:
    """Statements of the server's administrator, and what undoes them in the end."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self.undo: list[str] = []

    def __call__(self, sql: str) -> None:
        try:
            self._cursor.execute(sql)
        except pymysql.OperationalError as error:
            if error.args[0] != NOT_ALLOWED:
                raise
            pytest.skip("the administrator of this server may not set this")


@contextmanager
def read_only(run: Run) -> Iterator[None]:
    run("SET GLOBAL read_only = 1")
    yield
    run("SET GLOBAL read_only = 0")


@contextmanager
def locked(run: Run) -> Iterator[None]:
    """Statements hang, as on a server that is overloaded."""
    run("LOCK TABLES voice_call_stream WRITE")
    yield
    run("UNLOCK TABLES")


@contextmanager
def table_missing(run: Run) -> Iterator[None]:
    run("RENAME TABLE voice_call_ladder TO voice_call_ladder_away")
    yield
    run("RENAME TABLE voice_call_ladder_away TO voice_call_ladder")


@contextmanager
def small_packets(run: Run) -> Iterator[None]:
    """Nothing but one record fits into a packet; this trouble never ends."""
    run("SET GLOBAL max_allowed_packet = 131072")
    run.undo.append("SET GLOBAL max_allowed_packet = 16777216")
    yield


@pytest.fixture
def run(own_database: Any) -> Iterator[Run]:
    with closing(own_database.connect("admin")) as admin, admin.cursor() as cursor:
        made = Run(cursor)
        yield made
        for sql in made.undo:
            made(sql)


def whole(number: int, letters: int) -> Cdr:
    call = a_call(NOW + timedelta(seconds=number))
    cdr = scoring.complete(call, scoring.NOBODY, scoring.NOBODY)
    ladder = LadderRecord(
        uuid=call.uuid, leg="dialer", started_at=call.started_at, client=CLIENT, probe="p", messages="語" * letters
    )
    return Cdr(cdr.call, cdr.streams, ladders=(ladder,))


@pytest.mark.parametrize("trouble", [read_only, locked, table_missing, small_packets])
def test_records_wait_until_the_database_is_well(
    server: Database, records: Records, run: Run, tmp_path: Path, trouble: Callable[[Run], Any]
):
    spool = Spool(tmp_path / "spool")
    for number in range(40):
        spool.put(whole(number, 25_000))
    writer = Writer(spool, server)
    with trouble(run):
        began = time.monotonic()
        assert not writer.drain()
        assert time.monotonic() < began + LONGEST_S
        assert (spool.dead(), records.all("SELECT COUNT(*) FROM voice_call WHERE client = %s")) == (0, [(0,)])
    deadline = time.monotonic() + 60
    while not writer.drain():
        assert time.monotonic() < deadline
    assert (spool.depth(), spool.dead()) == (0, 0)
    for table, rows in (("voice_call", 40), ("voice_call_stream", 80), ("voice_call_ladder", 40)):
        assert records.all(f"SELECT COUNT(*) FROM {table} WHERE client = %s") == [(rows,)]
    writer._disconnect()
    spool.close()


def test_odd_values_are_stored_and_what_is_none_is_put_aside(server: Database, records: Records, tmp_path: Path):
    spool = Spool(tmp_path / "spool")
    odd = ["☎ 😀", "half \ud83d", "nul \x00 nul", "x" * 70_000, "'; DROP TABLE voice_call; --", "\r\n\t\x7f\x1b[0m", ""]
    for number, reason in enumerate(odd):
        call = a_call(NOW + timedelta(seconds=number), sip_reason=reason, pdd_ms=-5, redirects=10**9, sip_code=999)
        spool.put(Cdr(call, ()))
    spool.put(Cdr(a_call(NOW, disposition="nonsense"), ()))
    spool.put(Cdr(a_call(NOW, probe="p" * 64), ()))
    last = a_call(NOW + timedelta(seconds=60))
    spool.put(Cdr(last, ()))
    writer = Writer(spool, server)
    assert writer.drain()
    assert (spool.depth(), spool.dead()) == (0, 2)
    rows = records.all("SELECT sip_reason, pdd_ms, redirects, sip_code FROM voice_call WHERE client = %s AND sip_reason"
                       " IS NOT NULL ORDER BY started_at")  # fmt: skip
    assert [reason for reason, *_ in rows] == [
        "☎ 😀", "half ?", "nul \x00 nul", "x" * 255, odd[4], odd[5], ""
    ]  # fmt: skip
    assert {tuple(numbers) for _, *numbers in rows} == {(0, 65535, None)}
    assert len(records.all("SELECT uuid FROM voice_call WHERE client = %s")) == len(odd) + 1
    writer._disconnect()
    spool.close()
