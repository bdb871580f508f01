"""Tells the users: statuses of their objects, and one Event for what really changed of one."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Mapping
from typing import Any, Literal

from voiceprobe_operator import names
from voiceprobe_operator.concurrently import each
from voiceprobe_operator.dashboards import Json
from voiceprobe_operator.declared.store import Store
from voiceprobe_operator.errors import Faults, OutsideError
from voiceprobe_operator.kubernetes import Kubernetes
from voiceprobe_operator.model import Probe, Reference
from voiceprobe_operator.reporting.statuswriter import StatusWriter
from voiceprobe_operator.turn import status
from voiceprobe_operator.turn.status import Outcome
from voiceprobe_operator.turn.turn import Turn

log = logging.getLogger(__name__)
REPORTS_AT_ONCE = 6
Told = tuple[Literal["Normal", "Warning"], str, str]


class Reporter:
    """Writes what a turn means for each object of a client: one patch, which already carries the health, one Event."""

    def __init__(self, kubernetes: Kubernetes, writer: StatusWriter, store: Store, portal_url: str) -> None:
        self._kubernetes, self._writer, self._store = kubernetes, writer, store
        self._portal_url = portal_url

    async def in_place(self, turn: Turn, probe: Probe) -> None:
        """Tell of a probe as soon as all that is its own is in place. Whatever fails is left to `report`."""
        ref = probe.ref
        try:
            await self._probe(turn, probe, may_pass=True)
        except OutsideError as error:
            log.info("%s/%s: the status is tried again: %s", ref.namespace, ref.name, error.sentence)

    async def report(self, turn: Turn, *, may_pass: bool) -> None:
        """Bring the statuses of all of the client's objects up to date.

        Trouble that `may_pass` is told of the VoiceClient, and not yet of each probe: a second in which Grafana does
        not work would have the statuses of a thousand probes written twice. An object that cannot be written does not
        keep the others; the last such error is raised in the end.
        """
        faults = Faults()

        async def tell(one: Probe | Reference) -> None:
            with faults.kept():
                if isinstance(one, Probe):
                    await self._probe(turn, one, may_pass=may_pass)
                else:
                    await self._object(turn, one)

        seen = turn.seen
        client = () if seen.client.ref is None else (seen.client.ref,)
        await each((*seen.probes, *client, *seen.invalid), tell, at_once=REPORTS_AT_ONCE)
        faults.tell()

    async def _object(self, turn: Turn, ref: Reference) -> None:
        """Tell of a VoiceClient, or of an object whose spec cannot work."""
        if (sentence := turn.seen.invalid.get(ref)) is not None:
            await self._tell(turn, ref, turn.result.of_invalid(ref, sentence), None)
        else:
            outcomes = turn.result.of_voice_client(turn.known.refused_boards.get(names.OVERVIEW_UID))
            is_well = status.ready(list(outcomes.values())).ok is True
            await self._tell(turn, ref, outcomes, self._news_of_client(turn, ref, is_well=is_well))

    async def _probe(self, turn: Turn, probe: Probe, *, may_pass: bool) -> None:
        known, ref = turn.known, probe.ref
        board = known.refused_boards.get(names.dashboard(ref.uid))
        outcomes = turn.result.of_probe(probe, known.refused_rows.get(ref.name), board)
        if may_pass and not status.ready(list(outcomes.values())).ok:
            return
        if probe.rights.taken is None:
            news = self._news(turn, ref, is_published=outcomes["PlanPublished"].ok is True)
        else:
            news = self._news_of_taken(ref, outcomes["NumberAllotted"])
        await self._tell(turn, ref, outcomes, news)

    async def _tell(self, turn: Turn, ref: Reference, outcomes: Mapping[str, Outcome], news: Told | None) -> None:
        told = tuple(outcomes.values())
        if turn.known.told.get(ref) == told and news is None:
            return
        await self._writer.write(ref, lambda have: self._status(have, turn, ref, outcomes))
        turn.known.told[ref] = told
        if news is not None:
            turn.announced.add(ref)
            await self._event(ref, *news)

    def _status(self, have: Mapping[str, Any], turn: Turn, ref: Reference, outcomes: Mapping[str, Outcome]) -> Json:
        now = datetime.datetime.now(datetime.UTC)
        want: Json = {
            "observedGeneration": ref.generation,
            "conditions": status.conditions(have, outcomes, ref.generation, now),
            "grafana": status.grafana(ref, self._portal_url),
        }
        if outcomes.get("PlanPublished", status.PLAN_PUBLISHED).reason == status.NUMBER_TAKEN:
            # Nobody looks at the health of what is not in the plan.
            want["health"] = None
        state = turn.states.get(ref.name) if ref.kind == "VoiceProbe" else None
        return want if state is None else want | status.of_calls({**have, **want}, state, now)

    def _news(self, turn: Turn, ref: Reference, *, is_published: bool) -> Told | None:
        """What there is to tell of a probe; nothing if only its client changed, which is told of the client."""
        if ref in turn.announced:
            return None
        row = is_published and ref.name in turn.result.published
        uid = names.dashboard(ref.uid)
        board = uid in turn.result.boards
        if row:
            also = "; its dashboard in Grafana is written" if board else ""
            return "Normal", "Published", f"generation {ref.generation} is published to the SIP hosts{also}"
        if not board:
            return None
        if not self._was_shown(ref):
            return "Normal", "DashboardWritten", "the dashboard in Grafana is written"
        if uid in turn.result.drifted:
            text = "the dashboard in Grafana was not as declared and has been put right"
            return "Warning", "DashboardRestored", text
        return None

    def _news_of_taken(self, ref: Reference, outcome: Outcome) -> Told | None:
        if status.message(self._store.status(ref), "NumberAllotted") == outcome.message:
            return None
        return "Warning", outcome.reason, outcome.message

    def _news_of_client(self, turn: Turn, ref: Reference, *, is_well: bool) -> Told | None:
        if not self._is_observed(ref):
            return ("Normal", "Applied", f"generation {ref.generation} is applied") if is_well else None
        if turn.result.mended["folder"] and self._was_shown(ref):
            text = "the dashboards' folder in Grafana, or who may see into it, was not as declared and is put right"
            return "Warning", "FolderRestored", text
        return None

    def _was_shown(self, ref: Reference) -> bool:
        turned = {c["type"]: c["status"] for c in self._store.status(ref).get("conditions", ())}
        return self._is_observed(ref) and turned.get("DashboardsReady") == "True"

    def _is_observed(self, ref: Reference) -> bool:
        return bool(self._store.status(ref).get("observedGeneration") == ref.generation)

    async def _event(self, ref: Reference, kind: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        try:
            await self._kubernetes.event(ref, kind, reason, message)
        except OutsideError as error:
            # An Event is a courtesy: the status carries the truth, and the work itself is done.
            log.warning("%s/%s: no Event could be left: %s", ref.namespace, ref.name, error.sentence)
