"""The calls of this host, both ways: what places them, takes them in and writes them down, wired up.

Runs in the event loop's thread; other threads reach it through `submit`.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from voice_sipapp import finishing, priority
from voice_sipapp.encoding import Encoder
from voice_sipapp.finishing import Finished, Finisher
from voice_sipapp.inbox import Inbox
from voice_sipapp.ledger import Ledger
from voice_sipapp.media.audio import AudioStore
from voice_sipapp.outbound import Outbound
from voice_sipapp.plan.leases import Lease
from voice_sipapp.plan.limits import Turns
from voice_sipapp.plan.probe import Probe
from voice_sipapp.scheduler import Scheduler
from voice_sipapp.signalling import callrecords
from voice_sipapp.signalling.receiver import ANY_CODE
from voice_sipapp.signalling.receiverlegs import AMBIGUOUS
from voice_sipapp.signalling.reception import Listener, Reception, Visitor
from voice_sipapp.signalling.registration import Registrations
from voice_sipapp.signalling.screening import Limits
from voice_sipapp.signalling.station import Station

TICK_S = 0.05
"""How often `tick` is to be called."""


class Calls:
    """The calls of the host `station`. `limits` are those of calls that nothing proves to be ours, `admission_queue`
    has those of this host's own; `may_call` is asked before scheduled calls.
    """

    def __init__(
        self,
        station: Station,
        sounds: AudioStore,
        ledger: Ledger,
        finisher: Finisher,
        *,
        limits: Limits,
        admission_queue: Turns,
        may_call: Callable[[], bool],
    ) -> None:
        self._stopping = False
        self._sip_host = station.sip_host
        self._ledger = ledger
        self._finisher = finisher
        self._inbox = Inbox()
        self._scorer = ThreadPoolExecutor(1, "score", priority.take, (priority.SCORING,))
        self._encoder = Encoder(sounds, self._scorer.submit)
        self.submit = self._inbox.submit
        self.registrations = Registrations(station, self.submit)
        self.outbound = Outbound(station, sounds, ledger, self._finish, self.submit)
        self.reception = Reception(station, sounds, self.outbound.calls, self._listener(), limits)
        self.scheduler = Scheduler(self.outbound, admission_queue, lambda: self.active, may_call, self.submit)
        station.dialer.listen(self.reception.turn_away, self.reception.admits)
        station.receiver.listen(self.reception.take, self.reception.admits)

    def _listener(self) -> Listener:
        return Listener(
            over=self._visited,
            answered=self._visiting,
            not_ours=self._ledger.not_ours,
            contested=self._contested,
        )

    @property
    def active(self) -> int:
        """How many calls are up that are ours for certain."""
        return len(self.outbound.calls) + self.reception.active

    def update(
        self,
        probes: list[Probe],
        held: frozenset[Lease] | None = None,
        free_since: Mapping[tuple[str, str], datetime] | None = None,
    ) -> None:
        """Take over a new plan, of which this host holds the leases `held`; all of it where there are none (None).
        `free_since`: when another host left the probes that are new here.
        """
        self.reception.probes = probes
        if not self._stopping:
            self._encoder.prepare(probes)
        self.scheduler.update(probes, datetime.now(UTC), held, free_since)
        self.registrations.update([probe for probe in probes if held is None or Lease(*probe.key, "receiver") in held])

    def tick(self) -> None:
        """Do what was submitted and start what is due."""
        self._inbox.work()
        moment = time.monotonic()
        self._ledger.tick(moment)
        if not (self._stopping or self._ledger.full):
            self.scheduler.tick(datetime.now(UTC), moment)

    def _finish(self, finished: Finished) -> None:
        self._scorer.submit(self._finisher.call, finished)

    def _visiting(self, visitor: Visitor) -> None:
        """Note that the call of another host was answered here."""
        record = visitor.record(self._sip_host)
        self._ledger.answered(callrecords.part_begun(record, visitor.receiver.invited_at, known=visitor.known))

    def _visited(self, visitor: Visitor) -> None:
        party = finishing.party(visitor.receiver.session.stream)
        self._scorer.submit(self._finisher.visit, visitor, visitor.record(self._sip_host), party)

    def _contested(self, probe: Probe, at: datetime) -> None:
        code = ANY_CODE if probe.confirm else None
        self._ledger.keep(callrecords.part_contested(probe, self._sip_host, at, AMBIGUOUS, code))

    def stop(self) -> None:
        """Start no more calls and hang up those that are up; their records follow within moments."""
        self._stopping = True
        self.outbound.stop()
        self.reception.stop()
        self.registrations.stop()

    def close(self) -> None:
        """Wait until every finished call is scored and kept."""
        self.outbound.close()
        self._scorer.shutdown(wait=True)
        self._ledger.close()
