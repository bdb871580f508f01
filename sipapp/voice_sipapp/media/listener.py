"""What one stream receives: every packet of the source that counts, until the call is scored; and its reports.

Arrival times are the kernel's (SO_TIMESTAMPNS), so a late look at the socket does not look like jitter.
"""

import copy
import logging
import socket
import time
from collections import deque
from ipaddress import ip_address
from typing import NamedTuple

from voice_sipapp.media import dtmf, latching, rtppacket, sdp, sieve, srtp, udp
from voice_sipapp.media.arrivals import OVERTOOK_NS, Arrivals
from voice_sipapp.media.latching import Latch, Rank
from voice_sipapp.media.rtcp import Exchange, Reception, Told

_RTCP_KINDS = range(192, 224)
"""Second octets that tell reports from sound, should reports come to the port for sound (RFC 5761, section 4)."""

_ASIDE = 1024
"""Packets of other sources that are kept, the newest: one of them may turn out to be the far end. That is 20 s of one
stream, and a megabyte or two where they are as long as can be.
"""

_FLOOD, _FLOOD_S = 500, 1.0
"""So many packets of other sources in that time, ten times as many as of a stream, are a flood."""

_LEFT = 4096
"""Packets that are still taken in at the end of a stream: more than wait where nobody floods the port."""

log = logging.getLogger(__name__)


class Listener:
    """The receiving half of one stream: its sockets, at `port`. Whoever calls a method holds the engine's lock.

    `received` holds arrival (ns, wall clock) and packet, in the clear, since the answer; `early` is how many came
    before, `first_rtp_ns` when the very first came; `unread` is how many found no room while the port was flooded,
    whoever sent them. `payload_types` are all numbers that sound may come under, `comfort_noise` those of comfort
    noise; `answered_ns` is when the call was answered, None until then.
    """

    def __init__(
        self, rtp: socket.socket, rtcp: socket.socket, port: int, reader: udp.Reader, exchange: Exchange
    ) -> None:
        self.received = Arrivals()
        self.early = 0
        self.first_rtp_ns: int | None = None
        self.unread = 0
        self.payload_types: dict[int, str] = {}
        self.comfort_noise: set[int] = set()
        self.answered_ns: int | None = None
        self.reception = Reception()
        self.heard = dtmf.Heard()
        self.latch = Latch()
        self._port = port
        self._sockets = (rtp, rtcp)
        self._rtp, self._rtcp = rtp.fileno(), rtcp.fileno()
        self._read = reader.read
        self._exchange = exchange
        self._remote: sdp.Remote | None = None
        self._dtmf_types: set[int] = set()
        """All numbers that events may come under: those under the one before a change are still on their way."""
        self._agreed: bytes | None = None
        self._reports_agreed: bytes | None = None
        self._unprotect: srtp.Receiver | None = None
        self._aside: deque[tuple[int, bytes, bytes]] = deque(maxlen=_ASIDE)
        self._before: _Before | None = None
        self._reporter: bytes | None = None
        self._told = exchange.mark()
        self._agreed_ns = self._measured_ns = self._counted = 0
        self._others = 0
        self._illegible = self._flooded = self._sifted = self._ended = False
        self._example: bytes | None = None
        self._ignored_since = (0, 0.0)
        self._dropped = 0

    @property
    def other_source(self) -> int:
        """How many packets of RTP and RTCP came from another source than the agreed one since the answer."""
        self._settle()
        return self._others

    def follow(self, remote: sdp.Remote, sound: bytes | None, reports: bytes | None) -> None:
        """The far end's sound is as `remote` says, and comes from `sound`; its RTCP from `reports`. Both are None while
        nobody is there (on hold).
        """
        before, self._remote = self._remote, remote
        self._agreed, self._reports_agreed = sound, reports
        if remote.own_dtmf_type is not None:
            self._dtmf_types.add(remote.own_dtmf_type)
        key = remote.srtp_key
        if key is None:
            self._unprotect = None
        elif self._unprotect is None or self._unprotect.key != key:  # else its state is still good
            self._unprotect = srtp.Receiver(key)
        now_ns = time.time_ns()
        if before is not None and remote.sends and not before.sends:
            self.latch.learn(now_ns)
        self._move(before, sound, now_ns)
        self._sift()

    def _move(self, before: sdp.Remote | None, sound: bytes | None, now_ns: int) -> None:
        """The far end's sound comes from `sound` now; `before` is what it said last."""
        if before is None:
            self.latch.agree(sound, now_ns)
            self._reconsider(0)
        elif sound is not None and self.latch.agree(sound, now_ns):
            self._sift()
            self._agreed_ns = now_ns - OVERTOOK_NS
            self._reconsider(self._agreed_ns)

    def answered(self) -> None:
        """The call is answered: what came before is early media, and no part of what is measured."""
        self.count()
        now_ns = time.time_ns()
        if self.answered_ns is None:
            self.answered_ns = now_ns
        since = self._measured_ns = now_ns - OVERTOOK_NS
        if self._before is not None:
            kept = sum(arrival[0] >= since for arrival in self.received[: self._before.received])
            self._before = self._before._replace(received=kept)
        measured = Arrivals(arrival for arrival in self.received if arrival[0] >= since)
        self.early += len(self.received) - len(measured)
        self.received, self._counted = measured, len(measured)
        self._settle()
        self._others = self.unread = 0
        self._ignored_since = (0, time.monotonic())
        self.latch.answered(now_ns)
        self._sift()

    def untold(self) -> None:
        """Nobody was told the port yet: who sent to it so far is not the far end."""
        for _, _, source in self._aside:
            self.latch.stranger(source)
        self._aside.clear()

    def count(self) -> None:
        """Bring the reception up to date: only reports need it, so nothing is counted as packets come."""
        for arrival_ns, packet in self.received[self._counted :]:
            _, kind, sequence, timestamp, ssrc = rtppacket.HEADER.unpack_from(packet)
            is_sound = kind & 0x7F in self.payload_types
            self.reception.packet(arrival_ns, sequence, timestamp, ssrc, is_sound=is_sound)
        self._counted = len(self.received)

    def receive_rtp(self) -> bool:
        """Take in the RTP packet that waits; whether there was one."""
        got = self._read(self._rtp)
        if got is None:
            return False
        self._take(*got)
        return True

    def receive_rtcp(self) -> bool:
        """Take in the RTCP packet that waits; whether there was one."""
        got = self._read(self._rtcp)
        if got is None:
            return False
        arrival_ns, packet, source = got
        if not self._reports(source):
            self._ignore(source)
            return True
        if self._unprotect is not None:
            try:
                packet = self._unprotect.rtcp(packet)
            except srtp.SrtpError:
                return True
        self._exchange.receive(packet, arrival_ns)
        return True

    def drain(self) -> None:
        """Take in what is left. What counted for nothing is told, in one line."""
        for receive in (self.receive_rtp, self.receive_rtcp):
            for _ in range(_LEFT):
                if not receive():
                    break
        self._settle()
        self._ended = True
        if self._others:
            agreed = "nobody" if self._agreed is None else udp.text(self._agreed)
            example = "" if self._example is None else f", such as {udp.text(self._example)}"
            log.warning(
                "media port %d: %d packets from others than %s%s counted for nothing",
                self._port, self._others, agreed, example,
            )  # fmt: skip

    def undecided(self) -> Arrivals:
        """What was put aside."""
        return Arrivals((arrival_ns, packet) for arrival_ns, packet, _ in self._aside)

    def released(self) -> Arrivals:
        """What was received by the end, which is held no longer."""
        received, self.received = self.received, Arrivals()
        self._aside.clear()
        return received

    def _take(self, arrival_ns: int, packet: bytes, source: bytes) -> None:
        """Keep one packet, if it is RTP of the source that counts, and can be read."""
        if len(packet) < 12 or packet[0] >> 6 != 2 or packet[1] in _RTCP_KINDS:
            if self._remote is not None and source != self.latch.source and not self.latch.is_agreed(source):
                self._ignore(source)
            return
        if source != self.latch.source:
            clear = self._of_another(arrival_ns, packet, source)
        else:
            clear = packet if self._unprotect is None else self._decrypted(packet)
        if clear is None:
            return
        if self.first_rtp_ns is None:
            self.first_rtp_ns = arrival_ns
        self.received.append((arrival_ns, clear))
        if self._is_event(clear[1] & 0x7F):
            _, _, _, timestamp, ssrc = rtppacket.HEADER.unpack_from(clear)
            self.heard.packet(rtppacket.payload_of(clear) or b"", timestamp, ssrc)

    def _is_event(self, kind: int) -> bool:
        """Whether packets under the number `kind` are events (RFC 4733)."""
        return kind in self._dtmf_types and kind not in self.payload_types

    def _of_another(self, arrival_ns: int, packet: bytes, source: bytes) -> bytes | None:
        """The `packet` of a `source` other than the latched one in the clear, if that is to be followed from now on;
        None where it is put aside.
        """
        if self._prefers(arrival_ns, packet, source):
            clear = packet if self._unprotect is None else self._decrypted(packet)
            if clear is not None:
                self._latch_to(source)
                return clear
            if self.latch.is_agreed(source):
                return None  # the far end's, with a key that is not the one that it told
        self._aside.append((arrival_ns, packet, source))
        if self._remote is not None:
            self._ignore(source)
        return None

    def _prefers(self, arrival_ns: int, packet: bytes, source: bytes) -> bool:
        if self._remote is None:
            return False
        kind, last_ns = packet[1] & 0x7F, self.received[-1][0] if self.received else 0
        plausible = kind in self.payload_types or self._is_event(kind)
        return self.latch.prefers(source, arrival_ns, packet, last_ns, plausible=plausible)

    def _latch_to(self, source: bytes) -> None:
        """From now on `source` counts, with what came of it since it was agreed on; what an impostor sent does not."""
        if self.latch.latch(source) and self._before is not None:
            self._undo(self._before)
        heard = copy.deepcopy(self.heard)
        self._before = _Before(len(self.received), self.first_rtp_ns, self.early, heard, self._exchange.mark())
        self._reconsider(max(self._measured_ns, self._agreed_ns), source)
        self._sift()
        if self._sifted:
            self.unread = 0  # what was lost before the first packet counts as lost nowhere

    def _reconsider(self, since_ns: int, source: bytes | None = None) -> None:
        """Take in once more what was put aside `since_ns`, of `source` (None: of all)."""
        again = [each for each in self._aside if each[0] >= since_ns and source in (None, each[2])]
        if not again:
            return
        left = [each for each in self._aside if each[0] < since_ns or source not in (None, each[2])]
        self._aside = deque(left, _ASIDE)
        self._others = max(0, self._others - len(again))
        for each in again:
            self._take(*each)

    def _undo(self, before: "_Before") -> None:
        """What was taken in since is no part of the call."""
        self._others += len(self.received) - before.received
        self.received, self._counted = self.received[: before.received], 0
        self.reception = Reception(clock_hz=self.reception.clock_hz)
        self.first_rtp_ns, self.early, self.heard = before.first_rtp_ns, before.early, before.heard
        self._exchange.back_to(before.told)
        self._reporter = None

    def _reports(self, source: bytes) -> bool:
        """Whether RTCP from `source` is the far end's: it is one of the `_reporters`, or, where NAT gives it another
        port, the first of the address that the sound comes from.
        """
        place, media = latching.endpoint(source), self.latch.source
        if place in self._reporters():
            if self._reporter is not None:
                self._exchange.back_to(self._told)
                self._reporter = None
            return True
        if media is None or self.latch.rank is Rank.AGREED or place[0] != latching.endpoint(media)[0]:
            return False
        if self._reporter is None and not self._sifted:
            self._reporter, self._told = source, self._exchange.mark()
        return source == self._reporter

    def _ignore(self, source: bytes) -> None:
        """A packet came from somebody who is not the far end, as far as is known."""
        self._others += 1
        self._example = source
        if self._others >= self._ignored_since[0] + _FLOOD:
            before, self._ignored_since = self._ignored_since, (self._others, time.monotonic())
            if self._ignored_since[1] - before[1] < _FLOOD_S:
                self._flooded = True
                self._sift()

    def _sift(self) -> None:
        """Have the kernel drop what comes from others than the far end, where it is known who that is; else no more."""
        known = self.latch.rank is Rank.AGREED or (self._flooded and self.latch.rank < Rank.BEFORE)
        wanted = bool(self._measured_ns) and known
        if not wanted and not self._sifted:
            return
        self._settle()
        sound = [latching.endpoint(each) for each in (self.latch.source, self._agreed) if each is not None]
        for each, sources in zip(self._sockets, (sound, self._reporters()), strict=True):
            self._sifted = sieve.attach(each, sources) if wanted else sieve.detach(each)

    def _settle(self) -> None:
        """Count what the kernel has dropped since the last time: others' packets, or such as found no room."""
        if self._ended:
            return
        dropped = sum(sieve.dropped(each) for each in self._sockets)
        if self._sifted:
            self._others += dropped - self._dropped
        elif self._flooded:
            self.unread += dropped - self._dropped
        self._dropped = dropped

    def _reporters(self) -> list[latching.Endpoint]:
        """Where the far end's RTCP may come from: the agreed place, where its sound comes from, the port above that."""
        known = [] if self._reports_agreed is None else [latching.endpoint(self._reports_agreed)]
        if self.latch.source is not None:
            address, port = latching.endpoint(self.latch.source)
            known += [(address, port), (address, latching.above(port))]
        return known

    def _decrypted(self, packet: bytes) -> bytes | None:
        """An encrypted `packet` in the clear; None, told once, where it is not from the holder of the key."""
        try:
            return self._unprotect.rtp(packet) if self._unprotect is not None else packet
        except srtp.SrtpError as error:
            if not self._illegible:
                self._illegible = True
                log.warning("encrypted media at port %d can't be read: %s", self._port, error)
            return None


class _Before(NamedTuple):
    """What was known when a source was latched that may have to give way again: how many packets had counted, when the
    first came, how many were early, which digits were heard, and what RTCP had told.
    """

    received: int
    first_rtp_ns: int | None
    early: int
    heard: dtmf.Heard
    told: Told


def address_of(host: str) -> bytes:
    """The octets of `host`, an address as it stands in a URI."""
    return ip_address(host.strip("[]").partition("%")[0]).packed
