"""The receiver's leg of a call: the agent who answers. Runs in the SIP stack's thread.

It belongs to a call of this host, or stands alone where the dialer is another host.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from voice_sipapp.media import sdp
from voice_sipapp.media.audio import Audio
from voice_sipapp.plan.probe import Probe
from voice_sipapp.records import calluuid
from voice_sipapp.signalling import stack
from voice_sipapp.signalling.session import Session
from voice_sipapp.signalling.station import Station

OVERSTAY_MS = 15_000
"""How long past the call's duration an answered receiver waits for the dialer's BYE before it hangs up itself."""

CONFIRM_MS = 6000
"""How long after the answer a call that only its code can confirm may take to send it, besides the time for the
probe's own digits: long enough for two of the dialer's tries."""

LISTEN_MS = 200
"""How often it is looked whether the code has come."""

ANY_CODE = "?"
"""In place of a code: some code must be heard, of a call of which nothing else is known."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Watch:
    """Who is told about a receiver: once when it has `answered` and once when it is `over`, and of every `fault`, an
    error of this application.
    """

    over: Callable[["Receiver"], None]
    fault: Callable[[Exception], None]
    answered: Callable[["Receiver"], None] = lambda _: None


class Receiver:
    """The party that is called: rings, answers after the probe's delay, plays, listens until it is hung up on.

    `uuid` names the call, where that is known. `code`: the digits that must be heard, or the call was not ours; None
    where that is sure. Making it raises PortsExhaustedError.
    """

    def __init__(
        self, station: Station, probe: Probe, audio: Audio, uuid: UUID, watch: Watch, code: str | None = None
    ) -> None:
        self.probe = probe
        self.uuid = uuid
        self.audio = audio
        self.invited_at = datetime.now(UTC)
        self.answered = False
        self.over = False
        self.session = Session(station, probe, audio, uuid.int >> 96)
        self.leg = stack.Leg(station.receiver, self._safely(self._event), media=self.session)
        self._watch = watch
        self._offer = ""
        self._code = code

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
        stack.later(delay_ms / 1000, self._safely(action))

    def _event(self, event: Any, agent: Any) -> None:  # noqa: ANN401
        kind = type(event).__name__
        if kind == "CCEventTry":
            self._offer = str(event.getData()[3] or "")
            self.leg.ring()
            self._later(self.probe.answer_after_ms, self._answer)
        elif kind in ("CCEventDisconnect", "CCEventFail"):
            self._end()

    def _answer(self) -> None:
        if self.over:
            return
        # Before anything that can go wrong: a call that is up always ends.
        self._later(self.probe.duration_ms + OVERSTAY_MS, self.hang_up)
        try:
            answer = self.session.answer(self._offer)
        except sdp.SdpError as error:
            log.warning("call %s: the offer that reached the receiver can't be used: %s", self.uuid, error)
            self.leg.refuse(488, "Not Acceptable Here")
            self._end()
            return
        self.answered = True
        self.leg.answer(answer)
        self.session.play()
        self._watch.answered(self)
        if self.probe.confirm:
            self._later(LISTEN_MS, self._listen)
        if self._code is not None:
            self._later(CONFIRM_MS + self.probe.last_digits_ms, self._check_code)

    @property
    def code(self) -> str | None:
        """The call's code as it was heard, where the probe has it sent."""
        return calluuid.heard(self.session.stream.digits) if self.probe.confirm else None

    @property
    def genuine(self) -> bool:
        """Whether it was our call, as far as is known."""
        return self._code is None or self.code == self._code or (self._code == ANY_CODE and self.code is not None)

    def _listen(self) -> None:
        """Tell the dialer, which may be on another host, once its code was heard: until then it presses it again."""
        if self.over:
            return
        if self.code is None:
            self._later(LISTEN_MS, self._listen)
        else:
            self.session.stream.press(calluuid.HEARD)

    def _check_code(self) -> None:
        if not self.over and not self.genuine:
            log.warning("call %s: its code was not heard, so it was a stranger's", self.uuid)
            self.hang_up()

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
            self.over = True
            self.session.end()
            self._watch.over(self)
