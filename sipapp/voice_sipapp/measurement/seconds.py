"""A call second by second: what the chart of a call is drawn from, and where it was at its worst."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voice_sipapp.measurement.timeline import TimeLine

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LARGEST = 65_535
"""The last second that is told apart (18 hours): of anything later, timestamps that make no sense are to blame."""

WHOLE_MS = 900.0
"""With so much of it a second is as good as whole. The last one with less belongs to the second before it."""

RATED_MS = 500.0
"""Of less sound in a second nothing can be said: one packet that is missing would be an outage."""

_ROUNDING_MS = 0.5


@dataclass(frozen=True)
class Second:
    """One second of one direction, counted from the first packet: packets whose sound belongs to it.

    `missing` says of each of them, in order, whether it could not be played, and `missing_pct` how much that is of the
    sound, which was in `kind`, a payload type, for the most part; `sound_ms` is how much sound was due. `jitter_ms` is
    the highest interarrival jitter at those that came, None where none did.
    """

    number: int
    expected: int
    lost: int
    discarded: int
    jitter_ms: float | None
    missing: tuple[bool, ...]
    missing_pct: float
    sound_ms: float
    kind: int


def of_packets(line: TimeLine) -> Ints:
    """For each packet of `line` the second that its sound belongs to, whether it came or not. What is left at the end
    is no second of its own.
    """
    found = np.minimum(((line.begin_ms + _ROUNDING_MS) // 1000).astype(np.int64), LARGEST)
    last = int(found[-1])
    left_ms = float((line.begin_ms + line.length_ms)[found == last].max()) - last * 1000
    if left_ms < WHOLE_MS and last > 0 and (found == last - 1).any():
        found[found == last] = last - 1
    return found


def split(line: TimeLine, late: Bools, missing: Bools, jitter_ms: Floats) -> tuple[Second, ...]:
    """The seconds of a stream; one that has no packet is left out.

    Of each packet: whether it came too `late` to be played, was `missing` to the listener, and the jitter at it, -1
    where there is none.
    """
    second_of = of_packets(line)
    starts = np.flatnonzero(np.diff(second_of, prepend=-1))
    peaks = np.full(second_of.size, -1.0)
    peaks[: jitter_ms.size] = jitter_ms
    lost, discarded = _sums(~line.came, starts), _sums(late, starts)
    sound, gone = (np.add.reduceat(each, starts).tolist() for each in (line.length_ms, line.length_ms * missing))
    highest, kinds = np.maximum.reduceat(peaks, starts).tolist(), _kinds(line, starts)
    stops, gaps = [*starts[1:].tolist(), second_of.size], missing.tolist()
    return tuple(
        Second(
            number=number,
            expected=stop - first,
            lost=lost[at],
            discarded=discarded[at],
            jitter_ms=highest[at] if highest[at] >= 0 else None,
            missing=tuple(gaps[first:stop]),
            missing_pct=100 * gone[at] / sound[at] if sound[at] else 0.0,
            sound_ms=sound[at],
            kind=kinds[at],
        )
        for at, (number, first, stop) in enumerate(zip(second_of[starts].tolist(), starts.tolist(), stops, strict=True))
    )


def _sums(flags: Bools, starts: Ints) -> list[int]:
    found: list[int] = np.add.reduceat(flags.astype(np.int64), starts).tolist()
    return found


def _kinds(line: TimeLine, starts: Ints) -> list[int]:
    """The payload type of most of the sound of each second."""
    if (line.kind == line.kind[0]).all():
        return [int(line.kind[0])] * starts.size
    parts = zip(np.split(line.kind, starts[1:]), np.split(line.length_ms, starts[1:]), strict=True)
    return [int(np.bincount(np.maximum(kind, 0), length_ms).argmax()) for kind, length_ms in parts]
