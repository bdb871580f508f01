"""Where a redirected call goes, and which SIP URI is reached how."""

import pytest

from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.signalling import outcome
from voice_sipapp.signalling.redirect import MOST, RedirectError, following


def test_the_first_contact_that_can_be_called_and_was_not_is_next():
    contacts = ["tel:+4930123456", "sip:a@tried", "sip:a@next", "sip:a@later"]
    assert following(contacts, ["sip:a@tried"]).text == "sip:a@next"


@pytest.mark.parametrize(
    ("contacts", "tried", "words"),
    [
        ([], ["sip:a@b"], "redirected to nowhere"),
        (["tel:+4930"], ["sip:a@b"], "redirected to tel:+4930, which can't be called"),
        (["sip:a@b"], ["sip:a@b"], "redirected in a circle, to sip:a@b again"),
        (["sip:new@b"], [f"sip:a@{n}" for n in range(MOST + 1)], "redirected more than 5 times"),
    ],
)
def test_a_redirect_that_can_not_be_followed_says_why(contacts: list[str], tried: list[str], words: str):
    with pytest.raises(RedirectError, match=words.replace("+", r"\+")):
        following(contacts, tried)


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
