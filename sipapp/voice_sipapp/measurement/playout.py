"""The jitter buffer of a listener: which packets come too late for it.

No listener's buffer is known, so one stands for all. It plays what comes up to 60 ms later than usual; what is usual it
knows from the sound of the last seconds, so it follows a path that becomes longer or shorter and a clock that is off.
It does not grow for a few that come late, but where much does it starts anew, as phones' do. Which packet was the first
of the call makes no difference.
"""

from bisect import bisect_left, insort
from collections import deque
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from voice_sipapp.measurement.skew import Floats, skew

JITTER_BUFFER_MS = 60
"""How much later than usual a packet may come and is still played."""

DEEPEST_MS = 300
"""How much later than usual at most, in a buffer that grew because much came late."""

MEMORY_MS = 2800.0
"""The sound that tells what is usual."""

ANEW_MS = 500.0
"""So much late sound within that makes a buffer start anew."""

_SHARE = ANEW_MS / MEMORY_MS
"""More than a sixth and less than a fifth, so that packets that take turns are clearly on one side."""

_RECENT_MS = 500.0
"""The sound that tells a buffer that starts anew what is usual now."""

Flags = NDArray[np.bool_]


def late(came_ms: Floats, sent_ms: Floats, length_ms: Floats, begins: Flags) -> Flags:
    """Which packets of sound come too late to be played; one entry a packet, in order of arrival.

    `came_ms` is the arrival of each from the first on, `sent_ms` its place in the sound by the sender's timestamps,
    `length_ms` the sound in it. `begins` are the first after a pause in which nothing was sent: there a buffer is empty
    and starts anew at no cost.
    """
    result = np.zeros(came_ms.size, bool)
    if not came_ms.size:
        return result
    transit = came_ms - sent_ms
    transit = transit - _own_length(transit, length_ms)
    transit = transit - skew(came_ms, transit) * came_ms
    if transit.max() - transit.min() <= JITTER_BUFFER_MS:
        return result
    copies = np.ones(came_ms.size, bool)
    copies[np.unique(sent_ms, return_index=True)[1]] = False
    lost_ms = _lost_before(sent_ms, length_ms)
    starts = np.union1d([0], np.flatnonzero(begins)).tolist()
    for start, stop in pairwise([*starts, came_ms.size]):
        own = slice(start, stop)
        if transit[own].max() - transit[own].min() > JITTER_BUFFER_MS:
            buffer = _Buffer()
            packets = zip(transit[own].tolist(), length_ms[own].tolist(), lost_ms[own].tolist(), copies[own].tolist(),
                          strict=True)  # fmt: skip
            result[own] = [buffer.copy_is_late(value) if copy else buffer.is_late(value, length, lost)
                           for value, length, lost, copy in packets]  # fmt: skip
    return result


def _lost_before(sent_ms: Floats, length_ms: Floats) -> Floats:
    """The sound that is missing before each packet, by the timestamps."""
    order = np.argsort(sent_ms, kind="stable")
    found = np.zeros(sent_ms.size)
    found[order[1:]] = np.maximum(np.diff(sent_ms[order]) - length_ms[order[:-1]], 0)
    return found


def _own_length(transit: Floats, length_ms: Floats) -> Floats:
    """What of the transit of each packet is its own length: all of it, for a packet leaves when the sound in it ends,
    and a longer one is no later for that; but none where a sender has its sound in a file and lets each packet leave
    when the one before ends. Which it is shows where the length changes.
    """
    changed = np.diff(length_ms)
    steps = np.diff(transit)[changed != 0]
    by_length = np.abs(steps - changed[changed != 0]).sum() <= np.abs(steps).sum()
    return length_ms if by_length else np.zeros(length_ms.size)


class _Buffer:
    """A buffer from the begin of a stretch of sound on; takes the transit of one packet after the other."""

    def __init__(self) -> None:
        self._usual = _Usual()
        self._recent = _Recent()
        self._late = _Late()
        self._grown: _Grown | None = None

    def copy_is_late(self, transit: float) -> bool:
        """Whether the second copy of a packet would come too late; the buffer learns nothing from it."""
        return not self._usual or transit > self._plays_ms()

    def is_late(self, transit: float, length: float, lost: float = 0.0) -> bool:
        """Whether this packet comes too late. `lost` is the sound that is missing before it."""
        is_late = bool(self._usual) and transit > self._plays_ms()
        self._recent.add(transit, length, is_late=is_late)
        if is_late:
            if not self._late.add(transit, self._usual, length, lost):
                return True
            self._start_anew(transit)
            return False
        self._late.pass_by(length)
        self._usual.add(transit, length)
        if self._grown and not self._grown.needed(transit - self._usual.level > JITTER_BUFFER_MS, length):
            self._grown = None
        return False

    def _plays_ms(self) -> float:
        """The longest transit that is played."""
        level = self._usual.level
        small = level + JITTER_BUFFER_MS
        return max(small, min(self._grown.point_ms, level + DEEPEST_MS)) if self._grown else small

    def _start_anew(self, transit: float) -> None:
        """As from a first packet, of this `transit`; what came just before tells what is usual now."""
        self._usual = _Usual()
        for value, length in self._recent.telling():
            self._usual.add(value, length)
        self._grown = _Grown(transit + JITTER_BUFFER_MS)
        self._late = _Late()


class _Recent:
    """The packets of the last `_RECENT_MS` of sound: transit, length, and whether it was late."""

    def __init__(self) -> None:
        self._packets: deque[tuple[float, float, bool]] = deque()
        self._held_ms, self._late_ms = 0.0, 0.0

    def add(self, transit: float, length: float, *, is_late: bool) -> None:
        """Take one more packet, and forget what is too old."""
        self._packets.append((transit, length, is_late))
        self._held_ms += length
        self._late_ms += length * is_late
        while self._held_ms - self._packets[0][1] >= _RECENT_MS:
            _, gone, was_late = self._packets.popleft()
            self._held_ms -= gone
            self._late_ms -= gone * was_late

    def telling(self) -> list[tuple[float, float]]:
        """Transit and length of those that tell what is usual now: where most were late, they alone."""
        alone = self._late_ms > self._held_ms / 2
        return [(transit, length) for transit, length, was_late in self._packets if was_late or not alone]


class _Usual:
    """The transits of the last `MEMORY_MS` of sound that was in time, and the usual one: the middle between the lower
    and the upper quartile, which jumps for no single packet, not even where packets go two ways.
    """

    def __init__(self) -> None:
        self.level, self.held_ms = 0.0, 0.0
        self._order: deque[tuple[float, float]] = deque()
        self._sorted: list[float] = []

    def __bool__(self) -> bool:
        return bool(self._sorted)

    def add(self, transit: float, length: float) -> None:
        """Take one more packet, and forget what is too old."""
        self._order.append((transit, length))
        self.held_ms += length
        insort(self._sorted, transit)
        while self.held_ms - self._order[0][1] >= MEMORY_MS:
            oldest, gone = self._order.popleft()
            self.held_ms -= gone
            del self._sorted[bisect_left(self._sorted, oldest)]
        quarter = len(self._sorted) // 4
        self.level = (self._sorted[quarter] + self._sorted[-1 - quarter]) / 2


class _Grown:
    """A buffer that plays what comes up to `point_ms` late, and is small again once it was not needed for a while."""

    def __init__(self, point_ms: float) -> None:
        self.point_ms = point_ms
        self._order: deque[tuple[float, float]] = deque()
        self._held_ms, self._needed_ms = 0.0, 0.0

    def needed(self, by_this: bool, length: float) -> bool:
        """Whether it still is, after one more packet, which a small one would have played or not."""
        need = length if by_this else 0.0
        self._order.append((length, need))
        self._held_ms += length
        self._needed_ms += need
        if self._held_ms < MEMORY_MS:
            return True
        while self._held_ms - self._order[0][0] >= MEMORY_MS:
            gone, need = self._order.popleft()
            self._held_ms -= gone
            self._needed_ms -= need
        return self._needed_ms >= ANEW_MS


class _Late:
    """The late sound of late: whether it is so much that a buffer starts anew.

    That is `ANEW_MS`, or as much as was in time where that is less; and where a path stalled, as much as the outage was
    long, for nothing was heard meanwhile, and no buffer holds so much.
    """

    def __init__(self) -> None:
        self._at_ms, self._late_ms = 0.0, 0.0
        self._late: deque[tuple[float, float]] = deque()
        self._outage_ms, self._before_ms = 0.0, 0.0

    def pass_by(self, length: float) -> None:
        """A packet that was in time."""
        self._at_ms += length
        self._before_ms = 0.0

    def add(self, transit: float, known: _Usual, length: float, lost: float) -> bool:
        """A late packet, by what is `known` of those in time: whether a buffer starts anew with it. What was `lost`
        between it and another late one would have been late.
        """
        length += lost if self._before_ms else 0.0
        # Only what two in a row say of an outage, after more than one: one may have a wrong timestamp.
        rise_ms = transit - known.level
        self._outage_ms = max(self._outage_ms, min(rise_ms, self._before_ms))
        self._before_ms = rise_ms
        cost_ms = max(min(ANEW_MS, known.held_ms), self._outage_ms if known.held_ms > length else 0.0)
        if self._late_ms >= cost_ms:
            return True
        self._at_ms += length
        self._late.append((self._at_ms, length))
        self._late_ms += length
        while self._late[0][0] <= self._at_ms - cost_ms / _SHARE:
            self._late_ms -= self._late.popleft()[1]
        if len(self._late) == 1:
            self._outage_ms = 0.0
        return False
