"""When a far end was to send: the directions in force from the answer to the end, as the signalling knows them.

What counts as lost follows from what was due. A far end that was on hold, or had put us on hold, owed nothing meanwhile
(RFC 3264, section 8.4; 0.0.0.0: RFC 2543), whatever its numbers and timestamps did.
"""

from collections.abc import Iterable
from dataclasses import dataclass

Span = tuple[int, int]
"""From when until before when, in ns of the wall clock."""


@dataclass(frozen=True)
class Due:
    """When the far end of one listener was to send sound, in ns of the wall clock, which stamps arrivals too.

    `answered_ns` is when the call was answered (None: not known), `until_ns` when its listener hung up (None: not
    known, so that nothing is said of what did not come at the end). `held` are half-open spans in which nothing was
    due: the far end said that it does not send (sendonly from us, inactive, 0.0.0.0), or we did not ask for its sound.
    The last may reach to the end and beyond.
    """

    answered_ns: int | None = None
    until_ns: int | None = None
    held: tuple[Span, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "held", joined(self.held))

    def at(self, when_ns: int) -> bool:
        """Whether sound was due at that moment."""
        return not any(begin <= when_ns < end for begin, end in self.held)

    def ns(self, begin_ns: int, end_ns: int) -> int:
        """How much of the time from `begin_ns` to `end_ns` sound was due in."""
        held = sum(max(0, min(end, end_ns) - max(begin, begin_ns)) for begin, end in self.held)
        return max(0, end_ns - begin_ns) - held


def joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """`spans` in order, those that touch or overlap made one, empty ones left out."""
    result: list[Span] = []
    for begin, end in sorted(span for span in spans if span[0] < span[1]):
        if result and begin <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((begin, end))
    return tuple(result)


ALWAYS = Due()
"""Of a call of which only its packets are known."""
