"""Where a redirected call goes, and which SIP URI is reached how."""

import pytest

from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.signalling import outcome
from voice_sipapp.signalling.redirect import MOST, MOST_TARGETS, Targets

BEFORE = SipUri.parse("sip:a@b")


def begun(*tried: str) -> Targets:
    targets = Targets()
    for each in tried:
        targets.tries(SipUri.parse(each))
    return targets


def rest(targets: Targets) -> list[str]:
    return [each.text for each in iter(targets.next, None)]


def test_contacts_that_can_be_called_and_were_not_are_next():
    targets = begun("sip:a@tried")
    assert targets.found(["mailto:a@b", "sip:a@tried", "sip:a@next", "sip:a@later", "sip:a@next"], BEFORE) is None
    assert targets.redirects == 1
    assert targets.notes == [
        "redirected to mailto:a@b, which can't be called", "redirected in a circle, to sip:a@tried again"
    ]  # fmt: skip
    assert rest(targets) == ["sip:a@next", "sip:a@later"]


def test_what_a_second_redirect_points_to_goes_before_what_the_first_one_left_over():
    targets = begun("sip:a@b")
    targets.found(["sip:one@b", "sip:two@b", "sip:three@b"], BEFORE)
    first = targets.next()
    assert first is not None
    targets.tries(first)
    targets.found(["sip:four@b", "sip:three@b"], first)
    assert rest(targets) == ["sip:four@b", "sip:three@b", "sip:two@b"]


def test_no_call_tries_more_targets_than_it_may():
    targets = begun("sip:a@b")
    targets.found([f"sip:n{number}@b" for number in range(50)], BEFORE)
    assert len(rest(targets)) == MOST_TARGETS - 1


def test_no_call_follows_more_redirects_than_it_may():
    targets = begun("sip:a@b")
    for number in range(MOST):
        assert targets.found([f"sip:n{number}@b"], BEFORE) is None
        assert targets.next() is not None
    assert targets.found(["sip:new@b"], BEFORE) == f"redirected more than {MOST} times"
    assert (targets.next(), targets.redirects) == (None, MOST)


@pytest.mark.parametrize(
    ("contacts", "words"),
    [
        ([], "redirected to nowhere"),
        (["mailto:a@b"], "redirected to mailto:a@b, which can't be called"),
        (["tel:zz"], "redirected to tel:zz, which can't be called"),
        (["sip:a@c;method=BYE"], "redirected to sip:a@c;method=BYE, which is not to be invited"),
        (["sip:a@b"], "redirected in a circle, to sip:a@b again"),
    ],
)
def test_a_redirect_that_can_not_be_followed_says_why(contacts: list[str], words: str):
    targets = begun("sip:a@b")
    assert targets.found(contacts, BEFORE) == words
    assert (targets.redirects, targets.waits) == (0, False)


def test_a_telephone_number_is_called_in_the_domain_that_pointed_to_it():
    targets = begun("sip:+4930@b")
    problem = targets.found(["tel:+49-30"], SipUri.parse("sip:+4930@b"))
    assert problem == "redirected to tel:+49-30, which can't be called: it is the number that was called"
    assert targets.found(["tel:+49-40"], SipUri.parse("sip:+4930@b")) is None
    assert rest(targets) == ["sip:+49-40@b;user=phone"]


@pytest.mark.parametrize(
    ("text", "carrier", "port"),
    [
        ("sip:a@b", "udp", 5060), ("sip:a@b;transport=TCP", "tcp", 5060), ("sip:b;transport=tls", "tls", 5061),
        ("sips:a@b", "tls", 5061), ("sips:a@b:5070;transport=tcp", "tls", 5070), ("sip:b;transport=ws", "ws", 5060),
    ],
)  # fmt: skip
def test_an_address_says_what_carries_its_signalling(text: str, carrier: str, port: int):
    uri = SipUri.parse(text)
    assert (uri.carrier, uri.address[1]) == (carrier, port)


def test_a_refused_login_says_what_is_missing():
    assert "names no credential" in (outcome.hint(401, None) or "")
    assert "'trunk'" in (outcome.hint(407, "trunk") or "")
    assert outcome.hint(486, None) is None
