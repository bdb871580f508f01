"""The running operator: a queue of clients that need work, and two loops that look by themselves."""

from __future__ import annotations

import asyncio
import datetime
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from voiceprobe_operator import liveness, status
from voiceprobe_operator.database import Database
from voiceprobe_operator.diff import refuses_sweep
from voiceprobe_operator.errors import Faults, OutsideError
from voiceprobe_operator.grafana import Grafana
from voiceprobe_operator.kubernetes import Kubernetes
from voiceprobe_operator.model import Reference, reference
from voiceprobe_operator.reconciler import Reconciler
from voiceprobe_operator.settings import Settings
from voiceprobe_operator.statuswriter import StatusWriter
from voiceprobe_operator.workqueue import WorkQueue

log = logging.getLogger(__name__)


class Service:
    """Everything that lives as long as the process. Made in, and only used from, one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._kubernetes, self._database, self._grafana = Kubernetes(), Database(settings), Grafana(settings)
        self._writer = StatusWriter(self._kubernetes)
        self._reconciler = Reconciler(settings, self._kubernetes, self._database, self._grafana, self._writer)
        self._queue = WorkQueue(self._reconciler.reconcile, _report_failure)
        self._seen: dict[tuple[str, str, str], tuple[str, int]] = {}
        self._resynced = time.monotonic()
        self._loops: list[asyncio.Task[None]] = []
        self._liveness: asyncio.Server | None = None

    async def start(self) -> None:
        """Start working."""
        self._queue.start()
        # Three resyncs missed: no outage of another service does that, since a failed one counts as a turn.
        oldest = 3 * self._settings.resync_seconds + 60
        socket = liveness.listen(self._settings.liveness_port)
        self._liveness = await liveness.serve(socket, self.seconds_since_resync, oldest)
        self._loops = [
            asyncio.create_task(_repeat("resync", self.resync, self._settings.resync_seconds)),
            asyncio.create_task(_repeat("status", self.update_health, self._settings.status_seconds)),
        ]

    async def stop(self) -> None:
        """Stop working and close all connections."""
        for task in self._loops:
            task.cancel()
        for task in self._loops:
            with suppress(asyncio.CancelledError):
                await task
        await self._queue.stop()
        if self._liveness is not None:
            self._liveness.close()
        await self._grafana.aclose()
        await self._kubernetes.aclose()

    def seconds_since_resync(self) -> float:
        """How long ago everything was last compared, or the attempt failed."""
        return time.monotonic() - self._resynced

    def notice(self, body: Mapping[str, Any], *, deleted: bool) -> None:
        """Something happened to an object. A new spec, a new object and its end make work; a new status does not."""
        ref = reference(body)
        key, version = (ref.kind, ref.namespace, ref.name), (ref.uid, ref.generation)
        if deleted:
            self._seen.pop(key, None)
        elif self._seen.get(key) == version:
            return
        else:
            self._seen[key] = version
        self._queue.add([ref.namespace])

    async def resync(self) -> None:
        """Compare everything: have every client looked at, also one whose last object vanished unnoticed."""
        try:
            await self._resync()
        finally:
            self._resynced = time.monotonic()

    async def _resync(self) -> None:
        bodies = [*await self._kubernetes.objects("VoiceClient"), *await self._kubernetes.objects("VoiceProbe")]
        self._writer.remember(bodies)
        refs = [reference(body) for body in bodies]
        self._seen = {(ref.kind, ref.namespace, ref.name): (ref.uid, ref.generation) for ref in refs}
        clients = await self._clients(refs)
        self._reconciler.inspect(clients)
        self._queue.add(sorted(clients))

    async def _clients(self, refs: Sequence[Reference]) -> set[str]:
        """The clients to look at: those that declare something, and those whose plan has probes that are gone."""
        clients = {ref.namespace for ref in refs}
        try:
            known = await self._database.known_probes()
        except OutsideError as error:
            # Each client's own reconcile says so in its conditions.
            log.warning("resync: %s", error.sentence)
            return clients
        gone = known - {(ref.namespace, ref.name) for ref in refs if ref.kind == "VoiceProbe"}
        losing = {client for client, _ in gone}
        if not refuses_sweep(gone, known):
            return clients | losing
        log.error(
            "resync: %d of %d probes of the plan are not declared any more. That is more than half: is this the right"
            " cluster? Nothing is removed. If it is meant, remove their rows of voice_probe.",
            len(gone),
            len(known),
        )
        return clients - losing

    async def update_health(self) -> None:
        """Bring health and last call of every probe up to date: one query, and a patch for each that changed.

        One that cannot be patched does not keep the others; the last such error is raised in the end.
        """
        faults = Faults()
        now = datetime.datetime.now(datetime.UTC)
        for state in await self._database.states():
            ref = self._writer.probe(state["client"], state["probe"])
            if ref is not None:
                with faults.kept():
                    await self._writer.write(ref, partial(status.of_calls, state=state, now=now))
        faults.tell()


async def _repeat(name: str, work: Callable[[], Awaitable[None]], seconds: float) -> None:
    """Do `work` now and every so many seconds. A failure ends one turn, never the loop."""
    while True:
        try:
            await work()
        except OutsideError as error:
            log.warning("%s: %s", name, error.sentence)
        except Exception:
            log.exception("%s failed", name)
        await asyncio.sleep(seconds)


def _report_failure(client: str, error: Exception, seconds: float) -> None:
    if isinstance(error, OutsideError):
        log.warning("%s: %s (again in %.0f s)", client, error.sentence, seconds)
    else:
        log.error("%s: unexpected failure (again in %.0f s)", client, seconds, exc_info=error)
