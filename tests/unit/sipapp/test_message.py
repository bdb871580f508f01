"""SIP messages as they are read: every valid one is understood as what it was made of, every other one is told of.

Hypothesis makes messages of RFC 4475's kinds, valid and invalid; a sample of both goes to the real endpoint too.
"""

import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.sipapp.bench import ADDRESS, Bench
from voice_sipapp import octets
from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.signalling.screening import called
from voice_sipapp.signalling.sip import grammar, refusals
from voice_sipapp.signalling.sip.body import description
from voice_sipapp.signalling.sip.eventloop import run_loop
from voice_sipapp.signalling.sip.garbage import garbage
from voice_sipapp.signalling.sip.message import COMPACT, Message, MessageError, framed, understood

# The stack leaves it to the garbage collector to close a socket that it opens only to see whether IPv6 is there.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")

SHORT = {long: short for short, long in COMPACT.items()}
NAMES = {"call-id": "Call-ID", "cseq": "CSeq"}

TOKENS = st.text("-.!%*_+`'~0aZ", min_size=1, max_size=8)
SPACES = st.sampled_from(["", " ", "\t", "  ", "\r\n ", " \r\n\t "])
TRANSPORTS = st.sampled_from(["UDP", "TCP", "X-y"])
HOSTS = st.sampled_from(["example.com", "a_b.example.", "192.0.2.1", "[2001:db8::1]", "x"])
USERS = st.sampled_from(
    ["alice", "+44-20;npdi;rn=+44", "%2B44", "a&b=c+d$e,f?g/h", "7042;phone-context=x", "o'brien", "u;par=u%40x"]
)
PORTS = st.sampled_from(["", ":5060", ":1", ":65535"])
URI_PARAMETERS = st.sampled_from(["", ";transport=udp", ";lr;x=y", ";maddr=[::1];user=phone", ";unknown"])
SIP_URIS = st.builds("{}:{}@{}{}{}".format, st.sampled_from(["sip", "SIPS"]), USERS, HOSTS, PORTS, URI_PARAMETERS)
URIS = SIP_URIS | st.sampled_from(["tel:+44-20-7183", "sip:[::1]", "tel:7042;phone-context=x"])
QUOTED = st.text(st.characters(codec="utf-8", exclude_characters='"\\\r\n\0'), max_size=8).map(
    lambda text: '"' + re.sub("[\x00-\x08\x0b-\x1f\x7f]", "", text) + r" \"a, <b>; \\" + '"'
)
DISPLAYS = st.sampled_from(["", "Alice ", "A. B. ", "Grüße "]) | QUOTED
VALUES = st.one_of(TOKENS, st.just('"a;b, \\"c<d>"'), st.sampled_from(["[::1]", "2001:db8::1", "192.0.2.1"]))


@st.composite
def parameters(draw: st.DrawFn) -> str:
    made = ""
    for _ in range(draw(st.integers(0, 3))):
        name, value = draw(TOKENS), draw(st.none() | VALUES)
        made += f"{draw(SPACES)};{draw(SPACES)}x{name}"
        made += "" if value is None else f"{draw(SPACES)}={draw(SPACES)}{value}"
    return made


@st.composite
def addresses(draw: st.DrawFn) -> tuple[str, str]:
    """An address as it is written, and its URI."""
    uri = draw(URIS)
    plain = not re.search("[;,?]", uri)
    if plain and draw(st.booleans()):
        return f"{uri}{draw(parameters())}", uri
    return f"{draw(DISPLAYS)}{draw(SPACES)}<{uri}>{draw(parameters())}", uri


@dataclass(frozen=True)
class Written:
    """A request, and what it was made of."""

    datagram: bytes
    method: str
    number: int
    uri: str
    from_: str
    to: str
    contact: str
    hosts: tuple[str, ...]
    call_id: str
    body: bytes


@st.composite
def requests(draw: st.DrawFn, methods: st.SearchStrategy[str] = TOKENS) -> Written:
    """A valid request, however it may be written (RFC 3261, section 7.3.1)."""
    method, number, call_id = (
        draw(methods),
        draw(st.integers(0, 2**31 - 1)),
        draw(st.text("aB1@.-%", min_size=1, max_size=9)),
    )
    uri, (from_, from_uri), (to, to_uri), (contact, contact_uri) = (
        draw(URIS),
        draw(addresses()),
        draw(addresses()),
        draw(addresses()),
    )
    hosts = tuple(draw(st.lists(HOSTS, min_size=1, max_size=3)))
    vias = [
        "".join(
            [
                f"SIP{draw(SPACES)}/{draw(SPACES)}2.0{draw(SPACES)}/{draw(SPACES)}{draw(TRANSPORTS)} {draw(SPACES)}",
                f"{host}{draw(PORTS)}{draw(parameters())};branch=z9hG4bK{draw(TOKENS)}",
            ]
        )
        for host in hosts
    ]
    body = draw(st.binary(max_size=30))
    headers = [
        ("from", from_),
        ("to", to),
        ("call-id", call_id),
        ("cseq", f"{number}{draw(SPACES)} {method}"),
        ("contact", contact),
    ]
    headers += (
        [("via", f" {draw(SPACES)},{draw(SPACES)}".join(vias))]
        if draw(st.booleans())
        else [("via", via) for via in vias]
    )
    headers += [("content-length", str(len(body)))] if draw(st.booleans()) else []
    headers += draw(
        st.lists(
            st.tuples(st.sampled_from(["x-any", "subject", "supported", "p-asserted-identity"]), QUOTED | TOKENS),
            max_size=3,
        )
    )
    lines = [f"{method} {uri} SIP/2.0"]
    for name, value in headers if "via" in dict(headers) and len(hosts) > 1 else draw(st.permutations(headers)):
        long = NAMES.get(name, name.title())
        shown = draw(st.sampled_from([long, long.upper(), long.lower(), SHORT.get(name, long)]))
        lines.append(f"{shown}{draw(st.sampled_from(['', ' ', '  ']))}:{draw(SPACES)}{value}")
    end = draw(st.sampled_from(["\r\n", "\n"]))
    head = "\r\n".join(lines).replace("\r\n", end).encode()
    rest = b"" if "content-length" not in dict(headers) else draw(st.sampled_from([b"", b"more"]))
    before = draw(st.sampled_from([b"", b"\r\n\r\n"]))
    datagram = before + head + 2 * end.encode() + body + rest
    return Written(datagram, method, number, uri, from_uri, to_uri, contact_uri, hosts, call_id, body)


def check_understood(written: Written) -> Message:
    message = understood(framed(written.datagram))
    assert (message.method, message.number, message.code, message.call_id) == (
        written.method,
        written.number,
        0,
        written.call_id,
    )
    assert message.uri is not None
    assert message.uri.text == written.uri
    assert (message.from_.uri, message.to.uri, message.contacts[0].uri) == (written.from_, written.to, written.contact)
    assert tuple(via.host for via in message.vias) == written.hosts
    assert octets.octets(message.body) == written.body
    return message


@settings(max_examples=80, deadline=None)
@given(requests())
def test_a_valid_request_is_understood_as_what_it_was_made_of(written: Written):
    check_understood(written)


def answer_to(written: Written, first: bytes) -> bytes:
    _, _, rest = written.datagram.lstrip(b"\r\n").partition(b"\n")
    return first + b"\n" + rest


@settings(max_examples=50, deadline=None)
@given(
    requests(),
    st.integers(100, 699),
    st.none() | st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1, max_size=20),
)
def test_a_valid_answer_is_understood_as_what_it_was_made_of(written: Written, code: int, phrase: str | None):
    answer = framed(answer_to(written, f"SIP/2.0 {code} {phrase or ''}".encode()))
    if len(written.hosts) > 1:  # it was meant for another (RFC 3261, section 8.1.3.3)
        with pytest.raises(MessageError, match="more than one Via"):
            understood(answer)
        return
    message = understood(answer)
    assert (message.code, message.method, message.number) == (code, written.method.upper(), written.number)
    assert (octets.readable(message.reason) if message.reason else None) == (phrase.strip() or None if phrase else None)
    assert [each.uri for each in message.contacts] == [written.contact]
    assert octets.octets(message.body) == written.body
    assert not message.notes


DAMAGES: list[Callable[[bytes], bytes]] = [
    lambda d: re.sub(rb"(?im)^(cseq[ \t]*:)", rb"X-\1", d),
    lambda d: re.sub(rb"(?im)^(?:call-id|i)([ \t]*:)", rb"X-Call\1", d),
    lambda d: re.sub(rb"(?im)^(?:from|f)([ \t]*:)", rb"X-From\1", d),
    lambda d: re.sub(rb"(?im)^(?:to|t)([ \t]*:)", rb"X-To\1", d),
    lambda d: re.sub(rb"(?im)^(?:via|v)([ \t]*:)", rb"X-Via\1", d),
    lambda d: d.replace(b" SIP/2.0", b" SIP/3.0", 1),
    lambda d: d.replace(b"\n", b"\nnothing at all\n", 1),
    lambda d: d.replace(b"\n", b"\nCSeq: 1 X\nCSeq: 1 X\n", 1),
    lambda d: d.replace(b"\n", b"\nMax-Forwards: many\n", 1),
    lambda d: d.replace(b"\n", b"\nContent-Length: 70000\n", 1),
    lambda d: d.replace(b"\n", b'\nContact: "x <sip:a@b>\n', 1),
    lambda d: d.replace(b"\n", b"\nVia: nothing\n", 1),
    lambda d: re.sub(rb"^(\s*\S+) \S+ ", rb"\1 sip:a@[ ", d, count=1),
]
"""What makes an invalid request of a valid one."""


@settings(max_examples=80, deadline=None)
@given(requests(), st.sampled_from(DAMAGES))
def test_an_invalid_request_is_refused_with_an_answer_that_is_no_longer(
    written: Written, damage: Callable[[bytes], bytes]
):
    damaged = damage(written.datagram.lstrip())
    frame = framed(damaged)
    assert frame.is_sip
    with pytest.raises(MessageError) as raised:
        description(understood(frame))
    answer = octets.octets(refusals.refusal(frame, raised.value, ("[::1]", 5060), b"secret", len(damaged)))
    assert len(answer) <= len(damaged)
    assert re.match(rb"SIP/2\.0 (400|416|505) ", answer)
    assert answer == octets.octets(refusals.refusal(frame, raised.value, ("[::1]", 5060), b"secret", len(damaged))), (
        "the same each time"
    )


@settings(max_examples=120, deadline=None)
@given(requests().map(lambda written: written.datagram), st.data())
def test_whatever_is_cut_or_changed_it_is_understood_or_told_of(datagram: bytes, data: st.DataObject):
    at = data.draw(st.integers(0, len(datagram)))
    piece = data.draw(
        st.binary(max_size=6) | st.sampled_from([b"<", b">", b'"', b",", b";", b"\\", b"@", b"[", b"\r", b"\n", b":"])
    )
    changed = datagram[:at] + piece + datagram[at + data.draw(st.integers(0, 9)) :]
    frame = framed(changed)
    try:
        message = understood(frame)
        description(message)
        grammar.reasons(message.all("x-any"))
        grammar.warnings(message.all("x-any"))
    except MessageError as error:
        problem = error
    else:
        return
    assert str(problem)
    refusals.hop(frame, ("[::1]", 1))
    assert len(octets.octets(refusals.refusal(frame, problem, ("[::1]", 1), b"x", len(changed)))) <= len(changed)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    requests(st.sampled_from(["OPTIONS", "REGISTER", "SUBSCRIBE", "FOO", "BYE"])), st.none() | st.sampled_from(DAMAGES)
)
def test_every_request_has_an_answer(bench: Bench, written: Written, damage: Callable[[bytes], bytes] | None):
    """Through the real endpoint, from a real socket. Never silence: where it can be answered, it is."""
    before = garbage.count
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as far:
        far.bind((ADDRESS, 0))
        port = far.getsockname()[1]
        own = b"Via: SIP/2.0/UDP [::1]:%d;rport;branch=z9hG4bKx%d\nVia:" % (port, port)
        datagram = re.sub(rb"(?im)^(?:via|v)[ \t]*:", own, written.datagram, count=1)
        datagram = datagram if damage is None else damage(datagram.lstrip())
        far.sendto(datagram, (ADDRESS, bench.receiver_port))
        far.settimeout(0.01)
        answer = b""
        for _ in range(100):
            run_loop(timeout_s=0.01)
            try:
                answer = far.recv(65535)
                break
            except TimeoutError:
                continue
    assert answer.startswith(b"SIP/2.0 "), datagram
    code = int(answer[8:11])
    assert code in ((200, 481, 501, 405) if damage is None else (400, 505)), (datagram, answer)
    assert garbage.count == before + (damage is not None)


FILLERS = [
    b" ",
    b"\t",
    b"\r",
    b"\n",
    b"a",
    b'"',
    b"\\",
    b"<",
    b">",
    b";",
    b",",
    b"=",
    b"/",
    b":",
    b"@",
    b"%",
    b'\\"',
    b"a,",
    b"\r\n ",
    b'""',
    b"<>",
    b"\xff",
    b"[",
    b"-",
]
PLACES = [
    b"INVITE @ sip:a@b SIP/2.0", b"SIP/2.0 200@", b"Via: @", b"Via: SIP/2.0/UDP x@", b"From: @",
    b"From: <sip:a@@b>@", b"To:@", b"Call-ID:@", b"CSeq: 1@", b"Contact: <sip:a@", b"Require: @", b"Reason: Q.850@",
    b"Content-Type: multipart/mixed;boundary=a@", b"X-Voice-Call:@", b"\r\n\r\n@",
]  # fmt: skip


@pytest.mark.parametrize("filler", FILLERS)
def test_no_datagram_takes_long_whatever_is_in_it(filler: bytes):
    """Anybody may send 65,535 octets of what a pattern likes least, and answers are not even screened."""
    lines = {
        b"Via": b"Via: SIP/2.0/UDP x",
        b"From": b"From: <sip:a@b>;tag=1",
        b"To": b"To: <sip:a@b>",
        b"Call-ID": b"Call-ID: x",
        b"CSeq": b"CSeq: 1 INVITE",
    }
    for place in PLACES:
        text = place.replace(b"@", filler * (60_000 // len(filler)), 1)
        others = [line for name, line in lines.items() if not place.startswith(name)]
        head = [] if place.startswith((b"INVITE", b"SIP")) else [b"INVITE sip:a@b SIP/2.0"]
        datagram = b"\r\n".join([*head, text, *others, b"", b"v=0"])
        begun = time.perf_counter()
        called(datagram)
        frame = framed(datagram)
        try:
            message = understood(frame)
            description(message)
            grammar.reasons(message.all("reason"))
        except MessageError as error:
            refusals.refusal(frame, error, ("[::1]", 1), b"x", len(datagram))
        assert time.perf_counter() - begun < 1.0, place


@pytest.mark.parametrize(
    ("uri", "domain", "made"),
    [
        (
            "tel:+44-20-7183;ext=1",
            "sip:a@h:5070;transport=tcp",
            "sip:+44-20-7183;ext=1@h:5070;transport=tcp;user=phone",
        ),
        ("TEL:*21#;phone-context=x", "sips:h", "sips:*21%23;phone-context=x@h;user=phone"),
    ],
)
def test_a_telephone_number_has_a_uri_in_every_domain(uri: str, domain: str, made: str):
    """RFC 3261, section 19.1.6."""
    assert SipUri.parse(uri).at(SipUri.parse(domain)).text == made


@pytest.mark.parametrize(
    "text",
    [
        'Authorization Digest username="x", response="6629fae49393a05397450978507c4ef1"',
        "x" * 70 + ";response=6629fae49393a05397450978507c4ef1",
        "sip:bob:6629fae4@example.com",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:6629fae4",
    ],
)
def test_what_people_are_shown_of_a_bad_value_holds_no_secret(text: str):
    assert "6629fae4" not in grammar.shown(text)
