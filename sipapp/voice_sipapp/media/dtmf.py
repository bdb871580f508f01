"""Digits as named events in the media (DTMF, RFC 4733): what is sent for them, and what was heard. Pure."""

import struct
from dataclasses import dataclass, field

DIGITS = "0123456789*#ABCD"
"""The digits in the order of their event codes (RFC 4733, section 3.2, table 3)."""

TONE_PACKETS = 5
"""A digit lasts 100 ms: packets at 20 ms, the last of them says that it has ended."""

END_PACKETS = 3
"""The end is said three times, lest a loss make the digit endless (section 2.5.1.4)."""

PAUSE_PACKETS = 5
"""100 ms between digits, those included that repeat the end."""

_EVENT = struct.Struct("!BBH")
_END = 0x80
_POWER = 10
"""Level of the tone in −dBm0."""


@dataclass(frozen=True)
class Step:
    """What a digit sends in one packet time. `since` is how many packet times ago the event began: its packets all
    carry the timestamp of its start. Where `payload` is None, nothing of the digit is left and sound is sent.
    """

    payload: bytes | None
    since: int = 0

    @property
    def first(self) -> bool:
        """Whether it begins the event: then the packet carries the marker (section 2.5.1.1)."""
        return self.payload is not None and self.since == 0


def steps(digits: str, ticks: int) -> list[Step]:
    """The packet times that it takes to send `digits`; `ticks` is one packet time on the clock of the events.

    Raises ValueError for what is no digit.
    """
    if wrong := set(digits.upper()) - set(DIGITS):
        raise ValueError(f"no DTMF digit: {', '.join(sorted(wrong))}")
    made: list[Step] = []
    for digit in digits.upper():
        code = DIGITS.index(digit)
        made += [Step(_EVENT.pack(code, _POWER, (at + 1) * ticks), at) for at in range(TONE_PACKETS - 1)]
        end = _EVENT.pack(code, _END | _POWER, TONE_PACKETS * ticks)
        made += [Step(end, at) for at in range(TONE_PACKETS - 1, TONE_PACKETS - 1 + END_PACKETS)]
        made += [Step(None)] * (PAUSE_PACKETS - END_PACKETS + 1)
    return made


@dataclass
class Heard:
    """The digits that came so far. A digit counts once, at the first of its packets that is not lost: all of them
    carry the same timestamp.
    """

    digits: str = ""
    _events: set[tuple[int, int]] = field(default_factory=set)

    def packet(self, payload: bytes, timestamp: int, ssrc: int) -> None:
        """Take in the `payload` of one packet of events; what is no digit (a hook flash, nonsense) is passed over."""
        if len(payload) < _EVENT.size or payload[0] >= len(DIGITS) or (ssrc, timestamp) in self._events:
            return
        self._events.add((ssrc, timestamp))
        self.digits += DIGITS[payload[0]]
