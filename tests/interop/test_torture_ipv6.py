"""The messages of RFC 5118 (torture tests for IPv6), one by one, by their names there: each comes to the receiver."""

# ruff: noqa: E501 - a line of a message is one line
from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.scripted import QUIET
from tests.interop.stage import HOME
from tests.interop.torture import Outcome, Torture, ask_each, check, of_ours
from tests.interop.wires import call_all, changed, header, request

pytestmark = QUIET

VIA = "Via: SIP/2.0/UDP [::1]:@port;branch=z9hG4bKas3"
NO_REGISTRAR = (b"SIP/2.0 405 Method Not Allowed\r\n", b"\r\nAllow: INVITE, ")
NO_DIALOG = (b"SIP/2.0 481 Call/Transaction Does Not Exist\r\n",)


def described(*lines: str) -> bytes:
    return "".join(f"{line}\r\n" for line in ("v=0", "o=far 1 1 IN IP6 2001:db8::20", "s=-", *lines)).encode()


HERE = (f"c=IN IP6 {HOME}", "t=0 0", "m=audio 9 RTP/AVP 8")

MESSAGES: dict[str, Torture] = {
    "ipv6-good": Torture("4.1", request("REGISTER", uri="sip:[2001:db8::10]", To="To: sip:user@example.com", Contact="Contact: <sip:caller@[2001:db8::1]>"), 405, NO_REGISTRAR),
    "ipv6-bad": Torture("4.2", request("REGISTER", uri="sip:2001:db8::10", To="To: sip:user@example.com"), 400, reason="which is no URI"),
    "port-ambiguous": Torture("4.3", request("REGISTER", uri="sip:[2001:db8::10:5070]", To="To: sip:user@example.com"), 405, NO_REGISTRAR),
    "port-unambiguous": Torture("4.4", request("REGISTER", uri="sip:[2001:db8::10]:5070", To="To: sip:user@example.com"), 405, NO_REGISTRAR),
    "via-received-param-with-delim": Torture("4.5", request("BYE", uri="sip:[2001:db8::10]", To="To: sip:user@example.com;tag=bd76ya", Via=f"{VIA};received=[2001:db8::9:255]"), 481, NO_DIALOG),
    "via-received-param-no-delim": Torture("4.5", request("OPTIONS", uri="sip:[2001:db8::10]", Via=f"{VIA};received=2001:db8::9:255"), 200),
    "ipv6-in-sdp": Torture("4.6", of_ours(uri="sip:user@[2001:db8::10]", body=described(*HERE, "a=rtpmap:8 PCMA/8000", "m=video 3227 RTP/AVP 31", "a=rtpmap:31 LPC/90000")), 200, (b"c=IN IP6 ::1\r\n", b"m=video 0 ")),
    "mult-ip-in-header": Torture("4.7", request("BYE", "Via: SIP/2.0/UDP 192.0.2.1;received=192.0.2.30;branch=z9hG4bKas3-2", "Via: SIP/2.0/UDP [2001:db8:9::1];received=[2001:db8:9::255];branch=z9hG4bKas3-1", uri="sip:user@host.example.net", Via=VIA, To="To: sip:user@example.net;tag=bd76ya"), 481, (b"192.0.2.1;received=192.0.2.30;", b"[2001:db8:9::1];received=[2001:db8:9::255];")),
    "mult-ip-in-sdp": Torture("4.8", of_ours(uri="sip:user@[2001:db8::10]", body=described("t=0 0", "m=audio 9 RTP/AVP 8", f"c=IN IP6 {HOME}", "m=video 6000 RTP/AVP 30", "c=IN IP4 192.0.2.1")), 200, (b"c=IN IP6 ::1\r\n", b"m=video 0 ")),
    "ipv4-mapped-ipv6": Torture("4.9", of_ours("Via: SIP/2.0/UDP [::ffff:192.0.2.2];branch=z9hG4bKas4", Via=VIA, Contact='Contact: "T. desk phone" <sip:ted@[::ffff:192.0.2.2]>', body=described("c=IN IP6 ::ffff:192.0.2.2", "t=0 0", "m=audio 9 RTP/AVP 8")), 200, (b"Via: SIP/2.0/UDP [::ffff:192.0.2.2];branch=z9hG4bKas4\r\n",)),
    "ipv6-bug-abnf-3-colons": Torture("4.10", request("OPTIONS", uri="sip:user@[2001:db8:::192.0.2.1]", To="To: sip:user@[2001:db8:::192.0.2.1]"), 200, (b"To: sip:user@[2001:db8:::192.0.2.1];tag=",)),
    "ipv6-correct-abnf-2-colons": Torture("4.10", request("OPTIONS", uri="sip:user@[2001:db8::192.0.2.1]", To="To: sip:user@[2001:db8::192.0.2.1]"), 200),
    # What the three colons of section 4.10 are not.
    "three colons, and no IPv4 address": Torture("4.10", request("OPTIONS", uri="sip:user@[2001:db8:::10]"), 400, reason="which is no URI"),
    "four colons": Torture("4.10", request("OPTIONS", uri="sip:user@[2001:db8::::192.0.2.1]"), 400, reason="which is no URI"),
    "two gaps": Torture("4.10", request("OPTIONS", uri="sip:user@[2001::db8:::192.0.2.1]"), 400, reason="which is no URI"),
}  # fmt: skip


@pytest.fixture(scope="module")
def came(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    return ask_each(tmp_path_factory.mktemp("torture"), MESSAGES)


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_of_rfc_5118_gets_what_it_is_due_and_the_next_call_works(came: dict[str, Outcome], name: str):
    check(MESSAGES[name], came[name])


def test_a_contact_of_three_colons_is_named_as_it_was_written(tmp_path: Path):
    """RFC 5118, section 4.10: what we call so is called where the INVITE went, since nobody can be reached there."""
    contact = changed(contact=b"Contact: <sip:far@[2001:db8:::192.0.2.1]>")
    (called,) = call_all(tmp_path, {"bug": lambda far, invite: far.say(invite, contact)}).values()
    assert (called.cdr.call.disposition, called.cdr.call.sip_code) == ("answered", 200)
    (bye,) = called.far.requests(b"BYE")
    assert bye.startswith(b"BYE sip:far@[2001:db8:::192.0.2.1] SIP/2.0\r\n")
    assert header(bye, b"To") == header(called.far.requests(b"INVITE")[0], b"To") + b";tag=far-end"
