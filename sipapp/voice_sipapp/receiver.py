"""The receiver's leg of a call: the agent who answers. Runs in the SIP stack's thread."""

import logging
from typing import TYPE_CHECKING, Any

from voice_sipapp import sdp, stack

if TYPE_CHECKING:
    from voice_sipapp.call import Call

OVERSTAY_MS = 15_000
"""How long past the call's duration an answered receiver waits for the dialer's BYE before it hangs up itself."""

log = logging.getLogger(__name__)


class Receiver:
    """The party that is called: rings, answers after the probe's delay, plays, listens until it is hung up on."""

    def __init__(self, call: "Call") -> None:
        self._call = call
        self._offer = ""
        self.leg = stack.Leg(call.station.receiver, call.safely(self._event))
        self.over = False

    def _event(self, event: Any, agent: Any) -> None:  # noqa: ANN401
        kind = type(event).__name__
        if kind == "CCEventTry":
            self._offer = str(event.getData()[3] or "")
            self.leg.ring()
            self._call.later(self._call.probe.answer_after_ms, self._answer)
        elif kind == "CCEventUpdate":
            self.leg.answer(self._call.answer_again(self._call.receiver_stream, str(event.getData() or "")))
        elif kind in ("CCEventDisconnect", "CCEventFail"):
            self._end()

    def _answer(self) -> None:
        if self.over:
            return
        # Before anything that can go wrong: a call that is up always ends.
        self._call.later(self._call.probe.duration_ms + OVERSTAY_MS, self.hang_up)
        stream = self._call.receiver_stream
        try:
            remote = sdp.choose(self._offer, self._call.probe.codecs, self._call.station.address)
        except sdp.SdpError as error:
            log.warning("call %s: the offer that reached the receiver can't be used: %s", self._call.uuid, error)
            self.leg.refuse(488, "Not Acceptable Here")
            self._end()
            return
        self.leg.answer(self._call.describe(stream, [remote.codec]))
        self._call.play(stream, remote)

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
            self._call.station.engine.end(self._call.receiver_stream)
            self._call.check_over()
