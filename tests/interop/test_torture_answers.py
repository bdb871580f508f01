"""Answers that torture: those of RFC 4475, by their names there, and what RFC 3261 says of their kinds.

Each is what a far end says to a call of ours, or before it says 200 as any does: what must be passed over leaves the
call as it is, is told of in the log with the reason, and counted.
"""

# ruff: noqa: E501 - a row of a table is one line
from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from tests.interop.scripted import QUIET
from tests.interop.stage import Stage
from tests.interop.torture import log_lines
from tests.interop.wires import HEAD, Answers, Called, Wire, a_bench, call_all, changed, header, target, until
from tests.unit.sipapp.bench import a_probe
from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.signalling.registration import Registrations
from voice_sipapp.signalling.sip.garbage import garbage

pytestmark = QUIET

PLAIN = (*HEAD[1:-1],)
"""The head of an answer after its first line, without a body."""


def first(*head: bytes) -> Answers:
    """Says that, and then 200 as any far end does."""
    return lambda far, invite: [far.say(invite, head, b""), far.say(invite)]


def only(*head: bytes) -> Answers:
    """Says that and nothing else."""
    return lambda far, invite: far.say(invite, head)


def named(method: bytes, answers: Answers) -> Answers:
    """The same, with CSeqs of that method."""

    def changed_ones(far: Wire, invite: bytes) -> Sequence[bytes]:
        said = answers(far, invite)
        number = header(invite, b"CSeq").split()[0]
        return [
            each.replace(b"CSeq: @number", b"CSeq: " + number + b" " + method)
            for each in ([said] if isinstance(said, bytes) else said)
        ]

    return changed_ones


# --- what must be passed over -------------------------------------------------------------------------------------------

PASSED_OVER: dict[str, tuple[Answers, str]] = {
    # what comes before the 200, and the reason in the log
    "scalarlg (RFC 4475 §3.1.2.5)": (first(b"SIP/2.0 503 Service Unavailable", *changed(cseq=b"CSeq: 9292394834772304023312 INVITE", contact=b'Warning: 1812 overture "In Progress"', content_type=b"Retry-After: 949302838503028349304023988")[1:]), "is no CSeq"),
    "bigcode (RFC 4475 §3.1.2.19)": (first(b"SIP/2.0 4294967301 better not break the receiver", *PLAIN), "is no status code (100 to 699)"),
    "bcast (RFC 4475 §3.3.10)": (first(b"SIP/2.0 200 OK", b"@vias", b"Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23", *PLAIN[1:]), "it has more than one Via"),
    "two Vias in one line (RFC 3261 §8.1.3.3)": (first(b"SIP/2.0 486 Busy Here", b"@vias, SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK2", *PLAIN[1:]), "it has more than one Via"),
    "a code below 100": (first(b"SIP/2.0 99 Early", *PLAIN), "is no status code (100 to 699)"),
    "a code of 700": (first(b"SIP/2.0 700 Late", *PLAIN), "is no status code (100 to 699)"),
    "a code of 000": (first(b"SIP/2.0 000 Nothing", *PLAIN), "is no status code (100 to 699)"),
    "a code of four digits": (first(b"SIP/2.0 2000 OK", *PLAIN), "is no status code (100 to 699)"),
    "a code that is a word": (first(b"SIP/2.0 OK", *PLAIN), "is no status code (100 to 699)"),
    "no code": (first(b"SIP/2.0 ", *PLAIN), "is no status code (100 to 699)"),
    "another version": (first(b"SIP/7.0 486 Busy Here", *PLAIN), "it is of 'SIP/7.0'"),
    "a CSeq of another method (RFC 3261 §17.1.3)": (named(b"OPTIONS", first(b"SIP/2.0 486 Busy Here", *changed(cseq=b"CSeq: @number", content_type=None)[1:])), "fits no request of ours"),
    "a branch that is not ours (RFC 3261 §17.1.3)": (first(b"SIP/2.0 486 Busy Here", b"Via: SIP/2.0/UDP [::1]:5060;branch=z9hG4bKother", *PLAIN[1:]), "fits no request of ours"),
}  # fmt: skip

# --- what is taken ------------------------------------------------------------------------------------------------------

TAKEN: dict[str, tuple[Answers, tuple[str, int, str | None]]] = {
    # what the far end says: disposition, code and reason in the record
    "unreason (RFC 4475 §3.1.1.12)": (only("SIP/2.0 486 = 2**3 * 5**2 но сто девяносто девять - простое".encode(), *PLAIN), ("busy", 486, "= 2**3 * 5**2 но сто девяносто девять - простое")),
    "noreason (RFC 4475 §3.1.1.13)": (lambda far, invite: [far.say(invite, (b"SIP/2.0 100 ", *HEAD[1:3], b"To: @to", *HEAD[4:6]), b""), far.say(invite, (b"SIP/2.0 486 ", *PLAIN), b"")], ("busy", 486, None)),
    # RFC 3261 §8.1.3.2: what is not known is as x00 of its class; provisional ones as 183
    "1xx that is not known": (first(b"SIP/2.0 155 Nearly", *PLAIN), ("answered", 200, "OK")),
    "199 (RFC 6228)": (first(b"SIP/2.0 199 Early Dialog Terminated", *changed(to=b"To: @to;tag=other", content_type=None)[1:]), ("answered", 200, "OK")),
    "202": (only(b"SIP/2.0 202 Accepted", *HEAD[1:]), ("answered", 202, "Accepted")),
    "299": (only(b"SIP/2.0 299 Well", *HEAD[1:]), ("answered", 299, "Well")),
    "399": (only(b"SIP/2.0 399 Elsewhere", *HEAD[1:6]), ("failed", 399, "Elsewhere")),
    "499": (only(b"SIP/2.0 499 Never Heard Of", *PLAIN), ("failed", 499, "Never Heard Of")),
    "599": (only(b"SIP/2.0 599 Broken", *PLAIN), ("failed", 599, "Broken")),
    "699": (only(b"SIP/2.0 699 Nowhere", *PLAIN), ("failed", 699, "Nowhere")),
    # RFC 3261 §17.1.3: an answer is known by its branch and its method
    "CSeq in small letters": (named(b"invite", only(*changed(cseq=b"CSeq: @number"))), ("answered", 200, "OK")),
    "CSeq in small letters, of a refusal": (named(b"Invite", only(b"SIP/2.0 486 Busy Here", *changed(cseq=b"CSeq: @number")[1:])), ("busy", 486, "Busy Here")),
    "From without its tag (RFC 2543)": (only(*changed(to=b"To: @to", **{"from": b"From: <sip:probe-1@voice.example.net>"})), ("answered", 200, "OK")),
    "From without its tag, of a refusal": (only(b"SIP/2.0 486 Busy Here", *changed(**{"from": b"From: <sip:probe-1@voice.example.net>"})[1:]), ("busy", 486, "Busy Here")),
    "From with another tag": (only(*changed(**{"from": b"From: <sip:probe-1@voice.example.net>;tag=other"})), ("answered", 200, "OK")),
    "From with an empty tag": (only(*changed(**{"from": b"From: <sip:probe-1@voice.example.net>;tag="})), ("answered", 200, "OK")),
}  # fmt: skip

BARE = (
    b"SIP/2.0 200 OK",
    b"@vias",
    b"From: sip:probe-1@voice.example.net",
    b"To: @to",
    b"Call-ID: @call-id",
    b"CSeq: @cseq",
)


def small(head: Sequence[bytes]) -> Answers:
    """Answers that, with its method in small letters."""
    return lambda far, asked: far.say(
        asked, [each.replace(b"@cseq", header(asked, b"CSeq").lower()) for each in head], b""
    )


@pytest.fixture(scope="module")
def called(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Called], list[str], int]]:
    """Every call at once, what was logged, and how many answers were counted."""
    garbage._next_line.clear()
    before = garbage.count
    table = {name: row[0] for name, row in (PASSED_OVER | TAKEN).items()}
    with log_lines() as logged:
        yield call_all(tmp_path_factory.mktemp("called"), table), logged, garbage.count - before


@pytest.mark.parametrize("name", PASSED_OVER)
def test_an_answer_that_is_none_of_ours_leaves_the_call_as_it_is(
    called: tuple[dict[str, Called], list[str], int], name: str
):
    calls, logged, _ = called
    call, far = calls[name].cdr.call, calls[name].far
    assert (call.disposition, call.sip_code, call.hangup_by) == ("answered", 200, "local"), call.sip_reason
    assert len(far.requests(b"ACK")) == len(far.requests(b"BYE")) == 1
    assert any(PASSED_OVER[name][1] in line for line in logged), "the log tells the reason"


def test_each_that_is_passed_over_is_counted(called: tuple[dict[str, Called], list[str], int]):
    """And so is a tag in From that is not the one that was sent (RFC 3261, section 8.2.6.2), though the answer is taken."""
    assert called[2] == len(PASSED_OVER) + 1


@pytest.mark.parametrize("name", TAKEN)
def test_an_answer_is_taken_for_what_its_class_and_its_branch_say(
    called: tuple[dict[str, Called], list[str], int], name: str
):
    call, far = called[0][name].cdr.call, called[0][name].far
    disposition, code, reason = TAKEN[name][1]
    assert (call.disposition, call.sip_code) == (disposition, code), call.sip_reason
    assert (call.sip_reason or "").startswith(reason or "")
    assert len(far.requests(b"ACK")) == 1
    if disposition == "answered":
        assert call.hangup_by == "local"
        assert len(far.requests(b"BYE")) == 1


def test_an_unknown_code_of_3xx_is_followed_as_300_is(tmp_path: Path):
    def answers(far: Wire, invite: bytes) -> bytes:
        if len({header(each, b"CSeq") for each in far.requests(b"INVITE")}) > 1:
            return far.say(invite, (b"SIP/2.0 486 Busy Here", *PLAIN), b"")
        return far.say(invite, (b"SIP/2.0 399 Elsewhere", *PLAIN[:-1], b"Contact: <sip:new@[::1]:@port>"), b"")

    (one,) = call_all(tmp_path, {"moved": answers}).values()
    assert (one.cdr.call.disposition, one.cdr.call.sip_code, one.cdr.call.redirects) == ("busy", 486, 1)
    assert one.far.requests(b"INVITE")[-1].startswith(b"INVITE sip:new@[::1]:%d SIP/2.0\r\n" % one.far.port)


def test_a_far_end_of_rfc_2543_is_understood_in_every_answer(tmp_path: Path):
    """No tags at all, and methods in small letters; its answer to the BYE is heard, which is not sent again."""
    body = (b"Contact: <sip:far@[::1]:@port>", b"Content-Type: application/sdp")

    def answers(far: Wire, invite: bytes) -> bytes:
        far.otherwise = small(BARE)
        return far.say(invite, [each.replace(b"@cseq", header(invite, b"CSeq").lower()) for each in (*BARE, *body)])

    (one,) = call_all(tmp_path, {"old": answers}, duration_ms=1500).values()
    assert (one.cdr.call.disposition, one.cdr.call.hangup_by) == ("answered", "local")
    assert [len(one.far.requests(method)) for method in (b"INVITE", b"ACK", b"BYE")] == [1, 1, 1]
    assert header(one.far.requests(b"BYE")[0], b"To").endswith(b">"), "no tag is made up"


def test_a_200_that_differs_when_it_comes_again_is_acknowledged_again_without_a_tag_in_from(tmp_path: Path):
    """RFC 3261, section 13.2.2.4: each 2xx is; what knows it is the branch."""
    old = changed(**{"from": b"From: <sip:probe-1@voice.example.net>"})

    def answers(far: Wire, invite: bytes) -> list[bytes]:
        return [far.say(invite, old), far.say(invite, (*old, b"X-Again: yes"))]

    (one,) = call_all(tmp_path, {"old": answers}).values()
    assert one.cdr.call.disposition == "answered"
    assert len(one.far.requests(b"ACK")) == 2 * len(one.far.requests(b"INVITE")), "two answers to each"
    assert len(one.far.requests(b"BYE")) == 1


REGISTRARS: dict[str, Answers] = {
    "From without its tag": lambda far, asked: far.say(asked, (*BARE, b"Contact: <sip:0@[::1]:9>;expires=600"), b""),
    "CSeq in small letters": small((*HEAD[:5], b"CSeq: @cseq", b"Contact: <sip:1@[::1]:9>;expires=600")),
    "an unknown code of 2xx": lambda far, asked: far.say(asked, (b"SIP/2.0 299 Fine", *HEAD[1:6], b"Contact: <sip:2@[::1]:9>;expires=600"), b""),
}  # fmt: skip


def test_a_registrar_is_understood_likewise(tmp_path: Path):
    with a_bench(tmp_path) as bench, closing(Stage()) as stage:
        fars = {name: Wire(stage, lambda *_: (), otherwise=answers) for name, answers in REGISTRARS.items()}
        stage.start()
        registrations = Registrations(bench.station, bench.caller.submit)
        registrations.update(
            a_probe(
                9,
                probe=name,
                receiver=SipUri.parse(f"sip:{number}@x.example"),
                registrar=target(far.port, "sip:[::1]:{}"),
            )
            for number, (name, far) in enumerate(fars.items())
        )
        until(lambda: registrations.states["registered"] == len(REGISTRARS), 5)
        registrations.stop()
