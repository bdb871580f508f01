"""Active speech level: how loud the speech is while somebody speaks (ITU-T P.56 (12/2011), method B).

The mean power of a recording says little: it falls with every pause. Method B measures the power of the time in which
the envelope of the speech lies no more than 15.9 dB below the level that is to be measured, pauses of up to 0.2 s
included.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16] | NDArray[np.float64]
Floats = NDArray[np.float64]

FULL_SCALE = 32768.0
"""0 dBov is the power of a square wave of this amplitude (ITU-T G.100.1)."""

MARGIN_DB = 15.9
TIME_CONSTANT_S = 0.03
HANGOVER_S = 0.2
_ENVELOPE_HZ = 1000
"""The envelope is followed a thousand times a second; P.56 asks for 694 at least."""

_THRESHOLDS = 2.0 ** np.arange(-4, 15) / FULL_SCALE
"""Envelope levels to compare with, 6 dB apart, as parts of full scale; P.56 has 15 below half of full scale."""

_HANGOVER = round(HANGOVER_S * _ENVELOPE_HZ)
_RISE = round(3 * TIME_CONSTANT_S * _ENVELOPE_HZ)
_BLOCK = 64


@dataclass(frozen=True)
class SpeechLevel:
    """Active speech level in dB to overload and the share of the time (0 … 1) that was active."""

    dbov: float
    activity: float


class Speech:
    """A recording as the method sees it: `samples` at `rate_hz`."""

    def __init__(self, samples: Samples, rate_hz: int) -> None:
        signal = samples / FULL_SCALE
        self._size = signal.size / rate_hz * _ENVELOPE_HZ
        self._energy = float(np.dot(signal, signal)) / rate_hz * _ENVELOPE_HZ
        self._peak = float(np.abs(signal).max(initial=0))
        self._envelope = envelope(signal, rate_hz)

    def level(self) -> SpeechLevel | None:
        """Its active speech level, or None where there is no sound at all.

        Of a sound that never pauses, such as noise, it is the level of the whole: whether a sound is speech, this
        can't tell.
        """
        reached = _THRESHOLDS[self._envelope.max(initial=0) >= _THRESHOLDS]
        if not self._energy or not reached.size:
            return None
        counts = np.array([_active(self._envelope >= threshold) for threshold in reached])
        levels = 10 * np.log10(self._energy / counts)
        level = _at_margin(levels, levels - 20 * np.log10(reached))
        # Of a sound shorter than the envelope's rise less time counts than it lasts; no sound is louder than its peak.
        level = min(level, 20 * float(np.log10(self._peak)))
        return SpeechLevel(level, min(1.0, self._energy / (10 ** (level / 10) * self._size)))

    def pauses(self, level: SpeechLevel) -> NDArray[np.bool_]:
        """Of each millisecond, whether it belongs to a pause between speech of `level`. What comes shortly before
        speech is none: the envelope rises more slowly than a voice.
        """
        loud = self._envelope >= 10 ** ((level.dbov - MARGIN_DB) / 20)
        at = np.arange(loud.size)
        last = np.maximum.accumulate(np.where(loud, at, -loud.size))
        following = np.minimum.accumulate(np.where(loud, at, 2 * loud.size)[::-1])[::-1]
        return np.asarray((at - last > _HANGOVER) & (following - at > _RISE))


def measure(samples: Samples, rate_hz: int) -> SpeechLevel | None:
    """The active speech level of `samples`, or None where there is no sound at all."""
    return Speech(samples, rate_hz).level()


def _at_margin(levels: Floats, above: Floats) -> float:
    """The level at which it is 15.9 dB above its threshold, between the two thresholds where it passes that."""
    passed = np.flatnonzero(above < MARGIN_DB)
    if not passed.size or passed[0] == 0:
        return float(levels[-1 if not passed.size else 0])
    low, high = passed[0] - 1, passed[0]
    share = (above[low] - MARGIN_DB) / (above[low] - above[high])
    return float(levels[low] + share * (levels[high] - levels[low]))


def _active(loud: NDArray[np.bool_]) -> int:
    """How many milliseconds are `loud` (one is), or were not long before: of each pause the hangover counts too."""
    edges = np.flatnonzero(loud[1:] != loud[:-1])
    if not loud[0]:
        edges = edges[1:]
    if not loud[-1]:
        edges = np.append(edges, loud.size - 1)
    return int(np.count_nonzero(loud) + np.minimum(edges[1::2] - edges[::2], _HANGOVER).sum())


def envelope(signal: Floats, rate_hz: int) -> Floats:
    """The envelope of `signal`, a value a millisecond: its magnitude, smoothed twice with 0.03 s.

    The magnitude is averaged over each millisecond first, against 30 of the smoothing.
    """
    step = rate_hz // _ENVELOPE_HZ
    whole = np.abs(signal[: signal.size // step * step]).reshape(-1, step).mean(axis=1)
    return _smoothed(_smoothed(whole))


def _smoothed(values: Floats) -> Floats:
    """`values` through y[n] = g y[n-1] + (1-g) x[n]. In blocks side by side, so that Python does not go through each
    value by itself.
    """
    gain = float(np.exp(-1 / (TIME_CONSTANT_S * _ENVELOPE_HZ)))
    blocks = -(-values.size // _BLOCK)
    filled = np.zeros(blocks * _BLOCK)
    filled[: values.size] = (1 - gain) * values
    rows = filled.reshape(blocks, _BLOCK).T.copy()
    for at in range(1, _BLOCK):
        rows[at] += gain * rows[at - 1]
    carried, carry = 0.0, np.zeros(blocks)
    for at, last in enumerate(rows[-1].tolist()):
        carry[at] = carried
        carried = last + gain**_BLOCK * carried
    rows += np.outer(gain ** np.arange(1, _BLOCK + 1), carry)
    return rows.T.reshape(-1)[: values.size]
