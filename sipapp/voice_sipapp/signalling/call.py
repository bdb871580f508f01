"""One synthetic call: the dialer's leg, and what is known of both legs when it is over.

Everything here runs in the SIP stack's thread.
"""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from voice_sipapp.media import sdp
from voice_sipapp.media.audio import Audio
from voice_sipapp.plan.probe import Probe
from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.records import calluuid
from voice_sipapp.records.cdr import CallRecord
from voice_sipapp.signalling import callrecords, hints, outcome, redirect
from voice_sipapp.signalling.attempts import Attempts, Goes
from voice_sipapp.signalling.callrecords import Dialled, Media, Where
from voice_sipapp.signalling.correlation import OwnCall
from voice_sipapp.signalling.digits import Digits
from voice_sipapp.signalling.receiver import Receiver, Watch
from voice_sipapp.signalling.receiverlegs import ReceiverLegs
from voice_sipapp.signalling.session import Session
from voice_sipapp.signalling.sip import events
from voice_sipapp.signalling.sip.endpoint import RefusedError
from voice_sipapp.signalling.sip.eventloop import Timer, later, now
from voice_sipapp.signalling.sip.leg import Leg, when_quiet
from voice_sipapp.signalling.sip.nexthop import NextHop
from voice_sipapp.signalling.station import Station
from voice_sipapp.signalling.times import Times

CLEAR_UP_MS = 2000
"""How long the receiver's leg may outlive the dialer's: its BYE or CANCEL is still on the way."""

SILENT_MS = 4000
"""How long a target may say nothing at all, not even that it tries, where there is another one to try: the INVITE was
repeated three times by then (RFC 3261, section 17.1.1.2).
"""

log = logging.getLogger(__name__)


class Call:
    """A call of `probe` that plays `audio`; `on_over` is called once, when both legs are at their end, and `on_moved`
    when the call must be dialled anew, to another `target`.
    """

    def __init__(
        self,
        station: Station,
        probe: Probe,
        audio: Audio,
        on_over: Callable[["Call"], None],
        on_moved: Callable[["Call"], None],
    ) -> None:
        self.station = station
        self.probe = probe
        self.times = Times(datetime.now(UTC), now())
        self.uuid: UUID = calluuid.new(self.times.started_at)
        self._audio = audio
        self._on_over = on_over
        self._on_moved = on_moved
        self.session = Session(station, probe, audio, self.uuid.int >> 96)
        self._digits = Digits(self.session.stream, probe, self._secret_digits, self.later, self._code_was_received)
        self.receiver_legs = ReceiverLegs(self._made_receiver, self.check_over, self._receiver_failed)
        self._leg: Leg | None = None
        self._timer: Timer | None = None
        self._attempts = Attempts(probe.destination)
        self._code: int | None = None
        self._reason: str | None = None
        self._cause: int | None = None
        self._cancelled = self._stopped = self._unusable = self._spoilt = self._dialer_over = self._reported = False
        self._misconfigured = False
        self._hangup_by = "none"

    # --- the dialer's side -------------------------------------------------------------------------------------

    @property
    def target(self) -> SipUri:
        """Where it goes now."""
        return self._attempts.target

    @property
    def redirects(self) -> int:
        """How often a 3xx answer was followed."""
        return self._attempts.targets.redirects

    @property
    def redirected(self) -> bool:
        """Whether it was dialled before, and sent elsewhere."""
        return self._attempts.targets.begun

    def start(self, *hops: NextHop) -> None:
        """Send the INVITE to the target by way of the first of `hops`; the others are addresses of the same host, which
        are tried where nothing comes back, or a 503.
        """
        if not self._dialer_over:  # stopped while the address was looked up
            self._attempts.found(hops)
            self._invite()

    def _invite(self) -> None:
        if self._dialer_over:
            return
        before, hop = self._leg, self._attempts.begin()
        if before is None:
            self.times.invite(now(), time.time_ns())
            self._timer = self.later(outcome.NO_ANSWER_MS + self.probe.answer_after_ms, self._give_up)
        header, number = self.station.key.header(self.uuid, *self.probe.key), self._attempts.number
        leg = Leg(self.station.dialer, self.safely(partial(self._event, number)), hop, self.session)
        leg.invite(self.probe.dialer, self.target, self.session.offer(), header, after=before)
        self._leg = leg
        if self._attempts.waits:
            self.later(SILENT_MS, partial(self._pass_by, number))

    def _pass_by(self, attempt: int) -> None:
        """Nothing came back from where the call could go; it may do better elsewhere."""
        if attempt == self._attempts.number and not self._dialer_over and self._leg and not self._leg.heard:
            self._attempts.abandon()
            self._leg.hang_up()
            self._goes(self._attempts.after(408, "No response"))

    def _goes(self, where: Goes | None) -> bool:
        """Whether the call goes on; then it does, after the ACK of what we just heard."""
        if where is Goes.HERE:
            self.later(0, self._invite)
        elif where is Goes.ELSEWHERE:
            self.later(0, lambda: None if self._dialer_over else self._on_moved(self))
        return where is not None

    def pass_over(self, reason: str, *, spoilt: bool = False, misconfigured: bool = False) -> None:
        """The target can't be called, for `reason` (see `fail`): go on with the next one, if there is any."""
        if self._dialer_over:
            return
        if self._goes(self._attempts.next_target()):
            self._attempts.targets.notes.append(reason)
        else:
            self.fail(reason, spoilt=spoilt, misconfigured=misconfigured)

    def fail(self, reason: str, *, spoilt: bool = False, misconfigured: bool = False) -> None:
        """End a call that can't go on, for `reason`; `spoilt`: this host is to blame, `misconfigured`: the plan is, or
        this host's settings. Otherwise it is the path.
        """
        if self._dialer_over:
            return
        self._reason, self._unusable = reason, True
        self._spoilt, self._misconfigured = spoilt, misconfigured
        self._hang_up("local")

    def abandon(self, reason: str) -> None:
        """End both sides of a call that should be over and is not, whatever state they are in."""
        self.fail(reason, spoilt=True)
        self.receiver_legs.hang_up()
        self.check_over()

    def safely(self, action: Callable[..., None]) -> Callable[..., None]:
        """`action`, an event of this call: what goes wrong in it ends the call, so that there is a record of it."""

        def guarded(*arguments: object) -> None:
            try:
                action(*arguments)
            except Exception as error:
                log.exception("call %s: an event could not be handled", self.uuid)
                self.fail(f"Error in the SIP application: {error!r}", spoilt=True)

        return guarded

    def later(self, delay_ms: float, action: Callable[[], None]) -> Timer:
        """Run `action`, an event of this call, after `delay_ms`."""
        return later(delay_ms / 1000, self.safely(action))

    def stop(self) -> None:
        """This process ends: hang up whatever there is."""
        self._stopped = True
        self._hang_up("local")
        self.receiver_legs.hang_up()

    def _event(self, attempt: int, event: events.Event) -> None:
        if self._dialer_over or attempt != self._attempts.number:
            return
        match event:
            case events.Progress():
                self._progress(event)
            case events.Answered():
                self._answered(event)
            case events.Redirected():
                self._refused(event)
                self._follow(event)
            case events.Rejected():
                self._refused(event)
                if self._goes(self._attempts.after(event.code, event.reason)):
                    return
                if self._leg and self._leg.refusal:
                    self.fail(f"The dialer can't log in: {self._leg.refusal}", misconfigured=True)
                else:
                    self._end_dialer()
            case events.HungUp():
                self._hangup_by = "local" if self._leg and (self._leg.expired or self._leg.lost) else "remote"
                self._cause = self._q850()
                self._end_dialer()

    def _progress(self, event: events.Progress) -> None:
        if self.times.progress is None:
            self.times.progress = event.at
        if not event.description:
            return
        try:
            self.session.listen(event.description)
        except sdp.SdpError as error:
            log.warning("call %s: early media can't be listened to: %s", self.uuid, error)

    def _refused(self, event: events.Rejected | events.Redirected) -> None:
        self._code, self._reason = event.code, event.reason or None
        self._cause = self._q850()
        self.times.final = event.at

    def _follow(self, event: events.Redirected) -> None:
        """Dial anew where a 3xx says, if that is possible."""
        if event.code in redirect.NOT_FOLLOWED:
            if not self._goes(self._attempts.after(event.code, event.reason)):
                self._end_dialer()
            return
        problem = self._attempts.targets.found(event.contacts, self.target)
        if not self._goes(self._attempts.next_target()):
            why = problem or self._attempts.targets.notes[-1]
            self.fail(f"{self._reason}: {why}" if self._reason else why)

    def _answered(self, event: events.Answered) -> None:
        self._code, self._reason = event.code, event.reason or None
        self.times.answered = self.times.final = event.at
        if self._timer is not None:
            self._timer.cancel()
        # Before anything that can go wrong: a call that is up always ends.
        self._timer = self.later(self.probe.duration_ms, lambda: self._hang_up("local"))
        try:
            self._agree(event)
        except sdp.SdpError as error:
            self.fail(str(error))
            return
        self._digits.start()

    def _agree(self, event: events.Answered) -> None:
        """Follow what the 200 says of the session. The first answer of its party holds (RFC 3261, section 13.2.1), but
        what the 200 says otherwise, which it must not, is where its sound is; unless that can't be used. Raises
        SdpError.
        """
        try:
            self.session.agree(event.description, settled=event.settled)
        except sdp.SdpError as error:
            if not (event.settled and self.session.agreed):
                raise
            log.warning("call %s: what the 200 describes can't be used, what came before can: %s", self.uuid, error)
            self.session.agree("", settled=True)

    def _give_up(self) -> None:
        self._cancelled = True
        self._reason = "No answer" if self.times.progress else "No response"
        self._cause = self._q850()
        self.times.final = now()
        self._hang_up("timeout")

    def _hang_up(self, by: str) -> None:
        if self._dialer_over:
            return
        self._hangup_by = by
        try:
            if self._leg is not None:
                self._leg.hang_up()
        except Exception:
            log.exception("call %s: the dialer's side could not be hung up properly", self.uuid)
        finally:
            self._end_dialer()

    def _end_dialer(self) -> None:
        self._dialer_over = True
        self._digits.stop()
        self.times.ended = now()
        if self._timer is not None:
            self._timer.cancel()
        self.session.end()
        if not self.receiver_legs.over:
            self.later(CLEAR_UP_MS, self.receiver_legs.hang_up)
        self.check_over()

    # --- both sides --------------------------------------------------------------------------------------------

    @property
    def receiver(self) -> Receiver | None:
        """The receiver's leg, as far as is known; None where none came back to this host."""
        return self.receiver_legs.receiver

    @property
    def _secret_digits(self) -> str:
        return self.station.key.code(self.uuid, *self.probe.key)

    def _code_was_received(self) -> bool:
        return self.receiver is not None and self.receiver.genuine and self.receiver.code == self._secret_digits

    def as_known(self) -> OwnCall:
        """What an INVITE is compared with."""
        legs = self.receiver_legs
        return OwnCall(self.uuid, self.probe, over=self._dialer_over, genuine=legs.genuine, presumed=legs.presumed)

    def take(self, *, source: str, genuine: bool, on_unsolicited: Callable[[], None]) -> Leg:
        """An INVITE for this call came back to us from `source`: the leg to handle it. Raises RefusedError without a
        free port.

        `genuine`: its header proves it; otherwise the leg is presumed to be, and where the probe asks for a code, it
        must be heard.
        """
        try:
            return self.receiver_legs.take(source, genuine=genuine, on_unsolicited=on_unsolicited).leg
        except OSError as error:
            self.fail(f"This host can't receive the call: {error}", spoilt=True)
            raise RefusedError(503, "Service Unavailable") from error

    def _made_receiver(self, genuine: bool, watch: Watch) -> Receiver:
        code = self._secret_digits if self.probe.confirm else None
        return Receiver(self.station, self.probe, self._audio, self.uuid, watch, proven=genuine, code=code)

    def _receiver_failed(self, error: Exception) -> None:
        self.fail(f"Error in the SIP application: {error!r}", spoilt=True)

    @property
    def _legs(self) -> dict[str, Leg]:
        legs = {"dialer": self._leg, "receiver": self.receiver.leg if self.receiver else None}
        return {name: leg for name, leg in legs.items() if leg is not None}

    def check_over(self) -> None:
        """Report the call once both legs are at their end."""
        if self._reported or not self._dialer_over or not self.receiver_legs.over:
            return
        self._reported = True
        when_quiet(list(self._legs.values()), lambda: self._on_over(self))

    def ladders(self) -> dict[str, str]:
        """The messages of each leg as JSON; "" where there were none."""
        return {name: leg.ladder.to_json(self.times.started_at) for name, leg in self._legs.items()}

    def record(self, request_id: int | None = None) -> CallRecord:
        """The call's record, without what only scoring can tell."""
        hop, stream = self._attempts.hop, self.session.stream
        here = self.station.address
        known = Dialled(
            times=self.times,
            ending=self._ending(),
            media=Media(
                audio_sha256=self._audio.sha256,
                encrypted=stream.encrypted,
                first_rtp_ns=stream.first_rtp_ns,
                early=stream.early > 0,
            ),
            where=Where(local=here, remote="{}:{}".format(*hop.address), transport=hop.transport) if hop else None,
            call_id=self._leg.call_id if self._leg else None,
            user_agent=self._leg.remote_agent if self._leg else None,
            reason=self._explained(),
            cause=self._cause,
            redirects=self.redirects,
            spoilt=self._spoilt or self.receiver_legs.ambiguous,
        )
        return callrecords.ended(self.uuid, self.probe, self.station.sip_host, known, request_id)

    def _explained(self) -> str | None:
        """The reason phrase, and what a reader must know besides."""
        told = hints.of_ending(
            self._ending(),
            self._leg,
            self.receiver,
            credential=self.probe.dialer_credentials,
            digits_refused=self._digits.refused,
            unreachable=self.station.unreachable.get(self.probe.key),
        )
        return outcome.explained(self._reason, [*self.receiver_legs.hints, *self._attempts.targets.notes, *told])

    def _ending(self) -> outcome.Ending:
        return outcome.Ending(
            code=self._code,
            answered=self.times.answered is not None,
            rang=self.times.progress is not None,
            cancelled=self._cancelled,
            stopped=self._stopped,
            unusable=self._unusable,
            misconfigured=self._misconfigured,
            hangup_by=self._hangup_by,
        )

    def _q850(self) -> int | None:
        """The cause that the far end gave for what it ended the call with."""
        return outcome.q850(self._leg.reasons) if self._leg else None
