"""How much sound a packet holds, by its own codec and its payload, whatever its neighbours hold.

A far end may change its packets' length (RFC 3551, section 4.2: a receiver should accept 0 to 200 ms) and its codec
(RFC 3264, section 6.1) in mid-call. Timestamps tell how far the clock went, not what a packet holds: where nothing is
sent while nobody speaks they go on without sound.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from voice_sipapp.media.rtppacket import Packet

OCTETS_PER_MS = {"PCMA": 8, "PCMU": 8, "G722": 8}
"""64 kbit/s each (RFC 3551, sections 4.5.14 and 4.5.2)."""

LONGEST_MS = 200.0
"""What is believed of a packet (RFC 3551, section 4.2). Longer is garbage, and holds no more than this."""

_OPUS_LONGEST_MS = 120.0
_SILK_MS, _HYBRID_MS, _CELT_MS = (10.0, 20.0, 40.0, 60.0), (10.0, 20.0), (2.5, 5.0, 10.0, 20.0)


def sound_ms(packets: Iterable[Packet], codec: str) -> NDArray[np.float64]:
    """How many ms of sound each of `packets` holds, which are all in `codec`; 0 where that can't be told."""
    if codec == "opus":
        return np.array([opus_ms(packet.payload) for packet in packets], np.float64)
    octets = np.fromiter((len(packet.payload) for packet in packets), np.float64)
    return np.minimum(octets / OCTETS_PER_MS[codec], LONGEST_MS)


def opus_ms(payload: bytes) -> float:
    """The sound in one packet of Opus: its frames' length and count (RFC 6716, section 3.1 and 3.2); 0 for no Opus."""
    if not payload:
        return 0.0
    mode, count = payload[0] >> 3, payload[0] & 3
    if count == 3 and len(payload) < 2:
        return 0.0
    frames = (1, 2, 2, payload[1] & 63 if count == 3 else 0)[count]
    frame_ms = _SILK_MS[mode & 3] if mode < 12 else _HYBRID_MS[mode & 1] if mode < 16 else _CELT_MS[mode & 3]
    whole_ms = frames * frame_ms
    return whole_ms if whole_ms <= _OPUS_LONGEST_MS else 0.0
