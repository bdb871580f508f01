"""Where a request really goes on to, and that no proof goes along to a host that may have none."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.sipapp.messages import an_answer
from voice_sipapp.signalling.credentials import Credential
from voice_sipapp.signalling.sip import dialog
from voice_sipapp.signalling.sip.challenges import Challenges, beyond_edge
from voice_sipapp.signalling.sip.headers import header

EDGE, OWN = ("[::1]", 5064), "[2001:db8::1]"
VIA_EDGE = ("sip:[::1]:5064;lr;r2=on", "sip:[2001:db8::1]:5061;transport=tls;lr;r2=on")
CREDENTIAL = Credential(
    "trunk", "probe", "secret", frozenset({"acme"}), frozenset({"far"}), frozenset({"sbc.example", "2001:db8::10"})
)


def a_request(target: str, *routes: str, proof: bool = False) -> Any:
    """A request of the dialog that an answer with this Contact and these Record-Routes made."""
    passed = (f"Record-Route: <{each}>" for each in reversed(routes))
    answer = an_answer("SIP/2.0 200 OK", f"Contact: <{target}>", *passed)
    own = SimpleNamespace(lUri=answer.getHFBody("from"), cId=answer.getHFBody("call-id"), lContact=None)
    made = dialog.of_answer(answer, None, EDGE).request(own, "BYE", 2, answer.getHFBody("to"), EDGE)
    if proof:
        made.appendHeaders([header("Authorization", "Digest x"), header("Proxy-Authorization", "Digest y")])
    return made


@pytest.mark.parametrize(
    ("target", "routes", "hosts"),
    [
        ("sip:x@sbc.example", VIA_EDGE, ["sbc.example"]),
        ("sip:x@far.example", (*VIA_EDGE, "sip:sbc.example;lr"), ["sbc.example"]),
        ("sip:x@far.example", (*VIA_EDGE, "sip:a.example;lr", "sip:sbc.example;lr"), ["a.example"]),
        ("sip:x@far.example", (*VIA_EDGE, "sip:sbc.example"), ["sbc.example", "far.example"]),
        ("sip:x@sbc.example;maddr=192.0.2.9", VIA_EDGE, ["sbc.example", "192.0.2.9"]),
        ("sip:x@far.example", ("sip:sbc.example;maddr=evil.example;lr",), ["sbc.example", "evil.example"]),
        ("sip:x@far.example", ("sip:[0:0::1];lr", "sip:[2001:DB8:0::1];lr"), ["far.example"]),
    ],
)
def test_where_the_edge_sends_a_request_on_to(target: str, routes: tuple[str, ...], hosts: list[str]):
    assert beyond_edge(a_request(target, *routes), {EDGE[0], OWN}) == hosts


@pytest.mark.parametrize(
    ("target", "routes", "address", "bears"),
    [
        ("sip:x@anywhere.example", (), ("[2001:db8::10]", 5060), True),
        ("sip:x@sbc.example", (), ("[2001:db8::66]", 5060), False),
        ("sip:x@sbc.example", VIA_EDGE, EDGE, True),
        ("sip:x@evil.example", VIA_EDGE, EDGE, False),
        ("sip:x@sbc.example", (*VIA_EDGE, "sip:evil.example;lr"), EDGE, False),
        ("sip:x@sbc.example;maddr=evil.example", VIA_EDGE, EDGE, False),
    ],
)
def test_a_request_bears_a_proof_to_listed_hosts_alone(
    target: str, routes: tuple[str, ...], address: tuple[str, int], bears: bool
):
    request = a_request(target, *routes, proof=True)
    Challenges(CREDENTIAL, EDGE, OWN).guard(request, address)
    assert [request.countHFs(name) for name in ("authorization", "proxy-authorization")] == [int(bears)] * 2


def test_a_leg_without_a_credential_meets_no_challenge():
    challenge = an_answer("SIP/2.0 401 Unauthorized", 'WWW-Authenticate: Digest realm="far", nonce="n1"')
    none = Challenges(None, None, OWN)
    assert none.meet(challenge, a_request("sip:x@sbc.example"), "sip:x@sbc.example") == []
    assert none.refusal is None
