"""What the tests of whole calls share."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.unit.sipapp.bench import Bench
from voice_sipapp.media import audio


@pytest.fixture
def sounds(tmp_path: Path) -> audio.AudioStore:
    samples = (8000 * np.sin(np.arange(8000) / 3)).astype(np.int16)
    audio.save(tmp_path / "tone.wav", samples)
    return audio.AudioStore(tmp_path)


@pytest.fixture
def bench(sounds: audio.AudioStore) -> Iterator[Bench]:
    with contextlib.closing(Bench(sounds)) as made:
        yield made
