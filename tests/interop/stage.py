"""Far ends of plain sockets that keep to a script: when they answer, when they sound, when they hold the call.

One thread plays all of them, so that a table of calls runs side by side.
"""

from __future__ import annotations

import heapq
import itertools
import re
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

PTIME_S = 0.02
TALK = b"\xd5\x2a\x55\xaa" * 40
HOME = "::1"


@dataclass(frozen=True)
class Sound:
    """RTP from `begin_s` until before `end_s` after the answer, a packet each 20 ms, from the source `ssrc`.

    Its numbers go on from where that source had stopped, unless `first` says where they begin; its timestamps follow
    the time, unless `stands` says that they go on from where they stopped, too. Every packet that `lost` names (counted
    from 0) takes its number and is not sent. `kind` is the payload type; so many times 20 ms go `together` in a packet.
    """

    begin_s: float
    end_s: float
    ssrc: int = 7
    first: int | None = None
    stands: bool = False
    lost: frozenset[int] = frozenset()
    kind: int = 8
    together: int = 1


@dataclass(frozen=True)
class Says:
    """A request within the call, `at_s` after the answer: an INVITE or an UPDATE whose description is `lines`; one
    without a description for None, whose answer comes in the ACK, with `answer` lines.
    """

    at_s: float
    lines: str | None
    method: str = "INVITE"
    answer: str = ""


Action = Callable[[], None]


class Stage(threading.Thread):
    """Plays its far ends until it is closed."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._ways = selectors.DefaultSelector()
        self._due: list[tuple[float, int, Action]] = []
        self._order = itertools.count()
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self.sockets: list[socket.socket] = []

    def socket(self, heard: Callable[[bytes, tuple[str, int]], None]) -> socket.socket:
        """A socket, of which each datagram is told."""
        made = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        made.bind((HOME, 0))
        self.sockets.append(made)
        self._ways.register(made, selectors.EVENT_READ, heard)
        return made

    def at(self, when: float, action: Action) -> None:
        """Do `action` at that moment of time.monotonic()."""
        with self._lock:
            heapq.heappush(self._due, (when, next(self._order), action))

    def run(self) -> None:
        while not self._ending.is_set():
            for key, _ in self._ways.select(self._serve_due()):
                try:
                    data, source = key.fileobj.recvfrom(65535)  # type: ignore[union-attr]
                except OSError:
                    continue
                key.data(data, source[:2])

    def _serve_due(self) -> float:
        while True:
            with self._lock:
                if not self._due or self._due[0][0] > time.monotonic():
                    return min(0.05, max(0.0, self._due[0][0] - time.monotonic())) if self._due else 0.05
                _, _, action = heapq.heappop(self._due)
            action()

    def close(self) -> None:
        self._ending.set()
        if self.ident is not None:
            self.join(5)
        for each in self.sockets:
            each.close()
        self._ways.close()


class FarEnd:
    """One party of one call, which keeps to a script. `answer` are lines of the description in its 200, `early` sound
    (by the time after the INVITE) with a 183 before it.
    """

    def __init__(
        self,
        stage: Stage,
        sounds: Sequence[Sound] = (),
        says: Sequence[Says] = (),
        *,
        answer: str = "",
        early: Sequence[Sound] = (),
        answers_after_s: float = 0.1,
    ) -> None:
        self._stage = stage
        self._sounds, self._says, self._answer, self._early = sounds, says, answer, early
        self._answers_after_s = answers_after_s
        self.sip = stage.socket(self._heard)
        self.media = stage.socket(self._came)
        self.port = int(self.sip.getsockname()[1])
        self.heard_at: list[float] = []
        """When each packet of sound came from the other side, counted from the answer."""
        self.answers: list[tuple[int, str]] = []
        """Code and description of each final answer to what it said within the call."""
        self.sent_at_ns: list[int] = []
        """When each packet of sound left, by the wall clock."""
        self.over_at = datetime.now(UTC)
        """When it hung up."""
        self.late_s = 0.0
        """How late the latest of them left: this machine's doing."""
        self._numbers: dict[int, int] = {}
        self._stamps: dict[int, int] = {}
        self._local, self._remote, self._call_id = "", "", ""
        self._invite = ""
        self._target = ""
        self._to: tuple[str, int] = (HOME, 0)
        self._theirs: tuple[str, int] = (HOME, 0)
        self._answered_at = 0.0
        self._cseq, self._version = 100, 1
        self._over = False
        self._acks: dict[int, Says] = {}

    # --- signalling ------------------------------------------------------------------------------------------------

    def described(self, lines: str = "") -> str:
        """Its description: `lines` are written instead of those that begin alike, a=… lines beside them; one that
        begins with "session " stands before the m= line.
        """
        wanted = [line for line in lines.split(" | ") if line]
        session = [line.removeprefix("session ") for line in wanted if line.startswith("session ")]
        media = [line for line in wanted if not line.startswith("session ")]
        c = next((line for line in session if line.startswith("c=")), f"c=IN IP6 {HOME}")
        port = self.media.getsockname()[1]
        m = next((line for line in media if line.startswith("m=")), f"m=audio {port} RTP/AVP 8").replace(
            "@port", str(port)
        )
        text = ["v=0", f"o=- 1 {self._version} IN IP6 {HOME}", "s=-", c, "t=0 0"]
        text += [line for line in session if not line.startswith("c=")]
        text += [m, "a=rtpmap:8 PCMA/8000", f"a=rtcp:{port}", *(line for line in media if not line.startswith("m="))]
        return "\r\n".join([*text, ""])

    def _heard(self, data: bytes, source: tuple[str, int]) -> None:
        text = data.decode()
        if text.startswith("SIP/2.0"):
            self._told(text, source)
        elif text.startswith("INVITE ") and not self._local:
            self._invite = text
            self._invited(text, source)
        elif text == self._invite:
            return  # said again before it was answered, or by a host that is late with our answer
        elif not text.startswith("ACK "):
            self._over = self._over or text.startswith("BYE ")
            body = self.described() if text.startswith("INVITE ") else ""
            self._send(_response(text, "200 OK", self._local.partition("tag=")[2], self.port, body), source)

    def _invited(self, text: str, source: tuple[str, int]) -> None:
        self._theirs = source
        self._local, self._remote = f"{_header(text, 'To')};tag={uuid4().hex[:8]}", _header(text, "From")
        self._call_id, self._target = _header(text, "Call-ID"), _uri(_header(text, "Contact"))
        self._follow(text)
        now, tag = time.monotonic(), self._local.partition("tag=")[2]
        if self._early:
            self._send(_response(text, "183 Session Progress", tag, self.port, self.described()), source)
            self._sound(self._early, now)
        self._stage.at(now + self._answers_after_s, lambda: self._pick_up(text, tag, source))

    def _pick_up(self, text: str, tag: str, source: tuple[str, int]) -> None:
        self._send(_response(text, "200 OK", tag, self.port, self.described(self._answer)), source)
        self.begin()

    def begin(self) -> None:
        """The call is up: keep to the script."""
        self._answered_at = time.monotonic()
        self._sound(self._sounds, self._answered_at)
        for says in self._says:
            self._stage.at(self._answered_at + says.at_s, partial(self._say, says))

    def _say(self, says: Says) -> None:
        if self._over:
            return
        self._cseq, self._version = self._cseq + 1, self._version + 1
        self._acks[self._cseq] = says
        self._request(says.method, self._cseq, None if says.lines is None else self.described(says.lines))

    def _request(self, method: str, cseq: int, body: str | None) -> None:
        lines = [
            f"{method} {self._target} SIP/2.0", f"Via: SIP/2.0/UDP [{HOME}]:{self.port};branch=z9hG4bK{uuid4().hex}",
            "Max-Forwards: 70", f"From: {self._local}", f"To: {self._remote}", f"Call-ID: {self._call_id}",
            f"CSeq: {cseq} {method}", f"Contact: <sip:far@[{HOME}]:{self.port}>",
            *(["Content-Type: application/sdp"] if body else []), f"Content-Length: {len(body or '')}", "",
        ]  # fmt: skip
        self._send("\r\n".join([*lines, body or ""]), self._theirs)

    def _told(self, text: str, source: tuple[str, int]) -> None:
        """An answer to a request of ours."""
        code = int(text[8:11])
        number, _, method = _header(text, "CSeq").partition(" ")
        says = self._acks.get(int(number))
        if code < 200 or says is None:
            return
        body = text.partition("\r\n\r\n")[2]
        if method.strip() == "INVITE":
            self._request("ACK", int(number), self.described(says.answer) if says.lines is None else None)
        self.answers.append((code, body))
        self._follow(text)

    def _send(self, text: str, to: tuple[str, int]) -> None:
        self.sip.sendto(text.encode(), to)

    def sent_until(self, moment: datetime) -> int:
        """How many packets of sound left before that moment."""
        return sum(at < moment.timestamp() * 1e9 for at in self.sent_at_ns)

    # --- media -----------------------------------------------------------------------------------------------------

    def _follow(self, text: str) -> None:
        found = re.search(r"^m=audio ([1-9][0-9]*) ", text, re.MULTILINE)
        if found:
            self._to = (HOME, int(found[1]))

    def _came(self, data: bytes, _: tuple[str, int]) -> None:
        if data[1] & 0x7F in (0, 8):  # else a report, which comes to the same port
            self.heard_at.append(time.monotonic() - self._answered_at)

    def _sound(self, sounds: Sequence[Sound], start: float) -> None:
        for sound in sounds:
            self._stage.at(start + sound.begin_s, partial(self._packet, sound, 0, start))

    def _packet(self, sound: Sound, number: int, start: float) -> None:
        if self._over:
            return
        self.late_s = max(self.late_s, time.monotonic() - (start + sound.begin_s + number * PTIME_S))
        if number + 1 < round((sound.end_s - sound.begin_s) / PTIME_S):
            following = partial(self._packet, sound, number + 1, start)
            self._stage.at(start + sound.begin_s + (number + 1) * PTIME_S, following)
        if number % sound.together:
            return
        if number == 0 and sound.first is not None:
            self._numbers[sound.ssrc] = sound.first
        sequence = self._numbers.get(sound.ssrc, 1000)
        self._numbers[sound.ssrc] = sequence + 1
        stamp = round((start + sound.begin_s) * 8000) + number * 160
        if sound.stands:
            stamp = self._stamps.get(sound.ssrc, stamp - 160) + 160
        self._stamps[sound.ssrc] = stamp
        if number in sound.lost:
            return
        header = struct.pack("!BBHII", 0x80, sound.kind, sequence & 0xFFFF, stamp & 0xFFFFFFFF, sound.ssrc)
        self.media.sendto(header + TALK * sound.together, self._to)
        self.sent_at_ns.append(time.time_ns())


class Calls(FarEnd):
    """The same, for a party that calls `user` at the port `target`, as the dialer of another host does: `header` is its
    X-Voice-Call.
    """

    def __init__(
        self, stage: Stage, target: int, user: str, header: str, *script: Sequence[object], **how: object
    ) -> None:
        super().__init__(stage, *script, **how)  # type: ignore[arg-type]
        self._theirs = (HOME, target)
        self._target, self._call_id = f"sip:{user}@[{HOME}]:{target}", uuid4().hex
        self._local, self._remote = f"<sip:caller@[{HOME}]:{self.port}>;tag={uuid4().hex[:8]}", f"<{self._target}>"
        self._header = header

    def call(self) -> None:
        """Send the INVITE."""
        body = self.described(self._answer)
        lines = [
            f"INVITE {self._target} SIP/2.0", f"Via: SIP/2.0/UDP [{HOME}]:{self.port};branch=z9hG4bK{uuid4().hex}",
            "Max-Forwards: 70", f"From: {self._local}", f"To: {self._remote}", f"Call-ID: {self._call_id}",
            "CSeq: 1 INVITE", f"Contact: <sip:far@[{HOME}]:{self.port}>", f"X-Voice-Call: {self._header}",
            "Content-Type: application/sdp", f"Content-Length: {len(body)}", "",
        ]  # fmt: skip
        self._send("\r\n".join([*lines, body]), self._theirs)

    def has_lasted(self, seconds: float) -> Callable[[], bool]:
        """Whether the call is up, and has been for so long."""
        return lambda: 0 < self._answered_at < time.monotonic() - seconds

    def hang_up(self) -> None:
        """Send the BYE."""
        self._over, self.over_at = True, datetime.now(UTC)
        self._cseq += 1
        self._request("BYE", self._cseq, None)

    def _told(self, text: str, source: tuple[str, int]) -> None:
        if _header(text, "CSeq").strip() != "1 INVITE":
            super()._told(text, source)
        elif text.startswith("SIP/2.0 200") and "tag=" not in self._remote:
            self._remote, self._target = _header(text, "To"), _uri(_header(text, "Contact"))
            self._request("ACK", 1, None)
            self._follow(text)
            self.begin()


def _header(text: str, name: str) -> str:
    found = re.search(rf"^{name}\s*:\s*([^\r\n]*)", text, re.MULTILINE | re.IGNORECASE)
    return found[1].strip() if found else ""


def _uri(contact: str) -> str:
    found = re.search(r"<([^>]*)>", contact)
    return found[1] if found else contact


def _response(request: str, status: str, tag: str, port: int, body: str) -> str:
    to = _header(request, "To")
    vias = re.findall(r"^(?:Via|v)\s*:[^\r\n]*", request, re.MULTILINE | re.IGNORECASE)
    lines = [
        f"SIP/2.0 {status}", *vias, f"From: {_header(request, 'From')}",
        f"To: {to if 'tag=' in to else f'{to};tag={tag}'}", f"Call-ID: {_header(request, 'Call-ID')}",
        f"CSeq: {_header(request, 'CSeq')}", f"Contact: <sip:far@[{HOME}]:{port}>",
        *(["Content-Type: application/sdp"] if body else []), f"Content-Length: {len(body)}", "",
    ]  # fmt: skip
    return "\r\n".join([*lines, body])
