"""The sound of a stream as its listener heard it: after the jitter buffer, each packet in its own codec."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from voice_sipapp.measurement import levels, seconds
from voice_sipapp.measurement.rtpstats import StreamStats
from voice_sipapp.media import codecs, resample

PCM = NDArray[np.int16]

LEFT_OUT_S = 0.2
"""A time that is missing in what is heard, and no rounding."""


@dataclass(frozen=True)
class Heard:
    """The sound of one direction as its listener heard it, after the jitter buffer and concealment: with silence where
    the far end paused, and without the time on hold: `resumes` are the samples at which that was cut out, for speech
    may go on elsewhere there. `level_dbov` is that of each second in which anything was due.
    """

    samples: PCM
    rate_hz: int
    level_dbov: Mapping[int, float] = field(default_factory=dict)
    resumes: tuple[int, ...] = ()


def listen(stats: StreamStats, codec: str) -> Heard:
    """What was heard of `stats`, at the rate of `codec`; what came in another codec is brought to that."""
    rate_hz = codecs.CODECS[codec].rate_hz
    parts = _decoded(stats, codec, rate_hz)
    pauses = {at: round(pause_ms * rate_hz / 1000) for at, pause_ms in stats.line.pauses}
    return Heard(_with_pauses(parts, pauses), rate_hz, _levels(parts, stats), _resumes(parts, pauses, stats, rate_hz))


def _decoded(stats: StreamStats, usual: str, rate_hz: int) -> list[PCM]:
    """The sound of each packet."""
    names = [stats.codecs.get(kind, usual) for kind in stats.line.kind.tolist()]
    parts: list[PCM] = []
    for name, group in groupby(range(len(names)), lambda at: names[at]):
        own = list(group)
        its_rate_hz = codecs.CODECS[name].rate_hz
        missing = np.round(stats.line.length_ms[own] * its_rate_hz / 1000).astype(np.int64).tolist()
        sound = codecs.decode_each(name, stats.payloads[own[0] : own[-1] + 1], missing)
        parts += sound if its_rate_hz == rate_hz else _resampled(sound, its_rate_hz, rate_hz)
    return parts


def _resampled(parts: Sequence[PCM], rate_hz: int, wanted_hz: int) -> list[PCM]:
    """`parts`, which follow one another, at another rate."""
    whole = resample.resampled(np.concatenate(parts).astype(np.float64), rate_hz, wanted_hz)
    limited = np.clip(np.round(whole), -32768, 32767).astype(np.int16)
    ends = np.cumsum([part.size for part in parts]) * wanted_hz // rate_hz
    return np.split(limited, ends[:-1])


def _with_pauses(parts: list[PCM], pauses: Mapping[int, int]) -> PCM:
    """All `parts`, with silence where nothing was sent: so many samples before that part."""
    whole = list(parts)
    for at, samples in sorted(pauses.items(), reverse=True):
        whole.insert(at, np.zeros(samples, np.int16))
    return np.concatenate(whole) if whole else np.zeros(0, np.int16)


def _resumes(parts: list[PCM], pauses: Mapping[int, int], stats: StreamStats, rate_hz: int) -> tuple[int, ...]:
    """The samples at which time was left out: a hold."""
    silence = np.zeros(len(parts), np.int64)
    silence[list(pauses)] = list(pauses.values())
    size = np.array([part.size for part in parts], np.int64)
    begins = np.cumsum(silence + size) - size
    sounding = np.flatnonzero(size)
    left_out = np.diff(stats.line.begin_ms[sounding]) * rate_hz / 1000 - np.diff(begins[sounding])
    return tuple(begins[sounding[1:]][left_out > LEFT_OUT_S * rate_hz].tolist())


def _levels(parts: list[PCM], stats: StreamStats) -> dict[int, float]:
    """Level of the sound of each second in dBov."""
    size = np.array([part.size for part in parts], np.int64)
    sounding = np.flatnonzero(size)
    if not sounding.size:
        return {}
    second_of = seconds.of_packets(stats.line)[sounding]
    begins = (np.cumsum(size) - size)[sounding]
    power = np.add.reduceat(np.square(np.concatenate(parts), dtype=np.float64), begins)
    sums, counts = np.bincount(second_of, power), np.bincount(second_of, size[sounding])
    return {number: float(levels.dbov(sums[number] / counts[number])) for number in np.flatnonzero(counts).tolist()}
