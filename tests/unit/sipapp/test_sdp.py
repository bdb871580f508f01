"""Offers and answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_sipapp.media import sdp
from voice_sipapp.media.codecs import CODECS


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


OFFER = sdp.describe("2001:db8::1", 4000, ["opus", "G722", "PCMA"], 7)


def test_an_offer_names_every_codec_in_order_with_dtmf_on_their_clocks():
    """RFC 7587, section 7 (Opus), RFC 4733, section 2.4.1 and RFC 7160 (events on the sound's clock)."""
    assert "m=audio 4000 RTP/AVP 96 9 8 101 102\r\n" in OFFER
    for line in ("rtpmap:96 opus/48000/2", "rtpmap:9 G722/8000", "rtpmap:101 telephone-event/8000",
                 "rtpmap:102 telephone-event/48000", "fmtp:101 0-15", "ptime:20", "sendrecv"):  # fmt: skip
        assert f"a={line}\r\n" in OFFER
    assert "useinbandfec=1" in OFFER


def test_the_far_ends_numbers_are_honoured_and_its_own_offer_keeps_them():
    text = OFFER.replace("96", "120").replace("102", "121")
    remote = sdp.choose(text, ["opus"], "::1")
    assert (remote.codec, remote.payload_type, remote.own_payload_type) == ("opus", 120, 120)
    assert (remote.dtmf_type, remote.dtmf_clock_hz) == (121, 48000)
    assert "m=audio 9000 RTP/AVP 120 121\r\n" in sdp.describe("::1", 9000, ["opus"], 1, answer_to=remote)
    answered = sdp.choose(text, ["opus"], "::1", answers=True)
    assert (answered.payload_type, answered.own_payload_type) == (120, 96), "it sends under the number of our offer"
    assert (answered.dtmf_type, answered.own_dtmf_type) == (121, 102)


def test_all_codecs_of_an_answer_are_known_by_our_numbers():
    """RFC 3264, section 6.1."""
    text = "c=IN IP6 2001:db8::1\r\nm=audio 4000 RTP/AVP 111 9 18 0 101\r\na=rtpmap:111 opus/48000/2\r\n"
    remote = sdp.choose(text, ["PCMA", "PCMU", "opus", "G722"], "::1", answers=True)
    assert set(remote.also) == {(0, "PCMU"), (9, "G722"), (96, "opus")}
    assert sdp.choose(text, ["PCMU", "opus"], "::1").also == (), "we answer with one"


def test_dtmf_on_another_clock_is_better_than_none():
    text = OFFER.replace("a=rtpmap:102 telephone-event/48000\r\n", "").replace(" 102", "")
    remote = sdp.choose(text, ["opus"], "::1")
    assert (remote.dtmf_type, remote.dtmf_clock_hz) == (101, 8000)


KEY = bytes(range(30))


def test_keys_go_both_ways_and_the_answer_keeps_the_offers_number():
    offer = sdp.describe("::1", 4000, ["PCMA"], 1, srtp_key=KEY)
    assert "m=audio 4000 RTP/SAVP 8 101\r\n" in offer
    assert "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" in offer
    remote = sdp.choose(offer.replace("crypto:1 ", "crypto:3 "), ["PCMA"], "::1", srtp=True)
    assert (remote.srtp_key, remote.crypto_tag) == (KEY, 3)
    assert "00010203" not in repr(remote).replace("\\x", "")
    answer = sdp.describe("::1", 5000, ["PCMA"], 1, srtp_key=bytes(30), answer_to=remote)
    assert "a=crypto:3 " in answer
    with pytest.raises(sdp.SdpError, match="takes key number 3; number 1 was offered"):
        sdp.choose(answer, ["PCMA"], "::1", srtp=True, answers=True)


@pytest.mark.parametrize(
    ("offered", "srtp", "words"),
    [
        (None, True, r"unencrypted \(RTP/AVP\); this probe's media is encrypted"),
        (KEY, False, r"encrypted \(RTP/SAVP\); this probe's media is not"),
    ],
)
def test_encryption_is_not_switched_by_the_far_end(offered: bytes | None, srtp: bool, words: str):
    with pytest.raises(sdp.SdpError, match=words):
        sdp.choose(sdp.describe("::1", 4000, ["PCMA"], 1, srtp_key=offered), ["PCMA"], "::1", srtp=srtp)


@pytest.mark.parametrize(
    ("changes", "sends", "receives", "answer"),
    [
        (("a=sendrecv", "a=sendonly"), True, False, "recvonly"),
        (("a=sendrecv", "a=recvonly"), False, True, "sendonly"),
        (("a=sendrecv", "a=inactive"), False, False, "inactive"),
        (("c=IN IP6 2001:db8::1", "c=IN IP6 ::"), True, False, "recvonly"),
        (("a=sendrecv\r\n", ""), True, True, "sendrecv"),
        (("t=0 0", "t=0 0\r\na=inactive"), True, True, "sendrecv"),
        (("t=0 0", "t=0 0\r\na=sendonly"), True, True, "sendrecv"),
    ],
)
def test_hold_is_understood_and_answered(changes: tuple[str, str], sends: bool, receives: bool, answer: str):
    """RFC 3264, sections 6.1 and 8.4; a null address is the hold of RFC 2543; the media's word beats the session's."""
    remote = sdp.choose(OFFER.replace(*changes), ["PCMA"], "::1")
    assert (remote.sends, remote.receives) == (sends, receives)
    assert f"a={answer}\r\n" in sdp.describe("::1", 4, ["PCMA"], 1, answer_to=remote)


@pytest.mark.parametrize("attribute", ["inactive", "inactive ", "INACTIVE"])
def test_a_direction_is_understood_however_it_is_written(attribute: str):
    offer = f"c=IN IP6 ::1\r\nm=audio 4000 RTP/AVP 8\r\na={attribute}\r\n"
    remote = sdp.choose(offer, ["PCMA"], "::1")
    assert (remote.sends, remote.receives) == (False, False)


@pytest.mark.parametrize(
    ("kinds", "numbers"),
    [
        ("8", (13,)),  # which many send without a word (RFC 3551, table 4)
        ("8 13", (13,)),
        ("8 13\r\na=rtpmap:13 CN/8000", (13,)),
        ("8 98\r\na=rtpmap:98 CN/16000", (13, 98)),
        ("8 118 119\r\na=rtpmap:118 cn/16000\r\na=rtpmap:119 CN/24000", (13, 118, 119)),
        ("8 13\r\na=rtpmap:13 telephone-event/8000", ()),
        ("8 13 101\r\na=rtpmap:13 GSM/8000\r\na=rtpmap:101 CN/8000", (101,)),
    ],
)
def test_the_numbers_of_comfort_noise_are_known(kinds: str, numbers: tuple[int, ...]):
    """RFC 3389, section 4."""
    remote = sdp.choose(f"c=IN IP6 ::1\r\nm=audio 4000 RTP/AVP {kinds}\r\n", ["PCMA"], "::1")
    assert remote.comfort_noise == numbers


@pytest.mark.parametrize(
    ("media", "stopped"),
    [
        (["m=audio 0 RTP/AVP 8"], True),
        (["m=audio 0 RTP/AVP 8", "m=video 0 RTP/AVP 96"], True),
        (["m=audio 0/2 RTP/AVP 8"], True),
        (["m=audio 4000 RTP/AVP 8"], False),
        (["m=audio 0 RTP/AVP 8", "m=audio 4000 RTP/AVP 8"], False),
        (["m=audio 0 RTP/AVP 8", "m=image 4000 udptl t38"], False),  # what a fax asks for
        (["m=video 0 RTP/AVP 96"], False),
        ([], True),  # none yet (section 5)
    ],
)
def test_a_description_may_take_the_sound_out_of_a_call(media: list[str], stopped: bool):
    """RFC 3264, section 8.2."""
    found = sdp.stopped("\r\n".join(["v=0", "c=IN IP6 ::1", *media, "a=sendrecv", ""]))
    assert found == (tuple(media) if stopped else None)
    if stopped:
        answer = sdp.describe_stopped("2001:db8::1", found, 7, version=3)
        assert [line for line in answer.split("\r\n") if line.startswith("m=")] == media
        assert "o=- 7 3 IN IP6 2001:db8::1\r\n" in answer


def test_other_media_are_refused_in_their_places():
    video, more = "m=video 5000 RTP/AVP 31\r\n", "m=audio 6000 RTP/AVP 8\r\n"
    head, tail = OFFER.split("m=audio", 1)
    remote = sdp.choose(f"{head}{video}m=audio{tail}{more}", ["PCMA"], "::1")
    assert (remote.chosen, remote.port) == (1, 4000)
    lines = sdp.describe("::1", 7000, ["PCMA"], 1, answer_to=remote).split("\r\n")
    assert [line for line in lines if line.startswith("m=")] == [
        "m=video 0 RTP/AVP 31", "m=audio 7000 RTP/AVP 8 101", "m=audio 0 RTP/AVP 8",
    ]  # fmt: skip


def test_the_second_audio_is_taken_where_the_first_can_not_be():
    both = sdp.describe("::1", 4000, ["PCMA"], 1) + "m=audio 5000 RTP/SAVP 8\r\n" + sdp.sdes.line(4, KEY) + "\r\n"
    remote = sdp.choose(both, ["PCMA"], "::1", srtp=True)
    assert (remote.port, remote.chosen, remote.crypto_tag) == (5000, 1, 4)


def test_reports_go_where_the_far_end_says():
    """RFC 3605."""
    assert sdp.choose(OFFER, ["PCMA"], "::1").rtcp_port == 4001
    assert sdp.choose(OFFER + "a=rtcp:53020 IN IP6 ::2\r\n", ["PCMA"], "::1").rtcp_port == 53020
    assert sdp.choose(OFFER + "a=rtcp:99999\r\n", ["PCMA"], "::1").rtcp_port == 4001


def test_a_limit_below_our_packets_is_said():
    with pytest.raises(sdp.SdpError, match="no packet longer than 10 ms; this host sends 20 ms"):
        sdp.choose(OFFER + "a=maxptime:10\r\n", ["PCMA"], "::1")


PIECES = st.sampled_from([
    "m=audio", "m=video", " 4000", " 0", " RTP/AVP", " RTP/SAVP", " 8", " 0", " 96", "\r\n", "\n", "a=rtpmap:96 ",
    "opus/48000/2", "telephone-event/8000", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:", "c=IN IP6 ::1", "c=IN IP4 ",
    "1.2.3.4", "a=sendonly", "a=ptime:", "a=maxptime:²", "a=rtcp:", "v=0", "fe80::1%eth0", "\u0663", "/", "|2^20",
])  # fmt: skip


@given(
    st.one_of(st.text(), st.lists(st.one_of(PIECES, st.text(max_size=3))).map("".join)), st.booleans(), st.booleans()
)
def test_garbage_is_refused_or_understood_and_nothing_else(text: str, srtp: bool, answers: bool):
    try:
        remote = sdp.choose(text, list(CODECS), "::1", srtp=srtp, answers=answers)
    except sdp.SdpError:
        return
    sdp.describe("::1", 4000, [remote.codec], 1, srtp_key=KEY if srtp else None, answer_to=remote)


@given(st.integers(0, len(OFFER)), st.text(max_size=5), st.integers(0, 5))
def test_an_offer_with_a_fault_is_refused_or_understood(at: int, text: str, removed: int):
    broken = OFFER[:at] + text + OFFER[at + removed :]
    try:
        remote = sdp.choose(broken, list(CODECS), "::1")
    except sdp.SdpError:
        return
    sdp.describe("::1", 4000, [remote.codec], 1, answer_to=remote)
