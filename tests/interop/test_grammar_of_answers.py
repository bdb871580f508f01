"""What far ends answer, by the grammar of URIs and header fields (kind 3): RFC 3261 §25, RFC 3966 (tel:), RFC 4694
(npdi, rn, cic), RFC 3986.

Each row: what the far end says, and what we do. Sources: the RFC's section, RFC 4475 and RFC 5118 (torture tests) by
the names of their messages, or the public report that a row names.
"""

# ruff: noqa: E501 - a row of a table is one line
from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.scripted import QUIET
from tests.interop.wires import HEAD, Answers, Called, Wire, call_all, changed, header
from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.signalling.redirect import callable_at

pytestmark = QUIET

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
