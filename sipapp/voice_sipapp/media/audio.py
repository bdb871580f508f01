"""The sounds that calls play: WAV files, encoded once for each codec and shared by every call."""

import hashlib
import re
import wave
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice_sipapp.media import codecs, resample
from voice_sipapp.media.g711 import PCM

RATES_HZ = (8000, 16000, 32000, 44100, 48000)
"""Sampling rates of the files that can be played."""

MAX_S = 600

TELEPHONE_BAND_HZ = (150.0, 3_700.0)
"""What a narrow-band codec gets of a sound with more (near the pass-band of ITU-T G.712, which telephones' filters keep
to)."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class AudioError(Exception):
    """A sound that can't be played; the text says which and why."""


@dataclass(frozen=True)
class Audio:
    """A sound: the SHA-256 of its file, and what is in it, mono, at the file's own rate."""

    name: str
    sha256: bytes
    rate_hz: int
    original: PCM

    def samples(self, rate_hz: int) -> PCM:
        """The sound at `rate_hz`, made once; at 8,000 Hz of a file with more, only the telephone's band."""
        if rate_hz not in self._made:
            made = resample.resampled(self.original.astype(np.float64), self.rate_hz, rate_hz)
            if rate_hz == 8000 < self.rate_hz:
                made = resample.limited(made, rate_hz, TELEPHONE_BAND_HZ, 100.0)
            self._made[rate_hz] = _whole(made)
        return self._made[rate_hz]

    @cached_property
    def _made(self) -> dict[int, PCM]:
        return {self.rate_hz: self.original}

    @cached_property
    def frames(self) -> Mapping[str, tuple[bytes, ...]]:
        """The payloads of 20 ms packets, for each codec; encoded when first asked for, which takes moments."""
        return _Frames(self)


class _Frames(Mapping[str, tuple[bytes, ...]]):
    """The payloads of one sound by codec, each made once."""

    def __init__(self, sound: Audio) -> None:
        self._sound = sound
        self._made: dict[str, tuple[bytes, ...]] = {}

    def __getitem__(self, codec: str) -> tuple[bytes, ...]:
        if codec not in self._made:
            self._made[codec] = codecs.encode(codec, self._sound.samples(codecs.CODECS[codec].rate_hz))
        return self._made[codec]

    def __iter__(self) -> Iterator[str]:
        return iter(codecs.CODECS)

    def __len__(self) -> int:
        return len(codecs.CODECS)


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
    """The sound in the file `path`; the two channels of stereo are mixed. Raises AudioError unless it is mono or
    stereo, 16 bit, of a usual rate, at least half a second and at most ten minutes long.
    """
    try:
        content = path.read_bytes()
        with wave.open(str(path)) as file:
            form = (file.getnchannels(), file.getsampwidth(), file.getframerate())
            data = file.readframes(min(file.getnframes(), (MAX_S + 1) * max(RATES_HZ)))
    except FileNotFoundError as error:
        raise AudioError(f"there is no sound {name!r} ({path.name} is missing)") from error
    except (OSError, EOFError, wave.Error) as error:
        raise AudioError(f"the sound {name!r} can't be read: {error}") from error
    channels, width, rate_hz = form
    if channels not in (1, 2) or width != 2 or rate_hz not in RATES_HZ:
        raise AudioError(f"the sound {name!r} must be mono or stereo, 16 bit, at {', '.join(map(str, RATES_HZ))} Hz; "
                         f"it has {channels} channels of {8 * width} bit at {rate_hz} Hz")  # fmt: skip
    whole = np.frombuffer(data[: len(data) // (2 * channels) * 2 * channels], "<i2").reshape(-1, channels)
    samples = _whole(whole.mean(axis=1))
    if not rate_hz // 2 <= samples.size <= MAX_S * rate_hz:
        raise AudioError(f"the sound {name!r} is {samples.size / rate_hz:.1f} s long; it must be between half a second "
                         f"and {MAX_S} s")  # fmt: skip
    return Audio(name, hashlib.sha256(content).digest(), rate_hz, samples)


def _whole(samples: NDArray[np.float64]) -> PCM:
    return np.clip(np.round(samples), -32768, 32767).astype(np.int16)


def save(path: Path, samples: PCM, rate_hz: int = 8000) -> None:
    """Write `samples` of `rate_hz` as a WAV file that `load` reads."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.astype("<i2").tobytes())
