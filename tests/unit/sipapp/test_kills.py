"""Never lost, never twice: the process is killed before and after each statement on its disk and its database."""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.unit.sipapp.test_records import DATABASE, cdr
from voice_sipapp.records import odbc, writer
from voice_sipapp.records.cdr import Cdr
from voice_sipapp.records.spool import Spool

STATEMENTS = 200
"""More than a whole life takes: the last lives are not cut short."""


class KilledError(BaseException):
    """Stands for SIGKILL: nothing of the process runs after it, no handler of errors either."""


class Fate:
    """Lets so many `steps` happen, then kills before (`after` False) or after the next."""

    def __init__(self, steps: int, after: bool) -> None:
        self.steps = steps
        self.after = after

    def step(self, action: Callable[[], Any]) -> Any:
        self.steps -= 1
        if self.steps < 0:
            if self.after and self.steps == -1:
                action()
            raise KilledError
        return action()


class Disk:
    """A connection to SQLite of a process that is killed: what it had not committed is gone."""

    def __init__(self, connection: sqlite3.Connection, fate: Fate) -> None:
        self._connection = connection
        self._fate = fate

    def execute(self, *statement: Any) -> sqlite3.Cursor:
        return self._fate.step(lambda: self._connection.execute(*statement))

    @property
    def in_transaction(self) -> bool:
        raise KilledError

    def close(self) -> None:
        self._connection.close()


class Server:
    """A database that survives: a row that is there stays as it is."""

    def __init__(self) -> None:
        self.rows: dict[UUID, Cdr] = {}
        self.fate = Fate(10**9, after=False)

    def insert(self, _: object, cdrs: list[Cdr]) -> None:
        def commit() -> None:
            for record in cdrs:
                self.rows.setdefault(record.call.uuid, record)

        self.fate.step(commit)

    def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_each_call_has_its_one_record_whenever_the_process_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
):
    monkeypatch.setattr(writer, "BATCH", 2)
    whole = 0
    for steps in range(STATEMENTS):
        server = Server()
        monkeypatch.setattr(odbc, "connect", lambda _, server=server: server)
        monkeypatch.setattr(odbc, "insert", server.insert)
        path = tmp_path / f"{steps}"
        begun, ended = live(path, server, Fate(steps, after))
        whole += len(ended) == 5
        live(path, server, Fate(10**9, after=False), calls=0)
        dispositions = {uuid: row.call.disposition for uuid, row in server.rows.items()}
        assert ended <= {uuid for uuid, what in dispositions.items() if what == "answered"}, "kept is kept"
        assert begun <= dispositions.keys(), "no call that began is without a record"
        assert len(dispositions.keys() - begun) <= 1, "of the one that it was just noting, and killed before it started"
        assert sum(what == "interrupted" for what in dispositions.values()) <= 1, "only what was up"
        spool = Spool(path)
        assert (spool.depth(), spool.dead(), spool.recover()) == (0, 0, 0)
        spool.close()
    assert 10 < whole < STATEMENTS, "some lives were cut short, some were not"


def live(path: Path, server: Server, fate: Fate, calls: int = 5) -> tuple[set[UUID], set[UUID]]:
    """One life of the process: the calls that it began, and those whose record it kept, as far as it knew."""
    begun: set[UUID] = set()
    ended: set[UUID] = set()
    spool = Spool(path)
    disk = spool._db
    spool._db = Disk(disk, fate)  # type: ignore[assignment]
    server.fate = fate
    try:
        spool.recover()
        carrier = writer.Writer(spool, DATABASE)
        carrier.drain()
        for _ in range(calls):
            call = cdr(disposition="interrupted", started_at=datetime.now(UTC)).call
            spool.begin(call)
            begun.add(call.uuid)
            spool.put(cdr(uuid=call.uuid, started_at=call.started_at, disposition="answered"))
            ended.add(call.uuid)
            carrier.drain()
    except KilledError:
        pass
    finally:
        disk.close()
    return begun, ended
