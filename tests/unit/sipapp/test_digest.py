"""Challenges as they are in the wild, met as RFC 7616 and RFC 8760 say: the arithmetic is done here once more."""

import hashlib
import re
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.sipapp.messages import an_answer
from voice_sipapp.signalling.credentials import Credential
from voice_sipapp.signalling.sip.digest import Answer, answered

URI = "sip:far@example.net"
BODY = "v=0\r\n"


class Message(SimpleNamespace):
    """What is wanted of the request that was challenged."""

    def getHFs(self, name: str) -> list[Any]:
        return [each for each in self.headers if each.name == name]

    def getMethod(self) -> str:
        return "INVITE"

    def getBody(self) -> str:
        return BODY


REALMS = ("far", "ACME, Inc. = far", 'the "far" end', "proxy")


def asked(*headers: str, sent: tuple[Any, ...] = ()) -> Answer:
    response = an_answer("SIP/2.0 401 Unauthorized", *headers)
    here = frozenset({"anybody"})
    credential = Credential("trunk", "probe", "secret", here, frozenset(REALMS), here)
    return answered(response, Message(headers=sent), credential, URI)


def met(*challenges: str, sent: tuple[Any, ...] = ()) -> list[Any]:
    return asked(*(f"WWW-Authenticate: {each}" for each in challenges), sent=sent).headers


def parameters(proof: Any) -> dict[str, str]:
    found = re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|[^,]+)', str(proof.body))
    return {name: value.removeprefix('"').removesuffix('"') for name, value in found}


@pytest.mark.parametrize(
    ("challenge", "function", "qop"),
    [
        ('Digest realm="far", nonce="n1"', "md5", None),
        ('Digest realm="far", nonce="n1", algorithm=md5, qop="auth"', "md5", "auth"),
        ('Digest realm="far", nonce="n1", algorithm=SHA-256, qop="auth"', "sha256", "auth"),
        ('Digest realm="far", nonce="n1", algorithm="sha-256", qop="auth", opaque="o"', "sha256", "auth"),
        ('digest Realm="far",NONCE="n1",Algorithm=SHA-256,QoP=auth', "sha256", "auth"),
        ('Digest realm="ACME, Inc. = far", nonce="n1", qop="auth"', "md5", "auth"),
        ('Digest realm="the \\"far\\" end", nonce="n1", qop="auth"', "md5", "auth"),
        ('Digest realm="far", nonce="n1", qop="auth-int"', "md5", "auth-int"),
        ('Digest realm="far", nonce="n1", qop="auth-int,auth"', "md5", "auth"),
    ],
)
def test_a_challenge_is_met(challenge: str, function: str, qop: str | None):
    def hashed(text: str) -> str:
        return hashlib.new(function, text.encode()).hexdigest()

    (proof,) = met(challenge)
    got = parameters(proof)
    who = hashed(f"probe:{got['realm']}:secret")
    what = hashed(f"INVITE:{URI}" + (f":{hashed(BODY)}" if qop == "auth-int" else ""))
    middle = f"{got['nc']}:{got['cnonce']}:{qop}:" if qop else ""
    assert got.get("qop") == qop
    assert got["response"] == hashed(f"{who}:n1:{middle}{what}")
    assert got.get("opaque") == ("o" if "opaque" in challenge else None)


@pytest.mark.parametrize(
    "challenge",
    [
        'Basic realm="far"', "Digest", 'Digest realm="far"', 'Digest nonce="n1"', "garbage", "",
        'Digest realm="far", nonce="n1", algorithm=ROT13, qop="auth"', 'Digest realm="far", nonce="n1", qop="none"',
    ],
)  # fmt: skip
def test_what_can_not_be_met_is_passed_over(challenge: str):
    assert met(challenge) == []
    assert parameters(met(challenge, 'Digest realm="far", nonce="n1"')[0])["nonce"] == "n1"


def test_a_credential_that_was_refused_is_not_tried_again_unless_the_nonce_got_old():
    challenge = 'Digest realm="far", nonce="n2", qop="auth"'
    sent = tuple(met(challenge))
    assert met(challenge, sent=sent) == []
    assert met(challenge + ", stale=false", sent=sent) == []
    assert len(met(challenge + ", Stale=TRUE", sent=sent)) == 1


def test_of_several_challenges_each_is_met_that_the_credential_is_for():
    answer = asked(
        'WWW-Authenticate: Digest realm="far", nonce="n1"',
        'Proxy-Authenticate: Digest realm="another", nonce="n2"',
        'Proxy-Authenticate: Digest realm="proxy", nonce="n3", algorithm=SHA-256, qop="auth"',
        'Proxy-Authenticate: Digest realm="proxy", nonce="n4"',
        'Proxy-Authenticate: Basic realm="proxy"',
    )
    assert [(each.name, parameters(each)["nonce"]) for each in answer.headers] == [
        ("proxy-authorization", "n3"), ("authorization", "n1"),
    ]  # fmt: skip
    assert "may not be used for the realm 'another'" in (answer.refused or "")


@pytest.mark.parametrize(
    "realm", ["another", "FAR", "far ", "", "fa\\r", '\\"far', "far.example", "*", "the \\\\far\\\\ end"]
)
def test_no_proof_is_made_for_another_realm(realm: str):
    answer = asked(f'WWW-Authenticate: Digest realm="{realm}", nonce="n1", qop="auth"')
    assert answer.headers == []
    assert "may not be used for the realm" in (answer.refused or "")


def test_a_realm_that_is_named_twice_is_the_one_that_is_looked_at():
    answer = asked('WWW-Authenticate: Digest realm="far", nonce="n1", realm="another"')
    assert answer.headers == []
    other = asked('WWW-Authenticate: Digest realm="another", nonce="n1", realm="far"')
    assert [parameters(each)["realm"] for each in other.headers] == ["far"]


def test_a_proof_for_somebody_on_the_way_is_kept_when_the_next_one_asks():
    first = asked('Proxy-Authenticate: Digest realm="proxy", nonce="n1"').headers
    both = asked('WWW-Authenticate: Digest realm="far", nonce="n2"', sent=tuple(first)).headers
    assert [each.name for each in both] == ["proxy-authorization", "authorization"]


ONE_LINE = st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])
TEXTS = st.one_of(st.sampled_from(["far", "proxy", 'the \\"far\\" end', 'fa\\r"', ""]), st.text(ONE_LINE, max_size=8))
PARAMETERS = st.one_of(
    st.builds("{}={}".format, st.sampled_from(["realm", "Realm", "nonce", "qop", "stale"]), TEXTS),
    st.builds('{}="{}"'.format, st.sampled_from(["realm", "REALM", "realm ", "nonce", "opaque"]), TEXTS),
    st.sampled_from(
        ['nonce="n1"', "qop=auth", 'qop="auth-int,none"', "algorithm=SHA-256", "algorithm=x", "stale=true"]
    ),
)
CHALLENGES = st.builds("Digest {}".format, st.lists(PARAMETERS, max_size=6).map(",".join))


@given(st.lists(CHALLENGES, max_size=4), st.booleans())
@example(['Digest realm="far",nonce="n1",realm="other"', 'Digest nonce="n1",realm="the \\\\"far\\\\" end"'], False)
def test_whatever_is_asked_no_proof_is_for_another_realm(challenges: list[str], of_a_proxy: bool):
    name = "Proxy-Authenticate" if of_a_proxy else "WWW-Authenticate"
    answer = asked(*(f"{name}: {each}" for each in challenges))
    written = {realm.replace("\\", "\\\\").replace('"', '\\"') for realm in REALMS}
    assert {each.getBody().realm for each in answer.headers} <= written
