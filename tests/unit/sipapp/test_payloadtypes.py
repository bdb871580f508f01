"""Payload types within a session (RFC 3264, section 8.3.2): a number means one thing, and goes on to mean it."""

from hypothesis import assume, given
from hypothesis import strategies as st

from voice_sipapp.media import sdp
from voice_sipapp.media.codecs import CODECS
from voice_sipapp.media.payloadtypes import DYNAMIC, PROPOSED

ADDRESS = "2001:db8::1"
NUMBERS = st.integers(0, 127)
AGREED = st.tuples(st.sampled_from(sorted(CODECS)), NUMBERS, st.sampled_from([8000, 48000]), st.none() | NUMBERS)


@given(st.lists(AGREED, max_size=6))
def test_numbers_that_are_agreed_on_are_kept_and_no_number_means_two_things(
    agreed: list[tuple[str, int, int, int | None]],
):
    types = PROPOSED
    for codec, number, clock, events in agreed:
        assume(number != events)
        types = types.keeping(codec, number, clock, events)
        assert types.codecs[codec] == number
        assert events is None or types.events[clock] == events
        numbers = [*types.codecs.values(), *types.events.values()]
        assert len(set(numbers)) == len(numbers)


def test_an_offer_within_the_call_uses_the_far_ends_numbers():
    offer = (
        "v=0\r\nc=IN IP6 2001:db8::2\r\nm=video 9 RTP/AVP 31\r\nm=audio 4000 RTP/AVP 96 101 111\r\n"
        "a=rtpmap:96 telephone-event/48000\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\n"
    )
    remote = sdp.choose(offer, ["opus", "PCMA"], ADDRESS)
    types = PROPOSED.keeping(remote.codec, remote.own_payload_type, remote.dtmf_clock_hz, remote.own_dtmf_type)
    text = sdp.describe(ADDRESS, 6000, ["opus", "PCMA"], 1, types=types, others=(remote.chosen, remote.media))
    assert "m=video 0 RTP/AVP 31\r\nm=audio 6000 RTP/AVP 111 8 101 96\r\n" in text
    answer = "c=IN IP6 2001:db8::2\r\nm=audio 4000 RTP/AVP 111\r\na=rtpmap:111 opus/48000/2\r\n"
    assert sdp.choose(answer, ["opus", "PCMA"], ADDRESS, answers=True, types=types).own_payload_type == 111


def test_who_loses_a_number_gets_a_free_one():
    types = PROPOSED.keeping("opus", 101, 48000, 96)
    assert types.codecs["opus"] == 101
    assert types.events[48000] == 96
    assert types.events[8000] in DYNAMIC
    assert types.events[8000] not in (96, 101, 102)
