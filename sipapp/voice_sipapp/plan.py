"""The plan: what is to be called, read from the database, and from a copy on disk while the database is away.

The same thread writes this host's heartbeat, since both are a look at the database every few seconds.
"""

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pyodbc

from voice_sipapp import odbc
from voice_sipapp.backoff import Backoff
from voice_sipapp.cdr import Parameter
from voice_sipapp.probe import Cell, Probe, ProbeError, from_row
from voice_sipapp.settings import Database

READ_EVERY_S = 2.0
BEAT_EVERY_S = 5.0

Row = Mapping[str, Cell]
log = logging.getLogger(__name__)


def parse(rows: Iterable[Row]) -> tuple[list[Probe], list[str]]:
    """The probes of `rows`, and a sentence for each row that makes no sense: one bad row never stops the others."""
    probes, problems = [], []
    for row in rows:
        try:
            probes.append(from_row(row))
        except ProbeError as error:
            problems.append(str(error))
    return probes, problems


def save(path: Path, rows: Iterable[Row]) -> None:
    """Keep a copy of the plan's `rows` at `path`, whole or not at all."""
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(list(rows)), encoding="utf-8")
    draft.replace(path)


def load(path: Path) -> list[Row]:
    """The rows that `save` kept; none where there is no copy or it is broken (which is logged)."""
    try:
        rows: list[Row] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        log.warning("the copy of the plan can't be read: %s", error)
        return []
    return rows


class PlanReader(threading.Thread):
    """Calls `publish` (in this thread) with the probes whenever the plan changes; starts with the copy on disk.

    `beat` gives the heartbeat's row.
    """

    def __init__(
        self,
        database: Database,
        copy: Path,
        publish: Callable[[list[Probe]], None],
        beat: Callable[[], dict[str, Parameter]],
    ) -> None:
        super().__init__(name="plan", daemon=True)
        self._database = database
        self._copy = copy
        self._publish = publish
        self._beat = beat
        self._rows: list[Row] | None = None
        self._problems: list[str] = []
        self._next_beat = 0.0
        self._ending = threading.Event()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the thread after what it is doing."""
        self._ending.set()
        self.join(timeout_s)

    def run(self) -> None:
        """Read on until told to stop."""
        self._take(load(self._copy))
        backoff = Backoff(READ_EVERY_S)
        while not self._ending.is_set():
            try:
                self._follow(backoff)
            except (pyodbc.Error, sqlite3.Error) as error:  # SQLite's: the heartbeat tells how deep the spool is
                log.warning("plan not read: %s; calling what was planned before", odbc.error_text(error))
                self._ending.wait(backoff.wait())

    def _follow(self, backoff: Backoff) -> None:
        """Read the plan and write heartbeats over one connection until it breaks (pyodbc.Error)."""
        connection = odbc.connect(self._database)
        try:
            while not self._ending.is_set():
                self._read(connection)
                if time.monotonic() >= self._next_beat:
                    odbc.beat(connection, self._beat())
                    self._next_beat = time.monotonic() + BEAT_EVERY_S
                backoff.reset()
                self._ending.wait(READ_EVERY_S)
        finally:
            _close(connection)

    def _read(self, connection: pyodbc.Connection) -> None:
        rows: list[Row] = list(odbc.read_plan(connection))
        if rows != self._rows:
            self._take(rows)
            try:
                save(self._copy, rows)
            except OSError as error:
                log.warning("the plan's copy can't be written: %s", error)

    def _take(self, rows: list[Row]) -> None:
        self._rows = rows
        probes, problems = parse(rows)
        for problem in problems:
            if problem not in self._problems:
                log.warning("probe left out: %s", problem)
        self._problems = problems
        self._publish(probes)


def _close(connection: pyodbc.Connection) -> None:
    try:
        connection.close()
    except pyodbc.Error as error:
        log.debug("closing a broken connection: %s", odbc.error_text(error))


def heartbeat_row(sip_host: str, version: str, started_at: datetime, **counts: int) -> dict[str, Parameter]:
    """This host's row of `voice_sip_host`, as of now."""
    return {
        "sip_host": sip_host,
        "version": version,
        "started_at": odbc.utc_text(started_at),
        "heartbeat_at": odbc.utc_text(datetime.now(UTC)),
        "dead_letters": 0,
        "clock_offset_ms": None,
        **counts,
    }
