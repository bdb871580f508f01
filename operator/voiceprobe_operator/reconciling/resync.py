"""What a resync asks once for all clients: every object, the plan's probes, Grafana's organisations."""

from __future__ import annotations

import logging

from voiceprobe_operator.database import Database
from voiceprobe_operator.declared.store import Store
from voiceprobe_operator.errors import Denied, OutsideError
from voiceprobe_operator.grafana.server import Server
from voiceprobe_operator.kubernetes import PLURALS, VERSION, Kubernetes
from voiceprobe_operator.kubernetes.crds import judged
from voiceprobe_operator.reconciling.sweep import Guard
from voiceprobe_operator.settings import Settings
from voiceprobe_operator.waits import Waits

log = logging.getLogger(__name__)


class Resync:
    """Finds out which clients are to be looked at: those that declare something, and those that no longer do."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        guard: Guard,
        kubernetes: Kubernetes,
        database: Database,
        server: Server,
        waits: Waits,
    ) -> None:
        self._namespace, self._store, self._guard = settings.operator_namespace, store, guard
        self._kubernetes, self._database, self._server, self._waits = kubernetes, database, server, waits
        self._noted: dict[str, str] = {}
        self._left: set[str] | None = None
        self._refused = 0

    async def look(self) -> set[str]:
        """Make a complete list of all objects, and say who is to be looked at. Raises if the list is not complete."""
        await self._see_crds()
        before = self._store.clients()
        with self._store.listing() as listing:
            for kind in PLURALS:
                async for body in self._kubernetes.objects(kind):
                    listing.add(body)
        clients = before | self._store.clients() | await self._who_left()
        try:
            await self._server.look()
        except OutsideError as error:
            # Each client's own turn says so in its conditions.
            self._waits.because("Grafana", error.sentence)
        else:
            self._waits.over("Grafana")
        return clients

    async def _see_crds(self) -> None:
        """See that the cluster's CRDs are there, and have the fields that are read and written."""
        for kind in PLURALS:
            try:
                wrong, note = judged(kind, await self._kubernetes.crd(kind), VERSION)
            except Denied as error:
                wrong, note = "", f"nobody can see whether the CRD of {kind} is the right one: {error.sentence}"
            if wrong:
                self._waits.because(f"CRD {kind}", wrong)
            else:
                self._waits.over(f"CRD {kind}")
            if note and note != self._noted.get(kind):
                log.warning("%s", note)
            self._noted[kind] = note

    async def _who_left(self) -> set[str]:
        """Clients that declare nothing, or not all that is in the plan: what is left of it is to go."""
        try:
            in_plan = await self._database.known_probes()
            # Looked at once in the life of this process; whatever fails at one is tried again until it does not.
            left = await self._database.shown_clients() if self._left is None else self._left
        except OutsideError as error:
            self._waits.because("plan", error.sentence)
            return set()
        self._waits.over("plan")
        first, self._left = self._left is None, set()
        kept = self._guard.judge(in_plan, self._store.probes(), self._store.ended())
        self._store.forget_ended(in_plan)
        await self._tell(kept, len(in_plan))
        return {client for client, _ in in_plan} | (left if first else set())

    async def _tell(self, kept: int, in_plan: int) -> None:
        if kept and kept != self._refused:
            sentence = (
                f"{kept} of {in_plan} probes of the plan are not declared any more. That is more than half: is this the"
                " right cluster? Their calls and dashboards stay. If it is meant, set VOICE_SWEEP_ALL=yes."
            )
            log.error("resync: %s", sentence)
            try:
                await self._kubernetes.namespace_event(self._namespace, "Warning", "SweepRefused", sentence)
            except OutsideError as error:
                log.warning("no Event could be left: %s", error.sentence)
        self._refused = kept
