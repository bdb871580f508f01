"""Scores a recording against the sound that was sent (ViSQOL), in a process of the lowest priority.

`python -m voice_sipapp.measurement.fullreference SOUND RECORDING` prints one line of JSON: the score, or why there
is none. The SIP application runs ahead of everything else on its host; scoring takes seconds of a processor and must
run behind everything, so it is another process, and there is never more than one.

ViSQOL 3 (Apache-2.0) because it may be used and passed on freely. PESQ (ITU-T P.862) and POLQA (P.863) may not: their
code is licensed for evaluation only, or sold.
"""

import argparse
import json
import logging
import os
import subprocess
import sys
import wave
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice_sipapp.measurement.presence import Reference
from voice_sipapp.media import audio, resample
from voice_sipapp.records.cdr import StreamRecord, StreamScore

STRETCH_S = 8.0
"""What is compared: ViSQOL was trained on sentences of about that length, and takes 2.5 s of a processor for it."""

RATE_HZ = 16_000
"""Rate of ViSQOL's mode for speech."""

TIMEOUT_S = 300
"""For a process that only runs when nothing else wants to."""

WAITING = 20
"""Recordings that may wait; more are bad calls by the dozen, of which a sample is enough."""

_SEARCH_S = 0.04
_BEHIND_ALL = ("chrt", "--idle", "0", "nice", "-n", "19")

Pcm = NDArray[np.int16]
log = logging.getLogger(__name__)


class NoScoreError(Exception):
    """A recording can't be scored; the text says why."""


@dataclass(frozen=True)
class Score:
    """MOS-LQO (1 … 5, ITU-T P.800.1) and what gave it."""

    mos_lqo: float
    algorithm: str


def missing() -> str | None:
    """Why this host can't score recordings, or None."""
    try:
        version("visqol-python")
        version("ai-edge-litert")
    except PackageNotFoundError as error:
        return f"the package {error.name} is not installed (extra [score])"
    return None


class Judge:
    """Has recordings scored, one at a time, against the sounds in the folder `sounds`; `deliver` gets each score, in a
    thread of its own.
    """

    def __init__(
        self, sounds: Path, deliver: Callable[[StreamScore], None], command: tuple[str, ...] | None = None
    ) -> None:
        self._sounds = sounds
        self._deliver = deliver
        self._command = command or (*_BEHIND_ALL, sys.executable, "-m", "voice_sipapp.measurement.fullreference")
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="judge")
        self._waiting = 0
        self._process: subprocess.Popen[str] | None = None
        self._ending = False

    def ask(self, stream: StreamRecord, sound: str, recording: Path) -> bool:
        """Have the `recording` of `stream`, to which `sound` was sent, scored some time; False where too many wait."""
        if self._ending or self._waiting >= WAITING:
            return False
        self._waiting += 1
        self._pool.submit(self._run, stream, self._sounds / f"{sound}.wav", recording)
        return True

    def close(self) -> None:
        """Give up what is not scored yet."""
        self._ending = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        if (process := self._process) is not None:
            process.kill()
        self._pool.shutdown(wait=True)

    def _run(self, stream: StreamRecord, sound: Path, recording: Path) -> None:
        self._waiting -= 1
        try:
            found = self._ask_process(sound, recording)
            self._deliver(
                StreamScore(
                    uuid=stream.uuid,
                    direction=stream.direction,
                    started_at=stream.started_at,
                    mos_lqo=found.mos_lqo,
                    mos_lqo_algorithm=found.algorithm,
                )
            )
        except (NoScoreError, OSError, subprocess.SubprocessError) as error:
            if not self._ending:
                log.warning("the recording %s has no score: %s", recording, error)
        except Exception:
            log.exception("the score of %s is lost", recording)

    def _ask_process(self, sound: Path, recording: Path) -> Score:
        # Nothing of this process's environment, which holds the password of the database.
        environment = {"PATH": os.environ.get("PATH", os.defpath), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        with subprocess.Popen(
            [*self._command, str(sound), str(recording)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment,
        ) as process:  # fmt: skip
            self._process = process
            if self._ending:  # close() may have looked a moment too early
                process.kill()
            try:
                output, _ = process.communicate(timeout=TIMEOUT_S)
            finally:
                process.kill()
                self._process = None
        return _answer(output, process.returncode)


def _answer(output: str, code: int) -> Score:
    """The score in what the process printed. Raises NoScoreError."""
    try:
        answer = json.loads(output)
        if "reason" in answer:
            raise NoScoreError(answer["reason"])
        return Score(float(answer["mos_lqo"]), str(answer["algorithm"]))
    except (ValueError, KeyError, TypeError) as error:
        raise NoScoreError(f"the scoring process ended with {code} and no score") from error


def aligned(sent: Pcm, heard: Pcm, rate_hz: int) -> tuple[Pcm, Pcm]:
    """The middle of what was `heard`, eight seconds at most, and the part of `sent` (played over and over) that it
    should be. Raises NoScoreError where the one is not in the other.
    """
    length = min(heard.size, round(STRETCH_S * rate_hz))
    first = (heard.size - length) // 2
    stretch = heard[first : first + length]
    start = Reference(sent, rate_hz).locate(stretch)
    if start is None:
        raise NoScoreError("the sound that was sent is not in it")
    reach = round(_SEARCH_S * rate_hz)
    around = np.resize(np.roll(sent, reach - start), length + 2 * reach)
    shift = _best_shift(around.astype(np.float64), stretch.astype(np.float64))
    return around[shift : shift + length], stretch


def _best_shift(around: NDArray[np.float64], stretch: NDArray[np.float64]) -> int:
    """Where `stretch` fits best into `around`, in samples."""
    size = 1 << (around.size + stretch.size).bit_length()
    products = np.fft.irfft(np.fft.rfft(around, size) * np.conj(np.fft.rfft(stretch, size)), size)
    return int(products[: around.size - stretch.size + 1].argmax())


def score(sound: Path, recording: Path) -> Score:
    """The score of `recording` of a call that played `sound`. Raises NoScoreError, AudioError."""
    if reason := missing():
        raise NoScoreError(reason)
    with wave.open(str(recording)) as file:
        rate_hz = file.getframerate()
        heard = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16)
    # At the codec's own rate: the score is of coding and of the path, not of what a telephone's band leaves out.
    sent = audio.load(sound, sound.stem).samples(rate_hz)
    reference, degraded = (
        resample.resampled(part.astype(np.float64), rate_hz, RATE_HZ) / 32768 for part in aligned(sent, heard, rate_hz)
    )
    from visqol import VisqolApi  # noqa: PLC0415 - an extra, and slow to load

    judge = VisqolApi()
    judge.create(mode="speech")
    found = judge.measure_from_arrays(reference, degraded, sample_rate=RATE_HZ)
    return Score(float(found.moslqo), f"ViSQOL {version('visqol-python')} speech")


def main(arguments: list[str] | None = None) -> int:
    """Score one recording; the exit code is 0 whenever the line of JSON says what is to be said."""
    parser = argparse.ArgumentParser(
        prog="python -m voice_sipapp.measurement.fullreference", description="Score a recording."
    )
    parser.add_argument("sound", type=Path, help="WAV file of the sound that was sent")
    parser.add_argument("recording", type=Path, help="WAV file of what was heard")
    options = parser.parse_args(arguments)
    try:
        found = score(options.sound, options.recording)
        answer: dict[str, object] = {"mos_lqo": found.mos_lqo, "algorithm": found.algorithm}
    except (NoScoreError, audio.AudioError, OSError, EOFError, wave.Error) as error:
        answer = {"reason": str(error) or repr(error)}
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
