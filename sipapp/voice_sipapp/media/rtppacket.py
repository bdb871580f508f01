"""RTP packets (RFC 3550, section 5.1), from the datagrams that were received."""

import struct
from collections.abc import Sequence
from typing import NamedTuple

from voice_sipapp.media.rtcp import MAX_DROPOUT, MAX_MISORDER, signed16

HEADER = struct.Struct("!BBHII")
"""The fixed header: version and flags, marker and payload type, sequence number, timestamp, source."""

_QUIET_NS = 500_000_000
"""A packet that was overtaken does not come so long after nothing else did."""

_LEAST_TICKS, _MOST_TICKS = 20, 9600
"""Between the timestamps of two packets in a row: 2.5 ms (Opus') at 8,000 Hz, 200 ms (RFC 3551, 4.2) at 48,000 Hz."""

_FEW_STEPS, _SOME_STEPS = 4, 25
"""Fewer packets than this are lost together whatever the timestamps say; fewer than that if they only stand still: not
all senders count them well.
"""

_PACKET_NS = 20_000_000
"""What passed without a packet may have been a pause, in which timestamps went on."""


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

        A number far away from the last one, or that its timestamp does not fit to, is held back. If the next packet
        follows it, the source has started anew (RFC 3550, A.1); else one that was far away is a stray.
        """
        last, held = self._last, self._held
        if last is None:
            return [self._begin(packet)]
        found = []
        if held is not None:
            self._held = None
            if _follows(held, packet, far=not _is_near(last, held)):
                first = self._begin(held._replace(restarts=last.restarts + 1))
                return [first, self._continue(first, packet)]
            if _is_near(last, held):
                last = self._continue(last, held)
                found = [last]
        if not _is_near(last, packet) or _began_anew(last, packet):
            self._held = packet
            return found
        return [*found, self._continue(last, packet)]

    def _begin(self, packet: Packet) -> Packet:
        # A whole turn up, so that what was sent before the first packet and came after it has numbers too.
        self._last = packet._replace(sequence=packet.sequence + 0x10000, timestamp=packet.timestamp + 0x100000000)
        return self._last

    def _continue(self, last: Packet, packet: Packet) -> Packet:
        ticks = signed32(packet.timestamp - last.timestamp)
        sequence = last.sequence + signed16(packet.sequence - last.sequence)
        arrival_ns, _, _, ssrc, payload, is_sound, _, kind = packet
        # Made anew rather than by _replace, which takes three times as long: this runs for every packet.
        self._last = Packet(arrival_ns, sequence, last.timestamp + ticks, ssrc, payload, is_sound, last.restarts, kind)
        return self._last


def _is_near(last: Packet, packet: Packet) -> bool:
    """Whether the number of `packet` may be one of those around the `last` one."""
    return -MAX_MISORDER <= signed16(packet.sequence - last.sequence) < MAX_DROPOUT


def _follows(held: Packet, packet: Packet, *, far: bool) -> bool:
    """Whether `packet` is of the same new numbers as the one that was `held` back. Where these are `far` from the old
    ones, the two may have overtaken each other, or others be lost between them.
    """
    steps = signed16(packet.sequence - held.sequence)
    return steps == 1 or (far and 0 < abs(steps) <= _FEW_STEPS)


def _began_anew(last: Packet, packet: Packet) -> bool:
    """Whether the number of `packet`, near as it is, can't be one of those that follow, or that it was overtaken by:
    the timestamps do not fit to it. (RFC 3550, A.1, takes a step of up to `MAX_DROPOUT` for loss, whatever they say.)
    """
    steps, quiet_ns = signed16(packet.sequence - last.sequence), packet.arrival_ns - last.arrival_ns
    if 0 <= steps < _FEW_STEPS:
        return False
    if steps < 0 and quiet_ns > _QUIET_NS:
        return True
    ticks = signed32(packet.timestamp - last.timestamp)
    if steps < 0:
        fits = steps * _MOST_TICKS <= ticks <= 0
    else:
        fits = (
            (steps * _LEAST_TICKS if steps >= _SOME_STEPS else 0)
            <= ticks
            <= (steps + quiet_ns // _PACKET_NS) * _MOST_TICKS
        )
    return packet.is_sound and last.is_sound and not fits


def signed32(ticks: int) -> int:
    """A difference of timestamps (32 bits) as what it most likely is."""
    return ((ticks + 0x80000000) & 0xFFFFFFFF) - 0x80000000
