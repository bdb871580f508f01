"""The plan: what is to be called, read from the database, and from a copy on disk while the database is away.

The same thread writes this host's heartbeat and keeps its leases: all are a look at the database every few seconds.
"""

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import pyodbc

from voice_sipapp.backoff import Backoff
from voice_sipapp.plan import plandb
from voice_sipapp.plan.claiming import Claims
from voice_sipapp.plan.leaseholder import Leaseholder, clock
from voice_sipapp.plan.leases import Host, Lease
from voice_sipapp.plan.probe import Cell, Probe, ProbeError, from_row, undialable
from voice_sipapp.records import odbc
from voice_sipapp.records.cdr import Parameter, number
from voice_sipapp.settings import Database

READ_EVERY_S = 2.0
CLOCK_EVERY_S = 60.0

Row = Mapping[str, Cell]
log = logging.getLogger(__name__)


def parse(rows: Iterable[Row]) -> tuple[list[Probe], list[str]]:
    """The probes of `rows`, and a sentence for each row that makes no sense: one bad row never stops the others.

    Such a row is a probe too, whose calls are configuration errors, as long as it says whose it is.
    """
    probes, problems = [], []
    for row in rows:
        try:
            probes.append(from_row(row))
        except ProbeError as error:
            problems.append(str(error))
            if (probe := undialable(row, str(error))) is not None:
                probes.append(probe)
    return probes, problems


def save(path: Path, rows: Iterable[Row], held: Iterable[Lease] = (), instance: str = "") -> None:
    """Keep a copy of the plan's `rows`, of what this host `held` and of the `instance` that wrote its last heartbeat,
    at `path`, whole or not at all.
    """
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps({"rows": list(rows), "held": sorted(held), "instance": instance}), encoding="utf-8")
    draft.replace(path)


def load(path: Path) -> tuple[list[Row], frozenset[Lease], str]:
    """What `save` kept; nothing where there is no copy or it is broken (which is logged)."""
    try:
        copy = json.loads(path.read_text(encoding="utf-8"))
        return list(copy["rows"]), frozenset(Lease(*lease) for lease in copy["held"]), str(copy["instance"])
    except FileNotFoundError:
        return [], frozenset(), ""
    except (OSError, ValueError, TypeError, KeyError) as error:
        log.warning("the copy of the plan can't be read: %s", error)
        return [], frozenset(), ""


def leases(probes: Iterable[Probe]) -> frozenset[Lease]:
    """What there is to hold: who calls each probe, and who registers as the receiver of those that have a registrar."""
    return frozenset(
        Lease(*probe.key, party)
        for probe in probes
        for party in ("dialer", "receiver")
        if party == "dialer" or probe.registrar is not None
    )


class PlanReader(threading.Thread):
    """Calls `publish` (in this thread) with the probes, and what of them this host holds, whenever that changes.

    It starts with the copy on disk. `beat` gives the heartbeat's row.
    """

    def __init__(
        self,
        database: Database,
        copy: Path,
        leaseholder: Leaseholder,
        claims: Claims,
        publish: Callable[[list[Probe], frozenset[Lease], dict[Lease, float]], None],
        beat: Callable[[], dict[str, Parameter]],
    ) -> None:
        super().__init__(name="plan", daemon=True)
        self._database = database
        self._copy = copy
        self._leaseholder = leaseholder
        self._claims = claims
        self._publish = publish
        self._beat = beat
        self._rows: list[Row] = []
        self._probes: list[Probe] = []
        self._fingerprint: tuple[int, int] | None = None
        self._leases: frozenset[Lease] = frozenset()
        self._held: frozenset[Lease] = frozenset()
        self._problems: list[str] = []
        self._clock_offset_ms: float | None = None
        self._read_at = clock()
        self._instance, self._follows = uuid4().hex, ""
        self._named = True
        self._worked = False
        self._ending = threading.Event()

    @property
    def age_s(self) -> float:
        """Seconds since the database last told the plan, or since this was made."""
        return clock() - self._read_at

    @property
    def clock_offset_ms(self) -> float | None:
        """How far this host's clock is ahead of the database's; None where that was not measured yet."""
        return self._clock_offset_ms

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the thread after what it is doing, then give back what this host holds: others go on at once."""
        self._ending.set()
        self.join(timeout_s)

    def run(self) -> None:
        """Read on until told to stop."""
        rows, held, self._follows = load(self._copy)
        self._leaseholder.remember(held)
        self._take(rows)
        backoff = Backoff(READ_EVERY_S)
        while not self._ending.is_set():
            try:
                self._follow(backoff)
            except (pyodbc.Error, sqlite3.Error) as error:  # SQLite's: the heartbeat tells how deep the spool is
                if self._worked:
                    # The connection may be broken and the database there: before anything is called without asking,
                    # somebody else may hold it by now, it is asked once more.
                    log.info("connecting to the database anew: %s", odbc.error_text(error))
                    self._worked = False
                    continue
                log.warning("plan not read: %s; calling what was planned before", odbc.error_text(error))
                self._leaseholder.tenure.failed()
                self._tell()
                self._ending.wait(backoff.wait())

    def _follow(self, backoff: Backoff) -> None:
        """Read the plan and write heartbeats over one connection until it breaks (pyodbc.Error)."""
        connection = odbc.connect(self._database, autocommit=True)
        try:
            next_measurement = 0.0
            while not self._ending.is_set():
                if time.monotonic() >= next_measurement:
                    next_measurement = time.monotonic() + CLOCK_EVERY_S
                    self._clock_offset_ms = plandb.clock_offset_ms(connection)
                    plandb.forget_leases(connection)
                self._read(connection)
                self._worked = True
                backoff.reset()
                self._ending.wait(READ_EVERY_S)
            if self._named:
                plandb.release_all(connection, self._leaseholder.own.name)
        finally:
            _close(connection)

    def _read(self, connection: pyodbc.Connection) -> None:
        offset_ms = None if self._clock_offset_ms is None else number("clock_offset_ms", self._clock_offset_ms)
        row = {**self._beat(), "instance": self._instance, "clock_offset_ms": offset_ms}
        named = plandb.beat(connection, row, self._follows)
        fingerprint = plandb.fingerprint(connection)
        self._read_at = clock()
        changed = fingerprint != self._fingerprint or named != self._named
        self._tell_of_name(named)
        if fingerprint != self._fingerprint:
            self._take(list(plandb.read_plan(connection)))
            self._fingerprint = fingerprint
        if named:
            self._follows = self._instance
            self._leaseholder.exchange(connection, self._leases)
        else:
            self._leaseholder.stop_holding()
        if changed or self._held != self._leaseholder.tenure.held:
            self._tell()
            try:
                save(self._copy, self._rows, self._held, self._follows)
            except OSError as error:
                log.warning("the plan's copy can't be written: %s", error)
        if named:
            self._claims.exchange(connection, self._held)

    def _tell_of_name(self, named: bool) -> None:
        name = self._leaseholder.own.name
        if self._named and not named:
            log.error("another SIP application calls itself %s and is alive: this one places no calls until the other"
                      " is stopped; give one of them another VOICE_SIP_HOST", name)  # fmt: skip
        elif named and not self._named:
            log.info("the name %s is this SIP application's alone again", name)
        self._named = named

    def _take(self, rows: list[Row]) -> None:
        self._rows = rows
        self._probes, problems = parse(rows)
        self._leases = leases(self._probes)
        for problem in problems:
            if problem not in self._problems:
                log.warning("a row of the plan can't be called: %s", problem)
        self._problems = problems
        self._tell()

    def _tell(self) -> None:
        self._held = self._leaseholder.tenure.held
        free_since, self._leaseholder.free_since = self._leaseholder.free_since, {}
        self._publish(self._probes, self._held, free_since)


def _close(connection: pyodbc.Connection) -> None:
    try:
        connection.close()
    except pyodbc.Error as error:
        log.debug("closing a broken connection: %s", odbc.error_text(error))


def heartbeat_row(own: Host, version: str, started_at: datetime, **counts: int) -> dict[str, Parameter]:
    """The row of `voice_sip_host` of the host `own`, without what the thread of the plan knows: the time, the clock's
    offset, and which process this is.
    """
    return {
        "sip_host": own.name,
        "version": version,
        "started_at": odbc.utc_text(started_at),
        "parties": ",".join(own.parties),
        "clients": ",".join(own.clients),
        **counts,
    }
