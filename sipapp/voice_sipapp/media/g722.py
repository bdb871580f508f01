"""G.722: wide-band speech (50 … 7,000 Hz) in 64 kbit/s, two bands of ADPCM (ITU-T G.722, mode 1)."""

from collections.abc import Sequence

import numpy as np
from G722 import G722

from voice_sipapp.media import concealment
from voice_sipapp.media.g711 import PCM

RATE_HZ = 16000
FRAME_SAMPLES = 320
"""Samples in 20 ms; two of them make one octet."""

_BIT_RATE = 64000


def encode(samples: PCM) -> tuple[bytes, ...]:
    """`samples` at 16,000 Hz as payloads of 20 ms, made to be sent over and over.

    What is sent is the second of two rounds: the encoder then begins in the state in which it ended, so the far end's
    decoder, which runs on, meets no step at the seam. Both adapt within milliseconds, so a start is no matter.
    """
    padded = np.concatenate((samples, np.zeros(-samples.size % FRAME_SAMPLES, np.int16))).astype(np.int16)
    octets = G722(RATE_HZ, _BIT_RATE).encode(np.concatenate((padded, padded)))[padded.size // 2 :]
    size = FRAME_SAMPLES // 2
    return tuple(octets[at : at + size] for at in range(0, len(octets), size))


def decode(payloads: Sequence[bytes | None], missing_samples: Sequence[int] | None = None) -> list[PCM]:
    """Samples at 16,000 Hz of each payload; what is missing is a fading repeat, and the decoder goes on as before."""
    decoder = G722(RATE_HZ, _BIT_RATE)

    def octets(payload: bytes) -> PCM:
        return np.frombuffer(decoder.decode(payload), np.int16)

    return concealment.heard(payloads, octets, 2, RATE_HZ, missing_samples)
