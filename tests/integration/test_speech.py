"""The speech that both parties play, as the SIP host's own program makes it with espeak-ng."""

from pathlib import Path

import pytest

from voice_sipapp import audio, levels, speech

pytestmark = pytest.mark.services


def test_shipped_speech_is_at_telephone_level(tmp_path: Path) -> None:
    for path in speech.make(tmp_path):
        sound = audio.load(path, path.stem)
        found = levels.measure(sound.samples(8000), 8000)
        assert found is not None
        assert found.speech_dbov == pytest.approx(-26, abs=0.1)
        assert 50 < found.active_pct < 95
