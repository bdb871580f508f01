"""Where we want to be called: a Contact that far ends understand, of whatever user the plan names."""

import pytest

from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.signalling.sip.translated import own_contact


@pytest.mark.parametrize(
    ("party", "contact"),
    [
        ("sip:agent@example.net", "<sip:agent@[::1]:5062>"),
        ("sip:example.net", "<sip:[::1]:5062>"),
        ("sip:probe%231@example.net", "<sip:probe%231@[::1]:5062>"),  # no "#" in a user (RFC 3261, section 25.1)
        ("sip:a%20b@example.net", "<sip:a%20b@[::1]:5062>"),
        ("sip:+44;npdi;rn=+4420@example.net;user=phone", "<sip:+44;npdi;rn=+4420@[::1]:5062>"),  # RFC 4694
        ("SIPS:agent:secret@example.net", "<sip:agent@[::1]:5062>"),  # no password goes out
        ("tel:+442071838750;ext=7", "<sip:+442071838750;ext=7@[::1]:5062>"),  # RFC 3261, section 19.1.6
    ],
)
def test_our_contact_has_the_user_as_it_was_written(party: str, contact: str):
    config = {"_sip_address": "[::1]", "_sip_port": 5062}
    assert str(own_contact(SipUri.parse(party), config)) == contact
