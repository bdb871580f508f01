"""The running operator: a queue of clients that need work, and loops that look by themselves."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from typing import Any

from voiceprobe_operator import liveness, logs, metrics, names
from voiceprobe_operator.backoff import delay
from voiceprobe_operator.database import Database
from voiceprobe_operator.declared.store import Store
from voiceprobe_operator.errors import OutsideError, Transient
from voiceprobe_operator.grafana import Grafana
from voiceprobe_operator.grafana.server import Server
from voiceprobe_operator.kubernetes import Election, Kubernetes, Secrets
from voiceprobe_operator.reconciling.fleet import Fleet
from voiceprobe_operator.reconciling.readers import LOOK_SECONDS, Readers
from voiceprobe_operator.reconciling.reconciler import Reconciler
from voiceprobe_operator.reconciling.resync import Resync
from voiceprobe_operator.reconciling.sweep import Guard
from voiceprobe_operator.reconciling.workqueue import WorkQueue
from voiceprobe_operator.reporting.allotter import Allotter
from voiceprobe_operator.reporting.health import Health
from voiceprobe_operator.reporting.reporter import Reporter
from voiceprobe_operator.reporting.statuswriter import StatusWriter
from voiceprobe_operator.settings import Settings
from voiceprobe_operator.waits import Waits

log = logging.getLogger(__name__)

# Grafana is asked that often whether it is still the one that was written to.
PULSE_SECONDS = 15
# The longest pause after a failure: of what is done rarely, and of what is done all the time.
LONGEST_PAUSE_SECONDS = 30
# So many clients are named in a line of the log.
NAMED = 10


class Service:
    """Everything that lives as long as the process. Made in, and only used from, one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store, guard, self._waits = Store(), Guard(sweep_all=settings.sweep_all), Waits()
        self._kubernetes, self._database, self._grafana = Kubernetes(), Database(settings), Grafana(settings)
        self._server = Server(self._grafana)
        self._secrets = Secrets(self._kubernetes, settings.operator_namespace, self.look_anew)
        self._election = Election(self._kubernetes, settings.operator_namespace, start_anew)
        writer = StatusWriter(self._kubernetes, self._store)
        reporter = Reporter(self._kubernetes, writer, self._store, settings.portal_url)
        self._reconciler = Reconciler(
            settings, self._store, guard, self._secrets, self._database, self._grafana, self._server, reporter
        )
        self._fleet = Fleet(settings, self._secrets, self._database, self._grafana, self._server)
        self._queue = WorkQueue(self._reconcile, self._report_failure)
        self._resync = Resync(settings, self._store, guard, self._kubernetes, self._database, self._server, self._waits)
        self._allotter = Allotter(self._store, writer)
        self._health = Health(self._database, self._store, writer)
        self._readers = Readers(self._database)
        self._resynced, self._has_compared = time.monotonic(), False
        self._wanted = asyncio.Event()
        self._ailing: set[str] = set()
        # What was told of each client that failed last.
        self._told: dict[str, str] = {}
        self._loops: list[asyncio.Task[None]] = []
        self._holding: asyncio.Task[None] | None = None
        self._liveness: asyncio.Server | None = None

    async def start(self) -> None:
        """Wait to be the leader, then start working. Nothing is reconciled before the first complete list."""
        # Three resyncs missed: no outage of another service does that, since a failed one counts as a turn.
        oldest = 3 * self._settings.resync_seconds + 60
        socket = liveness.listen(self._settings.liveness_port)
        self._liveness = await liveness.serve(
            socket, self.seconds_since_alive, oldest, metrics.exposition, self.waiting
        )
        metrics.watch(
            leads=lambda: self._election.leads,
            queued=lambda: self._queue.depth,
            backing_off=lambda: self._queue.backing_off,
            age=self.seconds_since_resync,
        )
        await self._election.acquire()
        self._resynced = time.monotonic()
        self._holding = asyncio.create_task(self._election.hold())
        self._secrets.follow_passwords()
        self._loops = [
            asyncio.create_task(self._resync_for_ever()),
            asyncio.create_task(self._repeat("MySQL", self.update_health, self._settings.status_seconds)),
            asyncio.create_task(self._repeat("Grafana", self.feel_pulse, PULSE_SECONDS)),
            asyncio.create_task(self._repeat("readers", self._readers.look, LOOK_SECONDS)),
        ]

    async def _reconcile(self, key: str) -> None:
        """Put right a client, or what belongs to no client: these names are no namespace's."""
        logs.CLIENT.set(key)
        # Whatever changed here may have given a number to others, or taken it from them.
        self._queue.add(client for client in self._store.claims.take_changed() if client != key)
        reconcile = {names.FLEET: self._fleet.reconcile, names.ALLOTMENTS: self._allotter.reconcile}
        with metrics.reconciling(Transient):
            await (reconcile[key]() if key in reconcile else self._reconciler.reconcile(key))
        self._told.pop(key, None)

    async def stop(self) -> None:
        """Stop working, hand over to another replica, and close all connections."""
        await _end(self._loops)
        await self._queue.stop()
        await self._secrets.aclose()
        await self._database.aclose()
        # Only now is nothing of ours under way any more.
        await _end([self._holding] if self._holding else [])
        await self._election.release()
        if self._liveness is not None:
            self._liveness.close()
        await self._grafana.aclose()
        await self._kubernetes.aclose()

    def seconds_since_alive(self) -> float:
        """How long ago this replica was last seen to go on: to look at everything, or to ask who leads."""
        return self.seconds_since_resync() if self._election.leads else self._election.seconds_since_asked()

    def waiting(self) -> list[str]:
        """What keeps this replica from its work, a sentence each: nothing, if another one leads."""
        if not self._election.leads:
            return [self._election.trouble] if self._election.trouble else []
        found = self._waits.sentences()
        return found if found or self._has_compared else ["starting: everything is compared for the first time"]

    def seconds_since_resync(self) -> float:
        """How long ago everything was last compared, or the attempt failed."""
        return time.monotonic() - self._resynced

    def notice(self, body: Mapping[str, Any], *, deleted: bool) -> None:
        """Something happened to an object."""
        if self._store.notice(body, deleted=deleted):
            self._queue.add([body["metadata"].get("namespace", names.ALLOTMENTS)])

    def look_anew(self, client: str) -> None:
        """Something that no object tells of has changed for a client: have it looked at whole."""
        self._reconciler.forget([client])
        self._queue.add([client])

    async def resync(self) -> None:
        """Compare everything: have every client looked at whole, also one whose last object vanished unnoticed."""
        try:
            clients = await self._resync.look()
            self._reconciler.forget()
            # The staff's organisation last: nobody waits for it who applied a probe.
            self._store.claims.take_changed()
            allotments = [names.ALLOTMENTS] if self._store.allotments() else []
            self._queue.add([*sorted(clients), *allotments, names.FLEET])
            self._queue.start()
            self._has_compared = True
        finally:
            self._resynced = time.monotonic()

    async def _resync_for_ever(self) -> None:
        failures = 0
        while True:
            self._wanted.clear()
            failures = 0 if await self._attempt("resync", self.resync) else failures + 1
            pause = float(self._settings.resync_seconds)
            if failures:
                pause = min(pause, delay(failures, base=1, cap=LONGEST_PAUSE_SECONDS))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), pause)

    async def _repeat(self, name: str, work: Callable[[], Awaitable[None]], seconds: float) -> None:
        """Do `work` now and every so many seconds. A failure ends one turn, never the loop; more make turns rarer."""
        failures = 0
        while True:
            failures = 0 if await self._attempt(name, work) else failures + 1
            longest = max(seconds, LONGEST_PAUSE_SECONDS / 2)
            await asyncio.sleep(delay(failures, base=min(1, seconds), cap=longest) if failures else seconds)

    async def _attempt(self, name: str, work: Callable[[], Awaitable[None]]) -> bool:
        """Whether it got on."""
        try:
            await work()
        except OutsideError as error:
            self._waits.because(name, error.sentence)
            return False
        except Exception:
            log.exception("%s failed", name)
            self._waits.because(name, f"{name} failed unexpectedly: the operator's log says how")
            return False
        self._waits.over(name)
        return True

    def _report_failure(self, client: str, error: Exception, seconds: float) -> None:
        """Tell of a client's failure once, as long as it is the same; one that all have has been told of already."""
        if not isinstance(error, OutsideError):
            log.error("%s: unexpected failure (again in %.0f s)", client, seconds, exc_info=error)
            return
        is_known = self._told.get(client) == error.sentence or self._waits.knows(error.sentence)
        self._told[client] = error.sentence
        level = logging.DEBUG if is_known else logging.WARNING
        log.log(level, "%s: %s (again in %.0f s)", client, error.sentence, seconds)

    async def update_health(self) -> None:
        """Bring health and last call of every probe up to date; a database that is back has everything compared."""
        await self._observed("MySQL", self._health.update)

    async def feel_pulse(self) -> None:
        """See that Grafana still holds every organisation: one that was wiped or replaced is filled again.

        A Grafana that was away has everything compared, too: who knows what it came back with.
        """
        await self._observed("Grafana", self._server.find_organisations)
        expected = self._reconciler.organisations() | self._fleet.organisations()
        if lost := self._server.strangers(expected):
            log.warning("Grafana has lost %d organisation(s), made again now: %s", len(lost), _named(lost))
            self._server.forget_login()
            self._reconciler.forget(lost)
            self._queue.add(lost)

    async def _observed(self, who: str, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except OutsideError:
            self._ailing.add(who)
            raise
        if who in self._ailing:
            self._ailing.discard(who)
            log.info("%s answers again: everything is compared", who)
            self._wanted.set()


def _named(clients: Collection[str]) -> str:
    """The first of these clients by name, and how many more there are."""
    first = sorted(clients)[:NAMED]
    more = len(clients) - len(first)
    return ", ".join(first) + (f" and {more} more" if more else "")


def start_anew() -> None:
    """End everything at once, in the middle of whatever is under way, and begin again as a replica that waits.

    It is still the same process to the kubelet: an API server that was away costs no restart and no back-off.
    """
    logging.shutdown()
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - the very command that started this process


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task
