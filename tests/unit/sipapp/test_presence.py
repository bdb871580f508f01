"""Whether the speech that was sent is found in what was heard, and in nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.sipapp.voices import PCM, RATE_HZ, noise, pcm, voice
from voice_sipapp.measurement.presence import LIKENESS, Reference
from voice_sipapp.media import codecs

SPEECH = voice(1, 12)
SENT = Reference(SPEECH, RATE_HZ)


def heard(start: int, seconds: float, lost: float = 0.0, gain_db: float = 0.0, seed: int = 3) -> PCM:
    """What a listener hears of the speech that goes round and round: from `start` on, softer, with packets lost and
    concealed.
    """
    sound = np.resize(np.roll(SPEECH, -start), int(seconds * RATE_HZ)).astype(float) * 10 ** (gain_db / 20)
    frames = codecs.encode("PCMA", pcm(sound))
    gone = np.random.default_rng(seed).random(len(frames)) < lost
    return codecs.decode("PCMA", [None if missing else frame for frame, missing in zip(frames, gone, strict=True)])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 95_999), st.floats(4, 12), st.floats(0, 0.3), st.floats(-20, 6), st.integers(0, 9999))
def test_speech_is_found_wherever_it_begins_though_soft_and_full_of_holes(
    start: int, seconds: float, lost: float, gain_db: float, seed: int
):
    assert SENT.is_in(heard(start, seconds, lost, gain_db, seed))


def test_speech_is_found_under_comfort_noise():
    softer = heard(20_000, 8, gain_db=-20).astype(float) + noise(8, -62)
    assert SENT.is_in(pcm(softer))


def test_a_part_of_the_call_is_enough():
    assert SENT.is_in(np.concatenate((noise(9, -60), heard(5000, 7), np.zeros(80_000, np.int16))))


def test_wide_band_speech_is_found_too():
    assert Reference(voice(4, 10, 16_000), 16_000).is_in(voice(4, 10, 16_000)[30_000:])


MUTED = {
    "silence": np.zeros(80_000, np.int16),
    "A-law silence": np.full(80_000, 8, np.int16),
    "comfort noise": noise(10, -60),
    "loud noise": noise(10, -26),
}


@pytest.mark.parametrize("sound", MUTED.values(), ids=MUTED.keys())
def test_a_muted_far_end_is_silent(sound: PCM):
    assert SENT.is_in(sound) is False


def test_other_speech_is_not_the_speech_that_was_sent():
    """Of these made-up voices one in a thousand is like it by chance (0.68 at most)."""
    likenesses = [SENT.likeness(voice(seed, 10)) for seed in range(100, 200)]
    taken = [likeness for likeness in likenesses if likeness is None or likeness >= LIKENESS]
    assert len(taken) <= 1


@pytest.mark.parametrize(("on_s", "every_s"), [(1, 5), (0.5, 1), (10, 10)], ids=["ringback", "busy", "steady"])
def test_tones_are_not_speech(on_s: float, every_s: float):
    at = np.arange(20 * RATE_HZ) / RATE_HZ
    assert SENT.is_in(pcm(3000 * np.sin(2 * np.pi * 425 * at) * (at % every_s < on_s))) is False


def test_of_too_little_sound_nothing_is_said():
    assert SENT.is_in(heard(0, 0.9)) is None
    assert SENT.is_in(np.zeros(0, np.int16)) is None


def test_a_reference_without_a_course_tells_nothing():
    steady = Reference(pcm(3000 * np.sin(np.arange(40_000) * 0.3)), RATE_HZ)
    assert steady.is_in(heard(0, 5)) is None
