"""URIs of ours, by their grammar (kind 3): RFC 3261 §19.1 and §25, RFC 3966 (tel:), RFC 4694, RFC 3986."""

# ruff: noqa: E501 - a row of a table is one line
from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.interop.scripted import QUIET
from tests.interop.wires import a_bench, target
from tests.ports import free_udp_port
from tests.unit.sipapp.bench import ADDRESS, Bench
from voice_sipapp.plan.sipuri import SipUri, SipUriError, UnknownSchemeError
from voice_sipapp.signalling.sip.endpoint import Endpoint

pytestmark = QUIET


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
