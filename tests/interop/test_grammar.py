"""What the receiver is asked, by the grammar of URIs and header fields (kind 3): RFC 3261 §25, RFC 3966 (tel:), RFC
4694 (npdi, rn, cic), RFC 3986.

Each row: what the far end sends, and what we do. What is not understood is answered 400, 416, 420 or 505, told of in
the log with the reason, and counted. Sources: the RFC's section, RFC 4475 and RFC 5118 (torture tests) by the names of
their messages, or the public report that a row names.
"""

# ruff: noqa: E501 - a row of a table is one line
from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.interop.scripted import QUIET
from tests.interop.wires import Asked, a_bench, ask_all, header, request
from tests.unit.sipapp.bench import a_probe, header_of
from voice_sipapp.records import calluuid
from voice_sipapp.signalling.screening import Limits, Rate
from voice_sipapp.signalling.sip.events import Invite
from voice_sipapp.signalling.sip.garbage import garbage

pytestmark = QUIET
UNLIMITED = Rate(10_000, 10_000)

SIPS_TAG = "To: <sip:nobody@[::1]>;tag=1918181833n"
LONG = "a" * 2000

REQUESTS: dict[str, tuple[int, str, bytes]] = {
    # what is asked: the code of the answer, what the log says ("": nothing), the request
    # understood; 486 where nobody is called, 481 within a dialog that is none
    "wsinv: spaces and folds wherever they may be": (481, "", (
        b"INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0\r\nTO :\r\n sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n\r\n"
        b'from   : "J Rosenberg \\\\\\""       <sip:jdrosen@example.com>\r\n  ;\r\n  tag = 98asjd8\r\nMaX-fOrWaRdS: 0068\r\nCall-ID: wsinv.ndaksdj@192.0.2.1\r\n'
        b"Content-Length   : 0\r\ncseq: 0009\r\n  INVITE\r\nVia  : SIP  /   2.0\r\n /UDP\r\n    [::1]:@port;branch=390skdjuw\r\ns :\r\n"
        b"NewFangledHeader:   newfangled value\r\n continued newfangled value\r\nUnknownHeaderWithUnusualValue: ;;,,;;,;\r\n"
        b"Route:\r\n <sip:services.example.com;lr;unknownwith=value;unknown-no-value>\r\n"
        b"v:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239\r\n"
        b'm:"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =\r\n      newvalue ;\r\n  secondparam ; q = 0.33\r\n\r\n'
    )),
    "intmeth: a method of every character": (501, "", request("!interesting-Method0123456789_*+`.%indeed'~")),
    "esc02: a method that is escaped is another one": (501, "", request("RE%47IST%45R")),
    "semiuri": (486, "", request("INVITE", uri="sip:user;par=u%40example.net@example.com")),
    "escnull": (486, "", request("INVITE", uri="sip:null-%00-null@example.com", To="To: sip:null-%00-null@example.com")),
    "lwsdisp": (200, "", request(From="From: caller<sip:caller@example.com>;tag=323")),
    "longreq: long values": (200, "", request("OPTIONS", *(f"Via: SIP/2.0/TCP sip{n}.example.com;branch=z9hG4bK{LONG[:60]}{n}" for n in range(33)), To=f'To: "I have {LONG}" <sip:a@b;x={LONG[:1500]}>')),
    "transports: Via of any transport": (200, "", request("OPTIONS", "Via: SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKkdjuw", "Via: SIP/2.0/SCTP t2.example.com,SIP/2.0/TLS t3.example.com")),
    "unksm2: From and To of any scheme": (200, "", request(From='From: "x" <name:John_Smith>;tag=1', To="To: isbn:2983792873")),
    "inv2543: as RFC 2543 had it": (486, "", request("INVITE", Via="Via: SIP/2.0/UDP [::1]:@port", From="From: <sip:+13035551111@ift.client.example.net;user=phone>", Contact=None, Max_Forwards=None)),
    "zeromf: for the last hop": (200, "", request(Max_Forwards="Max-Forwards: 0")),
    "no Max-Forwards": (200, "", request(Max_Forwards=None)),
    "Proxy-Require is not for us (RFC 3261 §8.2.2.3)": (200, "", request("OPTIONS", "Proxy-Require: nothingSupportsThis")),
    "regaut01: an authorisation of another scheme": (405, "", request("REGISTER", "Authorization: NoOneKnowsThisScheme opaque-data=here")),
    "a REGISTER with an asterisk": (405, "", request("REGISTER", Contact="Contact: *")),
    "tel: as the Request-URI": (486, "", request("INVITE", uri="tel:+442071838750")),
    "tel: everywhere": (486, "", request("INVITE", 'P-Asserted-Identity: <tel:+442071838750>', uri="tel:+442071838750;npdi;rn=+44", From="From: <tel:+44207>;tag=1", To="To: tel:+442071838750", Contact="Contact: <tel:+44207>")),
    "sips: as the Request-URI": (486, "", request("INVITE", uri="sips:+442071838750@[::1]")),
    "telephone parameters and a password": (486, "", request("INVITE", uri="sip:+4420;ext=7;isub=1:pw@[::1];user=phone;x-y")),
    "header fields in the Request-URI are passed over (RFC 4475 escruri)": (486, "", request("INVITE", uri="sip:user@example.com?Route=%3Csip:sip.example.com%3E")),
    "more than one space in the first line (RFC 4475 lwsstart)": (200, "", request().replace(b"OPTIONS sip", b"OPTIONS  sip").replace(b" SIP/2.0\r\n", b"  SIP/2.0\r\n", 1)),
    "spaces at the end of the first line (RFC 4475 trws)": (200, "", request().replace(b" SIP/2.0\r\n", b" SIP/2.0  \r\n", 1)),
    "a display name without quotation marks (RFC 4475 baddn)": (200, "", request(From="From: Bell, Alexander <sip:a.g.bell@example.com>;tag=43")),
    "a display name, and no < > (SIP.js #100)": (200, "", request(From='From: "Anonymous" sip:anonymous@synthesis-switch.e164;tag=as4b6e3ad0')),
    "a host with an underscore (SIP.js #737)": (200, "", request(From='From: "super@user <SUPER USER>" <sip:0845035432@enlite_dev>;tag=b2d2')),
    "a name in UTF-8": (200, "", request(From='From: "Zürich" <sip:a@b>;tag=1')),
    "a Via that asks for the port (RFC 3581)": (200, "", request(Via="Via: SIP/2.0/UDP [2001:db8::99]:9;rport;branch=z9hG4bK1")),
    "a Via with received of its own": (200, "", request(Via="Via: SIP/2.0/UDP [::1]:@port;received=192.0.2.1;branch=z9hG4bK2")),
    "a Via without a port would be answered at 5060": (0, "", request(Via="Via: SIP/2.0/UDP [::1];branch=z9hG4bK3")),
    "RFC 5118 §4.7: more than one address in a Via list": (200, "", request("OPTIONS", "Via: SIP/2.0/UDP 192.0.2.1;received=192.0.2.30;branch=z9hG4bKas3-111,SIP/2.0/UDP [2001:db8:9::1]")),
    # not understood
    "badinv01: parameters that are none in Via": (400, "is no parameter", request(Via="Via: SIP/2.0/UDP [::1]:@port;;,;,,")),
    "badinv01: parameters that are none in Contact": (400, "is no parameter", request("INVITE", Contact='Contact: "Joe" <sip:joe@example.org>;;;;')),
    "scalar02: a CSeq that is too large": (400, "is no CSeq", request(CSeq="CSeq: 36893488147419103232 OPTIONS")),
    "scalar02: Max-Forwards that is too large": (400, "is no Max-Forwards", request(Max_Forwards="Max-Forwards: 300")),
    "quotbal: a quotation mark that is not closed": (400, "is no address", request(To='To: "Mr. J. User <sip:j.user@example.com>')),
    "ltgtruri: < > around the Request-URI": (400, "which is no URI", request("INVITE", uri="<sip:user@example.com>")),
    "lwsruri: a space in the Request-URI": (400, "which is no URI", request("INVITE", uri="sip:user@example.com; lr")),
    "regbadct: header fields of a URI without < >": (400, "is no address", request("REGISTER", Contact="Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E")),
    "badaspec: no scheme": (400, "is no address", request(To='To: "Watson, Thomas" < t.watson@example.org >')),
    "badvers: of another version": (505, "it is of SIP/7.0", request().replace(b"SIP/2.0\r\n", b"SIP/7.0\r\n", 1)),
    "mismatch01: a CSeq of another method": (400, "and it is", request(CSeq="CSeq: 8 INVITE")),
    "mismatch02: a CSeq of another method, unknown too": (400, "and it is", request("NEWMETHOD", CSeq="CSeq: 8 INVITE")),
    "insuf: no Call-ID": (400, "it has no Call-ID", request("INVITE", Call_ID=None)),
    "insuf: no From": (400, "it has no From", request("INVITE", From=None)),
    "insuf: no To": (400, "it has no To", request("INVITE", To=None)),
    "no CSeq": (400, "it has no CSeq", request(CSeq=None)),
    "no Via": (400, "it has no Via", request(Via=None)),
    "an empty Call-ID": (400, "it has no Call-ID", request(Call_ID="Call-ID:")),
    "unkscm: a Request-URI of no scheme that anybody knows": (416, "it asks for", request("OPTIONS", uri="nobodyKnowsThisScheme:totallyopaquecontent")),
    "novelsc: a Request-URI of a scheme of something else": (416, "it asks for", request("INVITE", uri="soap.beep://192.0.2.103:3002")),
    "a service (RFC 5031)": (416, "it asks for", request("INVITE", uri="urn:service:sos")),
    "bext01: what we do not know is required": (420, "it requires", request("OPTIONS", "Require: nothingSupportsThis, nothingSupportsThisEither")),
    "within a dialog too": (420, "it requires", request("BYE", "Require: foo", To=SIPS_TAG)),
    "multi01: more than one of what there is one": (400, "it has more than one", request("INVITE", "CSeq: 59 INVITE", "From: sip:a@b;tag=9")),
    "RFC 5118 §4.2: an IPv6 address without brackets": (400, "which is no URI", request("INVITE", uri="sip:2001:db8::10")),
    "RFC 5118 §4.10: three colons": (400, "is no SIP URI", request("INVITE", Contact="Contact: <sip:user@[2001:db8:::10]>")),
    "kamailio #363: an IPv6 address without brackets in Via": (400, "is no Via", request(Via="Via: SIP/2.0/UDP FFFF:67C:FFD8:E07F:0:0:0:8:5060;branch=0")),
    "a port that does not exist": (400, "a port that does not exist", request(Via="Via: SIP/2.0/UDP [::1]:99999;rport;branch=z9hG4bK4")),
    "a Contact that nobody can be called at": (400, "can't be called", request("INVITE", Contact="Contact: <mailto:caller@example.net>")),
    "an asterisk as the Contact of an INVITE": (400, "is no address", request("INVITE", Contact="Contact: *")),
    "a Record-Route that is a number": (400, "is no Record-Route", request("INVITE", "Record-Route: <tel:+44>")),
    "a line without a colon": (400, "is no header field", request("OPTIONS", "nothing at all")),
    "a header field without a name": (400, "is no header field", request("OPTIONS", ": nothing")),
    "header fields without end": (400, "lines before its body", request("OPTIONS", *(f"X-{n}: y" for n in range(600)))),
    "a method that is none": (400, "is no method", request("OPTIONS@")),
    "JsSIP #125: From that means nothing": (400, "is no address", request(From="From: nobody")),
}  # fmt: skip


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Asked], list[str], int]]:
    """Every request at once; the answers, what was logged, and how many were counted."""
    heard: list[str] = []
    listener = logging.Handler()
    listener.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("voice_sipapp").addHandler(listener)
    garbage._next_line.clear()
    with a_bench(tmp_path_factory.mktemp("bench")) as bench:
        before = garbage.count
        bench.restart(limits=Limits(total=UNLIMITED, source=UNLIMITED, known=UNLIMITED))
        yield ask_all(bench, {name: row[2] for name, row in REQUESTS.items()}, 1.0), heard, garbage.count - before
    logging.getLogger("voice_sipapp").removeHandler(listener)


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_understood_or_refused_with_the_reason(asked: tuple[dict[str, Asked], list[str], int], name: str):
    answers, logged, _ = asked
    code, words, _ = REQUESTS[name]
    assert answers[name].code == code, (answers[name].answers, answers[name].sent)
    assert not words or any(words in line for line in logged), "the log tells the reason"
    if code in (400, 416, 420, 505):
        assert len(answers[name].final) <= len(answers[name].sent), "nobody gets more out than in"
    if code == 420:
        assert b"\r\nUnsupported: " in answers[name].final
    if code and b"\r\nVia:" in answers[name].sent:
        for field in (b"Call-ID", b"CSeq"):
            assert (
                header(answers[name].final, field).split() == header(answers[name].sent, field).split()
                or field == b"CSeq"
            )


def test_each_that_is_not_understood_is_counted(asked: tuple[dict[str, Asked], list[str], int]):
    assert asked[2] == sum(bool(words) for _, words, _ in REQUESTS.values())


USERS = {
    # what the INVITE is for (Request-URI, To): whom we take for called
    ("sip:+442071838750@[::1]", "<sip:x@y>"): ("+442071838750", "x"),
    ("tel:+442071838750", "<tel:+44-20>"): ("+442071838750", "+44-20"),
    ("sip:+442071838750;npdi;rn=+44@[::1];user=phone", "<sip:+4420;ext=1@y>"): ("+442071838750", "+4420"),
    ("sip:%2B442071838750:pw@[::1]", "<sip:%2b4420@y>"): ("+442071838750", "+4420"),
    ("sip:[::1]", '"+44" <sip:y>'): (None, None),
    ("sip:7042;phone-context=example.net@x", "<isbn:2983792873>"): ("7042", None),
}


def test_whom_an_invite_calls_is_seen_however_it_is_written(tmp_path: Path):
    with a_bench(tmp_path) as bench:
        seen: list[Invite] = []
        bench.station.receiver.listen(seen.append)
        for number, (uri, to) in enumerate(USERS):
            ask_all(bench, {str(number): request("INVITE", uri=uri, To=f"To: {to}")}, 0.15)
    assert [(each.request_user, each.to_user) for each in seen] == list(USERS.values())


def test_a_100_repeats_the_timestamp(tmp_path: Path):
    """RFC 3261 §8.2.6.1: whoever asks measures the time by it."""
    with a_bench(tmp_path) as bench:
        bench.caller.reception.probes = [a_probe(9, suspended=True)]
        call = f"X-Voice-Call: {header_of(bench, calluuid.new(datetime.now(UTC)))}"
        answers = ask_all(bench, {"one": request("INVITE", call, "Timestamp: 54.21")}, 0.4)["one"].answers
    assert answers[0].startswith(b"SIP/2.0 100 ")
    assert b"\r\nTimestamp: 54.21" in answers[0]
