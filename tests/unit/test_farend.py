"""What the far end of `make truth` does to sound: it must be what its log and its name say."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from bench.farend import message, ways
from bench.farend.calls import Call, Trunk
from bench.farend.message import Message
from bench.farend.relay import Media, Side
from bench.farend.repeating import Repeating
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


PARTY, CALLEE = ("::1", 5099), ("::1", 5098)


def test_what_nobody_answers_is_sent_again_for_half_a_minute():
    """RFC 3261, section 17.1.2.2: after 0.5, 1, 2, then every 4 s, until 32 s are over."""
    now, sent, due = 0.0, [], []
    repeating = Repeating(lambda *_: sent.append(now), lambda at, do: due.append((at, do)), lambda: now)
    repeating.begin("a", b"", PARTY)
    while due:
        now, action = due.pop()
        action()
    assert sent == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]


class Network:
    """The far end's host in a network that loses messages; time goes on when a test says so."""

    address, port, callee, seconds = "::1", 5070, CALLEE, SECONDS

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.due: list[Callable[[], None]] = []
        self.told: list[str] = []

    def send(self, datagram: bytes, to: tuple[str, int]) -> None:
        self.sent.append(Message.parse(datagram))

    def later(self, due: float, action: Callable[[], None]) -> None:
        self.due.append(action)

    def side(self, address: str) -> Side:
        return Side(address, (41_000, 41_999))

    def watch(self, media: Media) -> None:
        """Nothing comes."""

    def unwatch(self, media: Media) -> None:
        """Nothing came."""

    def log(self, told: str) -> None:
        self.told.append(told)

    def time_goes_on(self) -> list[Message]:
        """What is sent when all is done that is due."""
        self.sent.clear()
        due, self.due = self.due, []
        for action in due:
            action()
        return self.sent


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def call(network: Network) -> Iterator[Call]:
    """A call that is passed on to the callee, who has not answered."""
    invite = Message(
        "INVITE sip:1@[::1]:5070 SIP/2.0",
        (
            ("Via", "SIP/2.0/UDP [::1]:5099;branch=z9hG4bKa"), ("From", "<sip:a@b>;tag=a"), ("To", "<sip:1@b>"),
            ("Call-ID", "near"), ("CSeq", "1 INVITE"), ("Contact", "<sip:a@[::1]:5099>"),
        ),
        OFFER,
    )  # fmt: skip
    call = Call(network, Trunk("1", "late", "::1", "::1"), invite)
    call.start()
    yield call
    call.media.close()


def asks(method: str, number: int) -> Message:
    """A request of the caller within the call."""
    via = ("Via", f"SIP/2.0/UDP [::1]:5099;branch=z9hG4bK{method}")
    return Message(f"{method} sip:x SIP/2.0", (via, ("Call-ID", "near"), ("CSeq", f"{number} {method}")))


def answer_of_callee(network: Network) -> Message:
    passed_on = next(each for each in network.sent if each.method == "INVITE" and not each.code)
    return message.answer(passed_on, 200, "OK", tag="c", contact="<sip:c@[::1]:5098>", body=OFFER)


def words(sent: list[Message]) -> list[str]:
    """Requests by their method, answers by code and method."""
    return [f"{each.code} {each.method}" if each.code else each.method for each in sent]


def test_an_invite_that_gets_lost_is_sent_again(network: Network, call: Call):
    answer = answer_of_callee(network)
    assert words(network.time_goes_on()) == ["INVITE"]
    call.told(answer)
    assert "INVITE" not in words(network.time_goes_on())


def test_an_answer_is_repeated_until_it_is_acknowledged(network: Network, call: Call):
    call.told(answer_of_callee(network))
    assert "200 INVITE" in words(network.time_goes_on())
    call.asked(asks("ACK", 1), PARTY)
    assert "200 INVITE" not in words(network.time_goes_on())


def test_a_hang_up_that_gets_lost_is_passed_on_again_and_logged_once(network: Network, call: Call):
    call.told(answer_of_callee(network))
    call.asked(asks("ACK", 1), PARTY)
    network.due.clear()
    for _ in range(2):
        call.asked(asks("BYE", 2), PARTY)
    assert words(network.sent).count("BYE") == 1
    assert words(network.sent).count("200 BYE") == 2
    assert words(network.time_goes_on()) == ["BYE"]
    call.told(message.answer(network.sent[0], 200, "OK"))
    assert network.time_goes_on() == []
    assert len(network.told) == 2, "that it began, and that it is over"
