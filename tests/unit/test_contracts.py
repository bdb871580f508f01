"""What two parts must agree on, although neither knows the other: what one lets through, the next must understand."""

import re
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests import uris
from voice_lab.places import CHECKOUT
from voice_sipapp.plan import leases
from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.signalling.numbers import same_number as same_for_the_sip_host
from voiceprobe_operator.declared.allotments import Allotments
from voiceprobe_operator.model import parse_allotment
from voiceprobe_operator.numbers import key, user_part
from voiceprobe_operator.numbers import same_number as same_for_the_operator


def schema(*path: str) -> dict[str, Any]:
    """Return the schema of a field of VoiceProbe's spec."""
    crd = yaml.safe_load((CHECKOUT / "crds" / "voiceprobes.yaml").read_text())
    found = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    for name in path:
        found = found["properties"][name]
    return dict(found)


def allotted_pattern() -> re.Pattern[str]:
    """Return the regular expression that an allotted number must match, in Python's spelling of it."""
    crd = yaml.safe_load((CHECKOUT / "crds" / "numberallotments.yaml").read_text())
    spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    (rule,) = spec["numbers"]["items"]["x-kubernetes-validations"]
    found = re.fullmatch(r"self\.matches\('(.*)'\)", rule["rule"].strip())
    assert found
    return re.compile(found[1], re.ASCII)


def test_no_probe_is_called_more_often_than_a_dead_hosts_probes_take_to_move_on():
    """Otherwise calls would be missing before another host makes the next."""
    (rule,) = (r["rule"] for r in schema("call", "every")["x-kubernetes-validations"] if "24h" in r["rule"])
    shortest = re.search(r">= duration\('(\d+)s'\)", rule)
    assert shortest
    assert int(shortest[1]) >= leases.CATCH_UP_S


NUMBERS = [
    # one, other, whether they are the same number
    ("+442071838750", "+442071838750", True),
    ("+442071838750", "00442071838750", True),
    ("+442071838750", "442071838750", True),
    ("+442071838750", "02071838750", True),
    ("+442071838750", "2071838750", True),
    ("+442071838750", "(020) 7183-8750", True),
    ("+442071838750", "020.7183.8750", True),
    ("+442071838750", "011442071838750", True),
    ("+442071838750", "1838750", True),
    ("+442071838750", "838750", False),
    ("+442071838750", "+442071838751", False),
    ("+442071838750", "+12071838750", False),
    ("2071838750", "+12071838750", True),
    ("1001", "01001", True),
    ("1001", "+441001", False),
    ("agent-7", "AGENT-7", True),
    (";x", ";y", False),
    ("agent-7", "agent-70", False),
    ("agent-7", "agent7", False),
    ("007", "7", True),
    ("%2B442071838750", "+442071838750", True),
    ("+442071838750;npdi;rn=+442071838000", "+442071838750", True),
    ("agent%207", "agent 7", True),
    ("0000000", "+4420000000000", False),
    ("\u0664\u0664\u0662\u0660\u0667\u0661\u0668", "1\u0664\u0664\u0662\u0660\u0667\u0661\u0668", False),
]
SPOKEN = st.text(alphabet="+0127-. ()aA", max_size=12) | st.from_regex(r"\A(\+|00|0)?(44)?20718387[0-9]{2}\Z")


@pytest.mark.parametrize(("one", "other", "is_same"), NUMBERS)
def test_operator_and_sip_host_say_alike_what_is_the_same_number(one: str, other: str, is_same: bool) -> None:
    for same in (same_for_the_operator, same_for_the_sip_host):
        assert same(one, other) is same(other, one) is is_same


@given(SPOKEN, SPOKEN)
def test_no_two_numbers_are_the_same_to_one_and_others_to_the_other(one: str, other: str) -> None:
    assert same_for_the_operator(one, other) is same_for_the_sip_host(one, other)
    assert not same_for_the_operator(one, other) or key(one) == key(other)


@given(uris.parties)
def test_the_user_of_an_address_is_the_same_to_both(text: str) -> None:
    assert user_part(text) == SipUri.parse(text).user


def test_every_number_of_the_examples_is_allotted_to_its_client_and_to_no_other() -> None:
    """Otherwise calls of the demo that lose their header on the way would be nobody's."""
    texts = [path.read_text() for path in (CHECKOUT / "examples").glob("*.yaml")]
    bodies = [body for text in texts for body in yaml.safe_load_all(text)]
    # As the API server would store them, as far as they are looked at here.
    made = [body | {"metadata": {"uid": body["metadata"]["name"], **body["metadata"]}} for body in bodies]
    allotments = Allotments(parse_allotment(body) for body in made if body["kind"] == "NumberAllotment")
    probes = [body for body in made if body["kind"] == "VoiceProbe"]
    named = [(probe["metadata"]["namespace"], user_part(probe["spec"]["destination"])) for probe in probes]
    named += [(probe["metadata"]["namespace"], user_part(probe["spec"]["receiver"]["address"])) for probe in probes]
    assert not allotments.conflicts
    assert len(probes) >= 10
    assert {(client, user, allotments.standing(client, user)) for client, user in named} == {
        (client, user, "own") for client, user in named
    }


@given(st.from_regex(allotted_pattern(), fullmatch=True))
def test_every_number_that_the_api_server_accepts_can_be_allotted(text: str) -> None:
    meta = {"name": "a", "uid": "a"}
    body = {"kind": "NumberAllotment", "metadata": meta, "spec": {"client": "acme", "numbers": [text.rstrip("\n")]}}
    (entry,) = Allotments([parse_allotment(body)]).entries
    assert entry.client == "acme"
