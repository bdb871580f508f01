"""Opus (RFC 6716) by libopus: wide-band speech, mono, 20 ms a packet, with in-band forward error correction.

The library is Debian's `libopus0` (BSD licence), called through ctypes. A host without it can't offer Opus, and says
so.
"""

import ctypes
from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import numpy as np

from voice_sipapp.media.g711 import PCM

RATE_HZ = 16000
FRAME_SAMPLES = 320
"""Samples in 20 ms."""

BIT_RATE = 32_000
"""Bits a second on average: transparent for wide-band speech (RFC 7587, section 3.1.1: 16-20 kbit/s is enough), with
room for the error correction."""

EXPECTED_LOSS_PCT = 10
"""What the encoder is told of the path, so that it spends bits on error correction."""

_LIBRARY = "libopus.so.0"
_MAX_OCTETS = 1275
_MAX_SAMPLES = RATE_HZ * 120 // 1000
"""The longest packet holds 120 ms (RFC 6716, section 3.2)."""

_VOIP = 2048
_SETTINGS = {4002: BIT_RATE, 4012: 1, 4014: EXPECTED_LOSS_PCT, 4024: 3001}
"""OPUS_SET_BITRATE, _INBAND_FEC, _PACKET_LOSS_PERC, _SIGNAL (voice): numbers of opus_defines.h."""


class OpusError(RuntimeError):
    """libopus refused something that can't be wrong, or is not there."""


@cache
def _library() -> ctypes.CDLL:
    """The library with its functions' types. Raises OSError where it is not installed."""
    library = ctypes.CDLL(_LIBRARY)
    number, pointer, text = ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p
    signatures = {
        "opus_encoder_create": (pointer, [ctypes.c_int32, number, number, pointer]),
        "opus_encode": (ctypes.c_int32, [pointer, pointer, number, pointer, ctypes.c_int32]),
        "opus_encoder_destroy": (None, [pointer]),
        "opus_decoder_create": (pointer, [ctypes.c_int32, number, pointer]),
        "opus_decode": (number, [pointer, text, ctypes.c_int32, pointer, number, number]),
        "opus_decoder_destroy": (None, [pointer]),
        "opus_packet_get_nb_samples": (number, [text, ctypes.c_int32, ctypes.c_int32]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    library.opus_encoder_ctl.restype = number  # its arguments vary
    return library


def problem() -> str | None:
    """Why this host can't use Opus, or None."""
    try:
        _library()
    except OSError as error:
        return f"libopus is missing (Debian package libopus0): {error}"
    return None


def encode(samples: PCM) -> tuple[bytes, ...]:
    """`samples` at 16,000 Hz as payloads of 20 ms, made to be sent over and over.

    A decoder keeps a state (linear prediction, pitch, band energies), so packets can't be put together at will. But
    what is sent is the second of two rounds: its first packet was made for a decoder that has just heard the last one,
    as at the seam of the loop, and carries the error correction for it. At the start of a call the decoder is fresh
    and settles within a few packets, as it does after a loss.
    """
    library = _library()
    error = ctypes.c_int()
    encoder = library.opus_encoder_create(RATE_HZ, 1, _VOIP, ctypes.byref(error))
    if error.value:
        raise OpusError(f"libopus made no encoder (error {error.value})")
    try:
        for setting, value in _SETTINGS.items():
            if library.opus_encoder_ctl(ctypes.c_void_p(encoder), setting, ctypes.c_int(value)):
                raise OpusError(f"libopus refused the setting {setting}")
        padded = np.concatenate((samples, np.zeros(-samples.size % FRAME_SAMPLES, np.int16))).astype(np.int16)
        frames = padded.reshape(-1, FRAME_SAMPLES)
        return [tuple(_encoded(encoder, frame) for frame in frames) for _ in range(2)][1]
    finally:
        library.opus_encoder_destroy(encoder)


def _encoded(encoder: int, frame: PCM) -> bytes:
    packet = ctypes.create_string_buffer(_MAX_OCTETS)
    size = _library().opus_encode(encoder, frame.ctypes.data, FRAME_SAMPLES, packet, _MAX_OCTETS)
    if size < 0:
        raise OpusError(f"libopus could not encode (error {size})")
    return packet.raw[:size]


def decode(payloads: Sequence[bytes | None], missing_samples: Sequence[int] | None = None) -> list[PCM]:
    """Samples at 16,000 Hz of each payload. What is missing comes from the error correction in the next packet, else
    from the decoder's own concealment, as much as `missing_samples` says at its place, or as in the packet before it;
    so does what is no Opus. An empty payload was no sound and takes no time.
    """
    library = _library()
    error = ctypes.c_int()
    decoder = library.opus_decoder_create(RATE_HZ, 1, ctypes.byref(error))
    if error.value:
        raise OpusError(f"libopus made no decoder (error {error.value})")
    out = np.zeros(_MAX_SAMPLES, np.int16)

    def heard(packet: bytes | None, samples: int, *, correction: bool) -> PCM | None:
        size = len(packet) if packet else 0
        count = library.opus_decode(decoder, packet, size, out.ctypes.data, samples, int(correction))
        return out[:count].copy() if count >= 0 else None

    sounding = [at for at, payload in enumerate(payloads) if payload != b""]
    following = dict(pairwise(sounding))
    parts = [np.zeros(0, np.int16)] * len(payloads)
    last = FRAME_SAMPLES
    try:
        for at in sounding:
            payload, wanted = payloads[at], last
            sound = heard(payload, _MAX_SAMPLES, correction=False) if payload else None
            if sound is not None:
                last = sound.size
            elif payload is None:
                wanted = last if missing_samples is None else _decodable(missing_samples[at])
                correct = payloads[following[at]] if at in following else None
                if correct and _samples(correct) == wanted:
                    sound = heard(correct, wanted, correction=True)
            if sound is None:
                sound = heard(None, wanted, correction=False)
            parts[at] = np.zeros(wanted, np.int16) if sound is None else sound
    finally:
        library.opus_decoder_destroy(decoder)
    return parts


def _decodable(samples: int) -> int:
    """As many `samples` as a decoder makes up at once: steps of 2.5 ms, up to 120 ms."""
    step = RATE_HZ // 400
    return min(max(1, round(samples / step)) * step, _MAX_SAMPLES)


def _samples(packet: bytes) -> int:
    """The length of what is in `packet`; negative where it is no Opus."""
    return int(_library().opus_packet_get_nb_samples(packet, len(packet), RATE_HZ))
