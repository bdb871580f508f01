"""RTP packets (RFC 3550, section 5.1), from the datagrams that were received."""

import struct
from collections.abc import Sequence
from typing import NamedTuple

from voice_sipapp.media.rtcp import MAX_DROPOUT, MAX_MISORDER, signed16

HEADER = struct.Struct("!BBHII")
"""The fixed header: version and flags, marker and payload type, sequence number, timestamp, source."""


class Packet(NamedTuple):
    """One RTP packet as received: arrival in ns (kernel clock), extended sequence number, RTP timestamp unwrapped.

    One that is no sound (comfort noise, DTMF) has a number and no payload. `restarts` is how often its source had begun
    its numbers anew; `payload_type` is what it came under. A tuple, because there are thousands in a call.
    """

    arrival_ns: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    is_sound: bool = True
    restarts: int = 0
    payload_type: int = 0


def packets(received: Sequence[tuple[int, bytes]], *payload_types: int) -> list[Packet]:
    """The RTP packets among what was `received`, numbers unwrapped for each source.

    Those of another type than `payload_types` (comfort noise, DTMF) are no sound, but they take numbers of the same
    sequence: without them they would look lost.
    """
    sources: dict[int, _Source] = {}
    result: list[Packet] = []
    for arrival_ns, data in received:
        payload = payload_of(data)
        if payload is None:
            continue
        _, kind, sequence, timestamp, ssrc = HEADER.unpack_from(data)
        payload_type = kind & 0x7F
        is_sound = payload_type in payload_types
        packet = Packet(arrival_ns, sequence, timestamp, ssrc, payload if is_sound else b"", is_sound, 0, payload_type)
        result += sources.setdefault(ssrc, _Source()).take(packet)
    return result


def payload_of(data: bytes) -> bytes | None:
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


class _Source:
    """Continues the numbers of one source across their wraps, and notices when the source starts them anew."""

    def __init__(self) -> None:
        self._last: Packet | None = None
        self._held: Packet | None = None

    def take(self, packet: Packet) -> list[Packet]:
        """What is known to belong to the source now that `packet` (with its numbers as sent) came: none, it or two.

        A number far away from the last one is held back: it is a stray, unless the next packet follows it. Then the
        source has started anew (RFC 3550, A.1).
        """
        last, held = self._last, self._held
        self._held = None
        if last is None:
            return [self._begin(packet)]
        if -MAX_MISORDER <= signed16(packet.sequence - last.sequence) < MAX_DROPOUT:
            return [self._continue(last, packet)]
        if held is not None and signed16(packet.sequence - held.sequence) == 1:
            first = self._begin(held._replace(restarts=last.restarts + 1))
            return [first, self._continue(first, packet)]
        self._held = packet
        return []

    def _begin(self, packet: Packet) -> Packet:
        # A whole turn up, so that what was sent before the first packet and came after it has numbers too.
        self._last = packet._replace(sequence=packet.sequence + 0x10000, timestamp=packet.timestamp + 0x100000000)
        return self._last

    def _continue(self, last: Packet, packet: Packet) -> Packet:
        ticks = ((packet.timestamp - last.timestamp + 0x80000000) & 0xFFFFFFFF) - 0x80000000
        sequence = last.sequence + signed16(packet.sequence - last.sequence)
        arrival_ns, _, _, ssrc, payload, is_sound, _, kind = packet
        # Made anew rather than by _replace, which takes three times as long: this runs for every packet.
        self._last = Packet(arrival_ns, sequence, last.timestamp + ticks, ssrc, payload, is_sound, last.restarts, kind)
        return self._last
