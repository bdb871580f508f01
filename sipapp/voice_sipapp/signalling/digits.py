"""The digits that a call sends (DTMF, RFC 4733): the probe's own, and the code that its receiver knows it by; and how
those came that were received.

Runs in the event loop's thread.
"""

from collections.abc import Callable
from functools import partial

from voice_sipapp.media.stream import Stream
from voice_sipapp.plan.probe import Probe
from voice_sipapp.records import calluuid

CODE_MS = 500
"""How long after the answer, and after the last of the probe's own digits, the call's code is sent, where the probe
asks for it: a menu on the way must get its own digits alone."""

CODE_EVERY_MS, CODE_TRIES = 2500, 12
"""How often, and how many times at most, the code is sent until the receiver has heard it: it may answer later than
whatever answered first."""


def came(stream: Stream) -> str | None:
    """How digits came in `stream`, for people, where that is not with the sound alone; None otherwise."""
    if not stream.told_digits:
        return None
    return "digits came by SIP INFO" + (" and with the sound (RFC 4733)" if stream.heard_digits else "")


class Digits:
    """Those of one call of `probe`, in its `stream`. `later` runs an action of the call after so many ms; `received`
    tells whether a receiver of this host has heard the `code`.
    """

    def __init__(
        self,
        stream: Stream,
        probe: Probe,
        code: str,
        later: Callable[[float, Callable[[], None]], object],
        received: Callable[[], bool],
    ) -> None:
        self.refused = False
        """Whether the far end takes no digits."""
        self._stream = stream
        self._probe = probe
        self._code = code
        self._later = later
        self._received = received
        self._over = False

    def start(self) -> None:
        """The call was answered just now."""
        for step in self._probe.dtmf:
            self._later(step.after_ms, partial(self._send, step.digits))
        if self._probe.confirm:
            self._later(self._probe.last_digits_ms + CODE_MS, partial(self._send_code, CODE_TRIES))

    def stop(self) -> None:
        """The call is over."""
        self._over = True

    def _send(self, digits: str) -> None:
        if not self._over and not self._stream.press(digits):
            self.refused = True

    def _send_code(self, tries: int) -> None:
        """Send the code, unless the receiver has heard it: one of this host, or one that says so."""
        if self._over or tries == 0 or self._received() or calluuid.HEARD in self._stream.digits:
            return
        self._send(calluuid.keys(self._code))
        self._later(CODE_EVERY_MS, partial(self._send_code, tries - 1))
