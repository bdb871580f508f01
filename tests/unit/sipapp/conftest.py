"""What the tests of whole calls share."""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.unit.sipapp.bench import Bench
from voice_sipapp.media import audio


@pytest.fixture
def bench(tmp_path: Any) -> Iterator[Bench]:
    samples = (8000 * np.sin(np.arange(8000) / 3)).astype(np.int16)
    audio.save(tmp_path / "tone.wav", samples)
    with contextlib.closing(Bench(audio.AudioStore(tmp_path))) as made:
        yield made
