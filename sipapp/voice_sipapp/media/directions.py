"""Who was to send in a call, and when: the directions that each pair of offer and answer agreed on (RFC 3264).

Pure. Times are those of the wall clock in ns, which stamps arrivals too.
"""

from collections.abc import Iterable
from ipaddress import ip_address
from itertools import pairwise

from voice_sipapp.media import sdp

Span = tuple[int, int]
"""From when until before when."""


class Directions:
    """The directions in force over one leg's life. `agreed` tells each new pair, in their order."""

    def __init__(self) -> None:
        self._changes: list[tuple[int, bool, bool]] = []
        """From when on, whether the far end sends, whether it receives."""

    def agreed(self, remote: sdp.Remote, at_ns: int) -> None:
        """From `at_ns` on the far end is as `remote` describes it."""
        present = not ip_address(remote.address).is_unspecified
        directions = present and remote.sends, present and remote.receives
        if not self._changes or self._changes[-1][1:] != directions:
            self._changes.append((at_ns, *directions))

    def not_sending(self, until_ns: int) -> tuple[Span, ...]:
        """When we were not to send, up to `until_ns`."""
        return _spans(((at_ns, receives) for at_ns, _, receives in self._changes), until_ns)

    def not_due(self, until_ns: int, answered_ns: int | None) -> tuple[Span, ...]:
        """When the far end did not have to send, up to `until_ns`.

        One that only sends holds the call if sound went both ways since the answer: it may play music then, and often
        is mute (RFC 3264, section 8.4). One that only sends from the answer on announces something.
        """
        due: list[tuple[int, bool]] = []
        both_ways = False
        for (at_ns, sends, receives), (end, *_) in pairwise([*self._changes, (until_ns, False, False)]):
            due.append((at_ns, sends and (receives or not both_ways)))
            both_ways |= sends and receives and end > max(at_ns, answered_ns or 0)
        return _spans(due, until_ns)


def _spans(changes: Iterable[tuple[int, bool]], until_ns: int) -> tuple[Span, ...]:
    """The spans of `changes` in which the answer is no."""
    return tuple(
        (begin, end) for (begin, yes), (end, _) in pairwise([*changes, (until_ns, True)]) if not yes and begin < end
    )
