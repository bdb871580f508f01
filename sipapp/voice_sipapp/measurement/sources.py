"""One stream out of all the packets that arrived: which sources are the call's, and how they go on after each other.

The listener hears one call, but a gateway may change the source (SSRC) in mid-call when it re-routes media, begin its
numbers or its timestamps anew, or let music on hold come from another machine; and anybody may send to an open port.
"""

from bisect import bisect
from collections import Counter
from collections.abc import Sequence
from itertools import groupby, pairwise
from statistics import median_low

import numpy as np
from numpy.typing import NDArray

from voice_sipapp.media.rtppacket import Packet

PTIME_MS = 20
"""Sound in one packet as we offer it and send it; a far end may choose otherwise (a=ptime is a wish)."""

_PTIMES_MS = range(5, 201)
"""What is believed of a far end's timestamps."""

LONGEST_OUTAGE_MS = 3_600_000
"""Longer is no outage but a wall clock that was set; every packet that is missing takes memory."""

STRAY_PACKETS = 25
"""A source that sent fewer packets than this (half a second) is a stray and not part of the call's media."""

_PAUSE_NS = 1_000_000_000
"""A source that was quiet for longer may have left its place to another one meanwhile."""

_JUMP_MS = 1000.0
"""Timestamps and arrivals that part by more than this from one packet to the next, and for good, tell of a clock that
began anew: a path that stalls catches up."""

_CATCHES_UP_MS = 3000.0
"""How soon after a stall something comes that was not held up."""

Floats = NDArray[np.float64]
_Numbering = tuple[int, int]


def single_stream(packets: Sequence[Packet], clock_hz: int) -> list[Packet]:
    """`packets` (in order of arrival) of the sources that belong to the call, numbered on as one stream.

    What follows another source continues where that ended, by as many packets as the time between. Of two that sound
    at the same time the larger is heard. Strays are left out. `clock_hz` is the rate of the timestamps.
    """
    stream: list[Packet] = []
    for own in _sections(packets):
        steady = _followed(own, clock_hz)
        stream += _continued(stream, steady, clock_hz) if stream else steady
    return stream


def _sections(packets: Sequence[Packet]) -> list[list[Packet]]:
    """The packets of the call in runs that follow each other, each of one numbering of one source."""
    counts = Counter(packet.ssrc for packet in packets if packet.is_sound)
    threshold = min(STRAY_PACKETS, max(counts.values(), default=0))
    numberings: dict[_Numbering, list[Packet]] = {}
    for packet in packets:
        if threshold and counts[packet.ssrc] >= threshold:
            numberings.setdefault((packet.ssrc, packet.restarts), []).append(packet)
    if len(numberings) <= 1:
        return list(numberings.values())
    spells = [spell for own in numberings.values() for spell in _spells(own)]
    taken: list[list[Packet]] = []
    for spell in sorted(spells, key=len, reverse=True):
        rest = _outside(spell, taken)
        if len(rest) == len(spell) or len(rest) >= threshold:
            taken.append(rest)
    taken.sort(key=lambda spell: spell[0].arrival_ns)
    return [
        [packet for spell in spells for packet in spell] for _, spells in groupby(taken, lambda own: _source(own[0]))
    ]


def _source(packet: Packet) -> _Numbering:
    return packet.ssrc, packet.restarts


def _spells(own: list[Packet]) -> list[list[Packet]]:
    """The packets of one numbering, cut where nothing came for long."""
    spells = [[own[0]]]
    for before, packet in pairwise(own):
        if packet.arrival_ns - before.arrival_ns > _PAUSE_NS:
            spells.append([])
        spells[-1].append(packet)
    return spells


def _outside(spell: list[Packet], taken: list[list[Packet]]) -> list[Packet]:
    """Those of `spell` that came while none of the `taken` sounded."""
    for other in taken:
        begin, end = other[0].arrival_ns, other[-1].arrival_ns
        if spell and spell[0].arrival_ns <= end and begin <= spell[-1].arrival_ns:
            spell = [packet for packet in spell if not begin <= packet.arrival_ns <= end]
    return spell


def _followed(own: list[Packet], clock_hz: int) -> list[Packet]:
    """`own`, the packets of one numbering, with timestamps that go on as time does where the source's clock began anew
    or stood still: a gateway that switches to another leg passes on that leg's timestamps.
    """
    sound = [packet for packet in own if packet.is_sound]
    arrivals = np.array([packet.arrival_ns for packet in sound], np.int64)
    ticks = np.array([packet.timestamp for packet in sound], np.int64)
    came_ms = (arrivals - arrivals[:1]) / 1e6
    jumps = _jumps(came_ms, came_ms - (ticks - ticks[:1]) * 1000 / clock_hz)
    if not jumps:
        return own
    begins = [sound[at].sequence for at, _ in jumps]
    shifts = [0, *(round(shift_ms * clock_hz / 1000) for _, shift_ms in jumps)]
    return [packet._replace(timestamp=packet.timestamp + shifts[bisect(begins, packet.sequence)]) for packet in own]


def _jumps(came_ms: Floats, transit_ms: Floats) -> list[tuple[int, float]]:
    """Positions at which the clock of a source jumped for good, and by how much all timestamps from there on must be
    moved to go on. `transit_ms` is how much later than its timestamp each packet came, which was at `came_ms`.
    """
    found: list[tuple[int, float]] = []
    if not (np.abs(np.diff(transit_ms)) > _JUMP_MS).any():
        return found
    before, moved = float(transit_ms[0]), 0.0
    for at, transit in enumerate(transit_ms.tolist()):
        later = _later(came_ms, transit_ms, at) if abs(transit - moved - before) > _JUMP_MS else None
        if later is not None and abs(later - moved - before) > _JUMP_MS:
            moved = transit - before
            found.append((at, moved))
        if abs(transit - moved - before) <= _JUMP_MS:
            before = transit - moved
    return found


def _later(came_ms: Floats, transit_ms: Floats, at: int) -> float | None:
    """The transit once a stall at the packet `at` would be over; None where too little follows to tell."""
    until = int(np.searchsorted(came_ms, came_ms[at] + _CATCHES_UP_MS))
    return float(np.median(transit_ms[until - STRAY_PACKETS : until])) if until - at >= STRAY_PACKETS else None


def _continued(stream: list[Packet], own: list[Packet], clock_hz: int) -> list[Packet]:
    """`own`, the packets of the next section, numbered on from the end of `stream`."""
    last, head = max(stream, key=_number), min(own, key=_number)
    elapsed_ms = (head.arrival_ns - last.arrival_ns) / 1e6
    missed = round(min(elapsed_ms, LONGEST_OUTAGE_MS) / packet_ms(stream, clock_hz))
    sequence_shift = last.sequence + max(1, missed) - head.sequence
    # Timestamps only of sound: those of DTMF stand still.
    last, head = max(_sound(stream), key=_number), min(_sound(own), key=_number)
    elapsed = (head.arrival_ns - last.arrival_ns) * clock_hz // 1_000_000_000
    timestamp_shift = last.timestamp + max(elapsed, 1) - head.timestamp
    return [
        packet._replace(sequence=packet.sequence + sequence_shift, timestamp=packet.timestamp + timestamp_shift)
        for packet in own
    ]


def _number(packet: Packet) -> int:
    return packet.sequence


def _sound(packets: list[Packet]) -> list[Packet]:
    """Those of `packets` that are sound; all of them where none is."""
    return [packet for packet in packets if packet.is_sound] or packets


def packet_ms(stream: Sequence[Packet], clock_hz: int) -> int:
    """Sound in one packet of `stream` in ms: the median step of its timestamps for one step of its numbers."""
    numbers = {packet.sequence: packet.timestamp for packet in stream if packet.is_sound}
    steps = [(after[1] - before[1]) / (after[0] - before[0]) for before, after in pairwise(sorted(numbers.items()))]
    found = round(median_low(steps) * 1000 / clock_hz) if steps else PTIME_MS
    return found if found in _PTIMES_MS else PTIME_MS
