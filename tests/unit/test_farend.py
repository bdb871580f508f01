"""What the far end of `make truth` does to sound: it must be what its log and its name say."""

from __future__ import annotations

import pytest
from bench.farend import message, ways
from bench.farend.message import Message
from bench.farend.ways import Rtp, Way

SPEECH, QUIET = b"\x2a" * 160, b"\xd5" * 160
SECONDS = 12.0
"""A call in which a hold lasts from 4 to 7 s, a stall from 4 to 5."""


def packet(number: int, payload: bytes = SPEECH) -> bytes:
    return Rtp(8, 65_500 + number, number * 160, 9, payload).render()


def passed(way: Way, count: int, quiet: range = range(0)) -> list[tuple[float, Rtp]]:
    """What goes out, and when, of `count` packets that come every 20 ms."""
    out = []
    for number in range(count):
        out += way.take(packet(number, QUIET if number in quiet else SPEECH), number * 0.02)
    return [(due, Rtp.parse(data)) for due, data in out]


def numbers(out: list[tuple[float, Rtp]]) -> list[int]:
    """Sequence numbers from the first one on."""
    return [(each.sequence - out[0][1].sequence) & 0xFFFF for _, each in out]


@pytest.mark.parametrize(
    ("words", "number", "delay_s"),
    [
        ("clock:1000:0", 500, 0.01 + 0.001 * 10),
        ("clock:-1000:0", 500, 0.01 + 0.001 * 17 - 0.001 * 10),
        ("longer:55:10", 100, 0.0),
        ("longer:55:10", 101, 0.010),
        ("longer:55:10", 300, 0.055),
        ("longer:55:10", 301, 0.065),
        ("stall:1.25", 199, 0.0),
        ("stall:1.25", 200, 1.0),
        ("stall:1.25", 250, 1.0 - 50 * 0.004),
        ("stall:1.25", 460, 0.0),
    ],
)
def test_a_packet_is_held_back_as_the_words_say(words: str, number: int, delay_s: float):
    out = passed(ways.way(words, SECONDS), 600)
    due, _ = out[number]
    assert due - number * 0.02 == pytest.approx(delay_s, abs=1e-6)
    assert numbers(out) == list(range(600)), "nothing is lost, and nothing overtakes"


def test_late_media_begins_late_with_the_numbers_that_go_on():
    out = passed(ways.way("late", SECONDS), 600)
    assert out[0][0] == pytest.approx(3.0)
    assert len(out) == 450


def test_pauses_become_comfort_noise_and_take_no_numbers():
    """1 s of quiet: 0.2 s go on as sound, then a packet of comfort noise every 0.2 s (RFC 3389)."""
    out = passed(ways.way("comfort-noise", SECONDS), 200, quiet=range(100, 150))
    kinds = [each.kind for _, each in out]
    assert kinds.count(13) == 4
    assert len(out) == 150 + 10 + 4
    assert numbers(out) == list(range(len(out)))
    noise = next(each for _, each in out if each.kind == 13)
    assert (noise.timestamp, noise.payload) == (110 * 160, ways.NOISE)
    speaks_again = out[kinds.index(13) + 4][1]
    assert (speaks_again.marker, speaks_again.timestamp) == (True, 150 * 160)


def test_packets_are_packed_together_for_a_while():
    out = passed(ways.way("packet-length:3", SECONDS), 600)
    lengths = [len(each.payload) for _, each in out]
    assert lengths.count(480) == 67  # from 4 s to 8 s; the last one is filled up as it was begun
    assert sum(lengths) == 600 * 160
    assert numbers(out) == list(range(len(out)))
    first = lengths.index(480)
    assert [each.timestamp for _, each in out[first : first + 3]] == [first * 160, (first + 3) * 160, (first + 6) * 160]


@pytest.mark.parametrize(
    ("words", "sources", "following"),
    [
        ("hold:inactive:anew", 2, 20_011),
        ("hold:null", 1, 65_500 + 200 - 65_536),
        ("hold:null:caller-only", 1, 65_500 + 350 - 65_536),
        ("hold:sendonly", 2, 65_500 + 200 - 65_536),
    ],
)
def test_on_hold_nothing_goes_out_but_music(words: str, sources: int, following: int):
    """`following` is the number of the first packet of speech after the hold."""
    way, out = ways.way(words, SECONDS), []
    for number in range(600):
        if number == 200:
            out += way.hold(4.0, 7.0)
        out += way.take(packet(number), number * 0.02)
    during = [data for due, data in out if 4.0 <= due < 7.0]
    speech = [Rtp.parse(data) for due, data in out if not 4.0 <= due < 7.0]
    assert len(during) == (150 if "sendonly" in words else 0)
    assert len({Rtp.parse(data).ssrc for _, data in out}) == sources
    assert len(speech) == 600 - 150
    assert speech[200].sequence == following


def test_alaw_is_told_apart_from_silence():
    assert ways.is_quiet(QUIET)
    assert not ways.is_quiet(SPEECH)


# --- signalling ------------------------------------------------------------------------------------------------------

OFFER = (
    "v=0\r\no=- 5 1 IN IP6 ::1\r\ns=-\r\nc=IN IP6 ::1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 101\r\n"
    "a=rtpmap:8 PCMA/8000\r\na=rtcp:4001\r\na=sendrecv\r\n"
)


def test_a_description_is_told_anew_with_another_place_and_direction():
    told = message.described(OFFER, "::2", 6000, version=3, direction="inactive", also="13 CN/8000")
    assert message.sound_goes_to(told) == ("::2", 6000)
    assert "m=audio 6000 RTP/AVP 8 101 13\r\na=rtpmap:13 CN/8000\r\n" in told
    assert told.endswith("a=inactive\r\n")
    assert "sendrecv" not in told
    assert "a=rtcp" not in told
    assert "o=- 1 3 IN IP6 ::2" in told
    assert "c=IN IP6 ::\r\n" in message.described(OFFER, "::2", 6000, null=True)


def test_a_message_goes_through_unharmed():
    data = b"INVITE sip:1@[::1]:5070;x=y SIP/2.0\r\nv: SIP/2.0/UDP [::2]:5;branch=b\r\nSubject: a\r\n b\r\n\r\nbody"
    read = Message.parse(data)
    assert (read.method, read.code, read.get("Via"), read.get("subject")) == (
        "INVITE",
        0,
        "SIP/2.0/UDP [::2]:5;branch=b",
        "a b",
    )
    assert Message.parse(read.render()).body == "body"
    assert message.place("sip:1@[::1]:5070;x=y") == ("::1", 5070)
    with pytest.raises(ValueError, match="no SIP message"):
        Message.parse(b"hello")
