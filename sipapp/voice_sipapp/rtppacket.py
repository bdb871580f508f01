"""RTP packets (RFC 3550, section 5.1), from the datagrams that were received."""

import struct
from collections.abc import Sequence

from voice_sipapp.rtpstats import Packet

HEADER = struct.Struct("!BBHII")
"""The fixed header: version and flags, marker and payload type, sequence number, timestamp, source."""


def packets(received: Sequence[tuple[int, bytes]], payload_type: int) -> list[Packet]:
    """The RTP packets among what was `received`, numbers unwrapped for each source.

    Those of another type than `payload_type` (comfort noise, DTMF) are no sound, but they take numbers of the same
    sequence: without them they would look lost.
    """
    last: dict[int, tuple[int, int]] = {}
    result: list[Packet] = []
    for arrival_ns, data in received:
        payload = _payload(data)
        if payload is None:
            continue
        _, kind, sequence, timestamp, ssrc = HEADER.unpack_from(data)
        sequence, timestamp = _unwrapped(last.get(ssrc), sequence, timestamp)
        last[ssrc] = (sequence, timestamp)
        is_sound = kind & 0x7F == payload_type
        result.append(Packet(arrival_ns, sequence, timestamp, ssrc, payload if is_sound else b"", is_sound))
    return result


def _payload(data: bytes) -> bytes | None:
    """What follows the header, its contributing sources and its extension (RFC 3550, sections 5.1 and 5.3.1), without
    padding; None where the packet is too short for what its header says.
    """
    start = 12 + 4 * (data[0] & 15)
    if data[0] & 0x10:
        if start + 4 > len(data):
            return None
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    end = len(data) - (data[-1] if data[0] & 0x20 else 0)
    return data[start:end] if start <= end else None


def _unwrapped(last: tuple[int, int] | None, sequence: int, timestamp: int) -> tuple[int, int]:
    """`sequence` (16 bits) and `timestamp` (32 bits) continued from the `last` packet's, in either direction."""
    if last is None:
        return sequence + 0x10000, timestamp + 0x100000000
    step = ((sequence - last[0] + 0x8000) & 0xFFFF) - 0x8000
    ticks = ((timestamp - last[1] + 0x80000000) & 0xFFFFFFFF) - 0x80000000
    return last[0] + step, last[1] + ticks
