"""What the SIP application reads in URIs, and that CRD, operator and SIP application take the same ones."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from hypothesis import given

from tests import uris
from tests.crd_rules import told
from voice_lab.places import CHECKOUT
from voice_sipapp.plan.sipuri import SipUri, SipUriError
from voice_sipapp.signalling.dialling import check_hop
from voice_sipapp.signalling.sip.addresses import check_uri
from voiceprobe_operator.uris import problem


def rules(*path: str) -> list[dict[str, str]]:
    """Return the rules of a field of VoiceProbe's spec."""
    crd = yaml.safe_load((CHECKOUT / "crds" / "voiceprobes.yaml").read_text())
    found: dict[str, Any] = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    for name in path:
        found = found["properties"][name]
    return list(found["x-kubernetes-validations"])


PARTY = told(rules("destination"))
SERVER = told(rules("dialer", "outboundProxy"))
DOMAIN = SipUri.parse("sip:sbc.example:5070;transport=tcp")


def test_all_parties_have_the_same_rules_and_so_have_all_servers():
    assert rules("dialer", "address") == rules("destination") == rules("receiver", "address")
    assert rules("dialer", "outboundProxy") == rules("receiver", "registrar")


@pytest.mark.parametrize("text", uris.PARTIES)
def test_a_party_that_can_be_called_is_taken_by_all(text: str):
    assert PARTY(text) == []
    assert problem(text) is None
    uri = SipUri.parse(text)
    check_uri(uri)
    assert uri.user
    assert uri.host or uri.scheme == "tel"


@pytest.mark.parametrize("text", uris.SERVERS)
def test_a_server_that_can_be_reached_is_taken_by_all(text: str):
    assert SERVER(text) == []
    assert problem(text, of_server=True) is None
    assert SipUri.parse(text).host


@pytest.mark.parametrize(("text", "sentence"), uris.WRONG_PARTIES.items())
def test_what_is_wrong_with_a_party_is_said_in_the_same_words_by_crd_and_operator(text: str, sentence: str):
    assert any(sentence in each for each in PARTY(text))
    assert sentence in str(problem(text))


@pytest.mark.parametrize(("text", "sentence"), uris.WRONG_SERVERS.items())
def test_what_is_wrong_with_a_server_is_said_in_the_same_words_by_crd_and_operator(text: str, sentence: str):
    assert any(sentence in each for each in SERVER(text))
    assert sentence in str(problem(text, of_server=True))


@given(uris.parties)
def test_every_party_of_the_grammar_is_taken_by_all(text: str):
    assert PARTY(text) == []
    assert problem(text) is None
    assert SipUri.parse(text).user


@given(uris.servers)
def test_every_server_of_the_grammar_is_taken_by_all(text: str):
    assert SERVER(text) == []
    assert problem(text, of_server=True) is None
    assert SipUri.parse(text).host


@given(uris.nearly(uris.parties))
def test_what_is_nearly_a_party_is_taken_by_all_or_refused(text: str):
    if PARTY(text):
        assert problem(text)
    elif (wrong := problem(text)) is not None:
        assert uris.TWICE in wrong  # of a parameter that CEL does not know
    else:
        assert SipUri.parse(text).user


@given(uris.nearly(uris.servers))
def test_what_is_nearly_a_server_is_taken_by_all_or_refused(text: str):
    if SERVER(text):
        assert problem(text, of_server=True)
    elif (wrong := problem(text, of_server=True)) is not None:
        assert uris.TWICE in wrong
    else:
        assert SipUri.parse(text).host


def test_a_parameter_that_nobody_knows_stands_there_once_too():
    assert uris.TWICE in str(problem("sip:a@h;x-tgrp=a;X-TGRP=b"))


READ = [
    # text; user, user's parameters, host, port, transport
    ("sip:;x@h", (";x", (), "h", None, None)),
    ("sip:a;b@h", ("a", ("b",), "h", None, None)),
    ("sip:h:005060", (None, (), "h", 5060, None)),
    ("sip:%2B44;ext=%31@h", ("+44", ("ext=%31",), "h", None, None)),
    ("sip:a@h;transport=%74LS", ("a", (), "h", None, "tls")),
    ("tel:*21%23;phone-context=+44", ("*21#", ("phone-context=+44",), "", None, None)),
    ("tel:+44;isub=a@b?c,d=e;npdi", ("+44", ("isub=a@b?c,d=e", "npdi"), "", None, None)),
]


@pytest.mark.parametrize(("text", "read"), READ)
def test_what_a_uri_says(text: str, read: tuple[object, ...]):
    uri = SipUri.parse(text)
    assert (uri.user, uri.user_parameters, uri.host, uri.port, uri.transport) == read


@pytest.mark.parametrize("text", ["tel:+44;x?y", "tel:+44" + ";isub=a" * 60 + ";", "sip:h:065536", "sip:h:" + "9" * 99])
def test_other_texts_are_none(text: str):
    with pytest.raises(SipUriError):
        SipUri.parse(text)


@given(uris.numbers)
def test_a_telephone_number_at_a_host_is_a_valid_sip_uri(text: str):
    number = SipUri.parse(text)
    there = number.at(DOMAIN)
    assert problem(there.text) is None
    assert (there.user, there.host, there.port) == (number.user, "sbc.example", 5070)


def test_what_a_user_may_not_hold_is_escaped_in_it():
    there = SipUri.parse("tel:*21#;phone-context=+44;x=[a]:b;isub=c@d").at(DOMAIN).text
    assert there == ("sip:*21%23;phone-context=+44;x=%5Ba%5D%3Ab;isub=c%40d@sbc.example:5070;transport=tcp;user=phone")


def test_a_call_that_is_to_be_no_invite_is_told_of():
    with pytest.raises(ValueError, match="sip:a@h;method=BYE asks for BYE: a call is always an INVITE"):
        check_uri(SipUri.parse("sip:a@h;method=BYE"))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("sip:a@sbc.example:5070;maddr=192.0.2.9", ("192.0.2.9", 5070)),
        ("sip:a@sbc.example;maddr=[2001:db8::9];ttl=1", ("[2001:db8::9]", 5060)),
        ("sip:a@sbc.example;maddr=", ("sbc.example", 5060)),
        ("sip:a@sbc.example;maddr=a/b", ("sbc.example", 5060)),
    ],
)
def test_requests_go_to_maddr_if_it_is_a_host(text: str, address: tuple[str, int]):
    assert SipUri.parse(text).address == address


NOT_REACHED = [
    ("sip:a@h:0", "sip:a@h:0 names port 0, at which nobody is"),
    ("sip:a@010.0.0.1", "010.0.0.1 in sip:a@010.0.0.1 is neither a name nor an address"),
    ("sip:a@1.2.3", "is neither a name nor an address"),
    ("sip:a@192.0.2.1.", "is neither a name nor an address"),
    ("sip:a@0x7f000001", "is neither a name nor an address"),
    ("sip:a@h;maddr=127.1", "127.1 in sip:a@h;maddr=127.1 is neither a name nor an address"),
    ("sip:a@192.0.2.1;maddr=[2001:db8::1]", "2001:db8::1 can't be reached from 192.0.2.20"),
    ("sip:a@h;transport=sctp", "SIP over sctp is not supported, only over udp, tcp, tls"),
    ("tel:+442071838750", "names no host to send to"),
]


@pytest.mark.parametrize(("text", "sentence"), NOT_REACHED)
def test_what_the_host_cannot_send_to_is_told_of(text: str, sentence: str):
    station: Any = SimpleNamespace(address="192.0.2.20", edge=None)
    with pytest.raises(ValueError, match=re.escape(sentence)):
        check_hop(SipUri.parse(text), station)


@pytest.mark.parametrize("text", ["sip:a@h", "sip:a@5f2b3c4d5e6f", "sip:a@192.0.2.1", "sip:a@1.example", "sip:a@h.x1"])
def test_a_name_is_looked_up_and_an_address_is_taken(text: str):
    station: Any = SimpleNamespace(address="192.0.2.20", edge=None)
    check_hop(SipUri.parse(text), station)
