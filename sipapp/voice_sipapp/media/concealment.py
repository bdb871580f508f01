"""What a listener hears where packets are missing, for codecs that have no concealment of their own."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

GAIN = 0.6
"""Each further 20 ms that are missing repeat what came last at this much of its amplitude."""


def heard(
    payloads: Sequence[bytes | None],
    decode: Callable[[bytes], NDArray[np.int16]],
    samples_per_octet: int,
    rate_hz: int,
    missing_samples: Sequence[int] | None = None,
) -> list[NDArray[np.int16]]:
    """Linear samples of each of `payloads`, whatever their length; a missing one is a fading repeat of the last (as
    G.711 Appendix I fades, without its pitch analysis), as long as `missing_samples` says at its place, else as that.
    One that is empty was no sound and takes no time.
    """
    frame = rate_hz // 50
    usual = next((len(payload) * samples_per_octet for payload in payloads if payload), frame)
    last, gain = np.zeros(usual, np.int16), 1.0
    parts: list[NDArray[np.int16]] = []
    for at, payload in enumerate(payloads):
        if payload is None:
            samples = last.size if missing_samples is None else missing_samples[at]
            gain *= GAIN ** (samples / frame)
            parts.append((np.resize(last, samples) * gain).astype(np.int16))
        elif payload:
            last, gain = decode(payload), 1.0
            parts.append(last)
        else:
            parts.append(np.zeros(0, np.int16))
    return parts
