"""The codecs that calls can use: their numbers in RTP, and sound to payloads of 20 ms and back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from voice_sipapp.media import g711, g722, opus
from voice_sipapp.media.g711 import PCM

PTIME_MS = 20
"""Sound in each packet that we send."""

FRAMES_PER_S = 1000 // PTIME_MS


@dataclass(frozen=True)
class Codec:
    """A codec: `payload_type` is the static one, or what we propose for a dynamic one; `clock_hz` is that of RTP's
    timestamps, `rate_hz` that of the samples; `encoding` is its name in a=rtpmap; `parameters` its a=fmtp.
    """

    name: str
    payload_type: int
    clock_hz: int
    rate_hz: int
    encoding: str
    parameters: str = ""

    @property
    def ticks(self) -> int:
        """How far the RTP timestamp goes in one packet of ours."""
        return self.clock_hz // FRAMES_PER_S


CODECS = {
    codec.name: codec
    for codec in (
        Codec("PCMA", 8, 8000, 8000, "PCMA/8000"),
        Codec("PCMU", 0, 8000, 8000, "PCMU/8000"),
        # Its clock is 8000 although it has 16,000 samples a second: an old mistake that is kept (RFC 3551, 4.5.2).
        Codec("G722", 9, 8000, 16000, "G722/8000"),
        # Always "48000/2", whatever is coded (RFC 7587, section 4.1); the parameters say that it is wide-band and mono.
        Codec(
            "opus", 96, 48000, opus.RATE_HZ, "opus/48000/2",
            "maxplaybackrate=16000;sprop-maxcapturerate=16000;stereo=0;sprop-stereo=0;useinbandfec=1",
        ),
    )
}  # fmt: skip
"""Every codec by its name, as it stands in a plan and in a call's record."""


def missing() -> dict[str, str]:
    """The codecs that this host can't use, each with the reason."""
    problem = opus.problem()
    return {"opus": problem} if problem else {}


def usable(names: Sequence[str]) -> list[str]:
    """Those of `names` (any case) that this host can send and measure, in their order, each once."""
    known = {name.upper(): name for name in CODECS if name not in missing()}
    return list(dict.fromkeys(known[name.upper()] for name in names if name.upper() in known))


def encode(name: str, samples: PCM) -> tuple[bytes, ...]:
    """`samples` (at the codec's rate) as the payloads of 20 ms packets, to be sent over and over; the last is filled up
    with silence. Raises KeyError for an unknown codec.
    """
    encoders: dict[str, Callable[[PCM], tuple[bytes, ...]]] = {"G722": g722.encode, "opus": opus.encode}
    return encoders[name](samples) if name in encoders else g711.frames(name, samples)


def decode(name: str, payloads: Sequence[bytes | None]) -> PCM:
    """The sound of `payloads` as a listener hears them, at the codec's rate. None is lost or late and is concealed;
    an empty one was no sound and takes no time. Raises KeyError for an unknown codec.
    """
    parts = decode_each(name, payloads)
    return np.concatenate(parts) if parts else np.zeros(0, np.int16)


def decode_each(name: str, payloads: Sequence[bytes | None], missing_samples: Sequence[int] | None = None) -> list[PCM]:
    """The same, the sound of each payload by itself. Of a missing one there is as much as `missing_samples` says at its
    place; as much as in the one before it, where that is not given.
    """
    decoders = {"G722": g722.decode, "opus": opus.decode}
    if name in decoders:
        return decoders[name](payloads, missing_samples)
    return g711.listen(name, payloads, missing_samples)
