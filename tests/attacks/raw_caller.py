"""Callers of plain sockets, and the path between a dialer and a receiver: a test chooses who calls, when, with what."""

from __future__ import annotations

import re
import selectors
import socket
import threading
from collections.abc import Callable
from uuid import uuid4

from tests.attacks.raw_far_end import Sounder, a_socket, port_of

NUMBER = "+442071838750"


class RawCaller(threading.Thread):
    """Calls `user` at the UDP port `target` of this machine, with `header` as its X-Voice-Call (None: without one).

    It repeats nothing. `acks`: it acknowledges a 200. `sounds`: it sends RTP from then on. `described`: the address
    and port that its session description names, by default those of its own socket.
    """

    def __init__(
        self,
        target: int,
        user: str = NUMBER,
        header: str | None = None,
        *,
        acks: bool = True,
        sounds: bool = True,
        described: tuple[str, int] | None = None,
        address: str = "::1",
    ) -> None:
        super().__init__(daemon=True)
        self.sip, self.media = a_socket(address), a_socket(address)
        self._address, self._host = address, f"[{address}]" if ":" in address else address
        self.port = port_of(self.sip)
        self.target, self.user = target, user
        self.codes: list[int] = []
        self.hung_up_on = threading.Event()
        self.media_octets = self.media_packets = self.sent_octets = self.got_octets = 0
        self.sounder: Sounder | None = None
        self._header, self._acks, self._sounds = header, acks, sounds
        self.described = described or (address, port_of(self.media))
        self._name, self._branch = uuid4().hex, f"z9hG4bK{uuid4().hex}"
        self._to = self._called = f"<sip:{user}@{self._host}:{target}>"
        self._number = 1
        self._ending = threading.Event()

    # --- what it says ------------------------------------------------------------------------------------------

    def message(self, method: str, body: str = "", *, number: int = 1, branch: str = "", to: str = "") -> str:
        """A request."""
        own = f"<sip:caller@{self._host}:{self.port}>"
        lines = [
            f"{method} sip:{self.user}@{self._host}:{self.target} SIP/2.0",
            f"Via: SIP/2.0/UDP {self._host}:{self.port};branch={branch or self._branch};rport",
            "Max-Forwards: 70", f"From: {own};tag={self._name[:8]}", f"To: {to or self._to}", f"Contact: {own}",
            f"Call-ID: {self._name}", f"CSeq: {number} {method}",
            *([f"X-Voice-Call: {self._header}"] if self._header is not None and method == "INVITE" else []),
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}", "",
        ]  # fmt: skip
        return "\r\n".join([*lines, body])

    def offer(self) -> str:
        """Its session description."""
        address, port = self.described
        family = f"IN IP{6 if ':' in address else 4} {address}"
        return (
            f"v=0\r\no=- 1 {self._number} {family}\r\ns=-\r\nc={family}\r\nt=0 0\r\nm=audio {port} RTP/AVP 8 101\r\n"
            "a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
        )

    def say(self, text: str) -> None:
        """Send `text`."""
        self.sent_octets += len(text)
        self.sip.sendto(text.encode(), (self._address, self.target))

    def invite(self, branch: str = "") -> None:
        """Send the INVITE: once more is a retransmission, with another branch the same one on another way."""
        self.say(self.message("INVITE", self.offer(), branch=branch, to=self._called))

    def cancel(self) -> None:
        """Give up."""
        self.say(self.message("CANCEL"))

    def within(self, method: str, body: str = "", to: str = "") -> None:
        """Send a request within the dialog, or within the one that the tag in `to` names."""
        self._number += 1
        self.say(self.message(method, body, number=self._number, branch=f"z9hG4bK{uuid4().hex}", to=to))

    # --- what it hears -----------------------------------------------------------------------------------------

    def run(self) -> None:
        ways = selectors.DefaultSelector()
        for each in (self.sip, self.media):
            ways.register(each, selectors.EVENT_READ)
        self.invite()
        while not self._ending.is_set():
            for key, _ in ways.select(0.02):
                try:
                    data, _ = key.fileobj.recvfrom(65535)  # type: ignore[union-attr]
                except OSError:
                    continue
                if key.fileobj is self.media:
                    self.media_packets += 1
                    self.media_octets += len(data)
                else:
                    self.got_octets += len(data)
                    self._hear(data.decode())
        ways.close()

    def _hear(self, text: str) -> None:
        if answer := re.match(r"SIP/2\.0 ([1-6][0-9]{2})", text):
            self._answered(int(answer[1]), text)
        elif text.startswith("BYE "):
            self.hung_up_on.set()
            self.say(_ok(text))

    def _answered(self, code: int, text: str) -> None:
        self.codes.append(code)
        method = re.search(r"^CSeq: *[0-9]+ +(\w+)", text, re.MULTILINE | re.IGNORECASE)
        if method is None or method[1] != "INVITE" or code < 200:
            return
        to = re.search(r"^To: *([^\r\n]*)", text, re.MULTILINE | re.IGNORECASE)
        if code >= 300:
            self.say(self.message("ACK", to=to[1] if to else ""))
            return
        self._to = to[1] if to else self._to
        if not self._acks:
            return
        number = re.search(r"^CSeq: *([0-9]+)", text, re.MULTILINE | re.IGNORECASE)
        self.say(self.message("ACK", number=int(number[1]) if number else 1, branch=f"z9hG4bK{uuid4().hex}"))
        port = re.search(r"^m=audio ([0-9]+)", text, re.MULTILINE)
        if self._sounds and self.sounder is None and port:
            self.sounder = Sounder(self.media, (self._address, int(port[1])))
            self.sounder.start()

    @property
    def final(self) -> int | None:
        """The first final answer to anything of it."""
        return next((code for code in self.codes if code >= 200), None)

    def close(self) -> None:
        self._ending.set()
        if self.sounder is not None:
            self.sounder.close()
        if self.ident is not None:
            self.join(5)
        for each in (self.sip, self.media):
            each.close()


def _ok(request: str) -> str:
    lines = request.split("\r\n\r\n", maxsplit=1)[0].split("\r\n")[1:]
    kept = [line for line in lines if line.split(":")[0].strip().lower() in ("via", "from", "to", "call-id", "cseq")]
    return "\r\n".join(["SIP/2.0 200 OK", *kept, "Content-Length: 0", "", ""])


class Path(threading.Thread):
    """Carries messages between the ports of a dialer and a receiver, as an SBC does. `change` may alter each, or lose
    it (b""); INVITEs wait until `open` is set.
    """

    def __init__(self, dialer: int, receiver: int, change: Callable[[bytes], bytes] = bytes) -> None:
        super().__init__(daemon=True)
        self._socket = a_socket()
        self._socket.settimeout(0.02)
        self.port = port_of(self._socket)
        self._ends = (dialer, receiver)
        self._change = change
        self.seen: list[bytes] = []
        self.open = threading.Event()
        self.open.set()
        self._waiting: list[bytes] = []
        self._ending = threading.Event()

    def run(self) -> None:
        dialer, receiver = self._ends
        while not self._ending.is_set():
            if self.open.is_set() and self._waiting:
                waiting, self._waiting = self._waiting, []
                for data in waiting:
                    self._send(data, receiver)
            try:
                data, source = self._socket.recvfrom(65535)
            except (TimeoutError, ConnectionError):
                continue
            except OSError:
                return
            self.seen.append(data)
            if data.startswith(b"INVITE ") and not self.open.is_set():
                self._waiting = [data]
            else:
                self._send(data, dialer if source[1] == receiver else receiver)

    def _send(self, data: bytes, port: int) -> None:
        if changed := self._change(data):
            self._socket.sendto(changed, ("::1", port))

    def header(self) -> str | None:
        """The header of the call that came by last."""
        found = [re.search(rb"^X-Voice-Call: *([^\r\n]*)", data, re.MULTILINE) for data in self.seen]
        return next((each[1].decode() for each in reversed(found) if each), None)

    def close(self) -> None:
        self._ending.set()
        if self.ident is not None:
            self.join(5)
        self._socket.close()


def without_header(data: bytes) -> bytes:
    """As many an SBC: it takes out what it does not know."""
    return re.sub(rb"X-Voice-Call:[^\r\n]*\r\n", b"", data)


def bystander(address: str = "::1") -> socket.socket:
    """A socket of somebody who never asked for anything."""
    made = a_socket(address)
    made.setblocking(False)
    return made


def drained(one: socket.socket) -> int:
    """How many datagrams wait at `one`."""
    count = 0
    while True:
        try:
            one.recvfrom(65535)
        except BlockingIOError:
            return count
        count += 1
