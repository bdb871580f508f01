"""An answer is an answer, whatever letters are in it: datagrams as a far end may send them, to the real stack.

A SIP message is octets, in UTF-8 or not, whose lines end with CRLF (RFC 3261, sections 7 and 25); Content-Length counts
octets. What can't be read at all is counted, and ends nothing.
"""

import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.attacks.raw_far_end import ANSWER, Datagrams, RawFarEnd
from tests.unit.sipapp.bench import Bench
from tests.unit.sipapp.messages import an_answer
from voice_sipapp import octets
from voice_sipapp.measurement import scoring
from voice_sipapp.records.cdr import Cdr, StreamRecord
from voice_sipapp.signalling.sip import digest
from voice_sipapp.signalling.sip.eventloop import run_loop
from voice_sipapp.signalling.sip.garbage import garbage

# The stack leaves it to the garbage collector to close a socket that it opens only to see whether IPv6 is there.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")

STRAY = {
    "NEL": b"\xc2\x85", "NEL of ISO 8859-1": b"\x85", "LS": b"\xe2\x80\xa8", "PS": b"\xe2\x80\xa9", "VT": b"\x0b",
    "FF": b"\x0c", "FS": b"\x1c", "GS": b"\x1d", "RS": b"\x1e", "US": b"\x1f", "NUL": b"\0", "NBSP": b"\xa0",
    "half a character": b"\xc3", "no UTF-8": b"\xff\xfe", "CR": b"\r",
}  # fmt: skip
"""What Python takes for the end of a line, or for white space, or can't decode."""


@pytest.fixture
def far() -> Iterator[RawFarEnd]:
    with closing(RawFarEnd()) as made:
        yield made


def head(**changes: bytes) -> tuple[bytes, ...]:
    """The head of the 200 with lines added, or in place of those of the same name."""
    lines = list(ANSWER)
    for name, line in changes.items():
        key = {"first": b"SIP/2.0"}.get(name, name.replace("_", "-").capitalize().encode())
        lines = [each for each in lines if not each.startswith(key)] + ([] if name == "first" else [line])
        if name == "first":
            lines.insert(0, line)
    return tuple(lines)


def call(bench: Bench, far: RawFarEnd, **changes: object) -> Cdr:
    far.start()
    return bench.call(far.port, **{"duration_ms": 700, **changes})


def reverse(cdr: Cdr) -> StreamRecord:
    return next(stream for stream in cdr.streams if stream.direction == "reverse")


def check_answered(cdr: Cdr) -> None:
    """It is a call that was answered, and measured whole; there is no other sign of it."""
    assert (cdr.call.disposition, cdr.call.sip_code, cdr.call.hangup_by) == ("answered", 200, "local")
    busy = (cdr.call.probe_lag_ms or 0) > scoring.MAX_LAG_MS
    assert cdr.call.valid or busy, "but for a machine that is too busy"
    stream = reverse(cdr)
    assert not stream.one_way
    assert busy or (stream.rtp_rx >= 25 and stream.rtp_lost == 0 and (stream.mos_cq or 0) > 3.5)
    for ladder in cdr.ladders:
        json.loads(ladder.messages.encode().decode())


@pytest.mark.parametrize("stray", STRAY.values(), ids=STRAY)
@pytest.mark.parametrize("place", ["reason", "name", "server", "session", "attribute"])
def test_a_stray_octet_changes_nothing(bench: Bench, far: RawFarEnd, place: str, stray: bytes):
    if place == "reason":
        far.head = head(first=b"SIP/2.0 200 All" + stray + b"right")
    elif place == "name":
        far.head = head(
            to=b'To: "J' + stray + b'rg" <sip:x@[::1]>;tag=far-end',
            contact=b'Contact: "x' + stray + b'" <sip:far@[::1]:@port>',
        )
    elif place == "server":
        far.head = head(server=b"Server: Anlage" + stray + b"3", subject=b"Subject: " + stray)
    body = {"session": b"s=caf" + stray + b" de Lyon", "attribute": b"a=tool:caf" + stray}.get(place)
    if body is not None and stray != b"\r":  # in a description a lone CR ends a line: many send it so
        far._answers = lambda far, invite: [far.answer(invite, far.description().replace(b"s=-", body, 1))]
    check_answered(call(bench, far))


@pytest.mark.parametrize("stray", STRAY.values(), ids=STRAY)
def test_what_an_answer_of_ours_quotes_goes_back_octet_for_octet(bench: Bench, far: RawFarEnd, stray: bytes):
    """Via, From and Call-ID are the caller's own: it knows its request by them (RFC 3261, section 8.2.6.2)."""
    port = int(bench.station.receiver.address.rsplit(":", 1)[1])
    own = [
        b"Via: SIP/2.0/UDP [::1]:%d;branch=z9hG4bK1" % far.port, b'From: "J' + stray + b'rg" <sip:a@b>;tag=1',
        b"Call-ID: x" + stray.strip(b"\r") + b"y",
    ]  # fmt: skip
    request = b"\r\n".join([b"OPTIONS sip:x@[::1] SIP/2.0", *own, b"To: <sip:a@b>", b"CSeq: 1 OPTIONS", b"", b""])
    far.sip.sendto(request, ("::1", port))
    run_loop(timeout_s=0.3)
    answer = far.sip.recv(4000)
    assert answer.startswith(b"SIP/2.0 200 ")
    assert all(line in answer for line in own)


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (b"Tr\xe8s bien", "Très bien"), ("Très bien, voilà".encode(), "Très bien, voilà"), ("通話".encode(), "通話"),
        (b"a\x85b\x1cc", "a�b�c"), (b"a\xe2\x80\xa8b", "a�b"), ("smile 😀".encode(), "smile 😀"),
    ],
)  # fmt: skip
def test_people_read_what_was_meant(bench: Bench, far: RawFarEnd, sent: bytes, read: str):
    """UTF-8 where it is that, else ISO 8859-1; what is no character is replaced."""
    far.head = head(first=b"SIP/2.0 200 " + sent, server=b"Server: " + sent)
    cdr = call(bench, far)
    check_answered(cdr)
    assert (cdr.call.sip_reason or "").startswith(read)
    assert cdr.call.ua_remote == read
    (ladder,) = (each for each in cdr.ladders if each.leg == "dialer")
    answer = next(each["text"] for each in json.loads(ladder.messages) if each["text"].startswith("SIP/2.0 200 "))
    assert f"Server: {read}\r\n" in answer


def test_a_refusal_in_another_alphabet_is_that_refusal(bench: Bench, far: RawFarEnd):
    refusal = (b"SIP/2.0 486 Occup\xe9\x85", *ANSWER[1:-2], b'Warning: 399 x "Ligne occup\xe9e"')
    far._answers = lambda far, invite: [far.answer(invite, b"", refusal)]
    far.sounds_after_s = None
    call_ = call(bench, far).call
    assert (call_.disposition, call_.sip_code) == ("busy", 486)
    assert call_.sip_reason == "Occupé� (Ligne occupée)"


def lf(datagram: bytes) -> bytes:
    return datagram.replace(b"\r\n", b"\n")


def lf_in_head(datagram: bytes) -> bytes:
    before, _, body = datagram.partition(b"\r\n\r\n")
    return lf(before) + b"\r\n\r\n" + body


def lf_then_crlf(datagram: bytes) -> bytes:
    before, _, body = datagram.partition(b"\r\n\r\n")
    return lf(before) + b"\n\r\n" + body


def every_second(datagram: bytes) -> bytes:
    before, _, body = datagram.partition(b"\r\n\r\n")
    lines = before.split(b"\r\n")
    return b"".join(line + (b"\n" if at % 2 else b"\r\n") for at, line in enumerate(lines)) + b"\r\n" + body


def cr_crlf(datagram: bytes) -> bytes:
    before, _, body = datagram.partition(b"\r\n\r\n")
    return before.replace(b"\r\n", b"\r\r\n") + b"\r\n\r\n" + body


def folded(datagram: bytes) -> bytes:
    """RFC 3261, section 7.3.1."""
    return datagram.replace(b"From: ", b"From:\r\n\t ").replace(b"CSeq: 1", b"CSeq:\r\n  1")


def leading(datagram: bytes) -> bytes:
    return b"\r\n\r\n" + datagram


def compact(datagram: bytes) -> bytes:
    for long, short in ((b"Call-ID", b"i"), (b"Contact", b"m"), (b"Content-Length", b"l"), (b"Content-Type", b"c")):
        datagram = datagram.replace(b"\r\n" + long + b":", b"\r\n" + short + b" :")
    return datagram


@pytest.mark.parametrize("written", [lf_in_head, lf_then_crlf, every_second, cr_crlf, folded, leading, compact, lf])
@pytest.mark.parametrize("name", [b"plain", b"J\xf6rg \xe2\x80\xa8\x85\x0b\x1c"], ids=["ASCII", "octets"])
def test_lines_may_end_as_they_do_in_the_wild(bench: Bench, far: RawFarEnd, written, name: bytes):  # type: ignore[no-untyped-def]
    far.head = head(server=b"Server: " + name)

    def answers(far: RawFarEnd, invite: bytes) -> Datagrams:
        body = far.description(b"a=x:" + name)
        if written is lf:
            body = lf(body)  # with the length that it then has
        return [written(far.answer(invite, body))]

    far._answers = answers
    check_answered(call(bench, far))


@pytest.mark.parametrize("accent", ["é".encode(), b"\xe9", "😀".encode()], ids=["UTF-8", "ISO 8859-1", "four octets"])
def test_content_length_counts_octets_both_ways(bench: Bench, far: RawFarEnd, accent: bytes):
    """What follows the body is no part of it; of characters there are fewer than octets."""
    far._answers = lambda far, invite: [
        far.answer(invite, far.description().replace(b"s=-", b"s=" + 40 * accent)) + b"m=audio 1 RTP/AVP 0\r\n"
    ]
    check_answered(call(bench, far))
    for request in far.requests:
        before, _, body = request.partition(b"\r\n\r\n")
        length = next(line for line in before.split(b"\r\n") if line.lower().startswith(b"content-length"))
        assert int(length.split(b":")[1]) == len(body)


def test_what_we_send_has_its_length_in_octets(bench: Bench, far: RawFarEnd, monkeypatch: pytest.MonkeyPatch):
    """Our own descriptions are plain ASCII; were one not, it would still be framed right."""
    from voice_sipapp.signalling.session import Session

    real = Session.offer
    monkeypatch.setattr(Session, "offer", lambda session: real(session).replace("s=-", "s=Prüfung 😀"))
    check_answered(call(bench, far))
    before, _, body = next(each for each in far.requests if each.startswith(b"INVITE ")).partition(b"\r\n\r\n")
    assert f"\r\nContent-Length: {len(body)}".encode() in before
    assert "s=Prüfung 😀".encode() in body


def test_a_second_200_of_another_party_in_another_alphabet_is_ended(bench: Bench, far: RawFarEnd):
    """Forks are looked for in the text of an answer (RFC 3261, section 13.2.2.4)."""
    second = tuple(line.replace(b"tag=far-end", b"tag=another") for line in head(server=b"Server: \x85\xe9"))
    far._answers = lambda far, invite: [far.answer(invite), far.answer(invite, head=second)]
    check_answered(call(bench, far))
    assert sum(each.startswith(b"BYE ") for each in far.requests) == 2
    assert sum(each.startswith(b"ACK ") for each in far.requests) >= 2


def test_a_challenge_names_its_realm_in_letters():
    """What is proven is proven over the octets of the realm's UTF-8 (RFC 7616, section 4)."""
    response = an_answer("SIP/2.0 401 Unauthorized", 'WWW-Authenticate: Digest realm="Zürich", nonce="1"')
    challenge = digest._read(response.getHFs("www-authenticate")[0].body)
    assert challenge.getRealm() == "Zürich"


def long(octets: int) -> Callable[[bytes], bytes]:
    return lambda answer: answer.replace(b"\r\nFrom", b"\r\nX-Long: " + octets * b"a" + b"\r\nFrom", 1)


def as_long_as_can_be(answer: bytes) -> bytes:
    return long(65_507 - len(answer) - len(b"\r\nX-Long: "))(answer)


ODD = {
    "version in small letters": lambda answer: answer.replace(b"SIP/2.0 200", b"sip/2.0 200", 1),
    "two spaces": lambda answer: answer.replace(b"SIP/2.0 200 OK", b"SIP/2.0  200  OK", 1),
    "tabs": lambda answer: answer.replace(b"SIP/2.0 200 OK", b"SIP/2.0\t200\tOK", 1),
    "no reason phrase": lambda answer: answer.replace(b"SIP/2.0 200 OK", b"SIP/2.0 200", 1),
    "a reason phrase in UTF-16": lambda answer: answer.replace(b"OK", "Gut".encode("utf-16"), 1),
    "no length": lambda answer: re.sub(rb"Content-Length: [0-9]+\r\n", b"", answer),
    "a length that is none": lambda answer: re.sub(rb"Content-Length: [0-9]+", b"Content-Length: many", answer),
    "a length below nothing": lambda answer: re.sub(rb"Content-Length: [0-9]+", b"l: -7", answer),
    "an empty length": lambda answer: re.sub(rb"Content-Length: [0-9]+", b"Content-Length:", answer),
    "a folded length": lambda answer: answer.replace(b"Content-Length: ", b"Content-Length:\r\n  "),
    "a length twice": lambda answer: re.sub(rb"(Content-Length: [0-9]+)", rb"\1\r\n\1", answer),
    "noughts after it": lambda answer: answer + bytes(100),
    "a header of 9 kB": long(9000),
    "65,507 octets": as_long_as_can_be,
}


@pytest.mark.parametrize("written", ODD.values(), ids=ODD)
def test_an_answer_in_an_odd_form_is_an_answer(bench: Bench, far: RawFarEnd, written: Callable[[bytes], bytes]):
    far._answers = lambda far, invite: [written(far.answer(invite))]
    check_answered(call(bench, far))


MALFORMED = {
    "no Via": [line for line in ANSWER if line != b"@vias"],
    "a status that is no number": [b"SIP/2.0 2x0 OK", *ANSWER[1:]],
    "a line without a colon": [*ANSWER, b"\xe9\x85 nothing"],
    "a CSeq that is no number": [b"CSeq: \xb2 INVITE" if line.startswith(b"CSeq") else line for line in ANSWER],
}


@pytest.mark.parametrize("lines", MALFORMED.values(), ids=MALFORMED)
def test_what_can_not_be_read_is_counted_and_the_next_answer_is_taken(
    bench: Bench, far: RawFarEnd, lines: list[bytes], capfd: pytest.CaptureFixture[str]
):
    before = garbage.count
    far._answers = lambda far, invite: [far.answer(invite, head=lines), b"\xff\x00\x85" * 30, far.answer(invite)]
    check_answered(call(bench, far))
    assert garbage.count >= before + 2
    assert "nothing" not in capfd.readouterr().out


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=32, max_size=400))
def test_no_octets_end_the_stacks_thread(bench: Bench, datagram: bytes):
    """Both as they are and behind a first line that makes an answer or a request of them."""
    port = int(bench.station.dialer.address.rsplit(":", 1)[1])
    manager = bench.station.dialer.config["_sip_tm"]
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as far:
        for begin in (b"", b"SIP/2.0 200 OK\r\n", b"BYE sip:x SIP/2.0\r\n"):
            far.sendto(begin + datagram, ("::1", port))
    run_loop(timeout_s=0.01)
    assert all(each.is_alive() for each in next(iter(manager.l4r.cache_l2s.values())).areceivers)


@given(st.binary())
def test_octets_come_out_as_they_went_in(raw: bytes):
    text = octets.octets(octets.message(b"SIP/2.0 200 OK\r\n\r\n" + raw))
    assert text == b"SIP/2.0 200 OK\r\n\r\n" + raw
    assert len(octets.message(b"x\r\n\r\n" + raw)) == 5 + len(raw), "a character an octet"
    assert not any(each.isspace() and each not in "\t\r\n " for each in octets.message(b"x\r\n\r\n" + raw))


@given(st.text())
def test_text_of_our_own_leaves_as_utf_8(text: str):
    if not any(0xE000 <= ord(each) < 0xE100 for each in text):
        assert octets.octets(text) == text.encode(errors="replace")
        assert octets.octets(octets.opaque(text)) == text.encode(errors="replace")


@given(st.binary())
def test_what_people_read_can_be_stored(raw: bytes):
    read = octets.readable(octets.message(b"x " + raw.replace(b"\n", b"").replace(b"\r", b"")))
    assert read.encode().decode() == read
    assert not any(ord(each) < 32 and each != "\t" for each in read)
