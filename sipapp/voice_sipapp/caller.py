"""Places the calls that are due, gives the receiver its own calls, and hands over what is finished.

Runs in the SIP stack's thread; other threads reach it through `submit`.
"""

import logging
import queue
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from voice_sipapp import finishing, priority
from voice_sipapp.finishing import Finished, Finisher
from voice_sipapp.ledger import Ledger, as_answered, as_begun, as_contested
from voice_sipapp.measurement.fullreference import Judge
from voice_sipapp.measurement.recording import Recordings
from voice_sipapp.media import codecs
from voice_sipapp.media.audio import AudioError, AudioStore
from voice_sipapp.plan.leaseholder import clock
from voice_sipapp.plan.leases import Lease
from voice_sipapp.plan.limits import Turn, Turns
from voice_sipapp.plan.probe import Probe
from voice_sipapp.plan.requests import Pending, Request
from voice_sipapp.plan.schedule import Schedule
from voice_sipapp.records import calluuid
from voice_sipapp.records.cdr import CallRecord
from voice_sipapp.signalling import dialling
from voice_sipapp.signalling.call import Call
from voice_sipapp.signalling.reception import Reception, Visitor
from voice_sipapp.signalling.registration import Registrations
from voice_sipapp.signalling.sip import stack
from voice_sipapp.signalling.station import Station

TICK_S = 0.05
RETRY_S = 5.0
"""How often records that the disk would not take are tried again."""

UNKEPT_LIMIT = 1000
"""No calls are placed while so many records are only in memory: better no call than one that nobody hears of."""

NOTE_LIMIT_S = 1.0
"""How long a call waits at most until it is on disk that it began."""

LET_GO_S = 1.0
"""How long another thread waits for the stack's to leave probes."""

OVERDUE_MS = 60_000
"""A call that is not over this long after its answer delay and its duration is ended from outside."""

UNSCHEDULED = timedelta(minutes=1)
"""How long the last call of a schedule that ends may wait for its turn."""

log = logging.getLogger(__name__)


class Caller:
    """The calls of this host. `may_call` is asked before scheduled calls; `recordings` keeps the sound of bad ones,
    which `judge` scores.
    """

    def __init__(
        self,
        sounds: AudioStore,
        ledger: Ledger,
        recordings: Recordings | None = None,
        turns: Turns | None = None,
        judge: Judge | None = None,
    ) -> None:
        """`turns`: the limits of this host; none without."""
        self.may_call: Callable[[], bool] = lambda: True
        self._stopping = False
        self._sounds = sounds
        self._ledger = ledger
        self._finisher = Finisher(ledger.keep, recordings, judge)
        self._turns = Turns() if turns is None else turns
        self._pending = Pending()
        self._probes: dict[tuple[str, str], Probe] = {}
        self._prepared: set[tuple[str, str]] = set()
        self._requests: dict[UUID, int] = {}
        self.answered_requests: queue.SimpleQueue[tuple[int, UUID]] = queue.SimpleQueue()
        self.left_out = 0
        self._next_retry = 0.0
        self._schedule = Schedule()
        self._calls: dict[UUID, Call] = {}
        self._watchdogs: dict[UUID, Any] = {}
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._scorer = ThreadPoolExecutor(1, "score", priority.take, (priority.SCORING,))
        self._dialling = dialling.Dialling(self.submit)
        self.reception = Reception(sounds, self._calls, self._visited)
        self.reception.on_answer = lambda visitor: self._ledger.answered(as_answered(visitor, self.station))
        self.reception.on_stranger = self._ledger.not_ours
        self.reception.on_contest = lambda probe, at: self._ledger.keep(as_contested(probe, at, self.station))
        self.registrations: Registrations | None = None

    @property
    def station(self) -> Station:
        """What the calls share; set before the first of them."""
        return self.reception.station

    @station.setter
    def station(self, station: Station) -> None:
        self.reception.station = station

    @property
    def unkept(self) -> int:
        """How many finished records are only in memory, because the disk would not take them."""
        return self._ledger.unkept

    @property
    def active(self) -> int:
        """How many calls are up that are ours for certain."""
        return len(self._calls) + self.reception.active

    def submit(self, action: Callable[[], None]) -> None:
        """Run `action` soon in the stack's thread; may be called from any thread."""
        self._inbox.put(action)

    def update(
        self,
        probes: list[Probe],
        held: frozenset[Lease] | None = None,
        free_since: Mapping[tuple[str, str], datetime] | None = None,
    ) -> None:
        """Take over a new plan, and call what this host holds of it; all of it where there are no leases (None).
        `free_since`: when another host left the probes that are new here.
        """
        self.reception.probes = probes
        self._probes = {probe.key: probe for probe in probes}
        self._prepare(probes)
        called = [probe for probe in probes if held is None or Lease(*probe.key, "dialer") in held]
        self._schedule.update(called, datetime.now(UTC), free_since)
        if self.registrations is not None:
            received = [probe for probe in probes if held is None or Lease(*probe.key, "receiver") in held]
            self.registrations.update(received)

    def _prepare(self, probes: list[Probe]) -> None:
        """Have what `probes` play encoded before the first call needs it, in another thread than the stack's: Opus
        takes the time of many packets.
        """
        wanted = {(probe.audio, codec) for probe in probes for codec in codecs.usable(probe.codecs)} - self._prepared
        self._prepared |= wanted
        for audio, codec in sorted(wanted):
            if not self._stopping:
                self._scorer.submit(self._encode, audio, codec)

    def _encode(self, audio: str, codec: str) -> None:
        try:
            self._sounds.get(audio).frames[codec]
        except AudioError as error:
            log.warning("%s", error)  # and each call that would play it has a record of that
        except Exception:
            log.exception("the sound %s can't be encoded for %s", audio, codec)

    def let_go(self, leases: frozenset[Lease]) -> tuple[frozenset[Lease], float]:
        """Stop calling those of `leases` that can be left now, and return them, with the `clock()` of that moment. For
        other threads than the stack's.
        """
        answer: Future[tuple[frozenset[Lease], float]] = Future()

        def leave() -> None:
            if not answer.set_running_or_notify_cancel():
                return  # nobody waits any more: who left them now would leave them to nobody
            now, moment = datetime.now(UTC), clock()
            left = frozenset(lease for lease in leases if lease.party != "dialer" or self._leave(lease[:2], now))
            answer.set_result((left, moment))

        self.submit(leave)
        try:
            return answer.result(LET_GO_S)
        except TimeoutError:
            if answer.cancel():
                return frozenset(), clock()
            return answer.result(LET_GO_S)

    def _leave(self, key: tuple[str, str], now: datetime) -> bool:
        return not self._pending.has(key) and self._schedule.leave(key, now)

    def tick(self) -> None:
        """Do what was submitted and start what is due."""
        while True:
            try:
                action = self._inbox.get_nowait()
            except queue.Empty:
                break
            try:
                action()
            except Exception:
                log.exception("what another thread asked for could not be done")
        if self._ledger.unkept and time.monotonic() >= self._next_retry:
            self._next_retry = time.monotonic() + RETRY_S
            self._ledger.retry()
            if self._ledger.unkept >= UNKEPT_LIMIT:
                log.error("no call is placed: the disk takes no records, and memory holds %d", self._ledger.unkept)
        if self._stopping or self._ledger.unkept >= UNKEPT_LIMIT:
            return
        now, moment = datetime.now(UTC), time.monotonic()
        if self.may_call():
            for probe in self._schedule.due(now):
                following = self._schedule.following(probe.key) or now + UNSCHEDULED
                self._turns.add(Turn(probe, moment + (following - now).total_seconds()))
        self._take_requests(moment)
        up = Counter(call.probe.client for call in self._calls.values())
        starting, late = self._turns.take(moment, self.active, up)
        for turn in late:
            self._left_out(turn)
        for turn in starting:
            try:
                self.place(turn.probe, turn.request_id)
            except Exception as error:
                log.exception("no call of %s/%s", *turn.probe.key)
                self._not_placed(turn.probe, "failed", f"Error in the SIP application: {error!r}", turn.request_id)

    def accepts(self, key: tuple[str, str]) -> bool:
        """Whether a call of the probe `key` that somebody asks for could start soon. For any thread."""
        probe = self._probes.get(key)
        return probe is not None and (probe.allow_overlap or not (self._schedule.busy(key) or self._pending.has(key)))

    def request(self, request: Request, heard_at: float) -> None:
        """Call what this host claimed; `heard_at` is the time.monotonic() of the request's age. For any thread."""
        self.submit(lambda: self._pending.add(request, heard_at))

    def _take_requests(self, moment: float) -> None:
        def busy(key: tuple[str, str]) -> bool:
            return key in self._probes and not self._probes[key].allow_overlap and self._schedule.busy(key)

        starting, stale = self._pending.take(moment, busy)
        for request, stale_at in starting:
            probe = self._probes.get(request.key)
            if probe is None:
                log.warning("the call of %s/%s that was asked for is not made: the probe is gone", *request.key)
            else:
                self._schedule.begin(request.key)
                self._turns.add(Turn(probe, stale_at, request.id))
        for request in stale:
            log.warning("the call of %s/%s that was asked for is not made: the one before took too long", *request.key)

    def _left_out(self, turn: Turn) -> None:
        self.left_out += 1
        log.warning("a call of %s/%s is left out: this host's limits gave it no turn in time (%d so far)",
                    *turn.probe.key, self.left_out)  # fmt: skip
        if turn.request_id is None:
            self._schedule.ended(turn.probe.key)
        else:  # somebody waits for it
            self._not_placed(turn.probe, "failed", "This host's limits gave the call no turn.", turn.request_id)

    def place(self, probe: Probe, request_id: int | None = None) -> None:
        """Start a call of `probe`, or write down why there can't be one."""
        if problem := dialling.impossible(probe, self.station):
            self._not_placed(probe, "configuration_error", problem, request_id)
            return
        try:
            sound = self._sounds.get(probe.audio)
        except AudioError as error:
            self._not_placed(probe, "configuration_error", f"Nothing to play: {error}.", request_id)
            return
        try:
            call = Call(self.station, probe, sound, self._over, self._dialling.start)
        except OSError as error:
            log.error("no call of %s/%s: %s", *probe.key, error)  # noqa: TRY400
            self._not_placed(probe, "failed", f"This host can't place the call: {error}", request_id)
            return
        self._calls[call.uuid] = call
        if request_id is not None:
            self._requests[call.uuid] = request_id
            self.answered_requests.put((request_id, call.uuid))
        limit_ms = probe.duration_ms + probe.answer_after_ms + OVERDUE_MS
        self._watchdogs[call.uuid] = stack.later(limit_ms / 1000, lambda: self._overdue(call))
        self._note_and_start(call)

    def _note_and_start(self, call: Call) -> None:
        """Start `call` once it is on disk that it began: whatever kills this process, the call has a record.

        A disk that takes longer than `NOTE_LIMIT_S` delays no call further.
        """
        pending = [call.safely(self._dialling.start)]

        def start() -> None:
            timer.cancel()
            if pending:
                pending.pop()(call)

        timer = stack.later(NOTE_LIMIT_S, start)
        self._ledger.begin(as_begun(call, self._requests.get(call.uuid)), lambda: self.submit(start))

    def _overdue(self, call: Call) -> None:
        log.error("call %s of %s/%s did not end by itself", call.uuid, *call.probe.key)
        call.abandon("Error in the SIP application: the call did not end by itself.")

    def _over(self, call: Call) -> None:
        del self._calls[call.uuid]
        self._watchdogs.pop(call.uuid).cancel()
        self._schedule.ended(call.probe.key)
        request_id = self._requests.pop(call.uuid, None)
        try:
            finished = Finished(
                call=replace(call.record(), request_id=request_id),
                dialer=finishing.party(call.session.stream),
                receiver=finishing.party(call.receiver.session.stream) if call.receiver else None,
                sound=self._sounds.get(call.probe.audio),
                mos_warning=call.probe.mos_warning,
                ladders=call.ladders(),
            )
        except Exception as error:
            log.exception("call %s could not be written down", call.uuid)
            reason = f"Error in the SIP application: {error!r}"
            finished = Finished(call=replace(as_begun(call, request_id), disposition="failed", sip_reason=reason))
        self._scorer.submit(self._finisher.call, finished)

    def _visited(self, visitor: Visitor) -> None:
        party = finishing.party(visitor.receiver.session.stream)
        self._scorer.submit(self._finisher.visit, visitor, visitor.record(self.station), party)

    def _not_placed(self, probe: Probe, disposition: str, reason: str, request_id: int | None = None) -> None:
        """Write a record that says why `probe` is not called: because of the plan, or of this host (then not valid)."""
        now = datetime.now(UTC)
        call = CallRecord(
            uuid=calluuid.new(now),
            started_at=now,
            client=probe.client,
            probe=probe.probe,
            generation=probe.generation,
            sip_host=self.station.sip_host,
            request_id=request_id,
            from_uri=probe.dialer.text,
            to_uri=probe.destination.text,
            ended_at=now,
            disposition=disposition,
            sip_reason=reason,
            audio=probe.audio,
            valid=disposition == "configuration_error",
        )
        self._schedule.ended(probe.key)
        if request_id is not None:
            self.answered_requests.put((request_id, call.uuid))
        self._scorer.submit(self._finisher.call, Finished(call=call))

    def stop(self) -> None:
        """Start no more calls and hang up those that are up; their records follow within moments."""
        self._stopping = True
        for call in list(self._calls.values()):
            call.stop()
        self.reception.stop()
        if self.registrations is not None:
            self.registrations.stop()

    def close(self) -> None:
        """Wait until every finished call is scored and kept."""
        self._dialling.close()
        self._scorer.shutdown(wait=True)
        self._ledger.close()
