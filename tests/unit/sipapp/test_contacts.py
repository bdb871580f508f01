"""Contact header fields, as the wild writes them (RFC 3261, section 20.10)."""

import pytest

from voice_sipapp.signalling.sip.contacts import Contact, preferred


@pytest.mark.parametrize(
    ("value", "contact"),
    [
        ("<sip:a@b>", Contact("sip:a@b")),
        ('"A, B" <sip:a@b;transport=tcp>;q=0.7', Contact("sip:a@b;transport=tcp", 0.7)),
        ("sip:a@b;q=0.3;expires=60", Contact("sip:a@b", 0.3, 60)),
        ("<sip:a@b>; Expires = 3600 ; Q = 1.0", Contact("sip:a@b", 1.0, 3600)),
        ("<sip:a@b;expires=9>;+sip.instance=\"<urn:uuid:1>\";expires=30", Contact("sip:a@b;expires=9", 1.0, 30)),
        ("<tel:+4930123456>", Contact("tel:+4930123456")),
    ],
)  # fmt: skip
def test_a_contact_is_read_from_its_text(value: str, contact: Contact):
    assert preferred([value]) == (contact,)


def test_the_most_wanted_comes_first_and_equals_stay_in_their_order():
    values = ["<sip:third@x>;q=0.1", "<sip:first@x>", "<sip:second@x>;q=0.5", "<sip:second-too@x>;q=0.5"]
    assert [each.uri for each in preferred(values)] == [
        "sip:first@x",
        "sip:second@x",
        "sip:second-too@x",
        "sip:third@x",
    ]


@pytest.mark.parametrize("value", ["", "<>", ";q=1"])
def test_what_holds_no_contact_is_left_out(value: str):
    assert preferred([value]) == ()
