"""How fast the clock of a far end runs against ours: crystals differ by some parts in a million, bad gateways by a
thousand and more, and what that adds up to in a long call is no delay of the path.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LARGEST = 0.003
"""More is no clock that is off, but a path that becomes longer or shorter, or a queue that drains."""

_CLEARLY_MORE = 1.1 * LARGEST
"""By no error of the estimate."""

_BLOCK_MS = 1000.0
_LAGS = (10, 15, 20, 25, 30)
"""Blocks apart that are compared: far enough for a crystal to show, near enough for a change to touch few."""

_FEWEST_BLOCKS = 20
"""In a shorter stream not even the largest skew fills the listener's buffer."""


def skew(came_ms: Floats, transit_ms: Floats) -> float:
    """By how many ms the transit grows in each ms, of packets that came at `came_ms` (in order of arrival, from 0 on)
    with `transit_ms` between their timestamps and that; positive where the far end's clock is slow. 0 where the stream
    is too short to tell, or for it to matter.

    The median slope (Theil and Sen) of the least transit of each second, which jitter touches least. A step or a stall
    touches only the pairs of seconds on both sides of it.
    """
    if not came_ms.size or came_ms[-1] < _FEWEST_BLOCKS * _BLOCK_MS:
        return 0.0
    blocks = (came_ms / _BLOCK_MS).astype(np.int64)
    starts = np.flatnonzero(np.diff(blocks, prepend=-1))
    lows = np.minimum.reduceat(transit_ms, starts)
    slopes = [_slopes(blocks[starts], lows, lag) for lag in _LAGS]
    found = np.concatenate(slopes)
    slope = float(np.median(found)) if found.size else 0.0
    return float(np.clip(slope, -LARGEST, LARGEST)) if abs(slope) < _CLEARLY_MORE else 0.0


def _slopes(blocks: NDArray[np.int64], lows: Floats, lag: int) -> Floats:
    """The slope from each block to the one `lag` later, where there is one."""
    later = np.searchsorted(blocks, blocks + lag)
    there = np.flatnonzero(later < blocks.size)
    there = there[blocks[later[there]] == blocks[there] + lag]
    slopes: Floats = (lows[later[there]] - lows[there]) / (lag * _BLOCK_MS)
    return slopes
