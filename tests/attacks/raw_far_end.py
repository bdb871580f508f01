"""A far end of plain sockets: what it says and sends is octets that a test chooses, so it can say and send anything."""

import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence

from tests.ports import free_udp_port

PTIME_S = 0.02
SILENCE = b"\xd5" * 160
ANSWER = (
    b"SIP/2.0 200 OK",
    b"@vias",
    b"From: @from",
    b"To: @to;tag=far-end",
    b"Call-ID: @call-id",
    b"CSeq: @cseq",
    b"Contact: <sip:far@[::1]:@port>",
    b"Content-Type: application/sdp",
)
"""A plain 200; what begins with @ is filled in."""

Datagrams = Sequence[bytes]


def a_socket(address: str = "::1", port: int = 0) -> socket.socket:
    """At a `port` whose neighbour is nobody's: reports of what is sent to it go there (RFC 3550, section 11)."""
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((address, port or free_udp_port(address)))
    return made


def port_of(one: socket.socket) -> int:
    return int(one.getsockname()[1])


def rtp(number: int, ssrc: int, kind: int = 8, payload: bytes = SILENCE) -> bytes:
    """A packet of RTP; its timestamp follows from its number."""
    return struct.pack("!BBHII", 0x80, kind, number & 0xFFFF, number * 160 & 0xFFFFFFFF, ssrc) + payload


def receiver_report(about: int, ssrc: int = 99, lost: int = 0x7FFFFF, lsr: int = 0) -> bytes:
    """RTCP that says that all of what `about` sends is lost."""
    return struct.pack("!BBHIIIIIII", 0x81, 201, 7, ssrc, about, 0xFF << 24 | lost, 1000, 90_000, lsr, 0)


def sender_report(ssrc: int) -> bytes:
    return struct.pack("!BBHIIIIII", 0x80, 200, 6, ssrc, 0xE0000000, 0, 0, 1, 160)


def goodbye(ssrc: int) -> bytes:
    return struct.pack("!BBHI", 0x81, 203, 1, ssrc)


class Sounder(threading.Thread):
    """Sends RTP from the socket `own` to `target` at `rate` packets/s until it is closed, numbered from `first` on."""

    def __init__(
        self, own: socket.socket, target: tuple[str, int], *, ssrc: int = 7, first: int = 100, rate: float = 50,
        packet: Callable[[int, int], bytes] = rtp,
    ) -> None:  # fmt: skip
        super().__init__(daemon=True)
        self._own, self.target, self._gap_s = own, target, 1 / rate
        self._ssrc, self._packet = ssrc, packet
        self.number = self.first = first
        self._ending = threading.Event()

    @property
    def sent(self) -> int:
        return self.number - self.first

    def run(self) -> None:
        due = time.monotonic()
        while not self._ending.is_set():
            try:
                self._own.sendto(self._packet(self.number, self._ssrc), self.target)
            except OSError:
                return  # the test is over
            self.number += 1
            due += self._gap_s
            self._ending.wait(max(0.0, due - time.monotonic()))

    def close(self) -> None:
        self._ending.set()
        self.join(5)


class RawFarEnd(threading.Thread):
    """Answers each INVITE with the datagrams that `answers` makes of it, sounds as soon as it has, and says 200 to the
    rest. `media` is the socket that its sound comes from, `described` the port that its description names.
    """

    def __init__(self, answers: Callable[["RawFarEnd", bytes], Datagrams] | None = None) -> None:
        super().__init__(daemon=True)
        self.sip = a_socket()
        self.sip.settimeout(0.1)
        self.port = port_of(self.sip)
        self.media, self.reports = a_socket(), a_socket()
        self.described = port_of(self.media)
        self.head: Sequence[bytes] = ANSWER
        self.sounds_after_s: float | None = 0.0
        self.calls_port: int | None = None
        """Where the caller wants its sound, once it has called."""
        self.sounder: Sounder | None = None
        self.requests: list[bytes] = []
        self.on_invite: Callable[[RawFarEnd], None] = lambda _: None
        self._answers = answers or (lambda far, invite: [far.answer(invite)])
        self._ending = threading.Event()

    def description(self, *more: bytes) -> bytes:
        """What it wants, with `more` lines."""
        lines = [
            b"v=0", b"o=- 1 1 IN IP6 ::1", b"s=-", b"c=IN IP6 ::1", b"t=0 0",
            f"m=audio {self.described} RTP/AVP 8".encode(), b"a=rtpmap:8 PCMA/8000",
            f"a=rtcp:{port_of(self.reports)}".encode(), *more,
        ]  # fmt: skip
        return b"\r\n".join([*lines, b""])

    def answer(self, request: bytes, body: bytes | None = None, head: Sequence[bytes] | None = None) -> bytes:
        """`head` filled in for `request`, and `body`; with the octets of the body as its length."""
        body = self.description() if body is None else body
        lines = [*(head or self.head), f"Content-Length: {len(body)}".encode()]
        return b"\r\n".join([*(self.filled(line, request) for line in lines), b"", body])

    def filled(self, line: bytes, request: bytes) -> bytes:
        for name in (b"from", b"to", b"call-id", b"cseq"):
            line = line.replace(b"@" + name, _header(request, name))
        vias = b"\r\n".join(re.findall(rb"^(?:Via|v):[^\r\n]*", request, re.MULTILINE | re.IGNORECASE))
        return line.replace(b"@vias", vias).replace(b"@port", str(self.port).encode())

    def run(self) -> None:
        while not self._ending.is_set():
            try:
                request, source = self.sip.recvfrom(65535)
            except TimeoutError:
                continue
            except OSError:
                return
            self.requests.append(request)
            if request.startswith(b"INVITE "):
                self._invited(request, source)
            elif not request.startswith((b"ACK ", b"SIP/2.0")):
                if request.startswith(b"BYE ") and b"tag=far-end" in request and self.sounder is not None:
                    self.sounder.close()
                self.sip.sendto(self.answer(request, b"", ANSWER[:-2]), source)

    def _invited(self, request: bytes, source: tuple[str, int]) -> None:
        found = re.search(rb"^m=audio ([0-9]+)", request, re.MULTILINE)
        first = self.calls_port is None
        self.calls_port = int(found[1]) if found else None
        if first:
            self.on_invite(self)
        for datagram in self._answers(self, request):
            self.sip.sendto(datagram, source)
        if first and self.sounds_after_s is not None:
            self._ending.wait(self.sounds_after_s)
            self.sound()

    def sound(self) -> Sounder:
        """Begin to send RTP."""
        assert self.calls_port is not None
        self.sounder = Sounder(self.media, ("::1", self.calls_port))
        self.sounder.start()
        return self.sounder

    def close(self) -> None:
        self._ending.set()
        if self.ident is not None:
            self.join(5)
        if self.sounder is not None:
            self.sounder.close()
        for each in (self.sip, self.media, self.reports):
            each.close()


def _header(message: bytes, name: bytes) -> bytes:
    found = re.search(rb"^" + name + rb"\s*:\s*([^\r\n]*)", message, re.MULTILINE | re.IGNORECASE)
    return found[1] if found else b""
