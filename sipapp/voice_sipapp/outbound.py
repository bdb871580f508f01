"""The calls that this host places: each is noted, started, ended if it does not end by itself, and written down.

Runs in the event loop's thread.
"""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from voice_sipapp import finishing
from voice_sipapp.finishing import Finished
from voice_sipapp.ledger import Ledger
from voice_sipapp.media.audio import Audio, AudioError, AudioStore
from voice_sipapp.plan.probe import Probe
from voice_sipapp.records.cdr import CallRecord
from voice_sipapp.signalling import callrecords, dialling
from voice_sipapp.signalling.call import Call
from voice_sipapp.signalling.sip.eventloop import Timer, later
from voice_sipapp.signalling.station import Station

NOTE_LIMIT_S = 1.0
"""How long a call waits at most until it is on disk that it began."""

OVERDUE_MS = 60_000
"""A call that is not over this long after its answer delay and its duration is ended from outside."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Placed:
    """What is kept of a call that is up. `over` is told once it is."""

    watchdog: Timer
    request_id: int | None
    over: Callable[[], None]


class Outbound:
    """`finish` gets each call that is over; `submit` runs an action in the event loop's thread, from any other."""

    def __init__(
        self,
        station: Station,
        sounds: AudioStore,
        ledger: Ledger,
        finish: Callable[[Finished], None],
        submit: Callable[[Callable[[], None]], None],
    ) -> None:
        self.calls: dict[UUID, Call] = {}
        """Those that are up."""
        self._station = station
        self._sounds = sounds
        self._ledger = ledger
        self._finish = finish
        self._submit = submit
        self._dialling = dialling.Dialling(submit)
        self._placed: dict[UUID, _Placed] = {}

    @property
    def up(self) -> Counter[str]:
        """How many calls of each client are up."""
        return Counter(call.probe.client for call in self.calls.values())

    def place(self, probe: Probe, request_id: int | None = None, over: Callable[[], None] = lambda: None) -> UUID:
        """Start a call of `probe`, or write down why there can't be one; returns the UUID of its record. `over` is told
        when it is over, which may be at once. `request_id`: the request that asked for it.
        """
        try:
            return self._place(probe, request_id, over)
        except Exception as error:
            log.exception("no call of %s/%s", *probe.key)
            return self.refuse(probe, "failed", f"Error in the SIP application: {error!r}", request_id, over)

    def _place(self, probe: Probe, request_id: int | None, over: Callable[[], None]) -> UUID:
        def refused(disposition: str, reason: str) -> UUID:
            return self.refuse(probe, disposition, reason, request_id, over)

        if problem := dialling.impossible(probe, self._station):
            return refused("configuration_error", problem)
        try:
            sound = self._sounds.get(probe.audio)
        except AudioError as error:
            return refused("configuration_error", f"Nothing to play: {error}.")
        try:
            call = Call(self._station, probe, sound, lambda ended: self._over(ended, sound), self._dialling.start)
        except OSError as error:
            log.error("no call of %s/%s: %s", *probe.key, error)  # noqa: TRY400
            return refused("failed", f"This host can't place the call: {error}")
        limit_ms = probe.duration_ms + probe.answer_after_ms + OVERDUE_MS
        watchdog = later(limit_ms / 1000, lambda: self._overdue(call))
        self.calls[call.uuid], self._placed[call.uuid] = call, _Placed(watchdog, request_id, over)
        self._note_and_start(call)
        return call.uuid

    def refuse(
        self, probe: Probe, disposition: str, reason: str, request_id: int | None, over: Callable[[], None]
    ) -> UUID:
        """Write a record that says for what `reason` `probe` is not called; returns its UUID."""
        record = callrecords.not_placed(
            probe, self._station.sip_host, datetime.now(UTC), disposition, reason, request_id
        )
        over()
        self._finish(Finished(call=record))
        return record.uuid

    def _note_and_start(self, call: Call) -> None:
        """Start `call` once it is on disk that it began: whatever kills this process, the call has a record.

        A disk that takes longer than `NOTE_LIMIT_S` delays no call further.
        """
        pending = [call.safely(self._dialling.start)]

        def start() -> None:
            timer.cancel()
            if pending:
                pending.pop()(call)

        timer = later(NOTE_LIMIT_S, start)
        self._ledger.begin(self._begun(call), lambda: self._submit(start))

    def _begun(self, call: Call) -> CallRecord:
        request_id = self._placed[call.uuid].request_id
        return callrecords.begun(call.uuid, call.probe, self._station.sip_host, call.times.started_at, request_id)

    def _overdue(self, call: Call) -> None:
        log.error("call %s of %s/%s did not end by itself", call.uuid, *call.probe.key)
        call.abandon("Error in the SIP application: the call did not end by itself.")

    def _over(self, call: Call, sound: Audio) -> None:
        begun = self._begun(call)
        del self.calls[call.uuid]
        placed = self._placed.pop(call.uuid)
        placed.watchdog.cancel()
        placed.over()
        try:
            finished = _finished(call, sound, placed.request_id)
        except Exception as error:
            log.exception("call %s could not be written down", call.uuid)
            reason = f"Error in the SIP application: {error!r}"
            finished = Finished(call=replace(begun, disposition="failed", sip_reason=reason))
        self._finish(finished)

    def stop(self) -> None:
        """Hang up those that are up; their records follow within moments."""
        for call in list(self.calls.values()):
            call.stop()

    def close(self) -> None:
        """Look no name up any more."""
        self._dialling.close()


def _finished(call: Call, sound: Audio, request_id: int | None) -> Finished:
    """All that is known of a `call` that is over."""
    receiver = call.receiver
    return Finished(
        call=call.record(request_id),
        dialer=finishing.party(call.session.stream),
        receiver=finishing.party(receiver.session.stream) if receiver else None,
        sound=sound,
        mos_warning=call.probe.mos_warning,
        ladders=call.ladders(),
    )
