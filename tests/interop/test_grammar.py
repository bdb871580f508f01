"""URIs and header fields by their grammar (kind 3): RFC 3261 §25, RFC 3966 (tel:), RFC 4694 (npdi, rn, cic), RFC 3986.

Each row: what the far end sends, and what we do. What is not understood is answered 400, 416, 420 or 505, told of in the
log with the reason, and counted. Sources: the RFC's section, RFC 4475 and RFC 5118 (torture tests) by the names of their
messages, or the public report that a row names.
"""

# ruff: noqa: E501 - a row of a table is one line
from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.interop.scripted import QUIET
from tests.interop.wires import (
    HEAD,
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
    target,
)
from tests.ports import free_udp_port
from tests.unit.sipapp.bench import ADDRESS, Bench, a_probe, header_of
from voice_sipapp.plan.sipuri import SipUri, SipUriError, UnknownSchemeError
from voice_sipapp.records import calluuid
from voice_sipapp.signalling.redirect import callable_at
from voice_sipapp.signalling.screening import Limits, Rate
from voice_sipapp.signalling.sip.endpoint import Endpoint
from voice_sipapp.signalling.sip.events import Invite
from voice_sipapp.signalling.sip.garbage import garbage

pytestmark = QUIET
UNLIMITED = Rate(10_000, 10_000)

# --- where a 200 says that requests go ----------------------------------------------------------------------------------

CONTACTS: dict[str, tuple[bytes, str]] = {
    # what the Contact says: its value, the Request-URI of our BYE ("": the destination's)
    "ported number (RFC 4694; freeswitch #2824)": (b"<sip:+442071838750;npdi;rn=+442071838000@[::1]:@port>", "sip:+442071838750;npdi;rn=+442071838000@[::1]:@port"),
    "carrier code (RFC 4694)": (b"<sip:+1202;cic=+1-222@[::1]:@port;user=phone>", "sip:+1202;cic=+1-222@[::1]:@port;user=phone"),
    "extension and subaddress (RFC 3966)": (b"<sip:+4420;ext=7042;isub=12@[::1]:@port>", "sip:+4420;ext=7042;isub=12@[::1]:@port"),
    "context (RFC 3966)": (b"<sip:7042;phone-context=example.net@[::1]:@port>", "sip:7042;phone-context=example.net@[::1]:@port"),
    "escapes stay (RFC 3261 §19.1.2)": (b"<sip:%2B44%20x%40y@[::1]:@port>", "sip:%2B44%20x%40y@[::1]:@port"),
    "reserved characters in the user": (b"<sip:a&b=c+d$e,f?g/h@[::1]:@port>", "sip:a&b=c+d$e,f?g/h@[::1]:@port"),
    "# in the user (SIP.js #560)": (b"<sip:PBX#1000#9054@[::1]:@port>", "sip:PBX#1000#9054@[::1]:@port"),
    "parameters that nobody knows": (b"<sip:far@[::1]:@port;x-tgrp=a;trunk-context=b.c;ob>", "sip:far@[::1]:@port;x-tgrp=a;trunk-context=b.c;ob"),
    "a parameter in quotation marks (jain-sip #168)": (b'<sip:far@[::1]:@port;x-tiu="VGhd+/==">', 'sip:far@[::1]:@port;x-tiu="VGhd+/=="'),
    "no user": (b"<sip:[::1]:@port>", "sip:[::1]:@port"),
    "sips": (b"<sips:far@[::1]:@port>", "sips:far@[::1]:@port"),
    "a scheme in capitals": (b"<SIP:far@[::1]:@port>", "SIP:far@[::1]:@port"),
    "an IPv6 address in full (pkts #129)": (b"<sip:far@[0000:0:0:0:0:0:0:0001]:@port>", "sip:far@[0000:0:0:0:0:0:0:0001]:@port"),
    "maddr (RFC 3261 §19.1.1)": (b"<sip:far@sbc.example.invalid:@port;maddr=[::1]>", "sip:far@sbc.example.invalid:@port;maddr=[::1]"),
    "a name, which is not looked up": (b"<sip:far@sbc.example.invalid>", "sip:far@sbc.example.invalid"),
    "a name with an underscore and a dot at its end (kamailio #2204)": (b"<sip:far@sbc_1.example.invalid.>", "sip:far@sbc_1.example.invalid."),
    "header fields are left out (RFC 3261 §19.1.5)": (b"<sip:far@[::1]:@port?Subject=a%20b&Route=%3Csip:x%3E>", "sip:far@[::1]:@port"),
    "the method is left out": (b"<sip:far@[::1]:@port;method=INVITE;ob>", "sip:far@[::1]:@port;ob"),
    "without < >, parameters are the header's (RFC 3261 §20.10)": (b"sip:far@[::1]:@port;q=0.5;expires=60", "sip:far@[::1]:@port"),
    "an instance with < > in it (resiprocate #403)": (b'sip:far@[::1]:@port;+sip.instance="<urn:gsma:imei:3-0>";+g.x="a,b"', "sip:far@[::1]:@port"),
    "a name with a comma": (b'"Far, End" <sip:far@[::1]:@port>', "sip:far@[::1]:@port"),
    "a name with quotation marks and < > in it": (b'"a \\"<sip:x@y>\\" b" <sip:far@[::1]:@port>;x', "sip:far@[::1]:@port"),
    "a name in UTF-8": ('"Zürich 通話" <sip:far@[::1]:@port>'.encode(), "sip:far@[::1]:@port"),
    "a name in UTF-8, without quotation marks": ("Zürich 通話 <sip:far@[::1]:@port>".encode(), "sip:far@[::1]:@port"),
    "a name that is empty (sip-js #3)": (b'"" <sip:far@[::1]:@port>', "sip:far@[::1]:@port"),
    "a name in two pairs of quotation marks (nksip #20)": (b'""unknown"" <sip:far@[::1]:@port>', "sip:far@[::1]:@port"),
    "no space before < (RFC 4475 lwsdisp)": (b"far<sip:far@[::1]:@port>", "sip:far@[::1]:@port"),
    "spaces everywhere": (b'"far"   < sip:far@[::1]:@port >  ; q  =  0.5 ;  x', "sip:far@[::1]:@port"),
    "parameters without anything (RFC 4475 badinv01)": (b"<sip:far@[::1]:@port>;;;", "sip:far@[::1]:@port"),
    "two of them": (b"<sip:far@[::1]:@port>;q=0.5, <sip:other@[::1]:9>", "sip:far@[::1]:@port"),
    "a telephone number": (b"<tel:+44-20-7183-8750>", "tel:+44-20-7183-8750"),
    "a local number (RFC 3966)": (b"<tel:7042;phone-context=example.net>", "tel:7042;phone-context=example.net"),
    "one of another kind before one of SIP (pjproject #585)": (b"<mailto:far@example.net>, <sip:far@[::1]:@port>", "sip:far@[::1]:@port"),
    "one of another kind": (b"<mailto:far@example.net>", ""),
    "an asterisk": (b"*", ""),
    "nothing that means anything": (b"<sip:far@[::1", ""),
}  # fmt: skip


def answering(head: tuple[bytes, ...]) -> Answers:
    return lambda far, invite: far.say(invite, head)


TO = b"To: @to;tag=far-end"
HEADS: dict[str, tuple[bytes, ...]] = {
    "no Contact": changed(contact=None),
    "To without a tag (RFC 2543; RFC 3261 §12.1.2)": changed(to=b"To: @to"),
    "To with its tag between others": changed(to=b"To: @to;epid=a22e;tag=far-end;x"),
    "To in spaces (RFC 4475 wsinv)": changed(to=b"To :\r\n @to ;   tag    = far-end"),
    "Timestamp, Date, and nonsense nobody needs": (*HEAD, b"Timestamp: 54.1 0.1", b"Date: Fri, 01 Jan 2010 16:00:00 EST", b"UnknownHeaderWithUnusualValue: ;;,,;;,;", b"Warning: bad", b"Retry-After: 9494930283850302834930402398"),
    "lines that are no header fields, which are nobody's": (*HEAD[:4], b"nothing at all\r\n and more of it", b"X Strange Name: y", "X-É: y".encode(), *HEAD[4:]),
    "a Content-Type that says nothing": changed(content_type=b"Content-Type:"),
    "empty header fields": (*HEAD, b"Supported:", b"s :", b"Allow: "),
    "P-Asserted-Identity with a telephone number": (*HEAD, b'P-Asserted-Identity: "Far" <tel:+442071838750>, <sip:+44@x>'),
    "P-Asserted-Identity in another alphabet (doubango #333)": (*HEAD, "P-Asserted-Identity: 中文 <sip:a@b>".encode()),
    "a Record-Route that leads nowhere": (*HEAD, b"Record-Route: <sip:[::1"),
    "a Record-Route that is a name": (*HEAD, b"Record-Route: <sip:[2001:db8::1];r2=on;lr>, <sip:sbc_1.example.invalid.;lr=on;ftag=x>"),
    "names of header fields in any case": changed(contact=b"cOnTaCt:<sip:far@[::1]:@port>", content_type=b"CONTENT-TYPE:application/sdp"),
    "one authentication that is no challenge (RFC 4475 regaut01)": (*HEAD, b'WWW-Authenticate: NoOneKnowsThisScheme opaque-data=here', b"Authentication-Info: x"),
    "Also and Replaces, which are not for us": (*HEAD, b"Also: nonsense<", b"Replaces: x;y", b"Refer-To: <"),
    "RFC 5118 §4.5: received in brackets (SIP.js #594, pjproject #2266)": (*HEAD[:1], b"@vias;received=[::1]", *HEAD[2:]),
    "RFC 5118 §4.5: received without brackets (ersip #30)": (*HEAD[:1], b"@vias;received=::1;rport=5060", *HEAD[2:]),
    "Require of what we know": (*HEAD, b"Require: timer", b"Session-Expires: 1800;refresher=uas"),
}  # fmt: skip


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Called]:
    contacts = {name: answering(changed(contact=b"Contact: " + value)) for name, (value, _) in CONTACTS.items()}
    table = {**contacts, **{name: answering(head) for name, head in HEADS.items()}}
    return call_all(tmp_path_factory.mktemp("answered"), table)


@pytest.mark.parametrize("name", CONTACTS)
def test_a_call_is_answered_and_ended_where_the_contact_says_as_it_says(answered: dict[str, Called], name: str):
    call, far = answered[name].cdr.call, answered[name].far
    assert (call.disposition, call.sip_code, call.hangup_by) == ("answered", 200, "local")
    wanted = (CONTACTS[name][1] or "sip:+442071838750@[::1]:@port").replace("@port", str(far.port))
    for method in (b"ACK", b"BYE"):
        (one,) = far.requests(method)
        assert one.decode().split("\r\n")[0] == f"{method.decode()} {wanted} SIP/2.0"


@pytest.mark.parametrize("name", HEADS)
def test_an_answer_is_understood_however_its_head_is_written(answered: dict[str, Called], name: str):
    call, far = answered[name].cdr.call, answered[name].far
    assert (call.disposition, call.sip_code, call.hangup_by) == ("answered", 200, "local")
    assert len(far.requests(b"ACK")) == len(far.requests(b"BYE")) == 1


# --- where a 302 points to ----------------------------------------------------------------------------------------------

MOVED: dict[str, tuple[bytes, str]] = {
    # what the Contact says: its value, the Request-URI of the next INVITE
    "ported number (RFC 4694, section 4)": (b"<sip:+442071838750;npdi;rn=+442071838000@[::1]:@port>", "sip:+442071838750;npdi;rn=+442071838000@[::1]:@port"),
    "without < >": (b"sip:new@[::1]:@port;q=1.0", "sip:new@[::1]:@port"),
    "diversion in its header fields": (b"<sip:new@[::1]:@port?Diversion=%3Csip:a@b%3E>", "sip:new@[::1]:@port"),
    "to be invited": (b"<sip:new@[::1]:@port;method=INVITE>", "sip:new@[::1]:@port"),
    "a telephone number (RFC 3261 §19.1.6)": (b"<tel:+44-20-7183-8751>", "sip:+44-20-7183-8751@[::1]:@port;user=phone"),
    "a telephone number with parameters (RFC 4694)": (b"tel:+442071838751;npdi", "sip:+442071838751@[::1]:@port;user=phone"),
    "a telephone number with parameters, in < >": (b"<tel:+442071838751;npdi;rn=+44>", "sip:+442071838751;npdi;rn=+44@[::1]:@port;user=phone"),
    "escapes": (b"<sip:%2B44@[::1]:@port>", "sip:%2B44@[::1]:@port"),
    "a name in UTF-8": ('"Ñandú" <sip:new@[::1]:@port>;q=0.1'.encode(), "sip:new@[::1]:@port"),
}  # fmt: skip


def moved(value: bytes) -> Answers:
    def answers(far: Wire, invite: bytes) -> bytes:
        first = len({header(each, b"CSeq") for each in far.requests(b"INVITE")}) == 1
        line = b"SIP/2.0 302 Moved Temporarily" if first else b"SIP/2.0 486 Busy Here"
        return far.say(
            invite, changed(first=line, contact=b"Contact: " + value if first else None, content_type=None), b""
        )

    return answers


def test_a_redirected_call_is_followed_as_the_contact_is_written(tmp_path: Path):
    for name, called in call_all(tmp_path, {name: moved(value) for name, (value, _) in MOVED.items()}).items():
        call, far = called.cdr.call, called.far
        assert (call.disposition, call.sip_code, call.redirects, call.valid) == ("busy", 486, 1, True), (
            name,
            call.sip_reason,
        )
        wanted = MOVED[name][1].replace("@port", str(far.port))
        assert far.requests(b"INVITE")[-1].decode().split("\r\n")[0] == f"INVITE {wanted} SIP/2.0", name


@pytest.mark.parametrize("uri", ["mailto:a@b", "sip:a@b;method=BYE", "urn:service:sos", "sip:[::1", "http://x"])
def test_a_redirect_to_what_can_not_be_invited_says_so(uri: str):
    with pytest.raises(ValueError, match="redirected to"):
        callable_at(uri, SipUri.parse("sip:a@b"))


# --- URIs of ours -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("destination", "dialer"),
    [
        ("sip:+442071838750;npdi;rn=+442071838000@[::1]:{};user=phone", "sip:%2B44@voice.example.net"),
        ("SIP:a&b=c+d$e,f?g/h@[::1]:{}", "sip:o'brien@voice.example.net"),
        ("sip:%C3%A9%20@[::1]:{};x-tgrp=a&b;maddr=[::1]", "tel:+44-20-7183-8750;ext=7"),
    ],
)
def test_a_request_names_whom_it_is_for_and_from_as_they_are_written(tmp_path: Path, destination: str, dialer: str):
    with a_bench(tmp_path) as bench:
        port = free_udp_port(ADDRESS)
        heard = heard_by(bench, port, target(port, destination), dialer)
    text = target(port, destination).text
    assert heard.startswith(f"INVITE {text} SIP/2.0\r\n")
    assert f"\r\nTo: <{text}>\r\n" in heard
    assert f"\r\nFrom: <{dialer}>;tag=" in heard


def test_a_telephone_number_is_called_by_way_of_the_proxy_and_not_without(tmp_path: Path):
    number = SipUri.parse("tel:+44-20-7183-8750")
    with a_bench(tmp_path) as bench:
        port = free_udp_port(ADDRESS)
        heard = heard_by(bench, port, number, "sip:a@b", proxy=target(port, "sip:[::1]:{}"))
        assert heard.startswith("INVITE tel:+44-20-7183-8750 SIP/2.0\r\n")
        call = bench.call(port, destination=number, probe="without").call
    assert call.disposition == "configuration_error"
    assert "names no host to send to" in (call.sip_reason or "")


def heard_by(bench: Bench, port: int, destination: SipUri, dialer: str, **more: object) -> str:
    """The INVITE that a call makes; its far end is busy."""
    bench.far_ends.append(Endpoint(ADDRESS, port))
    bench.far_ends[-1].listen(lambda _: None)
    cdr = bench.call(port, destination=destination, dialer=SipUri.parse(dialer), **more)
    assert cdr.call.disposition == "busy", cdr.call.sip_reason
    bench.cdrs.clear()
    (ladder,) = cdr.ladders
    return str(json.loads(ladder.messages)[0]["text"])


URIS: dict[str, tuple[str, str | None, str, int | None]] = {
    # text: scheme, user, host, port
    "sip:alice@atlanta.com": ("sip", "alice", "atlanta.com", None),
    "sip:alice:secretword@atlanta.com;transport=tcp": ("sip", "alice", "atlanta.com", None),
    "sips:alice@atlanta.com?subject=project%20x&priority=urgent": ("sips", "alice", "atlanta.com", None),
    "sip:+1-212-555-1212:1234@gateway.com;user=phone": ("sip", "+1-212-555-1212", "gateway.com", None),
    "sips:1212@gateway.com": ("sips", "1212", "gateway.com", None),
    "sip:alice@192.0.2.4": ("sip", "alice", "192.0.2.4", None),
    "sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com": ("sip", None, "atlanta.com", None),
    "sip:alice;day=tuesday@atlanta.com": ("sip", "alice", "atlanta.com", None),
    "sip:user;par=u%40example.net@example.com": ("sip", "user", "example.com", None),
    "sip:null-%00-null@example.com": ("sip", "null-\0-null", "example.com", None),
    "sip:[2001:db8::10]": ("sip", None, "[2001:db8::10]", None),
    "sip:[2001:db8::10]:5070;lr": ("sip", None, "[2001:db8::10]", 5070),
    "sip:user@[2001:db8::192.0.2.1]": ("sip", "user", "[2001:db8::192.0.2.1]", None),
    "sip:alice@[fe80::1%25eth0]:5060 ".strip(): ("sip", "alice", "[fe80::1%25eth0]", 5060),
    "sip:foo@1.2.3.4:": ("sip", "foo", "1.2.3.4", None),
    "sip:a@b.": ("sip", "a", "b.", None),
    "sip:a@_x_.y_z": ("sip", "a", "_x_.y_z", None),
    "tel:+1-201-555-0123": ("tel", "+1-201-555-0123", "", None),
    "tel:7042;phone-context=example.com": ("tel", "7042", "", None),
    "tel:863-1234;phone-context=+1-914-555": ("tel", "863-1234", "", None),
    "TEL:*21%23;phone-context=+44": ("tel", "*21#", "", None),
}
"""The examples of RFC 3261 §19.1.3, RFC 3966 §5 and RFC 4475, and looser ones."""


@pytest.mark.parametrize("text", URIS)
def test_a_uri_is_what_its_parts_are(text: str):
    uri = SipUri.parse(text)
    assert (uri.scheme, uri.user, uri.host, uri.port, uri.text) == (*URIS[text], text)


@pytest.mark.parametrize(
    "text",
    [
        "sip:", "sip:@b", "sip:a b@c", "sip:a@b c", "sip:a@b:99999", "sip:2001:db8::1", "sip:a@[1::2::3]", "sip:a@[", "sip:a@b@c", "<sip:a@b>", "sip:a@", "sip:a@b\r\nVia: x",
        "sip://a.b", "tel:", "tel:+", "tel:+44;", "tel:zz", "a@b", "", "sip", "sip:a@foo..bar", "sip:" + "a" * 2100 + "@b",
    ],
)  # fmt: skip
def test_what_is_no_uri_is_refused(text: str):
    with pytest.raises(SipUriError, match="is no SIP URI"):
        SipUri.parse(text)


@pytest.mark.parametrize(
    "text", ["nobodyKnowsThisScheme:totallyopaquecontent", "soap.beep://192.0.2.103:3002", "mailto:a@b"]
)
def test_a_uri_of_another_scheme_is_one(text: str):
    with pytest.raises(UnknownSchemeError):
        SipUri.parse(text)


# --- what is asked of the receiver --------------------------------------------------------------------------------------

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
