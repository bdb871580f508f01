"""Active speech level (ITU-T P.56) of signals whose level is known, and against the method step by step."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from voice_sipapp.measurement import speechlevel


def tone(dbov: float, seconds: float, rate_hz: int = 8000) -> NDArray[np.float64]:
    """A 400 Hz tone at `dbov` (a full-scale sine is -3.01 dBov)."""
    at = np.arange(int(rate_hz * seconds))
    return np.sin(2 * np.pi * 400 * at / rate_hz) * 32768 * np.sqrt(2) * 10 ** (dbov / 20)


def step_by_step(signal: NDArray[np.float64], rate_hz: int) -> tuple[float, float]:
    """P.56, clause 7, as it is written: sample by sample at the full rate, with ITU-T G.191's thresholds."""
    gain = math.exp(-1 / (rate_hz * 0.03))
    hang = math.ceil(0.2 * rate_hz)
    thresholds = [2.0**power for power in range(-4, 15)]
    active, held = [0] * len(thresholds), [hang] * len(thresholds)
    p = q = energy = 0.0
    for sample in signal.tolist():
        energy += sample * sample
        p = gain * p + (1 - gain) * abs(sample)
        q = gain * q + (1 - gain) * p
        for at, threshold in enumerate(thresholds):
            if q >= threshold:
                active[at] += 1
                held[at] = 0
            elif held[at] < hang:
                active[at] += 1
                held[at] += 1
    levels = [10 * math.log10(energy / count) for count in active if count]
    above = [level - 20 * math.log10(threshold) for level, threshold in zip(levels, thresholds, strict=False)]
    for at in range(1, len(levels)):
        if above[at] < 15.9:
            share = (above[at - 1] - 15.9) / (above[at - 1] - above[at])
            level = levels[at - 1] + share * (levels[at] - levels[at - 1])
            break
    else:
        level = levels[-1]
    return level - 20 * math.log10(32768), energy / 10 ** (level / 10) / len(signal)


@pytest.mark.parametrize("rate_hz", [8000, 16000])
@pytest.mark.parametrize("dbov", [-10, -26, -46])
def test_a_steady_tone_has_its_own_level_and_is_active_throughout(dbov: float, rate_hz: int):
    found = speechlevel.measure(tone(dbov, 10, rate_hz), rate_hz)
    assert found is not None
    assert found.dbov == pytest.approx(dbov, abs=0.1)
    assert found.activity == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("rate_hz", [8000, 16000])
def test_long_pauses_lower_the_activity_and_not_the_level(rate_hz: int):
    """Two seconds of tone, two of silence: 0.2 s of hangover and 0.1 s in which the envelope falls count as active."""
    found = speechlevel.measure(np.tile(np.concatenate((tone(-26, 2, rate_hz), np.zeros(2 * rate_hz))), 5), rate_hz)
    assert found is not None
    assert found.activity == pytest.approx((2 + 0.3) / 4, abs=0.02)
    assert found.dbov == pytest.approx(-26 + 10 * math.log10(2 / 2.3), abs=0.2)


def test_short_pauses_are_part_of_speech():
    found = speechlevel.measure(np.tile(np.concatenate((tone(-26, 0.3), np.zeros(800))), 20), 8000)
    assert found is not None
    assert found.activity == pytest.approx(1, abs=0.02)
    assert found.dbov == pytest.approx(-26 + 10 * math.log10(0.75), abs=0.1)


def test_silence_has_no_level():
    assert speechlevel.measure(np.zeros(8000), 8000) is None
    assert speechlevel.measure(np.zeros(0), 8000) is None


def speech_like(seed: int, rate_hz: int, seconds: float = 6) -> NDArray[np.float64]:
    """Noise in syllables of random length and loudness, with pauses, over a quiet background."""
    chance = np.random.default_rng(seed)
    pieces: list[NDArray[np.float64]] = []
    while sum(piece.size for piece in pieces) < seconds * rate_hz:
        pieces.append(chance.normal(0, 10 ** chance.uniform(2.8, 3.7), int(chance.uniform(0.05, 0.4) * rate_hz)))
        if chance.random() < 0.3:
            pieces.append(np.zeros(int(chance.uniform(0.1, 1.5) * rate_hz)))
    speech = np.concatenate(pieces)
    return np.clip(speech + chance.normal(0, 5, speech.size), -32768, 32767)


@pytest.mark.parametrize("rate_hz", [8000, 16000])
@pytest.mark.parametrize("seed", range(4))
def test_the_fast_way_agrees_with_the_method_step_by_step(seed: int, rate_hz: int):
    signal = speech_like(seed, rate_hz)
    found = speechlevel.measure(signal, rate_hz)
    assert found is not None
    assert (found.dbov, found.activity) == pytest.approx(step_by_step(signal, rate_hz), abs=0.05)


@given(st.integers(0, 1000), st.integers(1, 3))
def test_an_attenuation_lowers_the_level_by_itself_and_not_the_activity(seed: int, halvings: int):
    """By steps of the method's own thresholds, between which it interpolates."""
    signal = speech_like(seed, 8000, 3)
    loud, soft = (speechlevel.measure(part, 8000) for part in (signal, signal / 2**halvings))
    assert loud is not None
    assert soft is not None
    assert soft.dbov == pytest.approx(loud.dbov - 20 * math.log10(2) * halvings, abs=0.01)
    assert soft.activity == pytest.approx(loud.activity, abs=0.01)


def test_pauses_are_where_nobody_speaks():
    signal = np.concatenate((tone(-26, 2), tone(-60, 2), tone(-26, 2)))
    speech = speechlevel.Speech(signal, 8000)
    level = speech.level()
    assert level is not None
    found = speech.pauses(level)
    assert not found[100:2000].any()
    assert found[2400:3900].all()
    assert not found[3950:4000].any()
    assert not found[4100:].any()


@pytest.mark.parametrize("milliseconds", [2, 5, 20, 60])
def test_a_moment_of_sound_is_no_louder_than_its_peak(milliseconds: int):
    """The envelope rises more slowly than that: less time counts than it lasts."""
    click = np.zeros(8000, np.int16)
    click[-8 * milliseconds :] = 32_000
    found = speechlevel.measure(click, 8000)
    assert found is not None
    assert found.dbov <= 20 * np.log10(32_000 / 32_768)
