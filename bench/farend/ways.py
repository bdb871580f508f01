"""What a far end does to the sound of one direction: packets in, packets out and when. Pure, but for random numbers.

Times are seconds since the call was answered. A "way" takes each packet that came and tells which packets are to be
sent, and when; what it does is in its name and nowhere else, so that what was sent is known.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

HEADER = struct.Struct("!BBHII")
PTIME_S, TICKS, HZ = 0.02, 160, 8000
COMFORT_NOISE, MARKER = 13, 0x80
NOISE = bytes([70])
"""Comfort noise of -70 dBov (RFC 3389, section 3)."""

QUIET_DBOV, HANGOVER, REPEATED = -50.0, 10, 10
"""A packet below this level is quiet; after so many of them comfort noise takes over, repeated every so many."""

HEADSTART_S = 0.01
"""A way with a clock of its own holds every packet back by this, so that each has come when it is due."""

Out = list[tuple[float, bytes]]


class Way(Protocol):
    """See the module."""

    def take(self, data: bytes, at: float) -> Out:
        """What is to be sent, and when, now that `data` came."""

    def hold(self, at: float, until: float) -> Out:
        """The same, now that the far end holds the call from `at` to `until`."""


@dataclass(frozen=True)
class Rtp:
    """The fields of a packet without extension."""

    kind: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False

    @classmethod
    def parse(cls, data: bytes) -> Rtp:
        """The packet in a datagram."""
        _, kind, sequence, timestamp, ssrc = HEADER.unpack_from(data)
        return cls(kind & 0x7F, sequence, timestamp, ssrc, data[HEADER.size :], bool(kind & MARKER))

    def render(self) -> bytes:
        """As a datagram."""
        kind = self.kind | (MARKER if self.marker else 0)
        numbers = self.sequence & 0xFFFF, self.timestamp & 0xFFFFFFFF, self.ssrc
        return HEADER.pack(0x80, kind, *numbers) + self.payload


class Plain:
    """Passes everything on at once."""

    def take(self, data: bytes, at: float) -> Out:
        """The packet itself."""
        return [(at, data)]

    def hold(self, _at: float, _until: float) -> Out:
        """Nothing more."""
        return []


class Late(Plain):
    """Sends nothing until `first_s` after the answer."""

    def __init__(self, first_s: float) -> None:
        self._first_s = first_s

    def take(self, data: bytes, at: float) -> Out:
        """The packet, once it is time."""
        return [(at, data)] if at >= self._first_s else []


class Clock(Plain):
    """Sends by a clock that is slow by `ppm` millionths (fast, below 0), each packet up to `jitter_s` later."""

    def __init__(self, ppm: float, jitter_s: float, longest_s: float) -> None:
        self._slow, self._jitter_s = ppm / 1e6, jitter_s
        self._ahead_s = HEADSTART_S + max(0.0, -self._slow * longest_s)
        self._first: tuple[float, int] | None = None
        self._random = random.Random(7)  # noqa: S311 - jitter

    def take(self, data: bytes, at: float) -> Out:
        """The packet, when it is due by that clock."""
        timestamp = Rtp.parse(data).timestamp
        self._first = self._first or (at, timestamp)
        since = ((timestamp - self._first[1]) & 0xFFFFFFFF) / HZ
        due = self._first[0] + self._ahead_s + since * (1 + self._slow) + self._random.uniform(0, self._jitter_s)
        return [(due, data)]


class Longer(Plain):
    """Every other packet comes `jitter_s` later; from `step_at_s` on everything comes `step_s` later."""

    def __init__(self, step_at_s: float, step_s: float, jitter_s: float) -> None:
        self._step_at_s, self._step_s, self._jitter_s = step_at_s, step_s, jitter_s

    def take(self, data: bytes, at: float) -> Out:
        """The packet, later."""
        later = self._jitter_s if Rtp.parse(data).sequence % 2 else 0.0
        return [(at + later + (self._step_s if at >= self._step_at_s else 0.0), data)]


class Stall(Plain):
    """A queue that stands still from `begin_s` on for `length_s`, and comes back at `rate` times the usual rate."""

    def __init__(self, begin_s: float, length_s: float, rate: float) -> None:
        self._begin_s, self._next_s = begin_s, begin_s + length_s
        self._gap_s = PTIME_S / rate

    def take(self, data: bytes, at: float) -> Out:
        """The packet, when those before it have gone."""
        if at < self._begin_s:
            return [(at, data)]
        due = max(at, self._next_s)
        self._next_s = due + self._gap_s
        return [(due, data)]


class Numbered(Plain):
    """Gives what it sends numbers of its own, one after the other."""

    def __init__(self) -> None:
        self._next: int | None = None

    def _numbered(self, packet: Rtp, kind: int, payload: bytes, *, marker: bool = False) -> bytes:
        number = packet.sequence if self._next is None else self._next
        self._next = number + 1
        return Rtp(kind, number, packet.timestamp, packet.ssrc, payload, marker).render()


class ComfortNoise(Numbered):
    """Silence suppression: where nobody speaks comfort noise now and then (RFC 3389), and nothing between."""

    def __init__(self) -> None:
        super().__init__()
        self._quiet = 0

    def take(self, data: bytes, at: float) -> Out:
        """The packet, comfort noise in its place, or nothing."""
        packet = Rtp.parse(data)
        was_quiet = self._quiet
        self._quiet = self._quiet + 1 if is_quiet(packet.payload) else 0
        if self._quiet <= HANGOVER:
            marker = was_quiet > HANGOVER or packet.marker
            return [(at, self._numbered(packet, packet.kind, packet.payload, marker=marker))]
        if (self._quiet - HANGOVER - 1) % REPEATED:
            return []
        return [(at, self._numbered(packet, COMFORT_NOISE, NOISE))]


class PacketLength(Numbered):
    """Packs `together` packets into one between `begin_s` and `end_s`."""

    def __init__(self, begin_s: float, end_s: float, together: int) -> None:
        super().__init__()
        self._begin_s, self._end_s, self._together = begin_s, end_s, together
        self._parts: list[Rtp] = []

    def take(self, data: bytes, at: float) -> Out:
        """Nothing, until there is enough for a packet."""
        self._parts.append(Rtp.parse(data))
        wanted = self._together if self._begin_s <= at < self._end_s else 1
        if len(self._parts) < wanted:
            return []
        parts, self._parts = self._parts, []
        payload = b"".join(part.payload for part in parts)
        return [(at, self._numbered(parts[0], parts[0].kind, payload, marker=parts[0].marker))]


class Held(Numbered):
    """Sends nothing while the call is held, or `music` from a source of its own. `anew`: after the hold the source, its
    numbers and timestamps are others. `relayed`: as a relay it leaves numbers as they are, and what it does not pass on
    while the call is held is missing in them.
    """

    def __init__(self, *, music: bool, anew: bool, relayed: bool) -> None:
        super().__init__()
        self._music, self._anew, self._relayed = music, anew, relayed
        self._turn, self._until = 0, -1.0

    def take(self, data: bytes, at: float) -> Out:
        """The packet under the source's present name, or nothing."""
        if at < self._until:
            return []
        if self._relayed:
            return [(at, data)]
        packet = Rtp.parse(data)
        own = replace(packet, timestamp=packet.timestamp + 99_991 * self._turn, ssrc=packet.ssrc ^ self._turn)
        return [(at, self._numbered(own, own.kind, own.payload, marker=own.marker))]

    def hold(self, at: float, until: float) -> Out:
        """The music of the hold."""
        self._until = until
        if self._anew:
            self._turn += 1
            self._next = 20_011 * self._turn
        return list(_music(at, until)) if self._music else []


def _music(begin: float, end: float) -> Iterable[tuple[float, bytes]]:
    """A tone in G.711 A-law, from another source than the speech."""
    tone = bytes(0xD5 ^ (at * 3) % 96 for at in range(TICKS))
    for at in range(int((end - begin) / PTIME_S)):
        yield begin + at * PTIME_S, Rtp(8, 4000 + at, 90_000 + at * TICKS, 0x0D15EA5E, tone, marker=at == 0).render()


def is_quiet(payload: bytes) -> bool:
    """Whether a payload of G.711 A-law has less than `QUIET_DBOV`."""
    power = sum(_POWERS[octet] for octet in payload) / max(1, len(payload))
    return bool(power < 10 ** (QUIET_DBOV / 10))


def _alaw(octet: int) -> float:
    """The sample that an octet of A-law stands for, as a part of full scale (ITU-T G.711, table 1a)."""
    octet ^= 0x55
    exponent, mantissa = octet >> 4 & 7, octet & 15
    magnitude = (2 * mantissa + 1) / 2 if exponent == 0 else (2 * mantissa + 33) / 2 * 2 ** (exponent - 1)
    return magnitude / 2048


_POWERS = [_alaw(octet) ** 2 for octet in range(256)]


_WAYS: dict[str, Callable[..., Way]] = {
    "late": lambda seconds: Late(late_s(seconds)),
    "clock": lambda seconds, ppm, jitter_ms: Clock(float(ppm), float(jitter_ms) / 1000, seconds + 5),
    "longer": lambda seconds, ms, jitter_ms: Longer(seconds / 3, float(ms) / 1000, float(jitter_ms) / 1000),
    "stall": lambda seconds, rate: Stall(seconds / 3, stall_s(seconds), float(rate)),
    "comfort-noise": lambda _: ComfortNoise(),
    "packet-length": lambda seconds, together: PacketLength(seconds / 3, 2 * seconds / 3, int(together)),
    "hold": lambda _, how, *more: Held(music=how == "sendonly", anew="anew" in more, relayed="caller-only" in more),
}


def way(words: str, seconds: float) -> Way:
    """What is done to one direction of a call of `seconds`. `words` are a name and its options, with colons between:
    late, clock:PPM:JITTER_MS, longer:MS:JITTER_MS, stall:RATE, comfort-noise, packet-length:TOGETHER and
    hold:HOW[:anew][:caller-only].
    """
    name, *options = words.split(":")
    return _WAYS[name](seconds, *options)


def holds(words: str) -> tuple[str, bool]:
    """How the far end holds such a call: "" (never), "inactive", "sendonly" or "null"; and whether only whoever called
    is told.
    """
    name, *options = words.split(":")
    return (options[0], "caller-only" in options) if name == "hold" else ("", False)


def late_s(seconds: float) -> float:
    """How long after the answer sound begins where it is late."""
    return min(4.5, seconds / 4)


def stall_s(seconds: float) -> float:
    """How long a queue stands still."""
    return min(2.84, seconds / 12)


def held_s(seconds: float) -> tuple[float, float]:
    """From when to when a far end holds a call, after the answer."""
    return seconds / 3, seconds / 3 + min(5.0, seconds / 4)
