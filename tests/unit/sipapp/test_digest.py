"""Challenges as they are in the wild, met as RFC 7616 and RFC 8760 say: the arithmetic is done here once more."""

import hashlib
import re
from types import SimpleNamespace
from typing import Any

import pytest
from sippy.SipHeader import SipHeader

from voice_sipapp.signalling.credentials import Credential
from voice_sipapp.signalling.digest import proofs

URI = "sip:far@example.net"
BODY = "v=0\r\n"


class Message(SimpleNamespace):
    """What `proofs` wants of a request or a response."""

    def getHFs(self, name: str) -> list[Any]:
        return [each for each in self.headers if each.name == name]

    def getSCode(self) -> tuple[int, str]:
        return 401, "Unauthorized"

    def getMethod(self) -> str:
        return "INVITE"

    def getBody(self) -> str:
        return BODY


def given(*challenges: str, sent: tuple[Any, ...] = ()) -> list[Any] | None:
    response = Message(headers=[SipHeader(f"WWW-Authenticate: {each}") for each in challenges])
    return proofs(response, Message(headers=sent), Credential("probe", "secret"), URI)


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

    made = given(challenge)
    assert made is not None
    (proof,) = made
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
    assert given(challenge) is None
    both = given(challenge, 'Digest realm="far", nonce="n1"')
    assert both is not None
    assert parameters(both[0])["nonce"] == "n1"


def test_a_credential_that_was_refused_is_not_tried_again_unless_the_nonce_got_old():
    challenge = 'Digest realm="far", nonce="n2", qop="auth"'
    sent = tuple(given(challenge) or ())
    assert given(challenge, sent=sent) is None
    assert given(challenge + ", stale=false", sent=sent) is None
    assert len(given(challenge + ", Stale=TRUE", sent=sent) or ()) == 1
