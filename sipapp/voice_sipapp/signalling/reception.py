"""Takes in the calls that reach this host's receiver: its own, those of another host's dialer, never a stranger's.

Runs in the SIP stack's thread.
"""

import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from uuid import UUID

from voice_sipapp.media.audio import AudioError, AudioStore
from voice_sipapp.plan.probe import Probe
from voice_sipapp.records import calluuid
from voice_sipapp.records.cdr import CallRecord
from voice_sipapp.signalling import correlation, stack
from voice_sipapp.signalling.call import Call
from voice_sipapp.signalling.correlation import Invite, OwnCall, Recognised
from voice_sipapp.signalling.receiver import ANY_CODE, Receiver, Watch
from voice_sipapp.signalling.station import Station

STRANGERS_EVERY_S = 60.0
"""At most one line in the log about strangers in this time."""

log = logging.getLogger(__name__)


class Visitor:
    """A receiver that stands alone: its call's dialer is another host. `known`: the INVITE told the call's UUID."""

    def __init__(self, known: bool) -> None:
        self.known = known
        self.spoilt = False
        self.receiver: Receiver

    def record(self, station: Station) -> CallRecord:
        """The call as far as it is known here: what its stream is measured and written down under."""
        receiver = self.receiver
        started_at = calluuid.started_at(receiver.uuid)
        return CallRecord(
            uuid=receiver.uuid,
            started_at=started_at,
            client=receiver.probe.client,
            probe=receiver.probe.probe,
            generation=receiver.probe.generation,
            sip_host=station.sip_host,
            from_uri=receiver.probe.dialer.text,
            to_uri=receiver.probe.destination.text,
            ended_at=datetime.now(UTC),
            disposition="answered",
            audio=receiver.audio.name,
            valid=not self.spoilt,
        )


class Reception:
    """`calls` are those of this host's dialer; `deliver` gets each visitor that answered, when it is over."""

    def __init__(self, sounds: AudioStore, calls: Mapping[UUID, Call], deliver: Callable[[Visitor], None]) -> None:
        self.station: Station
        self.probes: list[Probe] = []
        self._requested: frozenset[tuple[str, str]] = frozenset()
        self.strangers = 0
        self._next_stranger_line = 0.0
        self._sounds = sounds
        self._calls = calls
        self._deliver = deliver
        self._visitors: dict[UUID, Visitor] = {}
        self.on_answer: Callable[[Visitor], None] = lambda _: None
        """Is told of each visitor when it answers; what comes of it is delivered, or the call was `on_stranger`'s."""
        self.on_stranger: Callable[[UUID], None] = lambda _: None

    def expect(self, requested: frozenset[tuple[str, str]]) -> None:
        """Calls of these probes (client and name) were asked for; any host may place them. For any thread."""
        self._requested = requested

    @property
    def active(self) -> int:
        """How many receivers are up whose dialer is another host."""
        return len(self._visitors)

    def take(self, invite: Invite) -> stack.Leg | None:
        """The leg for `invite`; None for a stranger, who is counted. Raises Refused where this host is in trouble."""
        now = datetime.now(UTC)
        own = [OwnCall(call.uuid, call.probe, call.reached) for call in self._calls.values()]
        found = correlation.recognise(invite, own, self.probes, lambda probe: self._expected(probe, now), now)
        if found is None or (not found.here and found.uuid in self._visitors):
            self._refused_stranger()
            return None
        if found.here and found.uuid is not None:
            return self._calls[found.uuid].take(certain=found.by_header, on_stranger=self._refused_stranger)
        return self._visit(found, now)

    def _expected(self, probe: Probe, now: datetime) -> bool:
        return probe.key in self._requested or correlation.is_due(probe, now)

    def _visit(self, found: Recognised, now: datetime) -> stack.Leg:
        uuid = found.uuid or calluuid.new(now)
        visitor = Visitor(known=found.uuid is not None)

        def over(receiver: Receiver) -> None:
            stack.when_quiet([receiver.leg], lambda: gone(receiver))

        def gone(receiver: Receiver) -> None:
            del self._visitors[uuid]
            if not receiver.genuine:
                self._refused_stranger()
                self.on_stranger(uuid)
            elif receiver.answered:
                self._deliver(visitor)

        def fault(_: Exception) -> None:
            visitor.spoilt = True

        try:
            sound = self._sounds.get(found.probe.audio)
            code = ANY_CODE if found.probe.confirm and not found.by_header else None
            watch = Watch(over, fault, lambda _: self.on_answer(visitor))
            visitor.receiver = Receiver(self.station, found.probe, sound, uuid, watch, code)
        except (OSError, AudioError) as error:
            log.error("a call of %s/%s can't be answered: %s", *found.probe.key, error)  # noqa: TRY400
            raise stack.RefusedError(503, "Service Unavailable") from error
        self._visitors[uuid] = visitor
        return visitor.receiver.leg

    def _refused_stranger(self) -> None:
        """Count it, and say so once in a while: scanners try an open port many times a second."""
        self.strangers += 1
        if time.monotonic() >= self._next_stranger_line:
            self._next_stranger_line = time.monotonic() + STRANGERS_EVERY_S
            log.warning("a call that is not ours was refused (%d so far)", self.strangers)

    def stop(self) -> None:
        """Hang up what there is: what was heard so far is no whole call."""
        for visitor in list(self._visitors.values()):
            visitor.spoilt = True
            visitor.receiver.hang_up()
