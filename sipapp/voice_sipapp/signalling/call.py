"""One synthetic call: the dialer's leg, and what is known of both legs when it is over.

Everything here runs in the SIP stack's thread.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from voice_sipapp.media import sdp
from voice_sipapp.media.audio import Audio
from voice_sipapp.plan.probe import Probe
from voice_sipapp.records import calluuid
from voice_sipapp.records.cdr import CallRecord
from voice_sipapp.signalling import outcome, redirect
from voice_sipapp.signalling.correlation import OwnCall
from voice_sipapp.signalling.receiver import Receiver, Watch
from voice_sipapp.signalling.receiverlegs import ReceiverLegs
from voice_sipapp.signalling.session import Session
from voice_sipapp.signalling.sip import events, stack
from voice_sipapp.signalling.station import Station, Times

CLEAR_UP_MS = 2000
"""How long the receiver's leg may outlive the dialer's: its BYE or CANCEL is still on the way."""

CODE_MS = 500
"""How long after the answer, and after the last of the probe's own digits, the call's code is pressed, where the probe
asks for it: a menu on the way must get its own digits alone."""

CODE_EVERY_MS, CODE_TRIES = 2500, 12
"""How often, and how many times at most, the code is pressed until the receiver has heard it: it may answer later than
whatever answered first."""

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
        self.target = probe.destination
        self.times = Times()
        self.uuid: UUID = calluuid.new(self.times.started_at)
        self._audio = audio
        self._on_over = on_over
        self._on_moved = on_moved
        self.session = Session(station, probe, audio, self.uuid.int >> 96)
        self.receiver_legs = ReceiverLegs(self._made_receiver, self.check_over, self._receiver_failed)
        self._leg: stack.Leg | None = None
        self._timer: Any = None
        self._way: stack.Way | None = None
        self._tried: list[str] = []
        self._code: int | None = None
        self._reason: str | None = None
        self._cause: int | None = None
        self._cancelled = self._stopped = self._unusable = self._spoilt = self._dialer_over = self._reported = False
        self._misconfigured = self._toneless = False
        self._hangup_by = "none"

    # --- the dialer's side -------------------------------------------------------------------------------------

    @property
    def redirects(self) -> int:
        """How many times the call was dialled anew."""
        return max(0, len(self._tried) - 1)

    @property
    def redirected(self) -> bool:
        """Whether it was dialled before, and sent elsewhere."""
        return bool(self._tried)

    def start(self, way: stack.Way) -> None:
        """Send the INVITE to the target on its `way`."""
        if self._dialer_over:
            return  # stopped while the address was looked up
        before, self._way = self._leg, way
        if before is None:
            self.times.invite()
            self._timer = self.later(outcome.NO_ANSWER_MS + self.probe.answer_after_ms, self._give_up)
        self._tried.append(self.target.text)
        header = self.station.key.header(self.uuid, *self.probe.key)
        leg = stack.Leg(self.station.dialer, self.safely(self._event), way, self.session)
        leg.invite(self.probe.dialer, self.target, self.session.offer(), header, after=before)
        self._leg = leg

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

    def later(self, delay_ms: float, action: Callable[[], None]) -> Any:  # noqa: ANN401 - the stack's timer, untyped
        """Run `action`, an event of this call, after `delay_ms`; what is returned has `cancel()`."""
        return stack.later(delay_ms / 1000, self.safely(action))

    def stop(self) -> None:
        """This process ends: hang up whatever there is."""
        self._stopped = True
        self._hang_up("local")
        self.receiver_legs.hang_up()

    def _event(self, event: events.Event) -> None:
        if self._dialer_over:
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
                if self._leg and self._leg.refusal:
                    self.fail(f"The dialer can't log in: {self._leg.refusal}", misconfigured=True)
                else:
                    self._end_dialer()
            case events.HungUp():
                self._hangup_by = "local" if self._leg and self._leg.expired else "remote"
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
        self._code, self._reason = event.code, event.reason
        self._cause = self._q850()
        self.times.final = event.at

    def _follow(self, event: events.Redirected) -> None:
        """Dial anew where a 3xx says, if that is possible."""
        if event.code not in redirect.FOLLOWED:
            self._end_dialer()
            return
        try:
            self.target = redirect.following(event.contacts, self._tried)
            stack.check_uri(self.target)
        except ValueError as error:
            self.fail(f"{self._reason}: {error}")
            return
        self.later(0, lambda: self._on_moved(self))  # after the ACK of what we just heard

    def _answered(self, event: events.Answered) -> None:
        self._code, self._reason = event.code, event.reason
        self.times.answered = self.times.final = event.at
        self._timer.cancel()
        # Before anything that can go wrong: a call that is up always ends.
        self._timer = self.later(self.probe.duration_ms, lambda: self._hang_up("local"))
        try:
            self.session.agree(event.description)
        except sdp.SdpError as error:
            self.fail(str(error))
            return
        for step in self.probe.dtmf:
            self.later(step.after_ms, partial(self._press, step.digits))
        if self.probe.confirm:
            self.later(self.probe.last_digits_ms + CODE_MS, partial(self._confirm, CODE_TRIES))

    def _confirm(self, tries: int) -> None:
        """Press the call's code, unless the receiver has heard it: one of this host, or one that says so."""
        here = self.receiver is not None and self.receiver.genuine and self.receiver.code == self._secret_digits
        if self._dialer_over or tries == 0 or here or calluuid.HEARD in self.session.stream.digits:
            return
        self._press(calluuid.keys(self._secret_digits))
        self.later(CODE_EVERY_MS, partial(self._confirm, tries - 1))

    def _press(self, digits: str) -> None:
        if not self._dialer_over and not self.session.stream.press(digits):
            self._toneless = True

    def _give_up(self) -> None:
        self._cancelled = True
        self._reason = "No answer" if self.times.progress else "No response"
        self.times.final = stack.now()
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
        self.times.ended = stack.now()
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

    def as_known(self) -> OwnCall:
        """What an INVITE is compared with."""
        legs = self.receiver_legs
        return OwnCall(self.uuid, self.probe, over=self._dialer_over, genuine=legs.genuine, presumed=legs.presumed)

    def take(self, *, genuine: bool, on_unsolicited: Callable[[], None]) -> stack.Leg:
        """An INVITE for this call came back to us: the leg to handle it. Raises RefusedError without a free port.

        `genuine`: its header proves it; otherwise the leg is presumed to be, and where the probe asks for a code, it
        must be heard.
        """
        try:
            return self.receiver_legs.take(genuine=genuine, on_unsolicited=on_unsolicited).leg
        except OSError as error:
            self.fail(f"This host can't receive the call: {error}", spoilt=True)
            raise stack.RefusedError(503, "Service Unavailable") from error

    def _made_receiver(self, genuine: bool, watch: Watch) -> Receiver:
        code = self._secret_digits if self.probe.confirm else None
        return Receiver(self.station, self.probe, self._audio, self.uuid, watch, proven=genuine, code=code)

    def _receiver_failed(self, error: Exception) -> None:
        self.fail(f"Error in the SIP application: {error!r}", spoilt=True)

    @property
    def _legs(self) -> dict[str, stack.Leg]:
        legs = {"dialer": self._leg, "receiver": self.receiver.leg if self.receiver else None}
        return {name: leg for name, leg in legs.items() if leg is not None}

    def check_over(self) -> None:
        """Report the call once both legs are at their end."""
        if self._reported or not self._dialer_over or not self.receiver_legs.over:
            return
        self._reported = True
        stack.when_quiet(list(self._legs.values()), lambda: self._on_over(self))

    def ladders(self) -> dict[str, str]:
        """The messages of each leg as JSON; "" where there were none."""
        return {name: leg.ladder.to_json(self.times.started_at) for name, leg in self._legs.items()}

    def record(self) -> CallRecord:
        """The call's record, without what only scoring can tell."""
        times, way = self.times, self._way
        ending = self._ending()
        ended = times.ended or stack.now()
        return CallRecord(
            uuid=self.uuid,
            started_at=times.started_at,
            client=self.probe.client,
            probe=self.probe.probe,
            generation=self.probe.generation,
            sip_host=self.station.sip_host,
            call_id=self._leg.call_id if self._leg else None,
            from_uri=self.probe.dialer.text,
            to_uri=self.probe.destination.text,
            local_address=self.station.address if way else None,
            remote_address=f"{way.next_hop[0]}:{way.next_hop[1]}" if way else None,
            transport=way.transport if way else None,
            progress_at=times.at(times.progress),
            answered_at=times.at(times.answered),
            ended_at=times.at(ended) or times.started_at,
            disposition=outcome.disposition(ending),
            sip_code=outcome.sip_code(ending),
            sip_reason=self._explained(),
            q850_cause=self._cause,
            pdd_ms=times.since_invite_ms(times.progress),
            ring_ms=times.ring_ms,
            setup_ms=times.since_invite_ms(times.answered),
            first_rtp_ms=self._first_rtp_ms(),
            early_media=self._early_media(),
            srtp=self.session.stream.encrypted,
            redirects=self.redirects,
            duration_ms=0 if times.answered is None else max(0, round((ended - times.answered) * 1000)),
            hangup_by=outcome.hangup_by(ending),
            ua_remote=self._leg.remote_agent if self._leg else None,
            audio=self._audio.name,
            audio_sha256=self._audio.sha256,
            valid=not (self._stopped or self._spoilt or self.receiver_legs.ambiguous),
        )

    def _explained(self) -> str | None:
        """The reason phrase, and what a reader must know besides: voice mail answers too, and is not our receiver."""
        hints = self.receiver_legs.hints
        if self._unusable:
            return f"{self._reason} ({'; '.join(hints)})" if hints else self._reason
        if self.times.answered is not None and self.receiver is None:
            hints.append("answered elsewhere: the call did not reach this host's receiver")
        elif hint := outcome.hint(self._code, self.probe.dialer_credentials):
            hints.append(hint)
        elif self._leg and not self._cancelled:
            hints.extend(self._leg.hints)
        if self._leg and self._leg.expired:
            hints.append("the session was not refreshed in time (RFC 4028)")
        if self._leg and self._leg.refusal:
            hints.append(f"within the call it asked for a password: {self._leg.refusal}")
        if self._toneless:
            hints.append("the far side takes no DTMF (RFC 4733)")
        if self.receiver is None and (trouble := self.station.unreachable.get(self.probe.key)):
            hints.append(trouble)
        return f"{self._reason} ({'; '.join(hints)})" if hints else self._reason

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

    def _first_rtp_ms(self) -> int | None:
        """From the INVITE to the first packet at the dialer, which early media may send before the answer."""
        first_ns = self.session.stream.first_rtp_ns
        return None if first_ns is None else max(0, (first_ns - self.times.wall_ns) // 1_000_000)

    def _early_media(self) -> bool:
        stream = self.session.stream
        return stream.early > 0 or (self.times.answered is None and stream.first_rtp_ns is not None)

    def _q850(self) -> int | None:
        """The cause that the far end gave for what it ended the call with."""
        return outcome.q850(self._leg.reasons) if self._leg else None
