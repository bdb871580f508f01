"""Streams of RTP as far ends and paths make them, in virtual time: what is sent, and how late each packet comes."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from voice_sipapp.measurement.rtpstats import StreamStats, analyse
from voice_sipapp.media import rtppacket

MS = 1_000_000
PCMU, COMFORT_NOISE = 0, 13
Delay = Callable[[int, float], float]
"""How late a packet comes, by its place in the stream and when it was sent in ms."""


@dataclass(frozen=True)
class Sent:
    """One packet of a far end: when it leaves, its number, its timestamp in ms, the sound in it."""

    at_ms: float
    number: int
    stamp_ms: float
    length_ms: int = 20
    kind: int = PCMU


def sound(
    count: int, at_ms: float = 0, number: int = 0, stamp_ms: float | None = None, length_ms: int = 20
) -> list[Sent]:
    """`count` packets one after the other from `at_ms` on, by a clock that shows `stamp_ms` then."""
    stamp_ms = at_ms if stamp_ms is None else stamp_ms
    return [Sent(at_ms + at * length_ms, number + at, stamp_ms + at * length_ms, length_ms) for at in range(count)]


def came(sent: Iterable[Sent], delay: Delay = lambda at, at_ms: 0, stamp: int = 1000) -> list[tuple[int, bytes]]:
    """The datagrams of `sent` in order of arrival; the first has the timestamp `stamp`."""
    arrivals = [(each.at_ms + delay(at, each.at_ms), each) for at, each in enumerate(sent)]
    return [
        (round(when_ms * MS), _datagram(each, stamp))
        for when_ms, each in sorted(arrivals, key=lambda arrival: arrival[0])
    ]


def _datagram(sent: Sent, stamp: int) -> bytes:
    ticks = (stamp + round(sent.stamp_ms * 8)) & 0xFFFFFFFF
    payload = b"\x7f" if sent.kind == COMFORT_NOISE else b"\xff" * (8 * sent.length_ms)
    return rtppacket.HEADER.pack(0x80, sent.kind, sent.number & 0xFFFF, ticks, 5) + payload


def jitter(most_ms: float, seed: int = 1) -> Delay:
    """Evenly between none and `most_ms`."""
    chance = random.Random(seed)
    return lambda at, at_ms: chance.uniform(0, most_ms)


def of_some(share: float, late_ms: float) -> Delay:
    """This share of the packets, whichever, comes so much later."""
    chance = random.Random(3)
    return lambda at, at_ms: late_ms if chance.random() < share else 0


def every(nth: int, late_ms: float, first: int = 0) -> Delay:
    """Each `nth` packet comes so much later."""
    return lambda at, at_ms: late_ms if at % nth == first else 0


def step(at: int, longer_ms: float) -> Delay:
    """The path is longer from this packet on."""
    return lambda number, at_ms: longer_ms if number >= at else 0


def stall(begin_ms: float, outage_ms: float, rate: float | None = None) -> Delay:
    """Nothing gets through for so long; then what was held up comes at `rate` times the rate at which it was sent
    (None: at once).
    """
    drains = 1.0 if rate is None else 1 - 1 / rate
    return lambda at, at_ms: max(0.0, outage_ms - (at_ms - begin_ms) * drains) if at_ms >= begin_ms else 0


def slow(share: float) -> Delay:
    """The far end's clock, and so its sending, is slow by this share."""
    return lambda at, at_ms: at_ms * share


def both(*delays: Delay) -> Delay:
    """All of these together."""
    return lambda at, at_ms: sum(delay(at, at_ms) for delay in delays)


def held_back(ms: float) -> Delay:
    """Packets leave together each so many ms: what a beacon, a timer or a sound card lets go in bursts."""
    return lambda at, at_ms: ms - at_ms % ms


def standing(pause_ms: float, packets: int, spurts: int) -> list[Sent]:
    """Spurts of so many packets, with pauses in which the clock stands still."""
    length_ms = packets * 20
    return [
        each
        for at in range(spurts)
        for each in sound(packets, at * (length_ms + pause_ms), at * packets, at * length_ms)
    ]


def talkspurts(count: int) -> list[Sent]:
    """Two seconds of sound in each three; nothing is sent in between, and the clock goes on."""
    return [each for at in range(count) for each in sound(100, at * 3000, at * 100)]


def on_hold(
    keep_alives_ms: Sequence[float], hold_ms: float = 30_000, kind: int = PCMU, length_ms: int = 20
) -> list[Sent]:
    """Two seconds of sound, a hold in which the clock stands still but for the sound in a keep-alive at each of these
    times, and 20 seconds of sound.
    """
    each_ms = length_ms if kind == PCMU else 0
    alive = [
        Sent(2000 + at_ms, 100 + count, 2000 + each_ms * count, each_ms, kind)
        for count, at_ms in enumerate(keep_alives_ms)
    ]
    return [*sound(100), *alive, *sound(1000, 2000 + hold_ms, 100 + len(alive), 2000 + each_ms * len(alive))]


def alternating(first: int) -> Delay:
    """Issue: every other packet 10 ms later, the path 55 ms longer from packet 250 on."""
    return both(every(2, 10, first), step(250, 55))


def in_bursts(at: int, at_ms: float) -> float:
    """2.84 s from packet 250 on, caught up by 30 packets at once each half second."""
    late, behind = divmod(at - 250, 30)
    return max(0, 2840 - 100 * late - 20 * behind) if at >= 250 else 0


def stats_of(received: Sequence[tuple[int, bytes]]) -> StreamStats:
    """What the analysis makes of it."""
    found = analyse(rtppacket.packets(received, PCMU))
    assert found is not None
    return found
