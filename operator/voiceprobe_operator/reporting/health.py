"""Brings health and last call of every probe into its status."""

from __future__ import annotations

import datetime
from collections import Counter
from functools import partial
from typing import Any

from voiceprobe_operator import metrics
from voiceprobe_operator.concurrently import each
from voiceprobe_operator.database import Database
from voiceprobe_operator.declared.store import Store
from voiceprobe_operator.errors import Faults
from voiceprobe_operator.reporting.reporter import REPORTS_AT_ONCE
from voiceprobe_operator.reporting.statuswriter import StatusWriter
from voiceprobe_operator.turn import status


class Health:
    """One query for all probes of all clients, and a patch for each that changed."""

    def __init__(self, database: Database, store: Store, writer: StatusWriter) -> None:
        self._database, self._store, self._writer = database, store, writer

    async def update(self) -> None:
        """Look once. A probe that cannot be patched does not keep the others; the last such error is raised."""
        faults = Faults()
        now = datetime.datetime.now(datetime.UTC)

        async def tell(state: dict[str, Any]) -> None:
            ref = self._store.probe(state["client"], state["probe"])
            # One that was never reported on gets its health with its first report, in one patch.
            if ref is not None and "observedGeneration" in self._store.status(ref):
                with faults.kept():
                    await self._writer.write(ref, partial(status.of_calls, state=state, now=now))

        states = await self._database.states()
        metrics.probes(Counter(state["health"] for state in states))
        await each(states, tell, at_once=REPORTS_AT_ONCE)
        faults.tell()
