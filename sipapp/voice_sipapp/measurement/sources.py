"""One stream out of all the packets that arrived: which sources are the call's, and how they go on after each other.

The listener hears one call, but a gateway may change the source (SSRC) in mid-call when it re-routes media, begin its
numbers or its timestamps anew, or let music on hold come from another machine; and anybody may send to an open port.
"""

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from heapq import nlargest
from itertools import groupby, pairwise

from voice_sipapp.measurement.clock import followed
from voice_sipapp.measurement.lengths import sound_ms
from voice_sipapp.media.rtppacket import Packet

PTIME_MS = 20
"""Sound in one packet as we offer it and send it; a far end may choose otherwise (a=ptime is a wish)."""

LONGEST_OUTAGE_MS = 3_600_000
"""Longer is no outage but a wall clock that was set; every packet that is missing takes memory."""

SHORTEST_MS = 2.5
"""The shortest packet that any codec has (Opus); less is garbage."""

STRAY_PACKETS = 25
"""A source that sent fewer packets than this, and less than half a second, is a stray and no part of the call."""

STRAY_MS = STRAY_PACKETS * PTIME_MS

_FEW, _SOME = 2, 6
"""So many packets of a source are no stray in between others, and after them."""

_MOST_MOMENTS = 50
"""So many sources may sound for a moment each; nobody's calls have more."""

_PAUSE_NS = 250_000_000
"""A source that was quiet for longer may have left its place to another one meanwhile."""

_Numbering = tuple[int, int]


def single_stream(
    packets: Sequence[Packet], clock_hz: int, codecs: Mapping[int, str], noise: Collection[int] = ()
) -> list[Packet]:
    """`packets` (in order of arrival) of the sources that belong to the call, numbered on as one stream.

    What follows another source continues where that ended, by as many packets as the time between, whoever was to send
    meanwhile. Of two that sound at the same time the larger is heard. Strays are left out. `clock_hz` is the rate of
    the timestamps, `codecs` the codec of each payload type, `noise` the types of comfort noise: who sends nothing else
    is silent, and there.
    """
    stream: list[Packet] = []
    ends: list[Packet] = []
    for section in _sections(packets, codecs) or _sections(_as_sound(packets, noise), codecs):
        own = followed(section, clock_hz)
        own = _continued(ends, own, clock_hz, codecs) if ends else own
        stream += own
        ends = _ends(ends, own)
    return stream


def _ends(before: list[Packet], own: list[Packet]) -> list[Packet]:
    """The last packet of sound, and the last one, of a stream that ends with the section `own`; `before` are those
    before it. To look through the whole stream at each section would take for ever where there are many.
    """
    sound = [packet for packet in own if packet.is_sound and packet.payload] or before[:1]
    return [*([max(sound, key=_number)] if sound else []), max(own, key=_number)]


def _as_sound(packets: Sequence[Packet], noise: Collection[int]) -> list[Packet]:
    """Comfort noise among `packets` as if it were sound."""
    return [packet._replace(is_sound=True) for packet in packets if packet.payload_type in noise]


def _sections(packets: Sequence[Packet], codecs: Mapping[int, str]) -> list[list[Packet]]:
    """The packets of the call in runs that follow each other, each of one numbering of one source."""
    counts = Counter(packet.ssrc for packet in packets if packet.is_sound)
    threshold = min(STRAY_PACKETS, max(counts.values(), default=0))
    numberings: dict[_Numbering, list[Packet]] = {}
    for packet in packets:
        numberings.setdefault((packet.ssrc, packet.restarts), []).append(packet)
    if not threshold or len(numberings) == 1:
        return list(numberings.values()) if threshold else []
    strays = {ssrc for ssrc, ms in _sound_ms(packets, codecs).items() if counts[ssrc] < threshold and ms < STRAY_MS}
    large = [own for (ssrc, _), own in numberings.items() if ssrc in counts and ssrc not in strays]
    if len(large) == 1 and not strays:
        return large
    taken: list[list[Packet]] = []
    for spell in sorted((spell for own in large for spell in _spells(own)), key=len, reverse=True):
        around = _around(spell, taken)
        rest = _outside(spell, around)
        for part in [rest] if len(rest) == len(spell) else _parts(rest, around):
            if len(part) >= (1 if part is rest else threshold):
                insort(taken, part, key=_begin)
    taken += _between([own for (ssrc, _), own in numberings.items() if ssrc in strays], taken)
    taken.sort(key=_begin)
    return [
        [packet for spell in spells for packet in spell] for _, spells in groupby(taken, lambda own: _source(own[0]))
    ]


def _begin(spell: list[Packet]) -> int:
    return spell[0].arrival_ns


def _around(spell: list[Packet], taken: list[list[Packet]]) -> list[list[Packet]]:
    """Those of the `taken`, in order and none at the same time as another, that may have sounded meanwhile."""
    first = max(0, bisect_left(taken, _begin(spell), key=_begin) - 1)
    return taken[first : bisect_right(taken, spell[-1].arrival_ns, key=_begin)]


def _sound_ms(packets: Sequence[Packet], codecs: Mapping[int, str]) -> Counter[int]:
    """How much sound each source sent: packets may be long."""
    found: Counter[int] = Counter()
    for packet in packets:
        if packet.is_sound:
            found[packet.ssrc] += round(_length_ms(packet, codecs))
    return found


def _between(small: list[list[Packet]], taken: list[list[Packet]]) -> list[list[Packet]]:
    """What sources that sent little sent alone, after one of the `taken` and before another: an announcement, a mixer
    that takes over for a moment; or after all of them, as a call that is taken back and soon over. What comes beside
    others, or before all (the tail of early media), is a stray; so is what is one of too many.
    """
    begin, end = min(own[0].arrival_ns for own in taken), max(own[-1].arrival_ns for own in taken)
    found: list[list[Packet]] = []
    for spell in nlargest(_MOST_MOMENTS, (spell for own in small for spell in _spells(own)), key=len):
        least = _FEW if spell[-1].arrival_ns < end else _SOME
        if len(spell) >= least and begin < spell[0].arrival_ns and len(_outside(spell, [*taken, *found])) == len(spell):
            found.append(spell)
    return found


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


def _parts(rest: list[Packet], taken: list[list[Packet]]) -> list[list[Packet]]:
    """`rest`, cut where one of the `taken` sounded in between."""
    begins = [other[0].arrival_ns for other in taken]
    parts: list[list[Packet]] = []
    for packet in rest:
        if not parts or any(parts[-1][-1].arrival_ns < begin < packet.arrival_ns for begin in begins):
            parts.append([])
        parts[-1].append(packet)
    return parts


def _continued(before: list[Packet], own: list[Packet], clock_hz: int, codecs: Mapping[int, str]) -> list[Packet]:
    """`own`, the packets of the next section, numbered on from those `before`, its last one and its last one of sound.
    A packet leaves when the sound in it ends, so a longer one leaves later after the one before it.
    """
    last, head = max(before, key=_number), min(own, key=_number)
    last_ms, head_ms = _length_ms(_sound(before)[-1], codecs), _length_ms(_sound(own)[0], codecs)
    elapsed_ms = (head.arrival_ns - last.arrival_ns) / 1e6 - head_ms
    missed = round(min(elapsed_ms, LONGEST_OUTAGE_MS) / last_ms)
    sequence_shift = last.sequence + 1 + max(0, missed) - head.sequence
    # Timestamps only of sound: those of DTMF stand still.
    last, head = max(_sound(before), key=_number), min(_sound(own), key=_number)
    elapsed = (head.arrival_ns - last.arrival_ns) * clock_hz // 1_000_000_000
    elapsed += round((last_ms - head_ms) * clock_hz / 1000)
    timestamp_shift = last.timestamp + max(elapsed, 1) - head.timestamp
    return [
        packet._replace(sequence=packet.sequence + sequence_shift, timestamp=packet.timestamp + timestamp_shift)
        for packet in own
    ]


def _length_ms(packet: Packet, codecs: Mapping[int, str]) -> float:
    """The sound in `packet`; the usual length where it is none, or too little to be true."""
    codec = codecs.get(packet.payload_type)
    found = float(sound_ms([packet], codec)[0]) if codec else 0.0
    return found if found >= SHORTEST_MS else PTIME_MS


def _number(packet: Packet) -> int:
    return packet.sequence


def _sound(packets: list[Packet]) -> list[Packet]:
    """Those of `packets` that are sound; all of them where none is."""
    return [packet for packet in packets if packet.is_sound and packet.payload] or packets
