"""One party's media of one call: sends what was encoded before, keeps what is received, measures itself.

Arrival times are the kernel's (SO_TIMESTAMPNS), so a late look at the socket does not look like jitter; every packet
is kept until the call is scored. How late this host's own packets left is measured too: a starved sender must not be
blamed on the network.
"""

import base64
import logging
import os
import random
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence
from ipaddress import ip_address

from voice_sipapp.media import dtmf, rtppacket, sdp, srtp, udp
from voice_sipapp.media.arrivals import OVERTOOK_NS, Arrivals
from voice_sipapp.media.codecs import CODECS, FRAMES_PER_S
from voice_sipapp.media.rtcp import Exchange, Reception

PTIME_S = 1 / FRAMES_PER_S
RTCP_GAPS_S = (0.3, 0.6, 2.0)
"""Time before the first report, before the second, before each later one: two are needed for a round trip, and some
calls are short.
"""

_RTCP_KINDS = range(192, 224)
"""Second octets that tell reports from sound, should reports come to the port for sound (RFC 5761, section 4)."""

log = logging.getLogger(__name__)


class Stream:
    """One party's media of one call. Made and ended through the engine, whose `lock` guards it; `send`, `report`,
    `receive_rtp`, `receive_rtcp` and `close` are the engine's, who holds the lock. The fields may be read when the
    stream has ended, `digits`, `early` and `first_rtp_ns` at any time.

    `codec` is what this leg has agreed on, None until then, and `payload_type` the number under which it is received;
    `payload_types` are all numbers that sound may come under, each with its codec.
    `received` holds arrival (ns, wall clock) and packet, in the clear, since the answer; `early` is how many came
    before, `first_rtp_ns` when the very first came. `own_srtp_key` is what we encrypt with where the far end has a key
    too. `until_ns` is when it ended, None where the far end sent no more by then (hold). `clock_step_ms` is by how
    much somebody set the wall clock.
    """

    def __init__(
        self, rtp: socket.socket, rtcp: socket.socket, port: int, lock: threading.Lock, reader: udp.Reader
    ) -> None:
        self.port = port
        self.codec: str | None = None
        self.payload_type: int | None = None
        self.payload_types: dict[int, str] = {}
        self.own_srtp_key = srtp.new_key()
        self.send_errors = 0
        self.send_problem: str | None = None
        self.lag_ms = 0.0
        self.received = Arrivals()
        self.early = 0
        self.first_rtp_ns: int | None = None
        # A name for this call only, which tells nothing of the host (RFC 7022, section 4.2).
        self.exchange = Exchange(random.getrandbits(32), base64.b64encode(os.urandom(12)))
        self.until_ns: int | None = None
        self.clock_step_ms = 0.0
        self._clocks_apart_ns = _clocks_apart_ns()
        self._sockets = (rtp, rtcp)
        self._rtp, self._rtcp = rtp.fileno(), rtcp.fileno()
        self._lock = lock
        self._read = reader.read
        self._reception = Reception()
        self._counted = 0
        self._heard = dtmf.Heard()
        self._frames: Sequence[bytes] = ()
        self._frame = 0
        self._ticks = 0
        self._remote: sdp.Remote | None = None
        self._to: bytes | None = None
        self._reports_to: bytes | None = None
        self._protect: srtp.Sender | None = None
        self._unprotect: srtp.Receiver | None = None
        self._unread = False
        self._steps: deque[dtmf.Step] = deque()
        self._sequence = random.getrandbits(15)
        self._timestamp = random.getrandbits(31)
        self._kind = 0
        self._reports = 0
        self._offered = 0
        self._octets = 0

    @property
    def sent(self) -> int:
        """How many packets of sound and DTMF left this host."""
        return self._offered - self.send_errors

    @property
    def encrypted(self) -> bool:
        """Whether the media is encrypted."""
        return self._protect is not None

    @property
    def digits(self) -> str:
        """The DTMF digits (RFC 4733) that were heard so far."""
        return self._heard.digits

    @property
    def descriptors(self) -> tuple[int, int]:
        """File descriptors of the RTP and the RTCP socket."""
        return self._rtp, self._rtcp

    # --- for the call ------------------------------------------------------------------------------------------

    def target(self, remote: sdp.Remote, frames: Sequence[bytes]) -> None:
        """Send `frames` of the codec of `remote` over and over, 20 ms each, to it; listen for the same codec. While it
        does not receive (on hold), nothing is sent.
        """
        with self._lock:
            codec = CODECS[remote.codec]
            resumes = self._remote is None or not self._remote.receives
            self.codec, self.payload_type = codec.name, remote.own_payload_type
            self.payload_types |= {**dict(remote.also), remote.own_payload_type: codec.name}
            self._ticks, self.exchange.clock_hz, self._reception.clock_hz = codec.ticks, codec.clock_hz, codec.clock_hz
            if self._frames is not frames:
                self._frames, self._frame = frames, 0
            # The first packet after a silence carries the marker (RFC 3551, section 4.1).
            self._kind = remote.payload_type | (0x80 if resumes else 0)
            self._aim(remote)
            self._follow_key(remote.srtp_key)
            first, self._remote = self._remote is None, remote
            if first:  # what came before could be neither decrypted nor heard
                waiting, self.received, self.first_rtp_ns = self.received, Arrivals(), None
                for arrival_ns, packet in waiting:
                    self._take(arrival_ns, packet)

    def answered(self) -> None:
        """The call is answered: what came before is early media, and no part of what is measured."""
        with self._lock:
            self._count()
            since = time.time_ns() - OVERTOOK_NS
            measured = Arrivals(arrival for arrival in self.received if arrival[0] >= since)
            self.early += len(self.received) - len(measured)
            self.received, self._counted = measured, len(measured)

    def press(self, digits: str) -> bool:
        """Send `digits` in place of sound, 100 ms each with 100 ms between; whether the far end takes any. Raises
        ValueError for what is no digit.
        """
        with self._lock:
            remote = self._remote
            if remote is None or remote.dtmf_type is None:
                dtmf.steps(digits, 0)
                return False
            self._steps += dtmf.steps(digits, remote.dtmf_clock_hz // FRAMES_PER_S)
            return True

    # --- for the engine ----------------------------------------------------------------------------------------

    def send(self, lag_s: float) -> None:
        """Send what is due, `lag_s` seconds late. The timestamp goes on while nothing is sent."""
        timestamp = self._timestamp = (self._timestamp + self._ticks) & 0xFFFFFFFF
        remote = self._remote
        if remote is None or not remote.receives:
            return
        lag_ms = lag_s * 1000
        self.lag_ms = max(self.lag_ms, lag_ms)
        payload, kind = self._frames[self._frame], self._kind
        self._kind = kind & 0x7F
        self._frame += 1
        if self._frame == len(self._frames):
            self._frame = 0
        if self._steps:
            step = self._steps.popleft()
            if step.payload is not None and remote.dtmf_type is not None:
                payload, kind = step.payload, remote.dtmf_type | (0x80 if step.first else 0)
                timestamp = (timestamp - step.since * self._ticks) & 0xFFFFFFFF
        sequence = (self._sequence + self._offered) & 0xFFFF
        packet = rtppacket.HEADER.pack(0x80, kind, sequence, timestamp, self.exchange.ssrc) + payload
        self._offered += 1
        try:
            if self._protect is not None:
                packet = self._protect.rtp(packet)
            if self._to is not None:
                udp.send(self._rtp, packet, self._to)
                self._octets += len(payload)
                return
        except (OSError, srtp.SrtpError) as error:
            self._problem(error)
        self.send_errors += 1

    @property
    def report_gap_s(self) -> float:
        """How long to wait before the next report."""
        return RTCP_GAPS_S[min(self._reports, len(RTCP_GAPS_S) - 1)]

    def report(self) -> None:
        """Send an RTCP report."""
        self._reports += 1
        self._count()
        if self._reports_to is None:
            return
        packet = self.exchange.report(time.time_ns(), self._timestamp, self.sent, self._octets, self._reception)
        try:
            packet = self._protect.rtcp(packet) if self._protect is not None else packet
            udp.send(self._rtcp, packet, self._reports_to)
        except (OSError, srtp.SrtpError) as error:
            self._problem(error)

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
        arrival_ns, packet = got
        if self._unprotect is not None:
            try:
                packet = self._unprotect.rtcp(packet)
            except srtp.SrtpError:
                return True
        self.exchange.receive(packet, arrival_ns)
        return True

    def close(self) -> None:
        """Take in what is left and close the sockets."""
        self.until_ns = time.time_ns() if self._remote is not None and self._remote.sends else None
        self.clock_step_ms = abs(_clocks_apart_ns() - self._clocks_apart_ns) / 1e6
        while self.receive_rtp():
            pass
        while self.receive_rtcp():
            pass
        for endpoint in self._sockets:
            endpoint.close()

    def _take(self, arrival_ns: int, packet: bytes) -> None:
        """Keep one packet, if it is RTP and can be read."""
        if len(packet) < 12 or packet[0] >> 6 != 2 or packet[1] in _RTCP_KINDS:
            return
        if self._unprotect is not None:
            try:
                packet = self._unprotect.rtp(packet)
            except srtp.SrtpError as error:
                self._unreadable(error)
                return
        if self.first_rtp_ns is None:
            self.first_rtp_ns = arrival_ns
        self.received.append((arrival_ns, packet))
        remote = self._remote
        if remote is not None and packet[1] & 0x7F == remote.own_dtmf_type:
            _, _, _, timestamp, ssrc = rtppacket.HEADER.unpack_from(packet)
            self._heard.packet(rtppacket.payload_of(packet) or b"", timestamp, ssrc)

    def _count(self) -> None:
        """Bring the reception up to date: only reports need it, so nothing is counted as packets come."""
        for arrival_ns, packet in self.received[self._counted :]:
            _, kind, sequence, timestamp, ssrc = rtppacket.HEADER.unpack_from(packet)
            is_sound = kind & 0x7F in self.payload_types
            self._reception.packet(arrival_ns, sequence, timestamp, ssrc, is_sound=is_sound)
        self._counted = len(self.received)

    def _aim(self, remote: sdp.Remote) -> None:
        """Where packets go; nowhere, and the problem told, if there is no such place."""
        self._to = self._reports_to = None
        if ip_address(remote.address).is_unspecified:
            return  # on hold: nobody is there
        try:
            self._to = udp.destination(remote.address, remote.port)
            self._reports_to = udp.destination(remote.address, remote.rtcp_port)
        except ValueError as error:
            self._problem(error, remote)

    def _follow_key(self, key: bytes | None) -> None:
        """Encrypt and decrypt where the far end gives a `key`; its state is kept as long as the key is the same."""
        if key is None:
            self._protect = self._unprotect = None
            return
        if self._protect is None:
            self._protect = srtp.Sender(self.own_srtp_key)
        if self._unprotect is None or self._unprotect.key != key:
            self._unprotect = srtp.Receiver(key)

    def _problem(self, error: Exception, remote: sdp.Remote | None = None) -> None:
        """Something could not be sent, for whatever reason: one call never ends the others' media. Told once."""
        if self.send_problem is None:
            self.send_problem = str(error)
            remote = remote or self._remote
            if remote is not None:
                log.warning("media to %s port %d is not sent: %s", remote.address, remote.port, error)

    def _unreadable(self, error: Exception) -> None:
        """A packet that is not from the holder of the key counts as not received. Told once."""
        if not self._unread:
            self._unread = True
            log.warning("encrypted media at port %d can't be read: %s", self.port, error)


def _clocks_apart_ns() -> int:
    """The wall clock, which stamps arrivals, against one that is never set. NTP's slow corrections move both alike."""
    # The largest of three: being interrupted between the two readings only makes the difference smaller.
    return max(time.time_ns() - time.monotonic_ns() for _ in range(3))
