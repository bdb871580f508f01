"""RTP packets (RFC 3550, section 5.1), from the datagrams that were received."""

import struct
from collections.abc import Sequence

from voice_sipapp.rtpstats import Packet

HEADER = struct.Struct("!BBHII")
"""The fixed header: version and flags, marker and payload type, sequence number, timestamp, source."""


def packets(received: Sequence[tuple[int, bytes]], payload_type: int) -> list[Packet]:
    """The RTP packets of `payload_type` among what was `received`, numbers unwrapped for each source.

    Other payload types (comfort noise, DTMF of a gateway) are left out.
    """
    last: dict[int, tuple[int, int]] = {}
    result: list[Packet] = []
    for arrival_ns, data in received:
        first, kind, sequence, timestamp, ssrc = HEADER.unpack_from(data)
        start = 12 + 4 * (first & 15)
        if kind & 0x7F != payload_type or first & 0x10 or start > len(data):
            continue
        sequence, timestamp = _unwrapped(last.get(ssrc), sequence, timestamp)
        last[ssrc] = (sequence, timestamp)
        end = len(data) - (data[-1] if first & 0x20 else 0)
        result.append(Packet(arrival_ns, sequence, timestamp, ssrc, data[start:end]))
    return result


def _unwrapped(last: tuple[int, int] | None, sequence: int, timestamp: int) -> tuple[int, int]:
    """`sequence` (16 bits) and `timestamp` (32 bits) continued from the `last` packet's, in either direction."""
    if last is None:
        return sequence + 0x10000, timestamp + 0x100000000
    step = ((sequence - last[0] + 0x8000) & 0xFFFF) - 0x8000
    ticks = ((timestamp - last[1] + 0x80000000) & 0xFFFFFFFF) - 0x80000000
    return last[0] + step, last[1] + ticks
