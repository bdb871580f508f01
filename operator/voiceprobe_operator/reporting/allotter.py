"""Tells the provider what became of each NumberAllotment."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from voiceprobe_operator.declared.allotments import Entry
from voiceprobe_operator.declared.objects import Spec
from voiceprobe_operator.declared.store import Store
from voiceprobe_operator.errors import Faults
from voiceprobe_operator.model import Allotment
from voiceprobe_operator.reporting.statuswriter import StatusWriter
from voiceprobe_operator.turn import status
from voiceprobe_operator.turn.status import Outcome

# So many numbers of others are named in a message; the rest is counted.
NAMED = 5


class Allotter:
    """Writes the statuses of all NumberAllotments, and only what changed of them. They make no work but this."""

    def __init__(self, store: Store, writer: StatusWriter) -> None:
        self._store, self._writer = store, writer

    async def reconcile(self) -> None:
        """Report on each. One that cannot be written does not keep the others; the last such error is raised."""
        faults = Faults()
        self._store.claims.settle()
        now = datetime.datetime.now(datetime.UTC)
        for spec in self._store.allotments():

            def make(have: Mapping[str, Any], spec: Spec = spec) -> Mapping[str, Any]:
                generation, told = spec.ref.generation, {"Ready": self._outcome(spec)}
                return {
                    "observedGeneration": generation,
                    "conditions": status.conditions(have, told, generation, now),
                }

            with faults.kept():
                await self._writer.write(spec.ref, make)
        faults.tell()

    def _outcome(self, spec: Spec) -> Outcome:
        if not isinstance(spec.value, Allotment):
            return Outcome(False, "InvalidSpec", str(spec.value))
        return outcome(spec.value, self._store.claims.allotments.conflicts.get(spec.ref, ()))


def outcome(allotment: Allotment, conflicts: Sequence[tuple[str, Entry]]) -> Outcome:
    """What became of an allotment. Its reader is the provider, who may know whose a number is."""
    if not conflicts:
        return Outcome(
            True, "Allotted", f"{len(allotment.numbers)} of {len(allotment.numbers)} count for {allotment.client}"
        )
    told = [f"{text} is {rival.client}'s by {rival.text} of {rival.allotment}" for text, rival in conflicts[:NAMED]]
    more = [f"and {len(conflicts) - NAMED} more"] if len(conflicts) > NAMED else []
    counted = f"{len(allotment.numbers) - len(conflicts)} of {len(allotment.numbers)} count for {allotment.client}"
    sentence = f"{'; '.join([*told, *more])}; {counted}: take the number out of one of the two NumberAllotments"
    return Outcome(False, status.NUMBER_TAKEN, sentence)
