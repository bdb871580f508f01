"""Takes in the calls that reach this host's receiver: its own, those of another host's dialer, never anybody else's.

Runs in the SIP stack's thread.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from voice_sipapp.media.audio import AudioError, AudioStore
from voice_sipapp.plan.probe import Probe
from voice_sipapp.records import calluuid
from voice_sipapp.records.calluuid import AFTER, BEFORE
from voice_sipapp.records.cdr import CallRecord
from voice_sipapp.signalling import callrecords, correlation
from voice_sipapp.signalling.call import Call
from voice_sipapp.signalling.correlation import Recognised, Refused
from voice_sipapp.signalling.numbers import Directory, claimants
from voice_sipapp.signalling.openings import Opening, Openings
from voice_sipapp.signalling.receiver import ANY_CODE, Receiver, Watch
from voice_sipapp.signalling.screening import Limits, Screen, called, is_invite, network
from voice_sipapp.signalling.sip.endpoint import RefusedError
from voice_sipapp.signalling.sip.eventloop import Timer, later
from voice_sipapp.signalling.sip.events import Invite
from voice_sipapp.signalling.sip.garbage import garbage
from voice_sipapp.signalling.sip.leg import Leg, when_quiet
from voice_sipapp.signalling.station import Station

STRANGERS_EVERY_S = 60.0
"""At most one line in the log about unsolicited calls in this time."""

LOST_EVERY = timedelta(seconds=1)
"""How often it is looked whether another host's call may have lost its leg in a flood: an INVITE is repeated after 0.5,
1.5 and 3.5 s (RFC 3261, section 17.1.1.2).
"""

log = logging.getLogger(__name__)


class Visitor:
    """A receiver that stands alone: its call's dialer is another host. `known`: the INVITE's header proved which call
    it is; otherwise it is presumed to be one of the probe, which `source` brings. `superseded`: its caller gave it up,
    and offered the same call again; `held`: it gave it up, and may do so. `told`: nothing more is to be told of it.
    """

    def __init__(self, known: bool, source: str) -> None:
        self.known = known
        self.source = source
        self.spoilt = self.superseded = self.held = self.told = False
        self.has_place = not known
        """Whether it has the place of a start that is due."""
        self.receiver: Receiver

    def record(self, sip_host: str) -> CallRecord:
        """The call as far as it is known here: what its stream is measured and written down under."""
        receiver = self.receiver
        return callrecords.remote(receiver.uuid, receiver.probe, sip_host, datetime.now(UTC), spoilt=self.spoilt)


@dataclass(frozen=True)
class Listener:
    """Who is told of other hosts' calls: of each when it is `answered` here; when it is `over`, or turned out to be
    `not_ours`, or is offered anew; and of a moment at which two calls came for one, and nothing proved which was it
    (`contested`).
    """

    over: Callable[[Visitor], None]
    answered: Callable[[Visitor], None]
    not_ours: Callable[[UUID], None]
    contested: Callable[[Probe, datetime], None]


@dataclass(frozen=True)
class _Contest:
    """At that moment two calls came for one of `probe`, of another host; `timer` tells of it unless a proof comes."""

    probe: Probe
    at: datetime
    timer: Timer


class Reception:
    """`calls` are those of this host's dialer. `limits`: those of what nothing proves to be ours."""

    def __init__(
        self, station: Station, sounds: AudioStore, calls: Mapping[UUID, Call], listener: Listener, limits: Limits
    ) -> None:
        self.strangers = 0
        """How many calls were refused, hung up on or dropped because they were not ours."""
        self._station = station
        self._limits = limits
        self._listener = listener
        self._next_stranger_line = 0.0
        self._directory = Directory()
        self._openings = Openings()
        self._screen = Screen(station.key, limits)
        self._sounds = sounds
        self._calls = calls
        self._visitors: dict[UUID, Visitor] = {}
        self._seen: dict[UUID, datetime] = {}
        self._contests: list[_Contest] = []
        self._lost_until: dict[tuple[str, str], datetime] = {}
        self._stopped = False

    @property
    def probes(self) -> list[Probe]:
        """The plan's."""
        return self._directory.probes

    @probes.setter
    def probes(self, probes: Iterable[Probe]) -> None:
        self._directory = Directory(probes)
        keys = {probe.key for probe in self._directory.probes}
        self._openings.keep(keys)
        self._lost_until = {key: until for key, until in self._lost_until.items() if key in keys}

    def expect(self, requested: frozenset[tuple[str, str]]) -> None:
        """Calls of these probes (client and name) were asked for; any host may place them. For any thread."""
        self._openings.requested = requested

    @property
    def active(self) -> int:
        """How many receivers are up whose dialer is another host for certain. For any thread."""
        return sum(visitor.known and not visitor.held for visitor in list(self._visitors.values()))

    def admits(self, datagram: bytes, source: str, dialog: str | None) -> bool:
        """Whether a datagram that came to one of this host's ports is to be handled (`screened.Admits`)."""
        if self._screen.admits(datagram, source, dialog, time.monotonic(), datetime.now(UTC)):
            return True
        if is_invite(datagram):
            self._dropped(called(datagram))
        else:
            garbage.seen(f"more came from {source} that belongs to no call than is looked at")
        return False

    def take(self, invite: Invite) -> Leg | None:
        """The leg for `invite`; None for one that is not ours, which is counted. Raises RefusedError where this host is
        in trouble.
        """
        now, source = datetime.now(UTC), invite.source.rpartition(":")[0]
        own = [call.as_known() for call in self._calls.values()]
        found = correlation.recognise(
            invite, own, self._directory, lambda probe: self._opening(probe, now, source), self._station.key, now
        )
        if isinstance(found, Refused):
            self._refuse(found, now)
            return None
        if found.here and found.uuid is not None:
            self._openings.close(found.probe, calluuid.started_at(found.uuid))
            self._remember(found.uuid, now)
            return self._calls[found.uuid].take(
                source=invite.source, genuine=found.genuine, on_unsolicited=self._unsolicited
            )
        return self._visit(found, source, now)

    def _dropped(self, users: list[str]) -> None:
        """An INVITE that calls `users` is not looked at. It may have been the leg of a call that expects one without a
        header: that call then counts nowhere, for what its path did is not known.
        """
        self._unsolicited("more came than is looked at")
        now = datetime.now(UTC)
        for probe in claimants(self._directory.called(users)):
            own = [call for call in self._calls.values() if call.probe.key == probe.key]
            for call in own:
                call.receiver_legs.contest()
            if not own and now >= self._lost_until.get(probe.key, now):  # in a flood, schedules are not asked each time
                self._lost_until[probe.key] = now + LOST_EVERY
                if self._opening(probe, now, "") is not Opening.NONE:
                    self._contest(probe, now)

    def turn_away(self, _: Invite) -> None:
        """An INVITE came to the dialer's port, where nobody is to be called: it is counted, and no leg handles it."""
        self._unsolicited("the dialer's port takes none")

    def _opening(self, probe: Probe, now: datetime, source: str) -> Opening:
        """Whether a call of `probe`, of another host and without its header, may come now, which `source` brings."""
        for before in self._given_up(probe, source):
            self._give_back(before)
        of_probe = [visitor for visitor in self._visitors.values() if visitor.receiver.probe.key == probe.key]
        up = [
            visitor.known
            for visitor in of_probe
            if not (visitor.receiver.over or (visitor.receiver.given_up and visitor.source == network(source)))
        ]
        if any(up) and not probe.allow_overlap:
            return Opening.NONE
        opening = self._openings.of(probe, now)
        if opening is not Opening.OPEN:
            return opening
        return opening if up.count(False) < (correlation.MOST_UNCONFIRMED if probe.confirm else 1) else Opening.TAKEN

    def _refuse(self, refused: Refused, now: datetime) -> None:
        for uuid in refused.contested:
            self._calls[uuid].receiver_legs.contest()
        for uuid in refused.unproven:
            self._calls[uuid].receiver_legs.unproven()
        for probe in refused.contested_elsewhere:
            self._contest(probe, now)
        self._unsolicited()

    def _contest(self, probe: Probe, now: datetime) -> None:
        """Two came for one call of another host. Unless a third one proves to be it, the call must be told: one of the
        two may have been refused, and its dialer takes that for the path's doing.
        """
        if not self._openings.contest(probe, now):
            return

        def tell() -> None:
            self._contests.remove(contest)
            self._listener.contested(probe, now)

        contest = _Contest(probe, now, later((BEFORE + AFTER).total_seconds(), tell))
        self._contests.append(contest)

    def _settle(self, probe: Probe, started_at: datetime) -> None:
        """The call of `probe` that started then is here for certain: who else came for it was not ours."""
        self._openings.close(probe, started_at)
        for contest in list(self._contests):
            if contest.probe.key == probe.key and contest.at <= started_at + BEFORE:
                contest.timer.cancel()
                self._contests.remove(contest)
        for visitor in list(self._visitors.values()):
            if not visitor.known and visitor.receiver.probe.key == probe.key:
                visitor.receiver.displace()

    def _visit(self, found: Recognised, source: str, now: datetime) -> Leg | None:
        before = [self._visitors[found.uuid]] if found.uuid in self._visitors else []
        if not all(each.receiver.given_up for each in before) or found.uuid in self._seen:
            # It has its receiver, or had: whoever comes now repeats what was seen on the way.
            self._unsolicited()
            return None
        if found.uuid is None and not self._has_room(source):
            self._contest(found.probe, now)
            self._unsolicited("as many as may be up are")
            return None
        if found.uuid is None:
            before = self._given_up(found.probe, source)
        uuid = found.uuid or calluuid.new(now)
        visitor = Visitor(known=found.uuid is not None, source=network(source))
        visitor.receiver = self._made_receiver(found, uuid, visitor)
        for each in before:
            each.superseded = True
            visitor.receiver.leg.follow(each.receiver.leg)
            each.receiver.make_way()
            if each.receiver.acknowledged:
                self._listener.not_ours(each.receiver.uuid)
            if each.held:
                self._tell(each.receiver.uuid, each)
        if visitor.known:
            self._settle(found.probe, calluuid.started_at(uuid))
        else:
            self._openings.take(found.probe, now)
        self._visitors[uuid] = visitor
        return visitor.receiver.leg

    def _made_receiver(self, found: Recognised, uuid: UUID, visitor: Visitor) -> Receiver:
        def over(receiver: Receiver) -> None:
            when_quiet([receiver.leg], lambda: self._gone(uuid, visitor))

        def fault(_: Exception) -> None:
            visitor.spoilt = True

        watch = Watch(over, fault, lambda _: self._listener.answered(visitor))
        code = ANY_CODE if found.probe.confirm else None
        try:
            sound = self._sounds.get(found.probe.audio)
            return Receiver(self._station, found.probe, sound, uuid, watch, proven=visitor.known, code=code)
        except (OSError, AudioError) as error:
            log.error("a call of %s/%s can't be answered: %s", *found.probe.key, error)  # noqa: TRY400
            raise RefusedError(503, "Service Unavailable") from error

    def _given_up(self, probe: Probe, source: str) -> list[Visitor]:
        """The presumed legs of `probe` from where `source` is whose caller gave up after the answer."""
        return [
            visitor
            for visitor in self._visitors.values()
            if not visitor.known
            and visitor.receiver.probe.key == probe.key
            and visitor.receiver.answered
            and visitor.receiver.given_up
            and visitor.source == network(source)
        ]

    def _give_back(self, visitor: Visitor) -> None:
        if visitor.has_place:
            visitor.has_place = False
            self._openings.give_back(visitor.receiver.probe)

    def _gone(self, uuid: UUID, visitor: Visitor) -> None:
        receiver = visitor.receiver
        left = (calluuid.started_at(uuid) + BEFORE - datetime.now(UTC)).total_seconds()
        given_up = receiver.ours and receiver.answered and receiver.given_up
        visitor.held = given_up and left > 0 and not (visitor.superseded or self._stopped)
        if visitor.held:  # the same call may be offered again until then
            later(left, lambda: self._tell(uuid, visitor))
        else:
            self._tell(uuid, visitor)

    def _tell(self, uuid: UUID, visitor: Visitor) -> None:
        """The leg is over, and no other one of the same call comes, unless this one is superseded."""
        if visitor.told:
            return
        visitor.told = True
        if self._visitors.get(uuid) is visitor:  # else its caller rang again meanwhile
            del self._visitors[uuid]
        receiver = visitor.receiver
        if visitor.superseded or not (receiver.ours and receiver.answered):
            self._give_back(visitor)
        if visitor.superseded:
            return
        if not receiver.ours:
            self._unsolicited()
            if receiver.acknowledged:
                self._listener.not_ours(uuid)
        elif receiver.answered:
            self._remember(uuid, datetime.now(UTC))
            self._listener.over(visitor)

    def _remember(self, uuid: UUID, now: datetime) -> None:
        """The call `uuid` has its receiver; its header is good for no other as long as it is of these moments."""
        self._seen[uuid] = now
        for old in [each for each, at in self._seen.items() if now - at > BEFORE + AFTER + AFTER]:
            del self._seen[old]

    def _has_room(self, source: str) -> bool:
        """Whether one more leg may be up that is only presumed to be ours, of those that `source` brings."""
        presumed = Counter(visitor.source for visitor in self._visitors.values() if not visitor.known)
        return presumed.total() < self._limits.legs and presumed[network(source)] < self._limits.source_legs

    def _unsolicited(self, why: str = "") -> None:
        """Count it, and say so once in a while: scanners try an open port many times a second."""
        self.strangers += 1
        if time.monotonic() >= self._next_stranger_line:
            self._next_stranger_line = time.monotonic() + STRANGERS_EVERY_S
            log.warning("a call that is not ours was refused (%d so far)%s", self.strangers, f": {why}" if why else "")

    def stop(self) -> None:
        """Hang up what there is: what was heard so far is no whole call."""
        for contest in list(self._contests):
            contest.timer.cancel()
            self._listener.contested(contest.probe, contest.at)
        self._contests.clear()
        self._stopped = True
        for uuid, visitor in list(self._visitors.items()):
            if visitor.held:
                self._tell(uuid, visitor)
                continue
            visitor.spoilt = True
            visitor.receiver.hang_up()
