"""One party's media of one call: sends what was encoded before, keeps what is received, measures itself.

How late this host's own packets left is measured too: a starved sender must not be blamed on the network.
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
from voice_sipapp.media.arrivals import Arrivals
from voice_sipapp.media.codecs import CODECS, FRAMES_PER_S
from voice_sipapp.media.directions import Directions
from voice_sipapp.media.latching import Rank
from voice_sipapp.media.listener import Listener, address_of
from voice_sipapp.media.rtcp import Exchange

PTIME_S = 1 / FRAMES_PER_S
RTCP_GAPS_S = (0.3, 0.6, 2.0)
"""Time before the first report, before the second, before each later one: two are needed for a round trip, and some
calls are short.
"""

MOST_TOLD = 1000
"""Digits that messages told of, which are kept: nobody presses more within a call."""

log = logging.getLogger(__name__)


class Stream:
    """One party's media of one call. Made and ended through the engine, whose `lock` guards it; `send`, `report`,
    `receive_rtp`, `receive_rtcp` and `close` are the engine's, who holds the lock. The fields may be read when the
    stream has ended, `digits`, `early` and `first_rtp_ns` at any time.

    `codec` is what this leg has agreed on, None until then, and `payload_type` the number under which it is received;
    `payload_types` are all numbers that sound may come under, each with its codec.
    `own_srtp_key` is what we encrypt with where the far end has a key too. `until_ns` is when it ended, None where no
    media was ever agreed on; `directions` tell when either side was to send. `unheard_limit` is how many packets may be
    sent to an address that nothing came from yet (None: any number), `withheld` how many were not sent for that reason.
    `told_digits` are those that the far end's messages told of (SIP INFO). `clock_step_ms` is by how much somebody set
    the wall clock.
    """

    def __init__(
        self, rtp: socket.socket, rtcp: socket.socket, port: int, lock: threading.Lock, reader: udp.Reader
    ) -> None:
        self.port = port
        self.codec: str | None = None
        self.payload_type: int | None = None
        self.own_srtp_key = srtp.new_key()
        self.send_errors = 0
        self.send_problem: str | None = None
        self.lag_ms = 0.0
        # A name for this call only, which tells nothing of the host (RFC 7022, section 4.2).
        self.exchange = Exchange(random.getrandbits(32), base64.b64encode(os.urandom(12)))
        self.directions = Directions()
        self.until_ns: int | None = None
        self.unheard_limit: int | None = None
        self.withheld = 0
        self.clock_step_ms = 0.0
        self.told_digits = ""
        self._clocks_apart_ns = _clocks_apart_ns()
        self._sockets = (rtp, rtcp)
        self._rtp, self._rtcp = rtp.fileno(), rtcp.fileno()
        self._lock = lock
        self._listener = Listener(rtp, rtcp, port, reader, self.exchange)
        self.receive_rtp, self.receive_rtcp = self._listener.receive_rtp, self._listener.receive_rtcp
        self._frames: Sequence[bytes] = ()
        self._frame = 0
        self._ticks = 0
        self._remote: sdp.Remote | None = None
        self._to: bytes | None = None
        self._reports_to: bytes | None = None
        self._protect: srtp.Sender | None = None
        self._steps: deque[dtmf.Step] = deque()
        self._sequence = random.getrandbits(15)
        self._timestamp = random.getrandbits(31)
        self._kind = 0
        self._reports = 0
        self._offered = self._offered_before = 0
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
        """The DTMF digits that came so far: with the sound (RFC 4733), and after a space those that messages told of.
        Some far ends do both, for the same ones.
        """
        heard = self._listener.heard.digits
        return f"{heard} {self.told_digits}" if self.told_digits else heard

    @property
    def heard_digits(self) -> str:
        """Those that came with the sound."""
        return self._listener.heard.digits

    @property
    def received(self) -> Arrivals:
        """Arrival (ns, wall clock) and packet, in the clear, of everything since the answer; before any description of
        the session everything, for nobody can tell yet whose it is.
        """
        return self._listener.undecided() if self._remote is None else self._listener.received

    @property
    def early(self) -> int:
        """How many packets came before the answer."""
        return self._listener.early

    @property
    def first_rtp_ns(self) -> int | None:
        """When the very first packet came."""
        return self._listener.first_rtp_ns

    @property
    def other_source(self) -> int:
        """How many packets of RTP and RTCP came from another source than the agreed one since the answer."""
        return self._listener.other_source

    @property
    def unread(self) -> int:
        """How many packets this host had no room for, because its port was flooded."""
        return self._listener.unread

    @property
    def doubtful(self) -> bool:
        """Whether another source than the one that counts may have been the far end's."""
        return self._listener.latch.doubtful

    @property
    def payload_types(self) -> dict[int, str]:
        """All numbers that sound may come under, each with its codec."""
        return self._listener.payload_types

    @property
    def comfort_noise(self) -> frozenset[int]:
        """All numbers that comfort noise may come under."""
        return frozenset(self._listener.comfort_noise)

    @property
    def answered_ns(self) -> int | None:
        """When the call was answered, None until then."""
        return self._listener.answered_ns

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
            self._listener.payload_types |= {**dict(remote.also), remote.own_payload_type: codec.name}
            if remote.payload_type not in (remote.own_dtmf_type, *remote.comfort_noise):
                # Some send under the number of their own answer, though ours is meant (RFC 3264, section 5.1).
                self._listener.payload_types.setdefault(remote.payload_type, codec.name)
            self._listener.comfort_noise.update(remote.comfort_noise)
            self.directions.agreed(remote, time.time_ns())
            self._ticks, self.exchange.clock_hz = codec.ticks, codec.clock_hz
            self._listener.reception.clock_hz = codec.clock_hz
            if self._frames is not frames:
                self._frames, self._frame = frames, 0
            # The first packet after a silence carries the marker (RFC 3551, section 4.1).
            self._kind = remote.payload_type | (0x80 if resumes else 0)
            self._aim(remote)
            if remote.srtp_key is None:
                self._protect = None
            elif self._protect is None:
                self._protect = srtp.Sender(self.own_srtp_key)
            self._remote = remote
            self._listener.follow(remote, self._to, self._reports_to)

    def answered(self) -> None:
        """The call is answered: what came before is early media, and no part of what is measured."""
        with self._lock:
            self._listener.answered()

    def signalled(self, host: str) -> None:
        """The far end's SIP messages come from `host`, an address as it stands in a URI."""
        with self._lock:
            self._listener.latch.signalled(address_of(host))

    def pressed(self, digits: str) -> None:
        """A message of the far end tells of `digits`."""
        with self._lock:
            self.told_digits = (self.told_digits + digits)[:MOST_TOLD]

    def untold(self) -> None:
        """Nobody was told the port yet: who sent to it so far is not the far end."""
        with self._lock:
            self._listener.untold()

    def released(self) -> Arrivals:
        """What was received by the end, which is held no longer."""
        return self._listener.released()

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
        if self.unheard_limit is not None and self.is_unheard:
            self.withheld += 1
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
    def is_unheard(self) -> bool:
        """Whether enough was sent to an address that nothing came from yet: it may be anybody's."""
        if self.unheard_limit is None or self._offered - self._offered_before < self.unheard_limit:
            return False
        return self._listener.latch.rank > Rank.ADDRESS

    @property
    def report_gap_s(self) -> float:
        """How long to wait before the next report."""
        return RTCP_GAPS_S[min(self._reports, len(RTCP_GAPS_S) - 1)]

    def report(self) -> None:
        """Send an RTCP report."""
        self._reports += 1
        self._listener.count()
        if self._reports_to is None or self.is_unheard:
            return
        packet = self.exchange.report(
            time.time_ns(), self._timestamp, self.sent, self._octets, self._listener.reception
        )
        try:
            packet = self._protect.rtcp(packet) if self._protect is not None else packet
            udp.send(self._rtcp, packet, self._reports_to)
        except (OSError, srtp.SrtpError) as error:
            self._problem(error)

    def close(self) -> None:
        """Take in what is left and close the sockets."""
        self.until_ns = time.time_ns() if self._remote is not None else None
        self.clock_step_ms = abs(_clocks_apart_ns() - self._clocks_apart_ns) / 1e6
        self._listener.drain()
        for endpoint in self._sockets:
            endpoint.close()

    def _aim(self, remote: sdp.Remote) -> None:
        """Where packets go; nowhere, and the problem told, if there is no such place."""
        before, self._to, self._reports_to = self._to, None, None
        if ip_address(remote.address).is_unspecified:
            return  # on hold: nobody is there
        try:
            self._to = udp.destination(remote.address, remote.port)
            self._reports_to = udp.destination(remote.address, remote.rtcp_port)
            if self._to != before:
                self._offered_before = self._offered
        except ValueError as error:
            self._problem(error, remote)

    def _problem(self, error: Exception, remote: sdp.Remote | None = None) -> None:
        """Something could not be sent, for whatever reason: one call never ends the others' media. Told once."""
        if self.send_problem is None:
            self.send_problem = str(error)
            remote = remote or self._remote
            if remote is not None:
                log.warning("media to %s port %d is not sent: %s", remote.address, remote.port, error)


def _clocks_apart_ns() -> int:
    """The wall clock, which stamps arrivals, against one that is never set. NTP's slow corrections move both alike."""
    # The largest of three: being interrupted between the two readings only makes the difference smaller.
    return max(time.time_ns() - time.monotonic_ns() for _ in range(3))
