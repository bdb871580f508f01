"""Recordings on their way to the database: what waits in the spool, and the row that becomes of it.

The sound itself stays in its file until its turn comes; the spool holds its name alone.
"""

import hashlib
import io
import json
import wave
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

MOST_OCTETS = 2_000_000
"""Of a WAV file in the database: 62 s at 16 kHz, 125 s at 8 kHz. Of a longer one, its beginning."""

PAIRS = 400
"""Peaks of a recording: as many as a wave form of this width shows."""

_SAMPLE_OCTETS = 2
_LEAST_S = 1
"""What is worth to be sent."""


class UnusableRecordingError(Exception):
    """A file that is no recording of ours; the text says why."""


@dataclass(frozen=True, kw_only=True)
class QueuedRecording:
    """A recording that waits to be sent: the file's `name` below the folder of recordings, which its stream bears in
    the database (`voice_call_stream.recording`), and where that stream is to be found. `started_at` may be off by some
    seconds: a receiver does not know when the call began.
    """

    name: str
    direction: str
    client: str
    probe: str
    started_at: datetime

    def to_json(self) -> str:
        """This as text; `from_json` gives it back."""
        return json.dumps(asdict(self) | {"started_at": self.started_at.isoformat()})

    @classmethod
    def from_json(cls, text: str) -> "QueuedRecording":
        """What `to_json` wrote. Raises ValueError, TypeError or KeyError for anything else."""
        row = json.loads(text)
        return cls(**row | {"started_at": datetime.fromisoformat(row["started_at"])})


@dataclass(frozen=True, kw_only=True)
class StreamKey:
    """Which stream a recording is of, as the database has it: `started_at` as text in UTC."""

    uuid: UUID
    direction: str
    started_at: str
    client: str
    probe: str
    sip_host: str


@dataclass(frozen=True, kw_only=True)
class RecordingRow:
    """One row of `voice_call_recording`. `whole_ms` is the length of the file on the host, `duration_ms` of what is in
    `content`, a WAV file of so many `octets`. `peaks`: see `peaks`.
    """

    uuid: UUID
    direction: str
    started_at: str
    client: str
    probe: str
    sip_host: str
    rate_hz: int
    duration_ms: int
    whole_ms: int
    octets: int
    sha256: bytes
    peaks: bytes
    content: bytes

    def parameters(self) -> list[str | int | bytes]:
        """The values in the order of RECORDING_COLUMNS, as the database driver takes them."""
        return [self.uuid.bytes, *(getattr(self, column) for column in RECORDING_COLUMNS[1:])]


RECORDING_COLUMNS = tuple(field.name for field in fields(RecordingRow))


def row_of(key: StreamKey, file: bytes, most_octets: int = MOST_OCTETS) -> RecordingRow:
    """The row of the WAV `file`, mono and 16 bit; of one with more than `most_octets`, its beginning. Raises
    UnusableRecordingError for another file, and where not even a second fits.
    """
    samples, rate_hz = _read(file)
    held = samples[: max(0, (most_octets - len(wav(samples[:0], rate_hz))) // _SAMPLE_OCTETS)]
    if held.size < min(samples.size, _LEAST_S * rate_hz):
        raise UnusableRecordingError(f"not even {_LEAST_S} s of it fits into {most_octets} octets")
    content = wav(held, rate_hz)
    return RecordingRow(
        **asdict(key),
        rate_hz=rate_hz,
        duration_ms=_ms(held, rate_hz),
        whole_ms=_ms(samples, rate_hz),
        octets=len(content),
        sha256=hashlib.sha256(content).digest(),
        peaks=peaks(held),
        content=content,
    )


def _read(file: bytes) -> tuple[NDArray[np.int16], int]:
    try:
        with wave.open(io.BytesIO(file)) as opened:
            if (opened.getnchannels(), opened.getsampwidth()) != (1, _SAMPLE_OCTETS):
                raise UnusableRecordingError("it is not mono with 16 bit a sample")
            samples = np.frombuffer(opened.readframes(opened.getnframes()), "<i2")
            rate_hz = opened.getframerate()
    except (wave.Error, EOFError, ValueError) as error:
        raise UnusableRecordingError(f"it is no WAV file: {error}") from error
    if not samples.size or not rate_hz:
        raise UnusableRecordingError("nothing is in it")
    return samples, rate_hz


def _ms(samples: NDArray[np.int16], rate_hz: int) -> int:
    return round(samples.size * 1000 / rate_hz)


def peaks(samples: NDArray[np.int16], pairs: int = PAIRS) -> bytes:
    """The wave form of `samples`: for each of `pairs` stretches of equal length (fewer than samples: one each) the
    lowest and the highest sample, as signed octets: 1/128 of the full scale each.
    """
    if not samples.size:
        return b""
    count = min(pairs, samples.size)
    begins = np.arange(count, dtype=np.int64) * samples.size // count
    both = np.stack([np.minimum.reduceat(samples, begins), np.maximum.reduceat(samples, begins)], axis=1)
    return np.clip(np.round(both / 256), -128, 127).astype(np.int8).tobytes()


def wav(samples: NDArray[np.int16], rate_hz: int) -> bytes:
    """A WAV file with `samples`: mono, 16 bit."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(_SAMPLE_OCTETS)
        file.setframerate(rate_hz)
        file.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()
