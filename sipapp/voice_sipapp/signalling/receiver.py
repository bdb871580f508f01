"""The receiver's leg of a call: the agent who answers. Runs in the SIP stack's thread.

It belongs to a call of this host, or stands alone where the dialer is another host.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from voice_sipapp.media import sdp
from voice_sipapp.media.audio import Audio
from voice_sipapp.plan.probe import Probe
from voice_sipapp.records import calluuid
from voice_sipapp.signalling.session import Session
from voice_sipapp.signalling.sip import events
from voice_sipapp.signalling.sip.eventloop import later
from voice_sipapp.signalling.sip.leg import Leg
from voice_sipapp.signalling.station import Station

OVERSTAY_MS = 15_000
"""How long past the call's duration an answered receiver waits for the dialer's BYE before it hangs up itself."""

CONFIRM_MS = 6000
"""How long after the answer a call that only its code can confirm may take to send it, besides the time for the
probe's own digits: long enough for two of the dialer's tries."""

LISTEN_MS = 200
"""How often it is looked whether the code has come."""

ANY_CODE = "?"
"""In place of a code: some code must be heard, of a call of another host. Whether a call has it is seen later."""

TALKED_NS = 300_000_000
"""Who took its call back while we answered it, and then sends sound for so long, has kept it."""

MOST_CODES = 3
"""How many different codes may be pressed: a fourth is a guess."""

UNHEARD_PACKETS = 15
"""How many packets of sound a leg that is known by its number alone sends before anything came back: 0.3 s, in G.711
2.6 kB, at most three times what whoever asked for them had to send (RFC 9000, section 8, has this measure). Some SBCs
wait for a first packet themselves.
"""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Watch:
    """Who is told about a receiver: once when its answer has arrived (`answered`), once when its code was heard
    (`proven`), once when it is `over`, and of every `fault`, an error of this application.
    """

    over: Callable[["Receiver"], None]
    fault: Callable[[Exception], None]
    answered: Callable[["Receiver"], None] = lambda _: None
    proven: Callable[["Receiver"], None] = lambda _: None


class Receiver:
    """The party that is called: rings, answers after the probe's delay, plays, listens until it is hung up on.

    `uuid` names the call, where that is known. `proven`: its header proves whose call it is; otherwise it is presumed
    to be one of the probe. `code`: the digits that then must be heard, or it is not; None where none are pressed.
    Making it raises PortsExhaustedError.
    """

    def __init__(
        self,
        station: Station,
        probe: Probe,
        audio: Audio,
        uuid: UUID,
        watch: Watch,
        *,
        proven: bool,
        code: str | None = None,
    ) -> None:
        self.probe = probe
        self.uuid = uuid
        self.audio = audio
        self.invited_at = datetime.now(UTC)
        self.answered = self.acknowledged = False
        self.over = False
        self.genuine = proven
        """Whether it is proven whose call it is."""
        self.session = Session(station, probe, audio, uuid.int >> 96)
        self.leg = Leg(station.receiver, self._safely(self._event), media=self.session)
        self._watch = watch
        self._offer = ""
        self._by_header = proven
        self._code = None if proven else code
        self.problem: str | None = None
        """Why we ended it before the caller did, as a sentence; None where nothing was wrong."""
        self._displaced = self._told = self._kept = False

    def _safely(self, action: Callable[..., None]) -> Callable[..., None]:
        """`action`, an event of this leg: what goes wrong in it ends the leg, and is told."""

        def guarded(*arguments: object) -> None:
            try:
                action(*arguments)
            except Exception as error:
                log.exception("call %s: an event of the receiver could not be handled", self.uuid)
                self._watch.fault(error)
                self.hang_up()

        return guarded

    def _later(self, delay_ms: float, action: Callable[[], None]) -> None:
        later(delay_ms / 1000, self._safely(action))

    def _event(self, event: events.Event) -> None:
        match event:
            case events.Invited():
                self._offer = event.description
                self.leg.ring(self.session.offer_late() if self.leg.must_offer else "")
                self._later(self.probe.answer_after_ms, self._answer)
            case events.Acknowledged():
                self._acknowledge(event.description)
            case events.HungUp() | events.Rejected():
                self._end()

    def _answer(self) -> None:
        if self.over:
            return
        # Before anything that can go wrong: a call that is up always ends.
        self._later(self.probe.duration_ms + OVERSTAY_MS, self.hang_up)
        try:
            answer = self._described()
        except sdp.SdpError as error:
            log.warning("call %s: the offer that reached the receiver can't be used: %s", self.uuid, error)
            self.leg.refuse(488, "Not Acceptable Here")
            self._end()
            return
        self.answered = True
        self.leg.answer(answer)
        if self.probe.confirm:
            self._later(LISTEN_MS, self._listen)
        if self._code is not None:
            self._later(CONFIRM_MS + self.probe.last_digits_ms, self._check_code)

    def _described(self) -> str:
        """What our 200 says of the session: our answer, or an offer where that is left to us. Raises SdpError."""
        if self._offer:
            return self.session.answer(self._offer)
        self.session.answered()
        # Where the offer went with the 180 that must be acknowledged, its answer has come with the PRACK.
        return "" if self.leg.must_offer else self.session.offer_late()

    def _acknowledge(self, answer: str) -> None:
        """The caller got our answer, or answers our offer. Nothing is sent before that: whoever forges a sender's
        address never gets here.
        """
        if self.acknowledged or self.over:
            return
        self.acknowledged = True
        try:
            if not self._offer and not self.session.agreed:
                self.session.listen(answer)
        except sdp.SdpError as error:
            self.problem = f"the caller's ACK holds no answer to our offer that can be used: {error}"
            log.warning("call %s: %s", self.uuid, self.problem)
            self.leg.leave('SIP;cause=488;text="Not Acceptable Here"')
            self._end()
            return
        self.session.play(None if self._by_header else UNHEARD_PACKETS)
        self._watch.answered(self)

    @property
    def code(self) -> str | None:
        """The code that was heard last, where the probe has it sent."""
        codes = self._codes
        return codes[-1] if codes else None

    @property
    def _codes(self) -> list[str]:
        return calluuid.codes(self.session.stream.digits) if self.probe.confirm else []

    @property
    def ours(self) -> bool:
        """Whether it was a call of the probe, as far as is known when it is over: that is proven, or nothing speaks
        against it.
        """
        if self.genuine or self._displaced or not self.answered:
            return not self._displaced
        return self.acknowledged and (self._code is None or self._confirmed)

    @property
    def _confirmed(self) -> bool:
        """Whether the code was heard, among so few that it was not guessed."""
        codes = self._codes
        if self._code == ANY_CODE:
            return 0 < len(codes) <= MOST_CODES
        return self._code in codes[:MOST_CODES]

    @property
    def given_up(self) -> bool:
        """Whether its caller gave up: a queue or a hunt group, which may ring again. Before it was answered; or at that
        moment, so that its CANCEL crossed our 200, which then stands (RFC 3261, section 9.2) until the BYE or for want
        of an ACK.
        """
        if not self.over:
            return self.answered and self.leg.cancelled
        return not self.acknowledged or (self.leg.cancelled and not self._kept)

    def _listen(self) -> None:
        """Tell the dialer, which may be on another host, once its code was heard: until then it presses it again. Then
        listen on only where somebody may be guessing.
        """
        if self.over:
            return
        heard = bool(self._codes) if self._code is None else self._confirmed
        if heard and not self._told:
            self._told = True
            self.session.stream.press(calluuid.HEARD)
            if self._code not in (None, ANY_CODE):
                self.genuine = True
                self._watch.proven(self)
        if not heard and len(self._codes) > MOST_CODES:
            log.warning("call %s: %d codes were pressed, so it was not ours", self.uuid, len(self._codes))
            self.hang_up()
        elif not heard or self._code == ANY_CODE:
            self._later(LISTEN_MS, self._listen)

    def _check_code(self) -> None:
        if not self.over and not self._confirmed:
            log.warning("call %s: its code was not heard, so it was not ours", self.uuid)
            self.hang_up()

    def make_way(self) -> None:
        """Its caller has given this leg up, and offers the same call again: end it, if it is still up."""
        if not self.over:
            self.leg.leave()
            self._end()

    def displace(self) -> None:
        """Another leg is the call's for certain, so this one, which was presumed to be, is not: 486 or BYE."""
        self._displaced = True
        if self.over:
            return
        if self.answered:
            self.leg.leave()
        else:
            self.leg.refuse(486, "Busy Here")
        self._end()

    def hang_up(self) -> None:
        """End this leg from here, if it is still up."""
        if self.over:
            return
        try:
            self.leg.hang_up()
        finally:
            self._end()

    def _end(self) -> None:
        if not self.over:
            first_ns = self.session.stream.first_rtp_ns
            self._kept = first_ns is not None and time.time_ns() - first_ns >= TALKED_NS
            self.over = True
            self.session.end()
            self._watch.over(self)
