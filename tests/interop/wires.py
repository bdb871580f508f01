"""Far ends that say octets: they answer calls of ours, or ask ours something. All of a table are up at once."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from tests.interop.stage import HOME, Stage
from tests.unit.sipapp.bench import Bench, a_probe, a_tone
from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.records.cdr import Cdr
from voice_sipapp.signalling.sip.eventloop import run_loop

Said = Sequence[bytes] | bytes
Answers = Callable[["Wire", bytes], Said]

HEAD = (
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

SDP = b"".join(
    line + b"\r\n"
    for line in (
        b"v=0", b"o=- 1 1 IN IP6 ::1", b"s=-", b"c=IN IP6 ::1", b"t=0 0", b"m=audio 9 RTP/AVP 8",
        b"a=rtpmap:8 PCMA/8000",
    )
)  # fmt: skip


@dataclass
class Wire:
    """One socket; `answers` says what is sent back to an INVITE, `afterwards` to an ACK, `otherwise` to other requests,
    by default 200.
    """

    stage: Stage
    answers: Answers
    afterwards: Answers = lambda _, __: ()
    otherwise: Answers = lambda far, request: far.say(request, HEAD[:-2], b"")
    heard: list[bytes] = field(default_factory=list)
    answered: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.sip = self.stage.socket(self._came)
        self.port = int(self.sip.getsockname()[1])

    def _came(self, message: bytes, source: tuple[str, int]) -> None:
        if message in self.answered:
            return  # said again by a host that is late with our answer: a busy machine, on which nothing gets lost
        self.heard.append(message)
        if message.startswith(b"SIP/2.0"):
            return
        roles = {b"INVITE": self.answers, b"ACK": self.afterwards}
        said = roles.get(message.partition(b" ")[0], self.otherwise)(self, message)
        for datagram in [said] if isinstance(said, bytes) else said:
            self.sip.sendto(datagram, source)
            if not message.startswith(b"ACK "):
                self.answered.add(message)

    def say(
        self, request: bytes, head: Sequence[bytes] = HEAD, body: bytes = SDP, length: bytes | None = None
    ) -> bytes:
        """`head`, filled in as an answer to `request`, and `body`; with the octets of the body as its length."""
        body = self.filled(body, request)
        named = any(line.lower().startswith((b"content-length", b"l:")) for line in head)
        lines = [*head, *([] if named else [b"Content-Length: " + (length or b"%d" % len(body))])]
        return b"\r\n".join([*(self.filled(line, request) for line in lines), b"", body])

    def bye(self, ack: bytes, *lines: bytes) -> bytes:
        """A BYE within the dialog of `ack`, with `lines` in its head."""
        contact = header(self.requests(b"INVITE")[0], b"Contact").rpartition(b"<")[2].removesuffix(b">")
        head = [
            b"BYE " + contact + b" SIP/2.0", b"Via: SIP/2.0/UDP [::1]:%d;branch=z9hG4bKbye" % self.port,
            b"Max-Forwards: 70", b"From: " + header(ack, b"To"), b"To: " + header(ack, b"From"),
            b"Call-ID: " + header(ack, b"Call-ID"), b"CSeq: 1 BYE", *lines, b"Content-Length: 0",
        ]  # fmt: skip
        return b"\r\n".join([*head, b"", b""])

    def filled(self, text: bytes, request: bytes) -> bytes:
        """`text` with what an answer to `request` has from it."""
        for name in (b"from", b"to", b"call-id", b"cseq"):
            text = text.replace(b"@" + name, header(request, name))
        vias = b"\r\n".join(re.findall(rb"^(?:Via|v):[^\r\n]*", request, re.MULTILINE | re.IGNORECASE))
        return text.replace(b"@vias", vias).replace(b"@port", b"%d" % self.port)

    def requests(self, method: bytes) -> list[bytes]:
        """What came to it with that method."""
        return [each for each in self.heard if each.startswith(method + b" ")]


def header(message: bytes, name: bytes) -> bytes:
    """The value of the first header field called `name`."""
    found = re.search(rb"^" + name + rb"[ \t]*:[ \t]*([^\r\n]*)", message, re.MULTILINE | re.IGNORECASE)
    return found[1].strip() if found else b""


def changed(**lines: bytes | None) -> tuple[bytes, ...]:
    """The head of the 200 with lines in place of those of that name, or added; without those that are None."""
    made = list(HEAD)
    for name, line in lines.items():
        key = b"sip/2.0" if name == "first" else name.replace("_", "-").encode()
        at = next((n for n, each in enumerate(made) if each.lower().startswith((key + b":", key + b" "))), None)
        if at is not None:
            made[at : at + 1] = [line] if line is not None else []
        elif line is not None:
            made.append(line)
    return tuple(made)


@contextmanager
def a_bench(folder: Path) -> Iterator[Bench]:
    """A dialer and a receiver."""
    with closing(Bench(a_tone(folder))) as made:
        yield made


@dataclass(frozen=True)
class Called:
    """What came of one call: its record, and the far end."""

    cdr: Cdr
    far: Wire


def call_all(
    folder: Path, table: Mapping[str, Answers], afterwards: Mapping[str, Answers] | None = None, **changes: object
) -> dict[str, Called]:
    """Call a far end for each row of `table`, all at once; what came of each. `afterwards` as of `Wire`."""
    with a_bench(folder) as bench, closing(Stage()) as stage:
        fars = {name: Wire(stage, answers) for name, answers in table.items()}
        for name, what in (afterwards or {}).items():
            fars[name].afterwards = what
        stage.start()
        for number, far in enumerate(fars.values()):
            probe = a_probe(far.port, probe=f"case-{number}", **{"duration_ms": 300, **changes})
            bench.caller.outbound.place(probe)
            run_loop(timeout_s=0.01)
        until(lambda: len(bench.cdrs) >= len(fars), 45)
        found = {each.call.probe: each for each in bench.cdrs}
        return {name: Called(found[f"case-{number}"], far) for number, (name, far) in enumerate(fars.items())}


def until(condition: Callable[[], bool], seconds: float) -> None:
    """Serve until `condition` holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        run_loop(timeout_s=0.02)


def request(
    method: str = "OPTIONS", *more: str, uri: str | None = None, body: bytes = b"", **changes: str | None
) -> bytes:
    """A request to the receiver, which has "@port" for its own port; lines of it may be changed (None: left out)."""
    name = uuid4().hex
    lines: dict[str, str | None] = {
        "Via": f"Via: SIP/2.0/UDP [{HOME}]:@port;branch=z9hG4bK{name}", "Max-Forwards": "Max-Forwards: 70",
        "From": f'From: "Caller" <sip:caller@[{HOME}]:@port>;tag={name[:8]}', "To": f"To: <sip:nobody@[{HOME}]>",
        "Call-ID": f"Call-ID: {name}@caller", "CSeq": f"CSeq: 1 {method}",
        "Contact": f"Contact: <sip:caller@[{HOME}]:@port>", "User-Agent": "User-Agent: somebody who calls",
        "Allow": "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK",
        "Length": f"Content-Length: {len(body)}",
    }  # fmt: skip
    for key, line in changes.items():
        lines[key.replace("_", "-")] = line
    first = f"{method} {uri or f'sip:nobody@[{HOME}]'} SIP/2.0"
    kept = [line for line in lines.values() if line is not None]
    return "\r\n".join([first, *kept, *more, "", ""]).encode() + body


@dataclass
class Asked:
    """What was sent, and every answer to it."""

    sent: bytes
    answers: list[bytes] = field(default_factory=list)

    def hear(self, datagram: bytes, _: object) -> None:
        """Take in what came to the port that it was sent from, which was another one's not long ago."""
        name = header(self.sent, b"Call-ID")
        if not name or header(datagram, b"Call-ID") in (name, b""):
            self.answers.append(datagram)

    @property
    def codes(self) -> list[int]:
        """The status codes of the answers."""
        return [int(each[8:11]) for each in self.answers]

    @property
    def final(self) -> bytes:
        """The first final answer; b"" without one."""
        return next((each for each in self.answers if int(each[8:11]) >= 200), b"")

    @property
    def code(self) -> int:
        """Its status code; 0 without one."""
        return int(self.final[8:11] or 0)


def ask_all(bench: Bench, table: Mapping[str, bytes], seconds: float = 0.6) -> dict[str, Asked]:
    """Send each datagram of `table` from a socket of its own to the receiver, and wait `seconds` for answers."""
    with closing(Stage()) as stage:
        asked = {}
        for name, datagram in table.items():
            one = Asked(datagram)
            sock = stage.socket(one.hear)
            one.sent = datagram.replace(b"@port", b"%d" % sock.getsockname()[1])
            asked[name] = one
            sock.sendto(one.sent, (HOME, bench.receiver_port))
        stage.start()
        run_loop(timeout_s=seconds)
        return asked


def target(port: int, text: str = "sip:+442071838750@[::1]:{}") -> SipUri:
    """The URI `text` with that port in it."""
    return SipUri.parse(text.format(port))
