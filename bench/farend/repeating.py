"""Messages over UDP that are sent again until somebody answers: a lost one must not leave a call up for ever."""

from __future__ import annotations

import time
from collections.abc import Callable

T1_S, T2_S = 0.5, 4.0
"""The estimate of a round trip, and the longest pause between two repeats (RFC 3261, section 17.1.1.1)."""

Send = Callable[[bytes, tuple[str, int]], None]
Later = Callable[[float, Callable[[], None]], None]


class Repeating:
    """Repeats requests until they are answered and final answers until their ACK (RFC 3261, sections 13.3.1.4, 17.1
    and 17.2.1): after T1, then after twice as long each time up to T2, for 64 T1.

    `later(due, action)` runs an action at a time of `clock`.
    """

    def __init__(self, send: Send, later: Later, clock: Callable[[], float] = time.monotonic) -> None:
        self._send, self._later, self._clock = send, later, clock
        self._open: set[str] = set()

    def begin(self, key: str, datagram: bytes, to: tuple[str, int]) -> None:
        """Send `datagram` now, and again until `end` is called with this `key`."""
        self._open.add(key)
        until = self._clock() + 64 * T1_S

        def again(pause: float) -> None:
            if key not in self._open or self._clock() > until:
                return
            self._send(datagram, to)
            self._later(self._clock() + pause, lambda: again(min(2 * pause, T2_S)))

        again(T1_S)

    def end(self, key: str) -> None:
        """What was begun with `key` is answered."""
        self._open.discard(key)
