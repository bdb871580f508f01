"""Offers and answers."""

import pytest

from voice_sipapp import sdp


def test_an_offer_can_be_answered_by_ourselves():
    offer = sdp.describe("fd77:a::2", 20000, ["PCMU", "PCMA"], 1)
    assert "m=audio 20000 RTP/AVP 0 8 101\r\n" in offer
    remote = sdp.choose(offer, ["PCMA", "PCMU"], "::1")
    assert (remote.address, remote.port, remote.codec, remote.payload_type) == ("fd77:a::2", 20000, "PCMU", 0)
    assert (remote.dtmf_type, remote.sends, remote.receives, remote.srtp_key) == (101, True, True, None)


def test_codecs_keep_the_probes_order_and_unknown_ones_are_skipped():
    assert sdp.usable(["OPUS", "G729", "pcmu", "g722", "PCMA", "PCMU"]) == ["opus", "PCMU", "G722", "PCMA"]


def test_an_address_of_the_media_goes_before_that_of_the_session():
    text = "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000/1 RTP/AVP 8 101\r\nc=IN IP6 2001:db8::1\r\n"
    remote = sdp.choose(text, ["PCMA"], "::1")
    assert (remote.address, remote.port, remote.codec) == ("2001:db8::1", 4000, "PCMA")


def test_the_session_address_serves_audio_that_is_not_first():
    text = "v=0\nc=IN IP4 192.0.2.1\nm=video 9 RTP/AVP 96\nm=audio 4000 RTP/AVP 0\n"
    assert sdp.choose(text, ["PCMU"], "127.0.0.1").address == "192.0.2.1"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no audio"),
        ("c=IN IP4 192.0.2.1\r\nm=audio 0 RTP/AVP 8\r\n", "refused"),
        ("m=audio 9 RTP/AVP 8\r\n", "no address"),
        ("c=IN IP4 192.0.2.1\r\nm=audio 9 RTP/AVP 18\r\n", "none of the codecs PCMA"),
        ("c=IN IP4 192.0.2.1\r\nm=audio nine\r\n", "malformed"),
        ("c=IN IP4 192.0.2.1\r\nm=audio \u00b2 RTP/AVP 8\r\n", "malformed"),
        ("c=IN IP4 192.0.2.1\r\nm=audio 70000 RTP/AVP 8\r\n", "port 70000"),
        ("c=IN IP4 192.0.2.1\r\nm=audio 65535 RTP/AVP 8\r\n", "port 65535"),
        (f"c=IN IP4 192.0.2.1\r\nm=audio {'9' * 5000} RTP/AVP 8\r\n", "malformed"),
        ("c=IN IP4 media.example\r\nm=audio 9 RTP/AVP 8\r\n", "at media.example, .* sends from 192.0.2.7"),
        ("c=IN IP6 2001:db8::1\r\nm=audio 9 RTP/AVP 8\r\n", "at 2001:db8::1; .* 192.0.2.7, which reaches IPv4 only"),
    ],
)
def test_what_can_not_be_used_is_refused_with_a_reason(text: str, words: str):
    with pytest.raises(sdp.SdpError, match=words):
        sdp.choose(text, ["PCMA"], "192.0.2.7")
