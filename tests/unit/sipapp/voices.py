"""Sounds for tests: something like speech, and noise."""

import numpy as np
from numpy.typing import NDArray

PCM = NDArray[np.int16]
RATE_HZ = 8000


def voice(seed: int, seconds: float, rate_hz: int = RATE_HZ) -> PCM:
    """Something like speech: syllables of noise and of buzz, each with its own formants, with pauses."""
    chance = np.random.default_rng(seed)
    parts: list[NDArray[np.float64]] = []
    while sum(part.size for part in parts) < seconds * rate_hz:
        at = np.arange(int(chance.uniform(0.08, 0.35) * rate_hz)) / rate_hz
        pitch, formants = chance.uniform(90, 220), chance.uniform((300, 900, 2200), (900, 2200, 3300))
        harmonics = np.arange(pitch, 3500, pitch)
        shape = sum(np.exp(-(((harmonics - formant) / 200) ** 2)) for formant in formants)
        buzz = (shape[:, None] * np.sin(2 * np.pi * harmonics[:, None] * at)).sum(axis=0)
        syllable = buzz if chance.random() < 0.7 else chance.normal(0, 1, at.size)
        parts.append(syllable * np.hanning(at.size) * 10 ** chance.uniform(2.8, 3.6))
        if chance.random() < 0.35:
            parts.append(np.zeros(int(chance.uniform(0.05, 0.6) * rate_hz)))
    return pcm(np.concatenate(parts)[: int(seconds * rate_hz)])


def pcm(sound: NDArray[np.float64]) -> PCM:
    return np.clip(np.round(sound), -32768, 32767).astype(np.int16)


def noise(seconds: float, dbov: float, seed: int = 9) -> PCM:
    return pcm(np.random.default_rng(seed).normal(0, 32768 * 10 ** (dbov / 20), int(seconds * RATE_HZ)))
