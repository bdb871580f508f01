"""How loud it was: levels of what was heard in one direction of a call.

A call whose packets all arrive but carry silence scores a perfect MOS; these figures are what tells.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voice_sipapp.measurement import speechlevel

FULL_SCALE = speechlevel.FULL_SCALE
ACTIVE_DBOV = -50.0
"""A 20 ms frame at or above this level (dB to overload) counts as sound; line noise of G.711 lies near -65."""

CLIPPED = 32_000
"""Samples at or beyond this value count as clipped: the top step of both laws of G.711 decodes to 32,124 or more."""

FRAME_MS = 20


@dataclass(frozen=True)
class Levels:
    """Sound of one stream: share of active frames, longest silence, levels of speech and of the pauses between, share
    of clipping.

    `speech_dbov` is None where no frame was active, `noise_dbov` where there was no pause.
    """

    active_pct: float
    longest_silence_ms: int
    speech_dbov: float | None
    noise_dbov: float | None
    clip_pct: float


def measure(samples: NDArray[np.int16], rate_hz: int) -> Levels | None:
    """Levels of `samples` as a listener heard them, or None where there are none.

    Activity and silence: frames of 20 ms against a fixed level. Speech: ITU-T P.56, method B; the pauses are what it
    leaves out.
    """
    if not samples.size:
        return None
    active = dbov(_frame_powers(samples, rate_hz)) >= ACTIVE_DBOV
    speech, level = speechlevel.Speech(samples, rate_hz), None
    if active.any():
        level = speech.level()
    return Levels(
        active_pct=100 * float(active.mean()),
        longest_silence_ms=FRAME_MS * _longest_run(~active),
        speech_dbov=level.dbov if level else None,
        noise_dbov=_noise(_frame_powers(samples, rate_hz, 1), speech.pauses(level) if level else None),
        clip_pct=100 * float(((samples >= CLIPPED) | (samples <= -CLIPPED)).mean()),
    )


def _frame_powers(samples: NDArray[np.int16], rate_hz: int, frame_ms: int = FRAME_MS) -> NDArray[np.float64]:
    """Mean square of each frame. What is left over at the end is filled up: one short packet has a level too."""
    size = rate_hz * frame_ms // 1000
    whole = np.zeros(-(-samples.size // size) * size, np.float32)  # 24 bits are enough for 16
    whole[: samples.size] = samples
    frames = whole.reshape(-1, size)
    return np.asarray(np.einsum("ij,ij->i", frames, frames), np.float64) / size


def _noise(powers: NDArray[np.float64], pauses: NDArray[np.bool_] | None) -> float | None:
    """Level of the pauses, given the power of each millisecond; of everything, where there is no speech (None)."""
    quiet = powers if pauses is None else powers[: pauses.size][pauses]
    return float(dbov(quiet.mean())) if quiet.size else None


def dbov(power: NDArray[np.float64] | np.float64) -> NDArray[np.float64]:
    """Mean square of 16-bit samples as a level in dB to overload (ITU-T G.100.1: a full-scale square wave is 0). Of
    perfect silence -120: quieter than half a step of 16 bits.
    """
    return np.asarray(10 * np.log10(np.maximum(power / FULL_SCALE**2, 1e-12)))


def _longest_run(flags: NDArray[np.bool_]) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(np.int8), [0]))))
    return int((edges[1::2] - edges[::2]).max()) if edges.size else 0
