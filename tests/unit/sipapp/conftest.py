"""What the tests of whole calls share."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.sipapp.bench import Bench, a_tone
from voice_sipapp.media import audio


@pytest.fixture
def sounds(tmp_path: Path) -> audio.AudioStore:
    return a_tone(tmp_path)


@pytest.fixture
def bench(sounds: audio.AudioStore) -> Iterator[Bench]:
    with contextlib.closing(Bench(sounds)) as made:
        yield made
