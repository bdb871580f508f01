"""A far end's sound in virtual time: what it sends, what of that is due, what gets lost; and the record of the call.

A packet leaves when the sound in it ends. The path takes no time. Whoever tells the time line what to do knows what the
record must say.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from tests.unit.sipapp.test_scoring import ANSWERED, MS, SPEECH, call, party
from voice_sipapp.measurement import scoring
from voice_sipapp.measurement.due import Due
from voice_sipapp.measurement.hearing import Heard
from voice_sipapp.media import codecs, rtppacket
from voice_sipapp.records.cdr import IntervalRecord, StreamRecord

BASE_NS = round(ANSWERED.timestamp() * 1000) * MS
EVENTS, NOISE = 101, 13
GOOD = 4.36
"""MOS of a call in G.711 to which nothing is done (G.107, by the defaults of its table 2)."""
TYPES = {"PCMU": 0, "PCMA": 8, "G722": 9, "opus": 96}
NAMES = tuple(name for name in TYPES if name not in codecs.missing())


def payload(codec: str, at_ms: float, length_ms: int) -> bytes:
    """The speech that is played, from `at_ms` on, in one packet."""
    frames = SPEECH.frames[codec]
    if codec != "opus":
        octets = b"".join(frames)
        begin = round(at_ms * 8) % len(octets)
        return (octets + octets)[begin : begin + 8 * length_ms]
    own = [frames[(round(at_ms / 20) + n) % len(frames)] for n in range(length_ms // 20)]
    if len(own) == 1:
        return own[0]
    sizes = b"".join(_size(len(frame) - 1) for frame in own[:-1])  # RFC 6716, section 3.2.5: frames of any sizes
    return bytes([own[0][0] | 3, 0x80 | len(own)]) + sizes + b"".join(frame[1:] for frame in own)


def _size(octets: int) -> bytes:
    return bytes([octets]) if octets < 252 else bytes([252 + (octets & 3), (octets - 252 - (octets & 3)) // 4])


@dataclass
class TimeLine:
    """What a far end sends, from the answer on; each method goes on from where the last one ended.

    `lost` counts packets that were due and did not come, `due_ms` the sound that was due, `came` the packets.
    """

    codec: str = "PCMU"
    ptime: int = 20
    now_ms: float = 0.0
    lost: int = 0
    due_ms: float = 0.0
    silent_ms: float = 0.0
    received: list[tuple[int, bytes]] = field(default_factory=list, repr=False)
    held: list[tuple[float, float]] = field(default_factory=list)
    ssrc: int = 7
    number: int = 1000
    _stamps: dict[int, int] = field(default_factory=dict)
    _behind_ms: float = 0.0
    _clock: Mapping[str, int] = field(default_factory=dict)

    # --- what it does ----------------------------------------------------------------------------------------------

    def talk(self, ms: float, lost: Collection[int] = ()) -> TimeLine:
        """Sound for so long, its packets counted from 0; those of `lost` do not arrive."""
        for at in range(round(ms / self.ptime)):
            self._sound(arrives=at not in lost)
            self.lost += at in lost
            self.due_ms += self.ptime
        return self

    def quiet(self, ms: float, *, noise: Sequence[float] = ()) -> TimeLine:
        """Nothing to say: silence suppression (RFC 3551, section 4.1), with packets of comfort `noise` at these times
        of it (RFC 3389).
        """
        begin = self.now_ms
        for at in noise:
            self.now_ms = begin + at
            self._send(NOISE, b"\x4e", self.now_ms)
        self.now_ms = begin + ms
        self.silent_ms += ms
        return self

    def key(self, ms: float) -> TimeLine:
        """A key is pressed (RFC 4733): a packet each 20 ms, all with the timestamp of its begin."""
        begin = self.now_ms
        for at in range(round(ms / 20)):
            self.now_ms = begin + 20 * at
            self._send(EVENTS, b"\x01\x0a\x00\xa0", begin)
        self.now_ms = begin + ms
        self.silent_ms += ms
        return self

    def empty(self) -> TimeLine:
        """A packet without anything in it."""
        self._send(TYPES[self.codec], b"", self.now_ms)
        return self

    def dead(self, ms: float, *, counts: bool = False) -> TimeLine:
        """Nothing comes although it is due. `counts`: it is sent, with numbers, and gets lost on the way."""
        packets = round(ms / self.ptime)
        self.lost += packets
        self.due_ms += ms
        self.now_ms += ms
        self.number += packets if counts else 0
        return self

    def hold(
        self, ms: float, *, counts: bool = False, music: int | None = None, gone: Collection[int] = ()
    ) -> TimeLine:
        """The call is held for so long. `counts`: it goes on to number what it does not send; `music`: it plays some,
        from that source, whose packets `gone` do not arrive.
        """
        self.held.append((self.now_ms, self.now_ms + ms))
        if music is None:
            self.number += round(ms / self.ptime) if counts else 0
            self.now_ms += ms
            return self
        own = self.ssrc, self.number
        if music != self.ssrc:
            self.ssrc, self.number = music, 40_000
        for at in range(round(ms / self.ptime)):
            self._sound(arrives=at not in gone)
        if music != own[0]:
            self.ssrc, self.number = own
        return self

    # --- what it changes -------------------------------------------------------------------------------------------

    def anew(self, *, ssrc: int | None = None, number: int | None = None, stamp: int = 0) -> TimeLine:
        """Another source, other numbers, other timestamps from here on."""
        self.ssrc = self.ssrc if ssrc is None else ssrc
        self.number = self.number if number is None else number
        self._stamps[self.ssrc] = stamp
        return self

    def jumps(self, ticks: int) -> TimeLine:
        """Its timestamps go on from so much further, its numbers as before: a gateway switched to another leg."""
        self._stamps[self.ssrc] = self._stamps.get(self.ssrc, 0) + ticks
        return self

    def stands(self, ms: float) -> TimeLine:
        """Its timestamps did not follow the last `ms`."""
        self._behind_ms += ms
        return self

    def to(self, codec: str | None = None, ptime: int | None = None) -> TimeLine:
        """Another codec, another length of packets."""
        self.codec = codec or self.codec
        self.ptime = ptime or self.ptime
        return self

    def ticks(self, codec: str, hz: int) -> TimeLine:
        """A sender that has the clock rate of `codec` wrong."""
        self._clock = {codec: hz}
        return self

    # --- what comes of it ------------------------------------------------------------------------------------------

    def _sound(self, *, arrives: bool) -> None:
        begin = self.now_ms
        self.now_ms += self.ptime
        self._send(TYPES[self.codec], payload(self.codec, begin, self.ptime), begin, arrives=arrives)

    def _send(self, kind: int, data: bytes, begin_ms: float, *, arrives: bool = True) -> None:
        hz = self._clock.get(self.codec, codecs.CODECS[self.codec].clock_hz)
        stamp = round((begin_ms - self._behind_ms) * hz / 1000) + self._stamps.get(self.ssrc, 0)
        header = rtppacket.HEADER.pack(0x80, kind, self.number & 0xFFFF, stamp & 0xFFFFFFFF, self.ssrc)
        self.number += 1
        if arrives:
            self.received.append((BASE_NS + round(self.now_ms * MS), header + data))

    @property
    def came(self) -> int:
        """Packets that arrived, of whatever kind."""
        return len(self.received)

    def slow(self, share: float) -> TimeLine:
        """Its clock is slow by that `share`; below 0, fast."""
        self.received = [(at + round((at - BASE_NS) * share), data) for at, data in self.received]
        self.now_ms *= 1 + share
        return self

    def delayed(self, delays_ms: Iterable[float]) -> TimeLine:
        """Each packet comes so much later."""
        pairs = zip(self.received, delays_ms, strict=False)
        self.received = sorted((at + round(late * MS), data) for (at, data), late in pairs)
        return self

    def record(self, *, ends_ms: float | None = None, agreed: str | None = None, **party_columns: object) -> Record:
        """What is recorded of a call whose far end this was, hung up at `ends_ms` (else now)."""
        end_ms = self.now_ms if ends_ms is None else ends_ms
        held = tuple((BASE_NS + round(begin * MS), BASE_NS + round(end * MS)) for begin, end in self.held)
        until = BASE_NS + round(end_ms * MS)
        codec = agreed or self.codec
        listener = party(
            self.received, codec, payload_type=TYPES[codec], payload_types={TYPES[name]: name for name in NAMES},
            until_ns=until, due=Due(BASE_NS, until, held), **party_columns,
        )  # fmt: skip
        ended = call(ended_at=ANSWERED + timedelta(milliseconds=end_ms))
        scored = scoring.score(ended, party([], codec), listener, SPEECH)
        own = [each for each in scored.cdr.intervals if each.direction == "forward"]
        return Record(scored.cdr.streams[0], own, scored.heard.get("forward"))


@dataclass(frozen=True)
class Record:
    """What was recorded: the stream, its seconds, its sound."""

    stream: StreamRecord
    seconds: Sequence[IntervalRecord]
    heard: Heard | None

    @property
    def heard_ms(self) -> float:
        """How much sound was heard."""
        return 1000 * self.heard.samples.size / self.heard.rate_hz if self.heard else 0.0

    @property
    def worst(self) -> float:
        """The lowest rating of any second that has one."""
        return min(each.mos_cq for each in self.seconds if each.mos_cq is not None)
