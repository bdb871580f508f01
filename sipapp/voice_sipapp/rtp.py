"""The media engine: sends what was encoded before, keeps what is received, measures itself.

One thread serves all calls. Arrival times are the kernel's (SO_TIMESTAMPNS), so a late look at the socket does not
look like jitter; every packet is kept until the call is scored. How late this host's own packets left is measured
too: a starved sender must not be blamed on the network.
"""

import heapq
import itertools
import logging
import os
import random
import select
import socket
import struct
import threading
import time
from collections.abc import Sequence

from voice_sipapp import rtppacket, sdp
from voice_sipapp.codecs import CODECS
from voice_sipapp.ports import SO_TIMESTAMPNS, Ports
from voice_sipapp.rtcp import Exchange, Reception

PTIME_S = 0.02
RTCP_GAPS_S = (0.3, 0.6, 2.0)
"""Time before the first report, before the second, before each later one: two are needed for a round trip, and some
calls are short.
"""

_TIMESPEC = struct.Struct("qq")

log = logging.getLogger(__name__)


class Stream:
    """One party's media of one call. Made and ended through the engine; the fields may be read when it has ended.

    `codec` is what this leg has agreed on, None until then, and `payload_type` the number under which it is received;
    `clock_step_ms` by how much somebody set the wall clock.
    """

    def __init__(self, rtp: socket.socket, rtcp: socket.socket, port: int) -> None:
        self.port = port
        self.codec: str | None = None
        self.payload_type: int | None = None
        self.send_errors = 0
        self.send_problem: str | None = None
        self.lag_ms = 0.0
        self.received: list[tuple[int, bytes]] = []
        self.exchange = Exchange(random.getrandbits(32), b"probe@invalid")
        self.clock_step_ms = 0.0
        self._clocks_apart_ns = _clocks_apart_ns()
        self._rtp, self._rtcp = rtp, rtcp
        self._reception = Reception()
        self._frames: Sequence[bytes] = ()
        self._ticks = 0
        self._remote: sdp.Remote | None = None
        self._sequence = random.getrandbits(15)
        self._timestamp = random.getrandbits(31)
        self._reports = 0
        self._offered = 0
        self._octets = 0

    @property
    def sent(self) -> int:
        """How many packets of sound left this host."""
        return self._offered - self.send_errors

    @property
    def sockets(self) -> tuple[socket.socket, socket.socket]:
        """RTP and RTCP socket."""
        return self._rtp, self._rtcp

    def target(self, remote: sdp.Remote, frames: Sequence[bytes]) -> None:
        """Send `frames` of the codec of `remote` over and over, 20 ms each, to it; listen for the same codec. While it
        does not receive (on hold), nothing is sent.
        """
        self.codec, self.payload_type = remote.codec, remote.own_payload_type
        self._ticks = CODECS[remote.codec].ticks
        self._frames, self._remote = frames, remote

    def send(self, lag_s: float) -> None:
        """Send the next frame, `lag_s` seconds after it was due."""
        remote = self._remote
        if remote is None:
            return
        self._timestamp += self._ticks
        if not remote.receives:
            return
        self.lag_ms = max(self.lag_ms, lag_s * 1000)
        payload = self._frames[self._offered % len(self._frames)]
        marker = 0x80 if self._offered == 0 else 0
        header = rtppacket.HEADER.pack(
            0x80,
            marker | remote.payload_type,
            (self._sequence + self._offered) & 0xFFFF,
            self._timestamp & 0xFFFFFFFF,
            self.exchange.ssrc,
        )
        self._offered += 1
        if self._transmit(self._rtp, header + payload, (remote.address, remote.port)):
            self._octets += len(payload)
        else:
            self.send_errors += 1

    @property
    def report_gap_s(self) -> float:
        """How long to wait before the next report."""
        return RTCP_GAPS_S[min(self._reports, len(RTCP_GAPS_S) - 1)]

    def report(self) -> None:
        """Send an RTCP report."""
        self._reports += 1
        remote = self._remote
        if remote is None or not remote.receives:
            return
        packet = self.exchange.report(time.time_ns(), self._timestamp, self.sent, self._octets, self._reception)
        self._transmit(self._rtcp, packet, (remote.address, remote.rtcp_port))

    def _transmit(self, endpoint: socket.socket, packet: bytes, remote: tuple[str, int]) -> bool:
        """Whether `packet` left; the first time that one does not, the log says why."""
        try:
            endpoint.sendto(packet, remote)
        except (OSError, ValueError, OverflowError) as error:  # of whatever kind: one call never ends the others' media
            if self.send_problem is None:
                self.send_problem = str(error)
                log.warning("media to %s port %d is not sent: %s", *remote, error)
            return False
        return True

    def receive_rtp(self) -> None:
        """Take in every RTP packet that is waiting."""
        for packet, arrival_ns in _waiting(self._rtp):
            if len(packet) < 12 or packet[0] >> 6 != 2:
                continue
            self.received.append((arrival_ns, packet))
            _, kind, sequence, timestamp, ssrc = rtppacket.HEADER.unpack_from(packet)
            is_sound = kind & 0x7F == self.payload_type
            self._reception.packet(arrival_ns, sequence, timestamp, ssrc, is_sound=is_sound)

    def receive_rtcp(self) -> None:
        """Take in every RTCP packet that is waiting."""
        for packet, arrival_ns in _waiting(self._rtcp):
            self.exchange.receive(packet, arrival_ns)

    def close(self) -> None:
        """Take in what is left and close the sockets."""
        self.clock_step_ms = abs(_clocks_apart_ns() - self._clocks_apart_ns) / 1e6
        self.receive_rtp()
        self.receive_rtcp()
        self._rtp.close()
        self._rtcp.close()


def _clocks_apart_ns() -> int:
    """The wall clock, which stamps arrivals, against one that is never set. NTP's slow corrections move both alike."""
    # The largest of three: being interrupted between the two readings only makes the difference smaller.
    return max(time.time_ns() - time.monotonic_ns() for _ in range(3))


def _waiting(endpoint: socket.socket) -> list[tuple[bytes, int]]:
    """The datagrams that wait at `endpoint`, each with its arrival in ns; a burst is left in part for the next turn."""
    packets: list[tuple[bytes, int]] = []
    while len(packets) < 256:
        try:
            packet, ancillary, _, _ = endpoint.recvmsg(2048, 64)
        except BlockingIOError:
            break
        except ConnectionError:
            continue  # an ICMP error about something sent before; the next read gives the next packet
        packets.append((packet, _arrival_ns(ancillary)))
    return packets


def _arrival_ns(ancillary: list[tuple[int, int, bytes]]) -> int:
    for level, kind, value in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESPEC.unpack_from(value)
            return int(seconds * 1_000_000_000 + nanoseconds)
    return time.time_ns()


class Engine(threading.Thread):
    """The thread that serves every stream. All methods but `run` may be called from any thread."""

    def __init__(self, address: str, ports: tuple[int, int]) -> None:
        super().__init__(name="media", daemon=True)
        self._ports = Ports(address, *ports)
        self._epoll = select.epoll()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._wake, select.EPOLLIN)
        self._lock = threading.Lock()
        self._readers: dict[int, tuple[Stream, bool]] = {}
        self._due: list[tuple[float, int, Stream, bool]] = []
        self._order = itertools.count()
        self._live: set[Stream] = set()
        self._ending = False

    def open(self) -> Stream:
        """A stream with its ports, receiving at once. Raises PortsExhaustedError."""
        stream = Stream(*self._ports.open())
        with self._lock:
            self._live.add(stream)
            for is_rtp, endpoint in zip((True, False), stream.sockets, strict=True):
                self._readers[endpoint.fileno()] = (stream, is_rtp)
                self._epoll.register(endpoint.fileno(), select.EPOLLIN)
        return stream

    def start_sending(self, stream: Stream) -> None:
        """Send from now on what `stream` was given by `target`, and reports about what it receives."""
        now = time.monotonic()
        with self._lock:
            self._push(now, stream, True)
            self._push(now + stream.report_gap_s, stream, False)
        os.eventfd_write(self._wake, 1)

    def end(self, stream: Stream) -> None:
        """Stop `stream`; when this returns its fields don't change any more."""
        with self._lock:
            if stream not in self._live:
                return
            self._live.discard(stream)
            for endpoint in stream.sockets:
                self._epoll.unregister(endpoint.fileno())
                del self._readers[endpoint.fileno()]
            stream.close()

    def stop(self) -> None:
        """End the thread and every stream."""
        self._ending = True
        os.eventfd_write(self._wake, 1)
        self.join(2)
        for stream in list(self._live):
            self.end(stream)
        self._epoll.close()
        os.close(self._wake)

    def run(self) -> None:
        """Serve until told to stop."""
        while not self._ending:
            with self._lock:
                wait = self._serve_due()
            for descriptor, _ in self._epoll.poll(wait, 128):
                self._serve(descriptor)

    def _serve(self, descriptor: int) -> None:
        if descriptor == self._wake:
            os.eventfd_read(self._wake)
            return
        with self._lock:
            stream, is_rtp = self._readers.get(descriptor, (None, False))
            if stream is None:
                return  # ended since the poll
            if is_rtp:
                stream.receive_rtp()
            else:
                stream.receive_rtcp()

    def _serve_due(self) -> float:
        """Send what is due; returns the seconds until the next sending."""
        while self._due:
            due, _, stream, is_rtp = self._due[0]
            now = time.monotonic()
            if due > now:
                return due - now
            heapq.heappop(self._due)
            if stream not in self._live:
                continue
            if is_rtp:
                stream.send(now - due)
                self._push(due + PTIME_S, stream, True)
            else:
                stream.report()
                self._push(due + stream.report_gap_s, stream, False)
        return 1.0

    def _push(self, due: float, stream: Stream, is_rtp: bool) -> None:
        heapq.heappush(self._due, (due, next(self._order), stream, is_rtp))


def run_ahead_of_others() -> bool:
    """Ask the kernel to run this process (threads started later included) before ordinary ones; whether it agreed.

    A prober that waits for a processor makes jitter that the network does not have.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(10))
    except OSError:
        return False
    return True
