"""A call second by second: what the chart of a call is drawn from, and where it was at its worst."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

LARGEST = 65_535
"""The last second that is told apart (18 hours): of anything later, timestamps that make no sense are to blame."""


@dataclass(frozen=True)
class Second:
    """One second of one direction, counted from the first packet: packets whose sound belongs to it.

    `missing` says of each of them, in order, whether it could not be played; `jitter_ms` is the highest interarrival
    jitter at those that came, None where none did. `whole`: the stream lasted to the end of this second.
    """

    number: int
    expected: int
    lost: int
    discarded: int
    jitter_ms: float | None
    missing: tuple[bool, ...]
    whole: bool


def of_packets(numbers: Ints, timestamps: Ints, expected: int, ptime_ms: int, clock_hz: int) -> Ints:
    """For each of `expected` packets the second that its sound belongs to, whether it came or not.

    `numbers` (from 0, ascending) and `timestamps` are of the packets of sound that came; what is between is in
    between. Timestamps that tell of much less or more than the sound that the packets hold aren't believed; a pause
    in which nothing is sent (RFC 3551, section 4.1) may stretch it.
    """
    at = np.arange(expected)
    packets_s = at * ptime_ms / 1000
    if numbers.size < 2:
        return np.minimum(packets_s.astype(np.int64), LARGEST)
    ticks = np.interp(at, numbers, timestamps - timestamps[0])
    # Before the first and after the last packet of sound nothing is known but the length of a packet.
    step = ptime_ms * clock_hz / 1000
    ticks += np.minimum(at - numbers[0], 0) * step + np.maximum(at - numbers[-1], 0) * step
    heard_s = (ticks - ticks[0]) / clock_hz
    believed = bool((np.diff(ticks) >= 0).all()) and heard_s[-1] >= packets_s[-1] / 2
    return np.minimum((heard_s if believed else packets_s).astype(np.int64), LARGEST)


def split(second_of: Ints, came: NDArray[np.bool_], late: NDArray[np.bool_], missing: NDArray[np.bool_],
          jitter: tuple[Ints, NDArray[np.float64]], end_s: float) -> tuple[Second, ...]:  # fmt: skip
    """The seconds of a stream of which `second_of` tells where each packet belongs, one that has none left out.

    Of each packet: whether it `came` at all, came too `late` to be played, was `missing` to the listener. `jitter` is
    the positions of packets that came and the jitter at each; the sound ends at `end_s`.
    """
    peaks = np.full(int(second_of.max()) + 1 if second_of.size else 0, -1.0)
    np.maximum.at(peaks, second_of[jitter[0]], jitter[1])
    starts = np.flatnonzero(np.diff(second_of, prepend=-1))
    result = []
    for first, stop in zip(starts, np.append(starts[1:], second_of.size), strict=True):
        number = int(second_of[first])
        result.append(
            Second(
                number=number,
                expected=int(stop - first),
                lost=int((~came[first:stop]).sum()),
                discarded=int(late[first:stop].sum()),
                jitter_ms=float(peaks[number]) if peaks[number] >= 0 else None,
                missing=tuple(missing[first:stop].tolist()),
                whole=number + 1 <= end_s,
            )
        )
    return tuple(result)


def levels(second_of: Ints, heard: Sequence[bool], powers: NDArray[np.float64]) -> dict[int, float]:
    """Mean power of each second's sound. `heard` says which packets were sound to the listener, received or made up;
    `powers` is the mean power of each of those, in order.
    """
    where = second_of[np.asarray(heard, bool)][: powers.size]
    if not where.size:
        return {}
    sums, counts = np.bincount(where, powers[: where.size]), np.bincount(where)
    return {int(number): float(sums[number] / counts[number]) for number in np.flatnonzero(counts)}
