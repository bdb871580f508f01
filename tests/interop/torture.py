"""Torture messages, sent one by one: what came of each, what the log told, and whether the next ordinary call works."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.interop.stage import HOME, Stage
from tests.interop.wires import SDP, Asked, a_bench, header, request, until
from tests.unit.sipapp.bench import Bench, a_probe, header_of
from voice_sipapp.records import calluuid
from voice_sipapp.signalling.screening import Limits, Rate
from voice_sipapp.signalling.sip.garbage import garbage

UNLIMITED = Rate(10_000, 10_000)


@dataclass(frozen=True)
class Torture:
    """One message of an RFC, as its `section` describes it, and what must come of it: the status code of the final
    answer (0: none is due), lines that the answer has, and words of the log. Where words are due, it is counted, too.

    In `message`, "@port" is the port that it is sent from, "@claim" the header of a call that the receiver expects.
    """

    section: str
    message: bytes
    code: int
    holds: tuple[bytes, ...] = ()
    reason: str = ""


@dataclass
class Outcome(Asked):
    """What came of one message."""

    logged: list[str] = field(default_factory=list)
    counted: int = 0
    next_call: int = 0
    """The final answer to an ordinary call right after it."""


def folded(text: str, body: bytes = b"") -> bytes:
    """A message from its text: lines end with CRLF, and @length is that of `body`."""
    head = "\r\n".join(text.strip("\n").split("\n")).replace("@length", str(len(body)))
    return head.encode() + b"\r\n\r\n" + body


def of_ours(*lines: str, body: bytes = SDP, **changes: str | None) -> bytes:
    """An INVITE of a call that the receiver expects, with `lines` and `changes` as `wires.request` takes them."""
    return request("INVITE", "X-Voice-Call: @claim", "Content-Type: application/sdp", *lines, body=body, **changes)


@contextmanager
def a_receiver(folder: Path) -> Iterator[Bench]:
    """A SIP application that answers calls of ours at once, however many messages come."""
    with a_bench(folder) as bench:
        bench.restart(limits=Limits(total=UNLIMITED, source=UNLIMITED, known=UNLIMITED))
        bench.caller.reception.probes = [a_probe(9, suspended=True, answer_after_ms=10)]
        yield bench


@contextmanager
def log_lines() -> Iterator[list[str]]:
    """What the application logs meanwhile."""
    heard: list[str] = []
    listener = logging.Handler()
    listener.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("voice_sipapp").addHandler(listener)
    try:
        yield heard
    finally:
        logging.getLogger("voice_sipapp").removeHandler(listener)


def ask_each(folder: Path, table: Mapping[str, Torture]) -> dict[str, Outcome]:
    """Send each message of `table`, and after each an ordinary call; what came of them."""
    with a_receiver(folder) as bench, closing(Stage()) as stage, log_lines() as logged:
        ways = {}
        for name, row in table.items():
            told, following = Outcome(row.message), Asked(of_ours())
            ways[name] = told, following, stage.socket(told.hear), stage.socket(following.hear)
        stage.start()
        for name, (told, following, sock, other) in ways.items():
            logged.clear()
            garbage._next_line.clear()  # it tells of each kind once a minute
            before = garbage.count
            for one, way in ((told, sock), (following, other)):
                call = header_of(bench, calluuid.new(datetime.now(UTC))).encode()
                one.sent = one.sent.replace(b"@port", b"%d" % way.getsockname()[1]).replace(b"@claim", call)
                way.sendto(one.sent, (HOME, bench.receiver_port))
            until(lambda: following.code > 0 and (told.code > 0 or not table[name].code), 5)  # noqa: B023
            told.logged, told.counted, told.next_call = list(logged), garbage.count - before, following.code
            for one, way in ((told, sock), (following, other)):
                if one.code == 200 and one.sent.startswith(b"INVITE"):
                    way.sendto(goodbye(one, way.getsockname()[1]), (HOME, bench.receiver_port))
            until(lambda: not bench.caller.reception.active, 5)
        return {name: told for name, (told, *_) in ways.items()}


def goodbye(call: Asked, port: int) -> bytes:
    """The BYE of a call that was answered, from `port`; nobody waits for its ACK."""
    fields = {name: f"{name}: {header(call.final, name.encode()).decode()}" for name in ("From", "To", "Call-ID")}
    changes = {name.replace("-", "_"): line for name, line in fields.items()}
    return request("BYE", CSeq="CSeq: 10000 BYE", **changes).replace(b"@port", b"%d" % port)


def check(row: Torture, came: Outcome) -> None:
    """Raises AssertionError where it is not as the RFC says."""
    assert came.code == row.code, (came.answers, came.logged)
    for line in row.holds:
        assert line in came.final, came.final
    if row.reason:
        assert any(row.reason in line for line in came.logged), (row.reason, came.logged)
    assert came.counted == bool(row.reason), came.logged
    assert came.next_call == 200, "the next ordinary call"
