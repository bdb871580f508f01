"""Far ends of plain sockets that keep to a script, which reads as what is sent and expected, in its order.

A script is a generator. It sends with the methods of its `Far`, and yields what it waits for: the method of a request
("INVITE"), a class of answers ("2xx", "4xx", "final") or a number of seconds; it is sent the message. What comes that
nobody waits for is answered as any far end would: 200 to a request, nothing to an ACK or to an answer.
"""

from __future__ import annotations

import re
import struct
import time
from collections.abc import Callable, Generator, Sequence
from typing import Any
from uuid import uuid4

import pytest

from tests.interop.messages import header, sound_port
from tests.interop.stage import HOME, PTIME_S, Stage

# The stack leaves it to the garbage collector to close a socket that it opens only to see whether IPv6 is there.
QUIET = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")

Script = Generator[str | float, str, None]
NAMES = {8: "PCMA/8000", 0: "PCMU/8000", 9: "G722/8000", 101: "telephone-event/8000", 13: "CN/8000", 18: "G729/8000"}
SDP = "application/sdp"


class Far:
    """One far end. `requests` and `answers` are what it heard; `problem` is what went wrong in its script."""

    def __init__(self, stage: Stage, script: Callable[[Far], Script], user: str = "far") -> None:
        self.stage = stage
        self.sip, self.media = stage.socket(lambda *got: self._heard(self.port, *got)), stage.socket(self._sounded)
        self.elsewhere = stage.socket(lambda *got: self._heard(self.other_port, *got))
        """Another socket for SIP, to which a Contact may point."""
        self.port, self.media_port = (int(each.getsockname()[1]) for each in (self.sip, self.media))
        self.other_port = int(self.elsewhere.getsockname()[1])
        self._moved = stage.socket(lambda *_: self._counted())
        self.moved_port, self.moved_count = int(self._moved.getsockname()[1]), 0
        """Another port for sound, and how many packets came there."""
        self.user, self.tag = user, uuid4().hex[:8]
        self.requests: list[str] = []
        self.answered: set[str] = set()
        self.answers: list[str] = []
        self.came_to: dict[str, int] = {}
        """The port that the last request of each method came to."""
        self.heard_kinds: list[int] = []
        """Payload types of the sound that came, a change each."""
        self.problem: str | None = None
        self.others: list[Far] = []
        self.receiver_port = 0
        """Where this host's receiver is."""
        self.cseq, self.version = 100, 1
        self.invite = ""
        self.caller: tuple[str, int] = (HOME, 0)
        self.to_sound: tuple[str, int] = (HOME, 0)
        self.over = False
        self._kind: int | None = None
        self._sequence, self._ssrc, self._stamp = 1000, 7, 160_000
        self._script = script(self)
        self._waits: str | float | None = None
        self._branch = ""

    # --- the script ------------------------------------------------------------------------------------------------

    def another(self, script: Callable[[Far], Script]) -> Far:
        """One more far end of the same case, with a script of its own."""
        return self._joined(Far(self.stage, script))

    def calls(self, script: Callable[[Caller], Script]) -> Caller:
        """The other side of a switch that was called: it calls the receiver, under the same X-Voice-Call."""
        made = Caller(self.stage, script, self.receiver_port, header(self.invite, "X-Voice-Call"))
        self._joined(made)
        return made

    def _joined(self, made: Far) -> Far:
        made.receiver_port = self.receiver_port
        self.others.append(made)
        made.begin()
        return made

    def use(self, script: Callable[[Any], Script]) -> None:
        """Keep to `script` instead of the one that was given."""
        self._script = script(self)

    def count_of(self, kind: str) -> int:
        """How many answers of that class came."""
        return sum(kind in _classes(int(each[8:11])) for each in self.answers)

    def begin(self) -> None:
        """Start the script."""
        self._step(None)

    def _step(self, message: str | None) -> None:
        try:
            self._waits = next(self._script) if message is None else self._script.send(message)
        except StopIteration:
            self._waits = None
        except Exception as error:
            self._waits, self.problem = None, f"{type(error).__name__}: {error}"
        if isinstance(self._waits, (int, float)):
            self.stage.at(time.monotonic() + self._waits, lambda: self._step(""))
            self._waits = "nothing"

    @property
    def stuck(self) -> str | None:
        """What the script waits for; None where it is through."""
        return str(self._waits) if self._waits is not None else None

    def _heard(self, port: int, data: bytes, source: tuple[str, int]) -> None:
        if data[0] >= 0x80:
            return  # a report: this port may be the one above that of the sound
        text = data.decode()
        if text.startswith("SIP/2.0"):
            self.answers.append(text)
            if self._waits in _classes(int(text[8:11])):
                self._step(text)
            return
        if text in self.answered:
            return  # said again by a host that is late with our answer: a busy machine, on which nothing gets lost
        method = text.partition(" ")[0]
        self.requests.append(text)
        self.came_to[method] = port
        if method == "INVITE" and not self.invite:
            self.caller = source
        if method == "INVITE":
            self.invite = text
        self.follow(text)
        if method == "BYE":
            self.over = True
        if self._waits == method:
            self._step(text)
        elif method != "ACK":
            self.answer(text, "200 OK", body="" if method != "INVITE" else self.described())

    def count(self, method: str) -> int:
        """How many requests of that method came."""
        return sum(each.startswith(f"{method} ") for each in self.requests)

    # --- what it sends ---------------------------------------------------------------------------------------------

    def described(self, *lines: str, types: Sequence[int] = (8,), port: int | None = None, c: str = HOME) -> str:
        """Its description, with `lines` beside the usual ones."""
        self.version += 1
        port = self.media_port if port is None else port
        family = "IP6" if ":" in c else "IP4"
        maps = [f"a=rtpmap:{each} {NAMES[each]}" for each in types if each in NAMES]
        head = ["v=0", f"o=far 1 {self.version} IN IP6 {HOME}", "s=-", f"c=IN {family} {c}", "t=0 0"]
        m = [] if any(each.startswith("m=audio") for each in lines) else [_m(port, types), *maps]
        return "\r\n".join([*head, *m, *lines, ""])

    def answer(
        self,
        request: str,
        status: str,
        *lines: str,
        body: str = "",
        tag: str | None = None,
        contact: str | None = "",
        to: str | None = None,
        first: Sequence[str] = (),
    ) -> None:
        """Answer `request`. `contact` is the URI in the Contact, "" its own, None: without one; `to` the whole To."""
        self.answered.add(request)
        wanted = header(request, "To")
        told = to or (wanted if "tag=" in wanted else f"{wanted};tag={tag or self.tag}")
        vias = re.findall(r"^(?:Via|v)\s*:[^\r\n]*", request, re.MULTILINE | re.IGNORECASE)
        uri = contact if contact != "" else self.uri
        fields = [
            *first, *vias, f"From: {header(request, 'From')}", f"To: {told}",
            f"Call-ID: {header(request, 'Call-ID')}", f"CSeq: {header(request, 'CSeq')}",
            *([f"Contact: <{uri}>"] if uri is not None else []), *lines,
            *(["Content-Type: application/sdp"] if body else []), f"Content-Length: {len(body.encode())}", "",
        ]  # fmt: skip
        self.send("\r\n".join([f"SIP/2.0 {status}", *fields, body]), self.caller)

    @property
    def uri(self) -> str:
        """Where it wants requests."""
        return f"sip:{self.user}@[{HOME}]:{self.port}"

    @property
    def other_uri(self) -> str:
        """Its other socket's."""
        return f"sip:{self.user}@[{HOME}]:{self.other_port}"

    def request(
        self,
        method: str,
        *lines: str,
        body: str = "",
        tag: str | None = None,
        contact: str | None = "",
        cseq: int | None = None,
        branch: str = "",
        kind: str = SDP,
    ) -> str:
        """Send a request within the dialog that it was invited to; `kind` is the Content-Type of its `body`."""
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        target = re.sub(r".*<([^>]*)>.*", r"\1", header(self.invite, "Contact"))
        own = header(self.invite, "To")
        local = own if "tag=" in own else f"{own};tag={tag or self.tag}"
        return self._ask(
            method, target, (local, header(self.invite, "From"), header(self.invite, "Call-ID")), cseq, lines, body,
            contact, branch, kind=kind,
        )  # fmt: skip

    def _ask(
        self,
        method: str,
        target: str,
        dialog: tuple[str, str, str],
        cseq: int,
        lines: Sequence[str],
        text: str,
        contact: str | None = "",
        branch: str = "",
        *,
        kind: str,
    ) -> str:
        local, remote, call_id = dialog
        self._branch = branch or f"z9hG4bK{uuid4().hex}"
        uri = contact if contact != "" else self.uri
        fields = [
            f"{method} {target} SIP/2.0", f"Via: SIP/2.0/UDP [{HOME}]:{self.port};branch={self._branch}",
            "Max-Forwards: 70", f"From: {local}", f"To: {remote}", f"Call-ID: {call_id}", f"CSeq: {cseq} {method}",
            *([f"Contact: <{uri}>"] if uri is not None else []), *lines,
            *([f"Content-Type: {kind}"] if text and kind else []), f"Content-Length: {len(text.encode())}", "",
        ]  # fmt: skip
        sent = "\r\n".join([*fields, text])
        self.send(sent, self.caller)
        return sent

    def send(self, text: str, to: tuple[str, int]) -> None:
        """Send `text`."""
        self.sip.sendto(text.encode(), to)

    # --- media -----------------------------------------------------------------------------------------------------

    def follow(self, text: str) -> None:
        """Sound goes where the description in `text` wants it."""
        if port := sound_port(text):
            self.to_sound = (HOME, port)

    def sound(self, kind: int = 8, ssrc: int | None = None) -> None:
        """Send RTP of that payload type from now on."""
        begins, self._kind = self._kind is None, kind
        if ssrc is not None:
            self._ssrc = ssrc
        if begins:
            self._packet(time.monotonic())

    def moves(self) -> None:
        """Its sound comes from the other port from now on."""
        self.media = self._moved

    def _counted(self) -> None:
        self.moved_count += 1

    def hush(self) -> None:
        """Send no more for now."""
        self._kind = None

    def _packet(self, due: float) -> None:
        if self.over or self._kind is None:
            return
        self._sequence, self._stamp = self._sequence + 1, self._stamp + 160
        head = struct.pack("!BBHII", 0x80, self._kind, self._sequence & 0xFFFF, self._stamp & 0xFFFFFFFF, self._ssrc)
        self.media.sendto(head + b"\xd5\x2a\x55\xaa" * 40, self.to_sound)
        self.stage.at(due + PTIME_S, lambda: self._packet(due + PTIME_S))

    def _sounded(self, data: bytes, _: tuple[str, int]) -> None:
        kind = data[1] & 0x7F
        if 64 <= kind < 96:
            return  # a report
        if not self.heard_kinds or self.heard_kinds[-1] != kind:
            self.heard_kinds.append(kind)


class Caller(Far):
    """A far end that calls the receiver, as a dialer of another host does; `name` is its X-Voice-Call."""

    def __init__(self, stage: Stage, script: Callable[[Any], Script], target: int, name: str) -> None:
        self.name, self.target = name, target
        self.call_id, self.local = uuid4().hex, f"<sip:caller@[{HOME}]:5060>;tag={uuid4().hex[:8]}"
        super().__init__(stage, script, "caller")
        self.caller = (HOME, target)
        self.called = f"sip:+442071838750@[{HOME}]:{target}"
        self.remote, self.remote_target = f"<{self.called}>", self.called
        self.invite_branch = ""
        self.talks = False
        """Whether its script has got to where the two talk."""

    def call(self, *lines: str, body: str = "", again: bool = False, proxied: bool = False) -> None:
        """Send the INVITE; `again`: a new one, with another Call-ID; `proxied`: the same, by another branch."""
        self.over = False
        if proxied:
            self.remote, self.remote_target = f"<{self.called}>", self.called
        elif again:
            self.call_id, self.remote, self.remote_target = uuid4().hex, f"<{self.called}>", self.called
            self.local = re.sub(r"tag=.*", f"tag={uuid4().hex[:8]}", self.local)
        self.invite_branch = f"z9hG4bK{uuid4().hex}"
        self.within("INVITE", f"X-Voice-Call: {self.name}", *lines, body=body, cseq=1, branch=self.invite_branch)

    def took(self, answer: str) -> None:
        """Take the dialog that `answer` makes."""
        self.remote = header(answer, "To")
        self.remote_target = re.sub(r".*<([^>]*)>.*", r"\1", header(answer, "Contact")) or self.remote_target
        self.follow(answer)

    def within(
        self, method: str, *lines: str, body: str = "", cseq: int | None = None, branch: str = "", kind: str = SDP
    ) -> str:
        """Send a request."""
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        dialog = self.local, self.remote, self.call_id
        return self._ask(method, self.remote_target, dialog, cseq, lines, body, "", branch, kind=kind)

    def ack(self, answer: str, body: str = "") -> None:
        """Acknowledge a 200."""
        self.took(answer)
        self.within("ACK", body=body, cseq=int(header(answer, "CSeq").split()[0]))

    def hang_up(self) -> None:
        """Send the BYE."""
        self.over = True
        self.within("BYE")


def _m(port: int, types: Sequence[int]) -> str:
    return f"m=audio {port} RTP/AVP {' '.join(map(str, types))}"


def _classes(code: int) -> tuple[str, ...]:
    final = ("final",) if code >= 200 else ("provisional",)
    return f"{code // 100}xx", str(code), *(final if code != 100 else ())
