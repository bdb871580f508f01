"""G.711: speech as eight bits a sample, A-law and µ-law (ITU-T G.711), whole recordings at once.

Decoding is a table of 256 values. Encoding is a table of 65,536 made from it: the code whose decoded value is
nearest, so that encoding what was decoded changes nothing.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from voice_sipapp.media import concealment

PCM = NDArray[np.int16]
"""Samples, 16-bit linear, one dimension."""

RATE_HZ = 8000

FRAME_SAMPLES = 160
"""Samples (and octets of G.711) in the 20 ms of one packet."""

SILENCE = {"PCMA": 0xD5, "PCMU": 0xFF}
"""The octet of each law that decodes to (nearly) nothing."""


@cache
def decode_table(codec: str) -> PCM:
    """256 linear samples, one for each octet of `codec` ("PCMA" or "PCMU"). Raises KeyError for another codec."""
    return {"PCMA": _alaw, "PCMU": _ulaw}[codec]()


@cache
def encode_table(codec: str) -> NDArray[np.uint8]:
    """65,536 octets of `codec`, indexed by sample + 32768."""
    levels = decode_table(codec).astype(np.int32)
    order = np.argsort(levels, kind="stable")
    ranked = levels[order]
    samples = np.arange(-32768, 32768)
    above = np.clip(np.searchsorted(ranked, samples), 1, 255)
    nearer_below = np.abs(samples - ranked[above - 1]) <= np.abs(ranked[above] - samples)
    return order[np.where(nearer_below, above - 1, above)].astype(np.uint8)


def encode(codec: str, samples: PCM) -> bytes:
    """`samples` as G.711 octets, one a sample."""
    return encode_table(codec)[samples.astype(np.int32) + 32768].tobytes()


def decode(codec: str, octets: bytes) -> PCM:
    """Linear samples of G.711 `octets`."""
    return decode_table(codec)[np.frombuffer(octets, np.uint8)]


def frames(codec: str, samples: PCM) -> tuple[bytes, ...]:
    """`samples` encoded and cut into the payloads of 20 ms packets; the last one is filled up with silence."""
    octets = encode(codec, samples)
    filler = bytes([SILENCE[codec]]) * (-len(octets) % FRAME_SAMPLES)
    padded = octets + filler
    return tuple(padded[at : at + FRAME_SAMPLES] for at in range(0, len(padded), FRAME_SAMPLES))


def listen(codec: str, payloads: Sequence[bytes | None], missing_samples: Sequence[int] | None = None) -> list[PCM]:
    """The sound of each of `payloads`; what is missing (None) is a fading repeat, what is empty takes no time."""
    whole = decode(codec, b"".join(payload for payload in payloads if payload))  # at once: a table takes no state
    taken = 0

    def octets(payload: bytes) -> PCM:
        nonlocal taken
        taken += len(payload)
        return whole[taken - len(payload) : taken]

    return concealment.heard(payloads, octets, 1, RATE_HZ, missing_samples)


def _alaw() -> PCM:
    octet = np.arange(256) ^ 0x55
    exponent, mantissa = (octet >> 4) & 7, octet & 15
    step = mantissa << 4
    magnitude = np.where(exponent == 0, step + 8, (step + 0x108) << np.maximum(exponent - 1, 0))
    return np.where(octet & 0x80, magnitude, -magnitude).astype(np.int16)


def _ulaw() -> PCM:
    octet = ~np.arange(256) & 0xFF
    exponent, mantissa = (octet >> 4) & 7, octet & 15
    magnitude = (((mantissa << 3) + 0x84) << exponent) - 0x84
    return np.where(octet & 0x80, -magnitude, magnitude).astype(np.int16)
