"""One clock for a stream whose codecs have several: RTP's timestamps count in the clock of each packet's own codec.

One source may go from one clock rate to another under way, with timestamps that say nothing about each other
(RFC 7160, section 3). The numbers go on, so they tell where the sound of the next packet belongs.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from voice_sipapp.measurement.lengths import sound_ms
from voice_sipapp.media.codecs import CODECS
from voice_sipapp.media.rtppacket import Packet

USUAL_HZ = 8000
COMMON_HZ = 48_000
"""A rate that every codec's divides."""

_PAUSE_MS = 500.0
"""Arrivals and numbers that differ by more than this: nothing was sent in between."""

_WRONG_RATES = (1 / 6, 1 / 3, 1 / 2, 2, 3, 6)
_STEPS = 25
"""So many steps of one codec, at least, before its clock is taken for another one."""


def in_one_clock(packets: Sequence[Packet], codecs: Mapping[int, str]) -> tuple[Sequence[Packet], int]:
    """`packets` with timestamps of one rate, and that rate in Hz. `codecs` is the codec of each payload type."""
    kinds = {packet.payload_type for packet in packets if packet.is_sound}
    rates = {kind: _rate_hz(packets, kind, codecs[kind]) if kind in codecs else USUAL_HZ for kind in kinds}
    if len(set(rates.values())) <= 1:
        return packets, next(iter(rates.values()), USUAL_HZ)
    numberings: dict[tuple[int, int], list[Packet]] = {}
    for packet in packets:
        if packet.is_sound:
            numberings.setdefault((packet.ssrc, packet.restarts), []).append(packet)
    stamps = {
        (*source, packet.sequence, packet.timestamp): stamp
        for source, own in numberings.items()
        for packet, stamp in _restamped(own, rates, codecs)
    }
    return [
        packet._replace(timestamp=stamps[packet.ssrc, packet.restarts, packet.sequence, packet.timestamp])
        if packet.is_sound
        else packet
        for packet in packets
    ], COMMON_HZ


def _restamped(own: list[Packet], rates: Mapping[int, int], codecs: Mapping[int, str]) -> list[tuple[Packet, int]]:
    """Each packet of sound of one numbering, in order, with its timestamp in the common clock."""
    ordered = sorted(own, key=lambda packet: packet.sequence)
    at_ms = 0.0
    found = [(ordered[0], 0)]
    for last, packet in pairwise(ordered):
        rate = rates[packet.payload_type]
        if rate == rates[last.payload_type]:
            at_ms += (packet.timestamp - last.timestamp) * 1000 / rate
        else:
            at_ms += _step_ms(last, packet, codecs)
        found.append((packet, round(at_ms * COMMON_HZ / 1000)))
    return found


def _step_ms(last: Packet, packet: Packet, codecs: Mapping[int, str]) -> float:
    """From the begin of the sound in `last` to that of `packet`, of another rate. It leaves when its sound ends."""
    last_ms, own_ms = (float(sound_ms([each], codecs[each.payload_type])[0]) for each in (last, packet))
    elapsed_ms = (packet.arrival_ns - last.arrival_ns) / 1e6 + last_ms - own_ms
    follows = packet.sequence == last.sequence + 1 and abs(elapsed_ms - last_ms) < _PAUSE_MS
    return last_ms if follows else max(elapsed_ms, last_ms)


def _rate_hz(packets: Sequence[Packet], kind: int, codec: str) -> int:
    """The clock rate of `codec`, but for a sender that has it wrong: in each packet it counts two, three or six times
    as many ticks as its sound has, or as few.
    """
    rate = CODECS[codec].clock_hz
    own = [packet for packet in packets if packet.is_sound and packet.payload_type == kind]
    if len(own) <= _STEPS:
        return rate
    follows = np.diff(np.array([packet.sequence for packet in own], np.int64)) == 1
    held_ms = sound_ms(own, codec)[:-1][follows]
    if held_ms.size < _STEPS or not held_ms.all():
        return rate
    ticks = np.diff(np.array([packet.timestamp for packet in own], np.int64))[follows]
    came_ms = np.diff(np.array([packet.arrival_ns for packet in own], np.int64))[follows] / 1e6
    each = ticks * 1000 / rate / held_ms
    told = float(np.median(each))
    steady = np.abs(each - told) < 0.01 * told  # all but pauses
    took = float(came_ms[steady].sum() / held_ms[steady].sum()) if steady.any() else 0.0
    wrong = [factor for factor in _WRONG_RATES if abs(told - factor) < 0.01 * factor]
    return round(rate * wrong[0]) if wrong and 0.8 < took < 1.25 else rate
