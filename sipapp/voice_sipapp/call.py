"""One synthetic call: the dialer's leg, and what is known of both legs when it is over.

Everything here runs in the SIP stack's thread.
"""

import logging
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

from voice_sipapp import calluuid, outcome, sdp, stack
from voice_sipapp.audio import Audio
from voice_sipapp.cdr import CallRecord
from voice_sipapp.probe import Probe
from voice_sipapp.receiver import Receiver, Watch
from voice_sipapp.session import Session
from voice_sipapp.station import Station, Times

CLEAR_UP_MS = 2000
"""How long the receiver's leg may outlive the dialer's: its BYE or CANCEL is still on the way."""

log = logging.getLogger(__name__)


class Call:
    """A call of `probe` that plays `audio`; `on_over` is called once, when both legs are at their end."""

    def __init__(self, station: Station, probe: Probe, audio: Audio, on_over: Callable[["Call"], None]) -> None:
        self.station = station
        self.probe = probe
        self.times = Times()
        self.uuid: UUID = calluuid.new(self.times.started_at)
        self._audio = audio
        self._on_over = on_over
        self.session = Session(station, probe, audio, self.uuid.int >> 96)
        self.receiver: Receiver | None = None
        self._leg: stack.Leg | None = None
        self._timer: Any = None
        self._next_hop = ("", 0)
        self._invited = False
        self._code: int | None = None
        self._reason: str | None = None
        self._cause: int | None = None
        self._cancelled = self._stopped = self._unusable = self._spoilt = self._dialer_over = self._reported = False
        self._hangup_by = "none"

    # --- the dialer's side -------------------------------------------------------------------------------------

    def start(self, next_hop: tuple[str, int]) -> None:
        """Send the INVITE to `next_hop`: an IPv6 literal in brackets or an IPv4 literal, and a port."""
        if self._dialer_over:
            return  # stopped while the address was looked up
        self._next_hop = next_hop
        self.times.invite()
        self._timer = self.later(outcome.NO_ANSWER_MS + self.probe.answer_after_ms, self._give_up)
        self._leg = stack.Leg(self.station.dialer, self.safely(self._event), next_hop)
        self._leg.invite(self.probe.dialer, self.probe.destination, self.session.offer(), str(self.uuid))
        self._invited = True

    def fail(self, reason: str, *, spoilt: bool = False) -> None:
        """End a call that can't go on, for `reason`; `spoilt`: this host is to blame, and the path is not."""
        if self._dialer_over:
            return
        self._reason, self._unusable, self._spoilt = reason, True, spoilt
        self._hang_up("local")

    def abandon(self, reason: str) -> None:
        """End both sides of a call that should be over and is not, whatever state they are in."""
        self.fail(reason, spoilt=True)
        if self.receiver is not None:
            self.receiver.hang_up()
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
        if self.receiver is not None:
            self.receiver.hang_up()

    def _event(self, event: Any, agent: Any) -> None:  # noqa: ANN401
        kind, data = type(event).__name__, event.getData()
        if self._dialer_over:
            return
        if kind == "CCEventRing" and data[0] > 100 and self.times.progress is None:
            self.times.progress = event.rtime.monot
        elif kind == "CCEventConnect":
            self._answered(data, event.rtime.monot)
        elif kind in ("CCEventFail", "CCEventRedirect"):
            self._code, self._reason = data[0], data[1]
            self._cause = _q850(event.reason_rfc3326)
            self._end_dialer()
        elif kind == "CCEventDisconnect":
            self._hangup_by = "remote"
            self._cause = _q850(event.reason_rfc3326)
            self._end_dialer()
        elif kind == "CCEventUpdate" and self._leg is not None:
            self._answer_again(self._leg, str(data or ""))

    def _answered(self, data: Any, moment: float) -> None:  # noqa: ANN401
        self._code, self._reason = data[0], data[1]
        self.times.answered = moment
        self._timer.cancel()
        # Before anything that can go wrong: a call that is up always ends.
        self._timer = self.later(self.probe.duration_ms, lambda: self._hang_up("local"))
        try:
            self.session.agree(str(data[2] or ""))
        except sdp.SdpError as error:
            self._unusable, self._reason = True, str(error)
            self._hang_up("local")

    def _answer_again(self, leg: stack.Leg, offer: str) -> None:
        try:
            leg.answer(self.session.answer_again(offer))
        except sdp.SdpError as error:
            log.warning("call %s: a new offer is not followed: %s", self.uuid, error)
            leg.refuse(488, "Not Acceptable Here")

    def _give_up(self) -> None:
        self._cancelled = True
        self._reason = "No answer" if self.times.progress else "No response"
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
        if self.receiver is not None and not self.receiver.over:
            self.later(CLEAR_UP_MS, self.receiver.hang_up)
        self.check_over()

    # --- both sides --------------------------------------------------------------------------------------------

    @property
    def reached(self) -> bool:
        """Whether it needs no receiver any more: its INVITE came back to us before, or the dialer's side is over."""
        return self._dialer_over or self.receiver is not None

    def take(self) -> stack.Leg:
        """The INVITE of this call came back to us: the leg to handle it. Raises RefusedError without a free port."""
        watch = Watch(over=lambda _: self.check_over(), fault=self._receiver_failed)
        try:
            self.receiver = Receiver(self.station, self.probe, self._audio, self.uuid, watch)
        except OSError as error:
            self.fail(f"This host can't receive the call: {error}", spoilt=True)
            raise stack.RefusedError(503, "Service Unavailable") from error
        return self.receiver.leg

    def _receiver_failed(self, error: Exception) -> None:
        self.fail(f"Error in the SIP application: {error!r}", spoilt=True)

    def check_over(self) -> None:
        """Report the call once both legs are at their end."""
        if self._reported or not self._dialer_over or (self.receiver is not None and not self.receiver.over):
            return
        self._reported = True
        for leg in (self._leg, self.receiver.leg if self.receiver else None):
            if leg is not None:
                leg.forget()
        self._on_over(self)

    def record(self) -> CallRecord:
        """The call's record, without what only scoring can tell."""
        times = self.times
        ending = self._ending()
        ended = times.ended or stack.now()
        return CallRecord(
            uuid=self.uuid,
            started_at=times.started_at,
            client=self.probe.client,
            probe=self.probe.probe,
            generation=self.probe.generation,
            sip_host=self.station.sip_host,
            call_id=self._leg.call_id if self._leg and self._invited else None,
            from_uri=self.probe.dialer.text,
            to_uri=self.probe.destination.text,
            local_address=self.station.address if self._invited else None,
            remote_address=f"{self._next_hop[0]}:{self._next_hop[1]}" if self._invited else None,
            transport="udp" if self._invited else None,
            progress_at=times.at(times.progress),
            answered_at=times.at(times.answered),
            ended_at=times.at(ended) or times.started_at,
            disposition=outcome.disposition(ending),
            sip_code=outcome.sip_code(ending),
            sip_reason=self._explained(),
            q850_cause=self._cause,
            pdd_ms=times.since_invite_ms(times.progress),
            setup_ms=times.since_invite_ms(times.answered),
            first_rtp_ms=self._first_rtp_ms(),
            duration_ms=0 if times.answered is None else max(0, round((ended - times.answered) * 1000)),
            hangup_by=outcome.hangup_by(ending),
            ua_remote=self._leg.remote_agent if self._leg else None,
            audio=self._audio.name,
            audio_sha256=self._audio.sha256,
            valid=not self._stopped and not self._spoilt,
        )

    def _explained(self) -> str | None:
        """The reason phrase, and what a reader must know besides: voice mail answers too, and is not our receiver."""
        if self.times.answered is not None and self.receiver is None and not self._unusable:
            return f"{self._reason} (answered elsewhere: the call did not reach this host's receiver)"
        return self._reason

    def _ending(self) -> outcome.Ending:
        return outcome.Ending(
            code=self._code,
            answered=self.times.answered is not None,
            rang=self.times.progress is not None,
            cancelled=self._cancelled,
            stopped=self._stopped,
            unusable=self._unusable,
            hangup_by=self._hangup_by,
        )

    def _first_rtp_ms(self) -> int | None:
        """From the INVITE to the first packet at the dialer, which early media may send before the answer."""
        if not self.session.stream.received:
            return None
        return max(0, (self.session.stream.received[0][0] - self.times.wall_ns) // 1_000_000)


def _q850(reason: object) -> int | None:
    """The Q.850 cause (1 … 127) in a Reason header (RFC 3326), if there is one."""
    found = re.search(r"Q\.850.*?cause\s*=\s*([0-9]{1,3})(?![0-9])", str(reason or ""), re.IGNORECASE)
    return int(found[1]) if found and 1 <= int(found[1]) <= 127 else None
