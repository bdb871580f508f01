"""Tells the users: statuses of their objects, and Events for what really changed."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Mapping
from typing import Any, Literal

from voiceprobe_operator import names, status
from voiceprobe_operator.dashboards import Json
from voiceprobe_operator.declared import Declared
from voiceprobe_operator.errors import Faults, OutsideError
from voiceprobe_operator.kubernetes import Kubernetes
from voiceprobe_operator.model import Reference
from voiceprobe_operator.result import Result
from voiceprobe_operator.status import Outcome
from voiceprobe_operator.statuswriter import StatusWriter

log = logging.getLogger(__name__)


class Reporter:
    """Writes what a Result means for each object of a client. Raises Transient or Rejected."""

    def __init__(self, kubernetes: Kubernetes, writer: StatusWriter, portal_url: str) -> None:
        self._kubernetes, self._writer, self._portal_url = kubernetes, writer, portal_url

    async def report(self, seen: Declared, result: Result) -> None:
        """Bring the statuses of all of the client's objects up to date.

        One that cannot be written does not keep the others; the last such error is raised in the end.
        """
        faults = Faults()
        # A changed VoiceClient rewrites every dashboard, which is not drift.
        client_is_known = seen.client.ref is None or self._is_observed(seen.client.ref)
        for probe in seen.probes:
            with faults.kept():
                await self._events(probe.ref, result, settled=client_is_known and self._was_ready(probe.ref))
                await self._conditions(probe.ref, result.of_probe(probe.ref))
        if seen.client.ref is not None:
            with faults.kept():
                await self._conditions(seen.client.ref, result.of_client())
        for ref, sentence in seen.invalid.items():
            with faults.kept():
                await self._conditions(ref, result.of_invalid(sentence))
        faults.tell()

    async def _conditions(self, ref: Reference, outcomes: Mapping[str, Outcome]) -> None:
        now = datetime.datetime.now(datetime.UTC)

        def want(known: Mapping[str, Any]) -> Json:
            return {
                "observedGeneration": ref.generation,
                "conditions": status.conditions(known, outcomes, ref.generation, now),
                "grafana": status.grafana(ref, self._portal_url),
            }

        await self._writer.write(ref, want)

    async def _events(self, ref: Reference, result: Result, *, settled: bool) -> None:
        if ref.name in result.published:
            await self._event(ref, "Normal", "Published", f"generation {ref.generation} is published to the SIP hosts")
        if names.dashboard(ref.uid) in result.written.put:
            if settled:
                text = "the dashboard in Grafana was not as declared and has been put right"
                await self._event(ref, "Warning", "DashboardRestored", text)
            else:
                await self._event(ref, "Normal", "DashboardWritten", "the dashboard in Grafana is written")

    def _was_ready(self, ref: Reference) -> bool:
        turned = {c["type"]: c["status"] for c in self._writer.known(ref).get("conditions", ())}
        return self._is_observed(ref) and turned.get("DashboardsReady") == "True"

    def _is_observed(self, ref: Reference) -> bool:
        return bool(self._writer.known(ref).get("observedGeneration") == ref.generation)

    async def _event(self, ref: Reference, kind: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        try:
            await self._kubernetes.event(ref, kind, reason, message)
        except OutsideError as error:
            # An Event is a courtesy: the status carries the truth, and the work itself is done.
            log.warning("%s/%s: no Event could be left: %s", ref.namespace, ref.name, error.sentence)
