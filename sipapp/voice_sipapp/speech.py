"""Makes the sounds that ship with the application: sentences of our own, spoken by espeak-ng, at telephone level.

No recording of anyone is used, so the files are free to copy: espeak-ng's licence (GPL 3) covers the program and not
what it says, its voices are made by rules (formants) and not from a speaker's recordings, and the sentences are ours.
"""

import subprocess
import tempfile
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice_sipapp.measurement import speechlevel
from voice_sipapp.media import audio, g711, resample

TARGET_DBOV = -26.0
"""Active speech level to reach; the level that tests of telephone speech are made at (ITU-T P.800)."""

RATE_HZ = 16000
"""Wide-band, so that wide-band codecs have something to carry; narrow-band ones get the telephone's band of it."""

PEAK = 30_000
_BAND_HZ = (50.0, 7_000.0)
"""Wide-band telephony (ITU-T P.341, G.722)."""

_TAPER_HZ = 50.0
_PAUSE_S = 0.35
_TIMEOUT_S = 60

TEXTS = {
    "en": (
        "Good morning, and thank you for calling the test line.",
        "Seven small boats left the quiet harbour before the sun was up.",
        "Please tell me your order number, one figure after the other.",
        "The kitchen window was open, and fresh bread lay on the shelf.",
        "We will check the address twice and call you back this afternoon.",
    ),
    "de": (
        "Guten Morgen, und vielen Dank für Ihren Anruf auf der Prüfleitung.",
        "Sieben kleine Boote verließen den stillen Hafen vor Sonnenaufgang.",
        "Bitte nennen Sie mir Ihre Bestellnummer, eine Ziffer nach der anderen.",
        "Das Fenster der Küche stand offen, und frisches Brot lag im Regal.",
    ),
}
"""The sentences of each language."""


class SpeechError(Exception):
    """Speech could not be made; the text says why."""


def make(folder: Path) -> list[Path]:
    """Write `speech-<language>.wav` for every language into `folder`; returns the paths. Raises SpeechError."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for language, sentences in TEXTS.items():
        path = folder / f"speech-{language}.wav"
        sound = levelled(np.concatenate([_with_pause(speak(language, text)) for text in sentences]), RATE_HZ)
        audio.save(path, sound, RATE_HZ)
        paths.append(path)
    return paths


def speak(language: str, text: str) -> NDArray[np.float64]:
    """`text` spoken, at 16,000 Hz and in the band of wide-band telephony. Raises SpeechError without espeak-ng."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "speech.wav"
        command = ["espeak-ng", "-v", language, "-s", "150", "-w", str(path), text]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_TIMEOUT_S)
        except FileNotFoundError as error:
            raise SpeechError("espeak-ng is not installed") from error
        except subprocess.SubprocessError as error:
            raise SpeechError(f"espeak-ng failed: {error}") from error
        with wave.open(str(path)) as file:
            rate = file.getframerate()
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64)
    return resample.limited(resample.resampled(samples, rate, RATE_HZ), RATE_HZ, _BAND_HZ, _TAPER_HZ)


def levelled(samples: NDArray[np.float64], rate_hz: int) -> g711.PCM:
    """`samples` of `rate_hz` at an active speech level of -26 dBov (ITU-T P.56), or as near as their peaks allow.

    Raises SpeechError for silence.
    """
    found = speechlevel.measure(samples, rate_hz)
    if found is None:
        raise SpeechError("there is nothing to hear in it")
    gain = 10 ** ((TARGET_DBOV - found.dbov) / 20)
    gain = min(gain, PEAK / float(np.abs(samples).max()))
    return np.round(samples * gain).astype(np.int16)


def _with_pause(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate((samples, np.zeros(int(_PAUSE_S * RATE_HZ))))
