"""The media engine: one thread that serves the streams of all calls."""

import heapq
import itertools
import os
import select
import threading
import time

from voice_sipapp import priority
from voice_sipapp.media import udp
from voice_sipapp.media.ports import Ports
from voice_sipapp.media.stream import Stream
from voice_sipapp.media.wheel import Wheel

__all__ = ["Engine", "Stream"]

_AT_ONCE = 128
"""How many sockets are read before the next look at what is to be sent."""

_IDLE_S = 1.0


class Engine(threading.Thread):
    """The thread that serves every stream. All methods but `run` may be called from any thread."""

    def __init__(self, address: str, ports: tuple[int, int]) -> None:
        super().__init__(name="media", daemon=True)
        self._ports = Ports(address, *ports)
        self._epoll = select.epoll()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._wake, select.EPOLLIN)
        self._lock = threading.Lock()
        self._reader = udp.Reader()
        self._streams: dict[int, tuple[Stream, bool]] = {}
        self._sending: Wheel[Stream] = Wheel(time.monotonic())
        self._reports: list[tuple[float, int, Stream]] = []
        self._order = itertools.count()
        self._live: set[Stream] = set()
        self._ending = False

    def open(self) -> Stream:
        """A stream with its ports, receiving at once. Raises PortsExhaustedError."""
        stream = Stream(*self._ports.open(), self._lock, self._reader)
        with self._lock:
            self._live.add(stream)
            for is_rtp, descriptor in zip((True, False), stream.descriptors, strict=True):
                self._streams[descriptor] = (stream, is_rtp)
                self._epoll.register(descriptor, select.EPOLLIN)
        return stream

    def start_sending(self, stream: Stream) -> None:
        """Send from now on what `stream` was given by `target`, and reports about what it receives."""
        now = time.monotonic()
        with self._lock:
            if stream not in self._live:
                return
            self._sending.add(stream, now)
            self._push(now + stream.report_gap_s, stream)
        os.eventfd_write(self._wake, 1)

    def end(self, stream: Stream) -> None:
        """Stop `stream`; when this returns its fields don't change any more."""
        with self._lock:
            if stream not in self._live:
                return
            self._live.discard(stream)
            self._sending.discard(stream)
            for descriptor in stream.descriptors:
                self._epoll.unregister(descriptor)
                del self._streams[descriptor]
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
        priority.take(priority.MEDIA)
        while not self._ending:
            with self._lock:
                wait = self._serve_due()
            ready = self._epoll.poll(wait, _AT_ONCE)
            with self._lock:
                for descriptor, _ in ready:
                    self._serve(descriptor)

    def _serve(self, descriptor: int) -> None:
        """Take in one packet; where more wait, the next poll says so."""
        stream, is_rtp = self._streams.get(descriptor, (None, False))
        if stream is None:  # ended since the poll, or the wake-up
            if descriptor == self._wake:
                os.eventfd_read(self._wake)
        elif is_rtp:
            stream.receive_rtp()
        else:
            stream.receive_rtcp()

    def _serve_due(self) -> float:
        """Send what is due; returns the seconds until the next sending."""
        monotonic = time.monotonic
        for due, streams in self._sending.due(monotonic()):
            for stream in streams:
                stream.send(monotonic() - due)
        now = monotonic()
        while self._reports and self._reports[0][0] <= now:
            due, _, stream = heapq.heappop(self._reports)
            if stream in self._live:
                stream.report()
                self._push(due + stream.report_gap_s, stream)
        next_report = self._reports[0][0] - now if self._reports else _IDLE_S
        next_sound = self._sending.wait(monotonic())
        return max(0.0, min(_IDLE_S, next_report, _IDLE_S if next_sound is None else next_sound))

    def _push(self, due: float, stream: Stream) -> None:
        heapq.heappush(self._reports, (due, next(self._order), stream))
