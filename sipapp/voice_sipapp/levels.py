"""Whether there was anything to hear: levels of the decoded sound of one direction of a call.

A call whose packets all arrive but carry silence scores a perfect MOS; these figures are what tells.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voice_sipapp import g711

FULL_SCALE = 32768.0
ACTIVE_DBOV = -50.0
"""A 20 ms frame at or above this level (dB to overload) counts as sound; line noise of G.711 lies near -65."""

CLIPPED = 32_000
"""Samples at or beyond this value count as clipped: the top step of both laws decodes to about 32,124 or more."""

CONCEALMENT_GAIN = 0.6
"""Each further 20 ms that are missing repeat what came last at this much of its amplitude."""


@dataclass(frozen=True)
class Levels:
    """Sound of one stream: share of active frames, longest silence, level of what is active, share of clipping.

    `speech_dbov` is None where no frame was active.
    """

    active_pct: float
    longest_silence_ms: int
    speech_dbov: float | None
    clip_pct: float


def measure(codec: str, payloads: Sequence[bytes | None]) -> Levels | None:
    """Levels of `payloads` as a listener heard them (None: concealed), or None where there are none.

    The method is simpler than ITU-T P.56: frames of 20 ms against a fixed threshold instead of an adaptive envelope.
    """
    samples = listen(codec, payloads)
    if not samples.size:
        return None
    # What is left over at the end is filled up: a stream of one short packet has a level too.
    whole = np.concatenate((samples, np.zeros(-samples.size % g711.FRAME_SAMPLES, np.int16)))
    power = (whole.astype(np.float64).reshape(-1, g711.FRAME_SAMPLES) ** 2).mean(axis=1)
    active = dbov(power) >= ACTIVE_DBOV
    return Levels(
        active_pct=100 * float(active.mean()),
        longest_silence_ms=20 * _longest_run(~active),
        speech_dbov=float(dbov(power[active].mean())) if active.any() else None,
        clip_pct=100 * float((np.abs(samples.astype(np.int32)) >= CLIPPED).mean()),
    )


def listen(codec: str, payloads: Sequence[bytes | None]) -> g711.PCM:
    """Linear samples of `payloads`, whatever their length; a missing one is a fading repeat of the last (as G.711
    Appendix I fades, without its pitch analysis). One that is empty was no sound and takes no time.
    """
    usual = next((len(payload) for payload in payloads if payload), g711.FRAME_SAMPLES)
    last = np.zeros(usual, np.int16)
    gain = 1.0
    heard: list[g711.PCM] = []
    for payload in payloads:
        if payload is None:
            gain *= CONCEALMENT_GAIN ** (last.size / g711.FRAME_SAMPLES)
            heard.append((last * gain).astype(np.int16))
        elif payload:
            last, gain = g711.decode(codec, payload), 1.0
            heard.append(last)
    return np.concatenate(heard) if heard else np.zeros(0, np.int16)


def dbov(power: NDArray[np.float64] | np.float64) -> NDArray[np.float64]:
    """Mean square of 16-bit samples as a level in dB to overload (ITU-T G.100.1: a full-scale square wave is 0)."""
    return np.asarray(10 * np.log10(np.maximum(power, 1e-3) / FULL_SCALE**2))


def _longest_run(flags: NDArray[np.bool_]) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(np.int8), [0]))))
    return int((edges[1::2] - edges[::2]).max()) if edges.size else 0
