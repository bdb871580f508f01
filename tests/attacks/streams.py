"""Streams of media, and who sends to them: real sockets, and a test that says who sends what and when."""

import fcntl
import termios
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace

from tests.attacks.raw_far_end import a_socket, port_of, rtp
from voice_sipapp.media import sdp
from voice_sipapp.media.rtp import Stream

OF_A_STRANGER = b"\x2a" * 160


class Party:
    """Somebody with a socket, who sends numbered sound to a stream."""

    def __init__(self, address: str, stream: Stream, cleanup: ExitStack, ssrc: int = 7) -> None:
        self.socket = cleanup.enter_context(closing(a_socket(address)))
        self.port = port_of(self.socket)
        self._to, self._stream, self._ssrc = (address, stream.port), stream, ssrc
        self.number = 1000

    def send(self, count: int = 1, kind: int = 8) -> None:
        """Send so many packets, and wait until the stream has seen them."""
        for _ in range(count):
            self.socket.sendto(rtp(self.number, self._ssrc, kind, bytes([self._ssrc % 256]) * 160), self._to)
            self.number += 1
        taken_in(self._stream)

    def say(self, packet: bytes) -> None:
        """The same for any one packet."""
        self.socket.sendto(packet, self._to)
        taken_in(self._stream)

    def reports(self, packet: bytes) -> None:
        """The same for RTCP."""
        self.socket.sendto(packet, (self._to[0], self._to[1] + 1))
        taken_in(self._stream)


def taken_in(stream: Stream) -> None:
    """Wait until nothing waits at the stream's sockets, and what did is dealt with."""
    wait_until(lambda: not any(b"".join(fcntl.ioctl(each, termios.FIONREAD, bytes(4)) for each in stream.descriptors)))
    with stream._lock:
        return


def heard(stream: Stream) -> list[int]:
    """Whose packets count: their sources, each once, and how many there are of each."""
    return [packet[12] for _, packet in stream.received]


def remote(address: str, port: int, **changes: object) -> sdp.Remote:
    return replace(sdp.Remote(address, port, "PCMA", 8, dtmf_type=101, own_dtmf_type=101), **changes)  # type: ignore[arg-type]


Start = Callable[..., tuple[Stream, Party, Party]]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)
