"""RTCP sender and receiver reports (RFC 3550, section 6.4): what the two ends tell each other about the media.

Times are wall-clock nanoseconds of this host. The round trip needs no common clock: a report carries back when its
sender saw the other's last report and how long it has waited since.
"""

import struct
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

_NTP_OFFSET_S = 2_208_988_800
_SENDER_REPORT, _RECEIVER_REPORT, _DESCRIPTION = 200, 201, 202
_BLOCK = struct.Struct("!IIIIII")
_REMEMBERED = 64
"""Reports of ours that an answer may name, and sources whose reports ours may name."""

_GRANULARITY, _LONGEST = 65536 // 20, 60 * 65536
"""Round trips that are believed, in 1/65536 s: from 50 ms below nothing up to a minute."""

MAX_DROPOUT, MAX_MISORDER = 3000, 100
"""Sequence numbers further ahead or behind than this are no loss and no reordering (RFC 3550, A.1)."""


def signed16(step: int) -> int:
    """The difference of two 16-bit numbers as the shorter way from one to the other, -32768 … 32767."""
    return ((step + 0x8000) & 0xFFFF) - 0x8000


def signed32(step: int) -> int:
    """The difference of two 32-bit numbers as the shorter way from one to the other."""
    return ((step + 0x80000000) & 0xFFFFFFFF) - 0x80000000


def ntp_middle(wall_ns: int) -> int:
    """The middle 32 bits of the NTP time: seconds and their fraction in 1/65536 s (RFC 3550, section 4)."""
    return (wall_ns * 65536 // 1_000_000_000 + _NTP_OFFSET_S * 65536) & 0xFFFFFFFF


@dataclass
class Reception:
    """What is received, counted for the reports to the sender (RFC 3550, A.1, A.3 and A.8); `clock_hz` is that of the
    timestamps.

    The call's record is not made of this but of every packet, after the call.
    """

    ssrc: int | None = None
    first: int = 0
    highest: int = 0
    received: int = 0
    jitter: float = 0.0
    clock_hz: int = 8000
    _last: tuple[int, int] | None = None
    """Arrival (ns) and timestamp of the last packet of sound."""
    _rival: tuple[int, int] | None = None
    """A source that sent one packet since the last one of ours, and the number of its next one."""
    _before: tuple[int, int] = (0, 0)
    _expected_after_jump: int | None = None

    def packet(self, arrival_ns: int, sequence: int, timestamp: int, ssrc: int, *, is_sound: bool = True) -> None:
        """Count one RTP packet (16-bit `sequence`); a new source of sound starts the count anew once two packets of it
        came in sequence. One that is no sound (comfort noise, DTMF) counts, for it has a number, but its timestamp says
        nothing about jitter.
        """
        if ssrc != self.ssrc:
            rival, self._rival = self._rival, (ssrc, (sequence + 1) & 0xFFFF)
            if not is_sound or (self.ssrc is not None and rival != (ssrc, sequence)):
                return
            self._begin(ssrc, sequence)
        self._rival = None
        step = signed16(sequence - self.highest)
        if not -MAX_MISORDER <= step < MAX_DROPOUT:
            if sequence != self._expected_after_jump:
                self._expected_after_jump = (sequence + 1) & 0xFFFF
                return
            self._begin(ssrc, sequence)
            step = 0
        self._expected_after_jump = None
        self.received += 1
        self.highest += max(0, step)
        if not is_sound:
            return
        if self._last is not None:
            elapsed = (arrival_ns - self._last[0]) * self.clock_hz / 1e9
            self.jitter += (abs(elapsed - signed32(timestamp - self._last[1])) - self.jitter) / 16
        self._last = arrival_ns, timestamp

    def _begin(self, ssrc: int, sequence: int) -> None:
        self.ssrc, self.first, self.highest, self.received = ssrc, sequence, sequence, 0
        self._last, self._before, self.jitter = None, (0, 0), 0.0

    def block(self, last_report: int, delay_ns: int) -> bytes:
        """The report block about this source; empty where nothing was received yet. Closes a reporting interval."""
        if self.ssrc is None:
            return b""
        expected = self.highest - self.first + 1
        lost = max(-0x800000, min(expected - self.received, 0x7FFFFF)) & 0xFFFFFF
        interval, got = expected - self._before[0], self.received - self._before[1]
        self._before = (expected, self.received)
        fraction = max(0, min(255, (interval - got) * 256 // interval)) if interval > 0 else 0
        delay = (delay_ns * 65536 // 1_000_000_000) & 0xFFFFFFFF if last_report else 0
        jitter = min(int(self.jitter), 0xFFFFFFFF)
        return _BLOCK.pack(self.ssrc, fraction << 24 | lost, self.highest & 0xFFFFFFFF, jitter, last_report, delay)


class Told(NamedTuple):
    """How much the far end has told so far: round trips, and the newest figures of its reports."""

    round_trips: int
    remote_lost: int | None
    remote_jitter_ms: float | None


@dataclass
class Exchange:
    """One end's view of the reports of a call: the round trips it measured, the last it was told about what it sends.

    `round_trips_ms` holds one value for each report that allowed one; `remote_lost` counts packets (negative: copies).
    `clock_hz` is that of the timestamps, in which jitter is reported.
    """

    ssrc: int
    cname: bytes
    round_trips_ms: list[float] = field(default_factory=list)
    remote_lost: int | None = None
    remote_jitter_ms: float | None = None
    clock_hz: int = 8000
    _heard: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Of each source its last sender report: the middle of its NTP time, and when it came (ns)."""
    _told: deque[int] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    """The middles of the NTP times of our own last reports."""

    def mark(self) -> Told:
        """What is known by now, for `back_to`."""
        return Told(len(self.round_trips_ms), self.remote_lost, self.remote_jitter_ms)

    def back_to(self, told: Told) -> None:
        """Forget what was told since: it was not the far end."""
        del self.round_trips_ms[told.round_trips :]
        self.remote_lost, self.remote_jitter_ms = told.remote_lost, told.remote_jitter_ms

    def report(self, wall_ns: int, timestamp: int, packets: int, octets: int, reception: Reception) -> bytes:
        """A compound packet to send now: sender report and source description."""
        last, last_ns = self._heard.get(reception.ssrc or 0, (0, wall_ns))
        block = reception.block(last, wall_ns - last_ns)
        self._told.append(ntp_middle(wall_ns))
        seconds, rest = divmod(wall_ns, 1_000_000_000)
        sender = struct.pack(
            "!BBHIIIIII",
            0x80 | bool(block),
            _SENDER_REPORT,
            6 + len(block) // 4,
            self.ssrc,
            (seconds + _NTP_OFFSET_S) & 0xFFFFFFFF,
            (rest << 32) // 1_000_000_000,
            timestamp & 0xFFFFFFFF,
            packets & 0xFFFFFFFF,
            octets & 0xFFFFFFFF,
        )
        return sender + block + self._description()

    def _description(self) -> bytes:
        item = bytes([1, len(self.cname)]) + self.cname + b"\0"
        item += b"\0" * (-len(item) % 4)
        return struct.pack("!BBHI", 0x81, _DESCRIPTION, 1 + len(item) // 4, self.ssrc) + item

    def receive(self, packet: bytes, arrival_ns: int) -> None:
        """Take in a compound packet of the far end; what is malformed or of another kind is passed over, and so is what
        we sent ourselves and an echo brought back (section 8.2).
        """
        at = 0
        while at + 8 <= len(packet):
            head, kind, words, sender = struct.unpack_from("!BBHI", packet, at)
            end = at + 4 * (words + 1)
            if head >> 6 != 2 or end > len(packet) or sender == self.ssrc:
                return
            if kind == _SENDER_REPORT and end - at >= 28:
                high, low = struct.unpack_from("!II", packet, at + 8)
                if len(self._heard) >= _REMEMBERED:
                    self._heard.clear()
                self._heard[sender] = (high & 0xFFFF) << 16 | low >> 16, arrival_ns
                self._blocks(packet[at + 28 : end], head & 31, arrival_ns)
            elif kind == _RECEIVER_REPORT:
                self._blocks(packet[at + 8 : end], head & 31, arrival_ns)
            at = end

    def _blocks(self, blocks: bytes, count: int, arrival_ns: int) -> None:
        for source, loss, _highest, jitter, last, delay in _BLOCK.iter_unpack(
            blocks[: len(blocks) // 24 * 24][: count * 24]
        ):
            if source != self.ssrc:
                continue
            lost = loss & 0xFFFFFF
            self.remote_lost = lost - 0x1000000 if lost & 0x800000 else lost
            self.remote_jitter_ms = jitter * 1000 / self.clock_hz
            if last in self._told:
                self._round_trip(ntp_middle(arrival_ns) - last - delay)

    def _round_trip(self, ticks: int) -> None:
        """Keep a round trip given in 1/65536 s, unless it is nonsense. A little below nothing is nothing: clocks are
        granular.
        """
        if -_GRANULARITY <= signed32(ticks) < _LONGEST:
            self.round_trips_ms.append(max(0, signed32(ticks)) * 1000 / 65536)
