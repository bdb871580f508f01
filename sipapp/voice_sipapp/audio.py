"""The sounds that calls play: WAV files, encoded once and shared by every call."""

import hashlib
import re
import wave
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from voice_sipapp import g711

RATE_HZ = 8000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class AudioError(Exception):
    """A sound that can't be played; the text says which and why."""


@dataclass(frozen=True)
class Audio:
    """A sound: its samples at 8,000 Hz and the SHA-256 of its file."""

    name: str
    sha256: bytes
    samples: g711.PCM

    @cached_property
    def frames(self) -> dict[str, tuple[bytes, ...]]:
        """The payloads of 20 ms packets, for each codec."""
        return {codec: g711.frames(codec, self.samples) for codec in ("PCMA", "PCMU")}


class AudioStore:
    """The sounds of one folder, by name (`speech-en` is `speech-en.wav`); each is read when first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: dict[str, Audio] = {}

    def get(self, name: str) -> Audio:
        """The sound called `name`. Raises AudioError."""
        if name not in self._loaded:
            if not _NAME.fullmatch(name):
                raise AudioError(f"{name!r} is no name of a sound")
            self._loaded[name] = load(self._folder / f"{name}.wav", name)
        return self._loaded[name]

    def names(self) -> list[str]:
        """The names of all sounds in the folder."""
        return sorted(path.stem for path in self._folder.glob("*.wav"))


def load(path: Path, name: str) -> Audio:
    """The sound in the file `path`. Raises AudioError unless it is mono, 16 bit, 8,000 Hz and half a second long."""
    try:
        content = path.read_bytes()
        with wave.open(str(path)) as file:
            form = (file.getnchannels(), file.getsampwidth(), file.getframerate())
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16)
    except FileNotFoundError as error:
        raise AudioError(f"there is no sound {name!r} ({path.name} is missing)") from error
    except (OSError, EOFError, wave.Error) as error:
        raise AudioError(f"the sound {name!r} can't be read: {error}") from error
    if form != (1, 2, RATE_HZ):
        raise AudioError(f"the sound {name!r} must be mono, 16 bit, 8000 Hz; it has {form[0]} channels of "
                         f"{8 * form[1]} bit at {form[2]} Hz")  # fmt: skip
    if samples.size < RATE_HZ // 2:
        raise AudioError(f"the sound {name!r} is shorter than half a second")
    return Audio(name, hashlib.sha256(content).digest(), samples)


def save(path: Path, samples: g711.PCM) -> None:
    """Write `samples` as a WAV file that `load` reads."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples.astype("<i2").tobytes())
