"""A datagram is octets (kind 2): Content-Length counts them, text is UTF-8, bodies may have parts.

Each row: what the far end sends, what the record says or what it is answered. Sources: RFC 3261 §7.1, 7.3, 7.4, 18.3,
20.11–20.15, 25; RFC 2046; RFC 2045 §6; RFC 3204 (ISUP); RFC 5621 (bodies of SIP); RFC 6442 (PIDF-LO); RFC 4475; or the
public report that a row names.
"""

# ruff: noqa: E501 - a row of a table is one line
from __future__ import annotations

import base64
import json
import quopri
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.interop.scripted import QUIET
from tests.interop.wires import (
    HEAD,
    SDP,
    Answers,
    Asked,
    Called,
    Wire,
    a_bench,
    ask_all,
    call_all,
    changed,
    header,
    request,
)
from tests.unit.sipapp.bench import Bench, a_probe, header_of
from voice_sipapp.records import calluuid

pytestmark = QUIET

ISUP = bytes([1, 0, 0x20, 1, 10, 0, 2, 9, 7, 3, 0x90, 0x40, 0x38, 0x52, 0x77, 0xFF, 0x0D, 0x0A, 0x0D, 0x0A, 0x80, 0])
"""As ITU-T Q.763 has it: any octets, ends of lines among them."""

PIDF = '<?xml version="1.0" encoding="UTF-8"?><presence entity="pres:a@b"><tuple id="é"/></presence>'.encode()
ISUP_PART = (b"Content-Type: application/ISUP;version=itu-t92+\r\nContent-Disposition: signal;handling=optional", ISUP)
PIDF_PART = (b"Content-Type: application/pidf+xml\r\nContent-ID: <x@y>", PIDF)
SDP_PART = (b"Content-Type: application/sdp", SDP)

Part = tuple[bytes, bytes]


def parts(
    *made: Part, boundary: bytes = b"unique-1", before: bytes = b"", after: bytes = b"", end: bytes = b"--"
) -> bytes:
    """A multipart body."""
    text = before
    for head, content in made:
        text += b"--" + boundary + b"\r\n" + (head + b"\r\n" if head else b"") + b"\r\n" + content + b"\r\n"
    return text + b"--" + boundary + end + b"\r\n" + after


def inner(*made: Part) -> Part:
    return b"Content-Type: multipart/alternative; boundary=inner", parts(*made, boundary=b"inner")


def encoded(name: bytes, content: bytes) -> Part:
    return b"Content-Type: application/sdp\r\nContent-Transfer-Encoding: " + name, content


def mixed(value: bytes, body: bytes) -> tuple[bytes, bytes]:
    return b"Content-Type: " + value, body


BASE64 = base64.encodebytes(SDP).replace(b"\n", b"\r\n")
QP = quopri.encodestring(SDP.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
MIXED = b"multipart/mixed;boundary=unique-1"

DESCRIBED: dict[str, tuple[bytes, bytes]] = {
    # what it is: Content-Type, body
    "ISUP after the description": mixed(MIXED, parts(SDP_PART, ISUP_PART)),
    "ISUP before the description": mixed(MIXED, parts(ISUP_PART, SDP_PART)),
    "PIDF-LO before the description": mixed(MIXED, parts(PIDF_PART, SDP_PART)),
    "both around it": mixed(MIXED, parts(ISUP_PART, SDP_PART, PIDF_PART)),
    "multipart/related": mixed(b"multipart/related;boundary=unique-1", parts(PIDF_PART, SDP_PART)),
    "a boundary in quotation marks": mixed(
        b'multipart/mixed; boundary="gc0p4Jq0M2Yt08j34c0p : = ?"',
        parts(SDP_PART, boundary=b"gc0p4Jq0M2Yt08j34c0p : = ?"),
    ),
    "spaces and capitals": mixed(b'Multipart / Mixed ; Boundary = "unique-1" ; x="a;b"', parts(ISUP_PART, SDP_PART)),
    "text before and after": mixed(
        MIXED,
        parts(ISUP_PART, SDP_PART, before=b"This is multi-part.\r\n\r\nv=0\r\n", after=b"m=audio 1 RTP/AVP 0\r\n"),
    ),
    "its last line is missing": mixed(MIXED, parts(ISUP_PART, SDP_PART, end=b"--").rpartition(b"--unique-1--")[0]),
    "spaces after a boundary": mixed(MIXED, parts(ISUP_PART, SDP_PART).replace(b"unique-1\r\n", b"unique-1 \t\r\n")),
    "lines that end with LF": mixed(MIXED, parts((b"", b"x"), SDP_PART).replace(b"\r\n", b"\n")),
    "a part without header fields": mixed(MIXED, parts((b"", b"hello"), SDP_PART)),
    "an empty part": mixed(MIXED, parts((b"Content-Type: text/plain", b""), SDP_PART)),
    "a folded header of a part": mixed(
        MIXED, parts(ISUP_PART, (b"Content-Type:\r\n application/sdp;\r\n\tcharset=utf-8", SDP))
    ),
    "a part of small letters": mixed(MIXED, parts((b"content-type:APPLICATION/SDP", SDP))),
    "7bit": mixed(MIXED, parts(encoded(b"7bit", SDP))),
    "8bit": mixed(MIXED, parts(encoded(b"8BIT", SDP.replace(b"s=-", "s=Grüße".encode())))),
    "binary": mixed(MIXED, parts(ISUP_PART, encoded(b"binary", SDP))),
    "base64": mixed(MIXED, parts(encoded(b"BASE64", BASE64))),
    "base64 in one line": mixed(MIXED, parts(encoded(b"base64", base64.b64encode(SDP)))),
    "quoted-printable": mixed(MIXED, parts(encoded(b"quoted-printable", QP))),
    "quoted-printable with soft ends": mixed(
        MIXED,
        parts(
            encoded(
                b"Quoted-Printable", QP.replace(b"audio ", b"audio =\r\n").replace(b"s=3D-", b"s=3DGr=C3=BC=C3=9Fe")
            )
        ),
    ),
    "parts within a part": mixed(MIXED, parts(ISUP_PART, inner((b"Content-Type: text/plain", b"hello"), SDP_PART))),
    "the same boundary but for its end": mixed(
        b"multipart/mixed;boundary=x", parts(inner(SDP_PART), boundary=b"x").replace(b"inner", b"xy")
    ),
    "an early session beside it (RFC 3959)": mixed(
        MIXED,
        parts(
            (b"Content-Type: application/sdp\r\nContent-Disposition: early-session", SDP),
            (b"Content-Type: application/sdp\r\nContent-Disposition: session", SDP),
        ),
    ),
    "a description with parameters": mixed(b"application/sdp ; charset=UTF-8", SDP),
    "a description in capitals": mixed(b"APPLICATION/SDP", SDP),
    "a session name in another alphabet": mixed(b"application/sdp", SDP.replace(b"s=-", "s=Ñandú 通話".encode())),
    "a session name in ISO 8859-1": mixed(b"application/sdp", SDP.replace(b"s=-", "s=Ñandú".encode("latin-1"))),
}


def described(kind: bytes, body: bytes) -> Answers:
    return lambda far, invite: far.say(invite, changed(content_type=kind), body)


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Called]:
    table = {name: described(*row) for name, row in DESCRIBED.items()}
    return call_all(tmp_path_factory.mktemp("answered"), {**table, **FRAMED})


@pytest.mark.parametrize("name", DESCRIBED)
def test_a_call_is_answered_wherever_its_description_stands(answered: dict[str, Called], name: str):
    call = answered[name].cdr.call
    assert (call.disposition, call.sip_code, call.hangup_by, call.sip_reason) == (
        "answered", 200, "local", "OK (answered elsewhere: the call did not reach this host's receiver)",
    )  # fmt: skip
    bye = answered[name].far.requests(b"BYE")[0]
    assert header(bye, b"Content-Length") == b"0"


def framed(change: Callable[[bytes], bytes]) -> Answers:
    return lambda far, invite: change(far.say(invite))


def long(answer: bytes) -> bytes:
    return answer.replace(b"\r\nFrom", b"\r\nX-Long: " + b"a" * (65_507 - len(answer) - 10) + b"\r\nFrom", 1)


def compact(answer: bytes) -> bytes:
    for name, short in ((b"Via", b"v"), (b"From", b"f"), (b"To", b"t"), (b"Call-ID", b"i"), (b"Contact", b"m"), (b"Content-Length", b"l"), (b"Content-Type", b"c")):  # fmt: skip
        answer = answer.replace(b"\r\n" + name + b": ", b"\r\n" + short + b":")
    return answer


def folded(answer: bytes) -> bytes:
    head, _, body = answer.partition(b"\r\n\r\n")
    for name in (b"From", b"To", b"Call-ID", b"CSeq", b"Contact", b"Content-Type"):
        head = head.replace(b"\r\n" + name + b": ", b"\r\n" + name.swapcase() + b" \t:\r\n ")
    return head.replace(b";tag=far-end", b"\r\n\t;\r\n tag\r\n =  far-end") + b"\r\n\r\n" + body


def cut(by: int) -> Answers:
    """RFC 3261 §18.3: an answer that ends too early is dropped; but what only lacks an end of a line is whole."""
    return lambda far, invite: far.say(invite, HEAD, SDP, b"%d" % (len(far.filled(SDP, invite)) + by))


FRAMED: dict[str, Answers] = {
    "without the last CR or LF": cut(1),
    "without the last CRLF": cut(2),
    "with LF alone, and a Content-Length that counts CRLFs": framed(lambda answer: answer.replace(b"\r\n", b"\n")),
    "our Via's IPv6 address without brackets": framed(lambda answer: answer.replace(b"/UDP [::1]:", b"/UDP ::1:", 1)),
    "longer than Content-Length says": framed(lambda answer: answer + b"m=audio 1 RTP/AVP 0\r\n"),
    "without Content-Length": framed(lambda answer: answer.replace(b"Content-Length", b"X-Length")),
    "of 65,507 octets": framed(long),
    "with leading CRLFs": framed(lambda answer: b"\r\n\r\n" + answer),
    "with LF alone": lambda far, invite: far.say(invite, HEAD, SDP.replace(b"\r\n", b"\n")).replace(b"\r\n", b"\n"),
    "compact names": framed(compact),
    "folded, with spaces before colons": framed(folded),
    "Content-Length with noughts before it": framed(
        lambda answer: answer.replace(b"Content-Length: ", b"Content-Length: 000")
    ),
    "lists in one line and in many (RFC 3261 §7.3.1)": framed(
        lambda answer: answer.replace(
            b"Contact: <", b'Allow: INVITE, ACK\r\nallow:BYE\r\nContact: "a, b" <sip:far@[::1]:9>;x="<,>", <', 1
        )
    ),
    "an accent in every text (RFC 3261 §7.1)": lambda far, invite: far.say(
        invite,
        changed(
            first="SIP/2.0 200 Très bien".encode(), server="Server: Téléphone".encode(), subject="Subject: é".encode()
        ),
    ),
}


@pytest.mark.parametrize("name", FRAMED)
def test_an_answer_is_read_as_the_octets_that_it_is(answered: dict[str, Called], name: str):
    call = answered[name].cdr.call
    assert (call.disposition, call.sip_code) == ("answered", 200)


REFUSED: dict[str, tuple[Answers, str]] = {
    # what the far end answers, what the record tells
    "a body longer than what came": (cut(500), "octets of body came"),
    "by more than an end of a line": (cut(3), "octets of body came"),
    "no CSeq": (lambda far, invite: far.say(invite, changed(cseq=None)), "it has no CSeq"),
    "a status that is none": (
        lambda far, invite: far.say(invite, changed(first=b"SIP/2.0 4294967301 OK")),
        "none of SIP/2.0",
    ),
    "another version": (lambda far, invite: far.say(invite, changed(first=b"SIP/7.0 200 OK")), "none of SIP/2.0"),
    "To that is none": (lambda far, invite: far.say(invite, changed(to=b'To: "x <sip:a@b>;tag=1')), "is no address"),
}


def test_an_answer_that_is_not_understood_is_told_of_in_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Nobody else answers: the call ends as one that was not answered, and says why."""
    monkeypatch.setattr("voice_sipapp.signalling.outcome.NO_ANSWER_MS", 1200)
    for name, called in call_all(tmp_path, {name: row[0] for name, row in REFUSED.items()}).items():
        call = called.cdr.call
        assert (call.disposition, call.sip_code) == ("timeout", 408), name
        assert (call.sip_reason or "").startswith("No response (an answer was not understood: "), name
        assert REFUSED[name][1] in (call.sip_reason or ""), (name, call.sip_reason)
        (ladder,) = called.cdr.ladders
        assert len([each for each in json.loads(ladder.messages) if not each["sent"]]) >= 1, "it is on the ladder"


def test_a_description_that_can_not_be_read_is_told_of_in_the_record(tmp_path: Path):
    gzip = (*HEAD, b"Content-Encoding: gzip")
    (called,) = call_all(tmp_path, {"gzip": lambda far, invite: far.say(invite, gzip)}).values()
    call = called.cdr.call
    assert (call.disposition, call.sip_code, call.hangup_by) == ("failed", 200, "local")
    assert "its session description could not be read: its body is encoded as 'gzip'" in (call.sip_reason or "")
    assert len(called.far.requests(b"BYE")) == 1


def test_a_description_may_come_early_beside_something_else(tmp_path: Path):
    """RFC 3261 §13.2.1: the 200 may do without; what came in a 183 stands."""
    early = (b"SIP/2.0 183 Session Progress", *changed(content_type=b"Content-Type: " + MIXED)[1:])

    def answers(far: Wire, invite: bytes) -> list[bytes]:
        return [far.say(invite, early, parts(ISUP_PART, SDP_PART)), far.say(invite, HEAD[:-1], b"")]

    (called,) = call_all(tmp_path, {"183": answers}).values()
    assert (called.cdr.call.disposition, called.cdr.call.sip_code) == ("answered", 200)


# --- what is asked of the receiver -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with a_bench(tmp_path_factory.mktemp("bench")) as made:
        made.caller.reception.probes = [a_probe(9, suspended=True, answer_after_ms=10)]
        yield made


def offered(bench: Bench, kind: bytes, body: bytes, *more: str) -> bytes:
    """An INVITE of a call of ours, whose body is of that kind."""
    call = f"X-Voice-Call: {header_of(bench, calluuid.new(datetime.now(UTC)))}"
    return request("INVITE", call, kind.decode("latin-1"), *more, body=body)


@pytest.fixture(scope="module")
def invited(bench: Bench) -> dict[str, Asked]:
    return ask_all(bench, {name: offered(bench, *row) for name, row in DESCRIBED.items()}, 1.5)


@pytest.mark.parametrize("name", DESCRIBED)
def test_an_offer_is_found_wherever_it_stands(invited: dict[str, Asked], name: str):
    assert invited[name].codes[:1] == [100]
    assert invited[name].code == 200
    assert b"m=audio " in invited[name].final.partition(b"\r\n\r\n")[2]
    assert b" RTP/AVP 8" in invited[name].final


GZIP = (b"Content-Type: application/sdp", SDP)
UNTAKEN: dict[str, tuple[int, bytes, Callable[[Bench], bytes]]] = {
    # what is asked: the answer, a line of it
    "Content-Encoding gzip (RFC 3261 §8.2.3)": (415, b"Accept-Encoding: identity", lambda b: offered(b, *GZIP, "Content-Encoding: gzip")),
    "Content-Encoding in short": (415, b"Accept-Encoding: identity", lambda b: offered(b, *GZIP, "e: deflate")),
    "a body of another kind (RFC 4475 §3.3.6)": (415, b"Accept: application/sdp", lambda b: offered(b, b"Content-Type: text/plain", b"hello")),
    "ISUP that must be understood (RFC 3204)": (
        415, b"Accept: application/sdp",
        lambda b: offered(b, b"Content-Type: " + MIXED, parts(SDP_PART, (ISUP_PART[0].replace(b"optional", b"required"), ISUP))),
    ),
    "another transfer encoding": (415, b"Accept: application/sdp", lambda b: offered(b, b"Content-Type: " + MIXED, parts(encoded(b"x-uu", SDP)))),
    "a boundary that is not there": (400, b"no parts", lambda b: offered(b, b"Content-Type: multipart/mixed;boundary=other", parts(SDP_PART))),
    "no boundary": (400, b"can't be told apart", lambda b: offered(b, b"Content-Type: multipart/mixed", parts(SDP_PART))),
    "parts without end within each other": (400, b"can't be told apart", lambda b: offered(b, b"Content-Type: " + MIXED, nested(9))),
    "a Content-Type that is none": (400, b"is no Content-Type", lambda b: offered(b, b"Content-Type: sdp", SDP)),
    "a body longer than what came (RFC 4475 §3.1.2.2)": (400, b"octets of body came", lambda b: request("INVITE", Length="Content-Length: 9999")),
    "a length below nothing (RFC 4475 §3.1.2.3)": (400, b"is no Content-Length", lambda b: request(Length="Content-Length: -999")),
    "lengths that contradict (RFC 4475 §3.3.9)": (400, b"contradict", lambda b: request("OPTIONS", "Content-Length: 5", body=b"hello world")),
    "a length beyond all numbers": (400, b"Content-Length", lambda b: request(Length="Content-Length: 99999999999999999999999999")),
    "the same length twice": (200, b"Allow: ", lambda b: request("OPTIONS", "l: 0")),
    "a second request behind the first (RFC 4475 §3.1.1.8)": (200, b"Allow: ", lambda b: request() + request("INVITE")),
    "no length": (200, b"Allow: ", lambda b: request(Length=None)),
    "leading CRLFs": (200, b"Allow: ", lambda b: b"\r\n\r\n" + request()),
    "LF alone": (200, b"Allow: ", lambda b: request().replace(b"\r\n", b"\n")),
    "a description without its kind": (200, b"m=audio ", lambda b: offered(b, b"X-Kind: none", SDP)),
    "a body that may be passed over": (
        200, b"m=audio ",
        lambda b: offered(b, b"Content-Type: text/html", b"<p>", "Content-Disposition: render;handling=optional"),
    ),
}  # fmt: skip


def nested(depth: int) -> bytes:
    body, boundary = SDP_PART, b"unique-1"
    for number in range(depth):
        name = b"b%d" % number
        body = b"Content-Type: multipart/mixed;boundary=" + name, parts(body, boundary=name)
    return parts(body, boundary=boundary)


def test_a_body_that_is_not_taken_is_refused_with_the_reason(bench: Bench):
    asked = ask_all(bench, {name: made(bench) for name, (_, _, made) in UNTAKEN.items()}, 1.0)
    for name, one in asked.items():
        code, line, _ = UNTAKEN[name]
        assert one.code == code, (name, one.answers)
        assert line in one.final, (name, one.final)


def test_a_request_of_65507_octets_is_read_whole(bench: Bench):
    """`sip:` URIs are as long as they are; the last header field tells whose call it is."""
    plain = offered(bench, *DESCRIBED["ISUP before the description"])
    filler = b"Subject: " + b"x" * (65_400 - len(plain)) + b"\r\n"
    asked = ask_all(bench, {"long": plain.replace(b"Max-Forwards", filler + b"Max-Forwards", 1)}, 1.0)
    assert asked["long"].code == 200
