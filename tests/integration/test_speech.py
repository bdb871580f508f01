"""The speech that both parties play, as the SIP host's own program makes it with espeak-ng."""

from pathlib import Path

import numpy as np
import pytest

from voice_sipapp import speech
from voice_sipapp.measurement import levels
from voice_sipapp.media import audio
from voice_sipapp.media.g711 import PCM

pytestmark = pytest.mark.services


def test_shipped_speech_is_at_telephone_level(tmp_path: Path) -> None:
    for path in speech.make(tmp_path):
        sound = audio.load(path, path.stem)
        for rate_hz, tolerance_db in ((16000, 0.1), (8000, 1)):
            found = levels.measure(sound.samples(rate_hz), rate_hz)
            assert found is not None
            assert found.speech_dbov == pytest.approx(-26, abs=tolerance_db)
            assert 50 < found.active_pct < 95


def test_shipped_speech_has_sound_for_wide_band_codecs_and_the_telephones_band_for_others(tmp_path: Path) -> None:
    path = speech.make(tmp_path)[0]
    sound = audio.load(path, path.stem)
    assert _above(3_900, sound.samples(16000), 16000) > 0.005
    assert _above(3_900, sound.samples(8000), 8000) < 1e-6


def _above(limit_hz: float, samples: PCM, rate_hz: int) -> float:
    """The share of the sound's power that lies above `limit_hz`."""
    power = np.abs(np.fft.rfft(samples.astype(float))) ** 2
    frequency = np.fft.rfftfreq(samples.size, 1 / rate_hz)
    return float(power[frequency > limit_hz].sum() / power.sum())
