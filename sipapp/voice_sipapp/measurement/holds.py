"""Due time: the time of a call without its holds. What counts as lost, as a pause, as an outage is measured in it.

Nothing was due while the far end held the call, or had to be mute (RFC 3264, section 8.4), whatever its numbers and
timestamps did meanwhile: it may stop them, count on, or come back as another source.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voice_sipapp.measurement.due import Due

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

UNDER_WAY_MS = 200.0
"""What comes so shortly before or after a hold begins or ends was under way: signalling and media go their own ways."""

RESUMES_MS = 500.0
"""How soon after the end of a hold a far end has to sound again, and may have stopped before it: a round trip, and what
both ends take to think. More is an outage."""


@dataclass(frozen=True)
class DueTime:
    """The moments at which holds begin and end, in ms from a moment of the wall clock, and how much time had been due
    by each.
    """

    edges: Floats
    due: Floats

    def by(self, at_ms: Floats) -> Floats:
        """How much time was due up to each moment; before the moment that all count from it is negative."""
        if not self.edges.size:
            return at_ms
        inside: Floats = np.interp(at_ms, self.edges, self.due)
        before, after = np.minimum(at_ms - self.edges[0], 0), np.maximum(at_ms - self.edges[-1], 0)
        found: Floats = inside + before + after
        return found

    def when(self, due_ms: Floats) -> Floats:
        """The moment by which so much time was due: the last such one, where it was on hold."""
        if not self.edges.size:
            return due_ms
        # Of a hold's two edges, which have the same time, np.interp meets the later one.
        later: Floats = np.interp(due_ms, self.due, self.edges)
        before, after = np.minimum(due_ms - self.due[0], 0), np.maximum(due_ms - self.due[-1], 0)
        found: Floats = later + before + after
        return found

    def held(self, at_ms: Floats, source: Ints) -> Bools:
        """What came at these moments, in their order, while nothing was due. What came shortly before or after a hold
        began or ended was under way: it is of the call if it is of the source that sounded until then or that sounds
        from then on, and else of the hold (music has a source of its own).
        """
        held = np.zeros(at_ms.shape, bool)
        for begin, end in zip(self.edges[::2].tolist(), self.edges[1::2].tolist(), strict=True):
            edges = (begin - UNDER_WAY_MS, min(begin + UNDER_WAY_MS, end), max(begin, end - UNDER_WAY_MS))
            first, early, late, stop = np.searchsorted(at_ms, (*edges, end + UNDER_WAY_MS)).tolist()
            before, after = source[first - 1 : first], source[stop : stop + 1]
            within = (begin <= at_ms) & (at_ms < end)
            held[early:late] = True
            held[first:early] |= source[first:early] != before if before.size else within[first:early]
            # Music that is still under way when its hold is over, and nothing follows.
            after = after if after.size else before
            held[late:stop] |= source[late:stop] != after if after.size else held[late - 1 : late].any()
        return held

    def before_hold(self, from_ms: Floats) -> Floats:
        """How much time was due from each moment to the next hold's begin; none within a hold."""
        next_edge = np.searchsorted(self.edges, from_ms, side="right")
        begins = self.edges[np.minimum(next_edge, self.edges.size - 1)] - from_ms
        return np.where(next_edge % 2 == 0, np.maximum(begins, 0), 0.0)


def due_time(due: Due, base_ns: int) -> DueTime:
    """Of `due`, in ms from `base_ns`."""
    edges = np.array([edge - base_ns for span in due.held for edge in span], np.float64) / 1e6
    if not edges.size:
        return DueTime(edges, edges)
    held = np.cumsum(edges[1::2] - edges[::2])
    return DueTime(edges, edges - np.repeat(np.concatenate(([0.0], held)), 2)[1:-1])
