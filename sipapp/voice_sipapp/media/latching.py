"""Whose packets are a stream's: those of the source that was agreed on, or of the one that stands for it. Pure.

Anybody may send to an open port. What the far end sends comes from the address and port of its session description as
a rule; where NAT or an SBC writes addresses anew it comes from elsewhere, and nobody can know from where. So a stream
learns, as rtpengine does (endpoint learning, "heuristic") and Asterisk ("strict RTP"), and as SBCs do (latching, RFC
7362): what comes from the agreed address and port counts, always, whoever was first; until then, and within a bound of
time, what comes from the best other source. What somebody sent who gave way to a better one counts no more.

Sources are addresses as the kernel gives them (struct sockaddr).
"""

import struct
from enum import IntEnum

LEARNS_NS = 5_000_000_000
"""How long after the answer, or after a new session description, another source than the agreed one may be latched: the
200 and its ACK may be lost and sent again (RFC 3261, section 17: after 0.5, 1.5 and 3.5 s), and a far end that sounds
at all does so from the start. Who comes later to a port that nobody sent to is nobody's far end.
"""

_QUIET_NS = 100_000_000
"""Who was agreed on before is not displaced by a source that was not, until it has been quiet for so long."""

_RIVALS = 25
"""Packets, half a second of sound, that make another source a rival and no stray."""

_REMEMBERED = 64
"""Sources that are told apart: anybody may send from any number of ports."""

_V4 = struct.pack("=H", 2)
_MAPPED = bytes(10) + b"\xff\xff"
_NUMBERS = struct.Struct("!xBHxxxxI")
"""Of a packet of RTP: marker and payload type, sequence number, source (SSRC)."""

Endpoint = tuple[bytes, bytes]
"""Address and port."""


class Rank(IntEnum):
    """How good a source is, the best first. `SIGNALLING` is the address that the far end's SIP messages come from: with
    NAT in front of it, its media mostly comes from there too. `BEFORE` is the source of the session description before
    this one, which may sound until the new one does (RFC 3264, section 8.3.1).
    """

    AGREED = 0
    ADDRESS = 1
    SIGNALLING = 2
    OTHER = 3
    BEFORE = 4
    NOBODY = 5


_FREE = frozenset({Rank.AGREED, Rank.BEFORE, Rank.NOBODY})
"""Whose place may be taken without putting anything right."""


def endpoint(source: bytes) -> Endpoint:
    """Address and port of `source`, without what else is in there: one that is only valid on a link has the link's
    number too. IPv4 within IPv6 (RFC 4291, section 2.5.5.2) is IPv4.
    """
    address = source[4:8] if source[:2] == _V4 else source[8:24]
    return address.removeprefix(_MAPPED), source[2:4]


def above(port: bytes) -> bytes:
    """The port above `port`, where RTCP comes from as a rule (RFC 3550, section 11)."""
    return (int.from_bytes(port, "big") + 1 & 0xFFFF).to_bytes(2, "big")


class Latch:
    """The source of one stream. `source` is whose packets count, None while there is nobody; `rank` is how good it is.

    `doubtful`: who is latched spoke before the answer, from elsewhere than agreed, and another one no worse did after
    it: either may be the far end.
    """

    def __init__(self) -> None:
        self.source: bytes | None = None
        self.rank = Rank.NOBODY
        self.doubtful = False
        self._agreed: Endpoint | None = None
        self._signalling: bytes | None = None
        self._learns_until_ns: int | None = None
        self._answered = False
        self._spoke_early = False
        self._strangers: set[Endpoint] = set()
        self._began: dict[bytes, tuple[int, int]] = {}
        self._rivals: dict[bytes, int] = {}

    def agree(self, agreed: bytes | None, now_ns: int) -> bool:
        """The far end's session description names the source `agreed` (None: it names none); whether that is another
        one than before. Then the stream learns anew.
        """
        place = None if agreed is None else endpoint(agreed)
        if place == self._agreed:
            return False
        self._agreed = place
        if self.source is not None:
            self.rank = Rank.AGREED if endpoint(self.source) == place else Rank.BEFORE
        self._forget()
        self.learn(now_ns)
        return True

    def learn(self, now_ns: int) -> None:
        """The far end is about to sound: another source may be latched; for a while only, once the call is answered."""
        if self._answered:
            self._learns_until_ns = now_ns + LEARNS_NS

    def answered(self, now_ns: int) -> None:
        """The call is answered."""
        self._answered = True
        self._spoke_early = self.source is not None
        self.learn(now_ns)

    def signalled(self, address: bytes) -> None:
        """The far end's SIP messages come from `address` (4 or 16 octets)."""
        self._signalling = address.removeprefix(_MAPPED)

    def stranger(self, source: bytes) -> None:
        """`source` sent to the port when nobody could know it: it is not the far end."""
        if len(self._strangers) < _REMEMBERED:
            self._strangers.add(endpoint(source))

    def is_agreed(self, source: bytes) -> bool:
        """Whether `source` is the one that the far end's session description names."""
        return endpoint(source) == self._agreed

    def prefers(self, source: bytes, arrival_ns: int, packet: bytes, last_ns: int, *, plausible: bool) -> bool:
        """Whether `source`, which is not the latched one, should be latched now that `packet` of RTP came from it;
        `plausible`: its payload type was agreed on; `last_ns`: when the latched one sounded last. Who takes another
        one's place, or was not agreed on, must send two packets in sequence: a stray takes nobody's (RFC 3550, A.1).
        """
        place = endpoint(source)
        rank = self._rank(place)
        if rank is Rank.AGREED:
            return self.rank in _FREE or self._in_sequence(source, packet)
        learns = self._learns_until_ns is None or arrival_ns <= self._learns_until_ns
        if not plausible or not learns or place in self._strangers:
            return False
        if rank >= self.rank:
            self._rival(source, rank)
            return False
        follows = self._in_sequence(source, packet)
        return follows and (self.rank is not Rank.BEFORE or arrival_ns - last_ns > _QUIET_NS)

    def _in_sequence(self, source: bytes, packet: bytes) -> bool:
        _, sequence, ssrc = _NUMBERS.unpack_from(packet)
        expected = self._began.pop(source, None)
        if len(self._began) >= _REMEMBERED:
            del self._began[next(iter(self._began))]
        self._began[source] = ssrc, (sequence + 1) & 0xFFFF
        return expected == (ssrc, sequence)

    def latch(self, source: bytes) -> bool:
        """From now on `source` counts; whether what the one before sent counts no more."""
        displaced = self.rank not in _FREE
        self.source, self.rank = source, self._rank(endpoint(source))
        self._spoke_early = not self._answered
        self._forget()
        return displaced

    def _rank(self, place: Endpoint) -> Rank:
        if place == self._agreed:
            return Rank.AGREED
        if self._agreed is not None and place[0] == self._agreed[0]:
            return Rank.ADDRESS
        return Rank.SIGNALLING if place[0] == self._signalling else Rank.OTHER

    def _rival(self, source: bytes, rank: Rank) -> None:
        if self._spoke_early and self._answered and rank == self.rank:
            if source in self._rivals or len(self._rivals) < _REMEMBERED:
                self._rivals[source] = self._rivals.get(source, 0) + 1
            self.doubtful = self.doubtful or self._rivals.get(source, 0) >= _RIVALS

    def _forget(self) -> None:
        self._rivals.clear()
        self.doubtful = False
