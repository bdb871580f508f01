"""Whether the speech that was sent is in what was heard.

Packets that arrive tell nothing about what is in them: a muted far end, an announcement or music on hold score as well
as the speech that was sent. So the course of the loudness in six bands of the telephone's range is compared, stretch by
stretch, with that of the reference, at every point of it (it is played over and over, and nobody knows where a listener
comes in). Levels count as steps from each band's own mean, which makes the comparison indifferent to attenuation;
what lies far below the loudest sound counts as silence, and so does comfort noise.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LIKENESS = 0.65
"""A correlation from here on is the speech that was sent. Measured with the sounds that ship: through G.711 0.99, with
half of the packets lost 0.87, 20 dB softer with 30 % lost 0.83; other speech, tones, music and noise 0.50 at most.
"""

FRAME_S = 0.02
STRETCH_S = 3.0
"""Compared at a time: short enough for a part of the call to be found, long enough to be told from other speech."""

SHORTEST_S = 1.0
"""Of less sound nothing can be said."""

PART_S = 2.0
"""As much of a longer sound may be compared by itself: of other speech 3 % are alike by chance, of 1.5 s 22 % (measured
with 150 voices).
"""

_BANDS_HZ = (250, 500, 800, 1200, 1800, 2500, 3400)
_DEPTH_DB = 30.0
"""How far below the loudest frames of a band its course is followed."""

_STEADY_DB = 3.0
"""A course that varies by less (standard deviation) is that of a tone: nothing to compare."""


class Reference:
    """A sound that is sent over and over: `samples` at `rate_hz`."""

    def __init__(self, samples: NDArray[np.int16], rate_hz: int) -> None:
        self._samples = samples
        self._rate_hz = rate_hz

    def is_in(self, heard: NDArray[np.int16], resumes: Sequence[int] = ()) -> bool | None:
        """Whether any stretch of this sound is in what was `heard`; None where that can't be told: too little was
        heard, or the reference is so steady that it has no course. From the samples `resumes` on the sound may go on
        elsewhere.
        """
        least = PART_S * self._rate_hz if resumes else 0
        told = [self._likenesses(part) for part in np.split(heard, resumes) if part.size >= least]
        likenesses = [each for each in told if each is not None]
        return any(likeness >= LIKENESS for each in likenesses for likeness in each) if likenesses else None

    def likeness(self, heard: NDArray[np.int16]) -> float | None:
        """The best correlation (-1 … 1) of a stretch of `heard` with any of this sound; None as for `is_in`."""
        likenesses = self._likenesses(heard)
        return None if likenesses is None else max(likenesses)

    def _likenesses(self, heard: NDArray[np.int16]) -> Iterator[float] | None:
        """That of each stretch, worked out as it is asked for: of a good call the first is enough."""
        if heard.size < SHORTEST_S * self._rate_hz or self._is_steady:
            return None
        course = _course(heard, self._rate_hz)
        length = min(round(STRETCH_S / FRAME_S), len(course))
        starts = range(0, len(course) - length + 1, length)
        return (self._best(course[start : start + length])[0] for start in starts)

    def locate(self, heard: NDArray[np.int16]) -> int | None:
        """Which sample of this sound is the first of `heard`, to a frame of 20 ms; None where it is not this sound."""
        if heard.size < SHORTEST_S * self._rate_hz or self._is_steady:
            return None
        likeness, frame = self._best(_course(heard, self._rate_hz))
        return frame * round(FRAME_S * self._rate_hz) if likeness >= LIKENESS else None

    @cached_property
    def _course(self) -> Floats:
        return _course(self._samples, self._rate_hz)

    @cached_property
    def _is_steady(self) -> bool:
        return bool((self._course - self._course.mean(axis=0)).std() < _STEADY_DB)

    def _best(self, stretch: Floats) -> tuple[float, int]:
        """The best correlation of `stretch` with as long a part of this sound, and the frame at which that begins."""
        length = len(stretch)
        wanted = stretch - stretch.mean(axis=0)
        if wanted.std() < _STEADY_DB:
            return 0.0, 0
        looped = np.resize(self._course, (len(self._course) + length - 1, stretch.shape[1]))
        size = 1 << (len(looped) + length - 1).bit_length()
        spectrum = np.fft.rfft(looped, size, axis=0) * np.conj(np.fft.rfft(wanted, size, axis=0))
        products = np.fft.irfft(spectrum, size, axis=0)[: len(self._course)].sum(axis=1)
        variation = (_running(looped**2, length) - _running(looped, length) ** 2 / length).sum(axis=1)
        likeness = products / np.sqrt(np.maximum(variation, 1.0) * (wanted**2).sum())
        best = int(likeness.argmax())
        return float(likeness[best]), best


def _running(values: Floats, length: int) -> Floats:
    """Sums of `length` values in a row, from each on that has as many behind it."""
    sums = np.cumsum(np.concatenate((np.zeros((1, values.shape[1])), values)), axis=0)
    return sums[length:] - sums[:-length]


def _course(samples: NDArray[np.int16], rate_hz: int) -> Floats:
    """Level in dB of each band (columns) in each frame of 20 ms (rows), nothing lower than 30 dB below the band's
    loudest frames.
    """
    size = round(FRAME_S * rate_hz)
    frames = samples[: samples.size // size * size].reshape(-1, size) * np.hanning(size)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    edges = np.searchsorted(np.fft.rfftfreq(size, 1 / rate_hz), _BANDS_HZ)
    bands = np.add.reduceat(power, edges, axis=1)[:, : len(_BANDS_HZ) - 1]
    level = 10 * np.log10(bands + 1.0)
    return np.asarray(np.maximum(level, np.quantile(level, 0.98, axis=0) - _DEPTH_DB))
