"""What two parts must agree on, although neither knows the other: what one lets through, the next must understand."""

import re
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from voice_lab.places import CHECKOUT
from voice_sipapp.plan import leases
from voice_sipapp.plan.sipuri import SipUri


def schema(*path: str) -> dict[str, Any]:
    """Return the schema of a field of VoiceProbe's spec."""
    crd = yaml.safe_load((CHECKOUT / "crds" / "voiceprobes.yaml").read_text())
    found = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    for name in path:
        found = found["properties"][name]
    return dict(found)


def pattern(*path: str) -> re.Pattern[str]:
    """Return the regular expression that a field must match, in Python's spelling of it."""
    (rule,) = (rule["rule"] for rule in schema(*path)["x-kubernetes-validations"] if "matches" in rule["rule"])
    found = re.fullmatch(r"self\.matches\('(.*)'\)", rule.strip())
    assert found
    spelling = {"[[]": r"\[", "[]]": r"\]"}
    text = found[1]
    for theirs, ours in spelling.items():
        text = text.replace(theirs, ours)
    return re.compile(text, re.ASCII)


PARTY = pattern("dialer", "address")
SERVER = pattern("dialer", "outboundProxy")


@given(st.from_regex(PARTY, fullmatch=True))
def test_every_address_that_the_api_server_accepts_is_understood_by_the_sip_host(text: str) -> None:
    uri = SipUri.parse(text.rstrip("\n"))
    assert uri.user
    assert uri.host


@given(st.from_regex(SERVER, fullmatch=True))
def test_every_server_that_the_api_server_accepts_is_understood_by_the_sip_host(text: str) -> None:
    assert SipUri.parse(text.rstrip("\n")).host


@pytest.mark.parametrize(
    "text",
    [
        "sip:probe-1@voice.example.net",
        "sip:+442071838750@sbc.acme.example:5061;transport=tls",
        "sips:agent@[2001:db8::1]:65535",
        "sip:a@10.0.0.1",
    ],
)
def test_ordinary_addresses_are_accepted(text: str) -> None:
    assert PARTY.fullmatch(text)
    assert SERVER.fullmatch(text)


@pytest.mark.parametrize(
    "text",
    [
        "sip:voice.example.net",
        "sip:a@b:99999",
        "sip:a@b:0",
        "sip:x@foo..bar",
        "sip:x@" + "a" * 64 + ".example",
        "sip:x@y z",
        "sip:x@y\nVia: z",
        "tel:+442071838750",
        "sip:x@h;ttl=",
        "sip:user:password@h",
        "sip:x@[1]",
        '"X" <sip:x@h>',
    ],
)
def test_what_no_sip_host_could_call_is_refused(text: str) -> None:
    assert not PARTY.fullmatch(text)


def test_no_probe_is_called_more_often_than_a_dead_hosts_probes_take_to_move_on():
    """Otherwise calls would be missing before another host makes the next."""
    (rule,) = (r["rule"] for r in schema("call", "every")["x-kubernetes-validations"] if "24h" in r["rule"])
    shortest = re.search(r">= duration\('(\d+)s'\)", rule)
    assert shortest
    assert int(shortest[1]) >= leases.CATCH_UP_S
