"""Two streams over this machine's sockets: encryption, digits, hold, what comes before the answer."""

import itertools
import logging
import socket
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from voice_sipapp.measurement import rtpstats
from voice_sipapp.media import rtppacket, sdp, srtp
from voice_sipapp.media.codecs import CODECS
from voice_sipapp.media.rtp import Engine, Stream

ADDRESS = "::1"
FRAMES = [bytes([at]) * 160 for at in range(50)]


@pytest.fixture
def engine() -> Iterator[Engine]:
    made = Engine(ADDRESS, (30000, 30998))
    made.start()
    yield made
    made.stop()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def remote(far: Stream, **changes: object) -> sdp.Remote:
    made = sdp.Remote(ADDRESS, far.port, "PCMA", 8, dtmf_type=101, own_dtmf_type=101)
    return replace(made, **changes)  # type: ignore[arg-type]


def connect(engine: Engine, one: Stream, other: Stream, **changes: object) -> None:
    for stream, far in ((one, other), (other, one)):
        stream.target(remote(far, **changes), FRAMES)
        engine.start_sending(stream)


def sound(stream: Stream) -> list[rtpstats.Packet]:
    return [packet for packet in rtppacket.packets(stream.received, stream.payload_type or 0) if packet.is_sound]


def test_encrypted_media_is_heard_in_the_clear_and_its_reports_are_read(engine: Engine):
    one, other = engine.open(), engine.open()
    for stream, far in ((one, other), (other, one)):
        stream.target(remote(far, srtp_key=far.own_srtp_key), FRAMES)
        engine.start_sending(stream)
    until(lambda: len(other.received) > 20 and one.exchange.round_trips_ms)
    engine.end(one)
    engine.end(other)
    assert one.encrypted
    assert {packet.payload for packet in sound(other)} <= set(FRAMES)
    assert len(other.received) > 20
    assert one.exchange.remote_lost == 0


def test_encrypted_media_that_came_before_its_key_is_read_too(engine: Engine):
    one, other = engine.open(), engine.open()
    one.target(remote(other, srtp_key=srtp.new_key()), FRAMES)
    engine.start_sending(one)
    until(lambda: len(other.received) > 3)
    other.target(remote(one, srtp_key=one.own_srtp_key), FRAMES)
    engine.end(one)
    engine.end(other)
    assert sound(other)[0].payload == FRAMES[0]


def test_with_a_wrong_key_nothing_counts_as_received_and_the_log_says_so_once(
    engine: Engine, caplog: pytest.LogCaptureFixture
):
    one, other = engine.open(), engine.open()
    with caplog.at_level(logging.WARNING):
        connect(engine, one, other, srtp_key=srtp.new_key())
        until(lambda: one.sent > 10)
        engine.end(one)
        engine.end(other)
    assert list(other.received) == []
    assert other.other_source == 0, "it came from where it was agreed on"
    assert caplog.text.count(f"encrypted media at port {other.port} can't be read: authentication failure") == 1


def test_what_can_not_be_read_is_not_the_first_sound(engine: Engine):
    one, other = engine.open(), engine.open()
    one.target(remote(other, srtp_key=srtp.new_key()), FRAMES)
    engine.start_sending(one)
    until(lambda: len(other.received) > 0)  # nobody can tell yet
    other.target(remote(one, srtp_key=srtp.new_key()), FRAMES)
    sent = one.sent
    until(lambda: one.sent > sent + 10)
    engine.end(one)
    engine.end(other)
    assert other.first_rtp_ns is None


def test_reports_that_come_to_the_port_for_sound_are_no_sound(engine: Engine):
    """RFC 5761, section 4: told apart by the second octet."""
    stream = engine.open()
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as far:
        for kind in (200, 201, 202, 203, 204):
            far.sendto(struct.pack("!BBHIII", 0x80, kind, 6, 5, 6, 7) + bytes(12), (ADDRESS, stream.port))
        far.sendto(rtppacket.HEADER.pack(0x80, 8, 1, 160, 5) + FRAMES[0], (ADDRESS, stream.port))
        until(lambda: len(stream.received) > 0)
        engine.end(stream)
    assert [packet[1] for _, packet in stream.received] == [8]


def test_every_number_under_which_sound_may_come_is_known(engine: Engine):
    one, other = engine.open(), engine.open()
    one.target(remote(other, also=((8, "PCMA"), (0, "PCMU"))), FRAMES)
    assert one.payload_types == {8: "PCMA", 0: "PCMU"}
    one.target(remote(other, payload_type=120, own_payload_type=120), FRAMES)
    assert one.payload_types == {8: "PCMA", 0: "PCMU", 120: "PCMA"}
    engine.end(one)
    engine.end(other)


def test_no_two_streams_have_the_same_name_in_reports(engine: Engine):
    """RFC 7022, section 4.2: a name that two ends share looks like a loop (RFC 3550, section 8.2)."""
    streams = [engine.open() for _ in range(5)]
    names = {stream.exchange.cname for stream in streams}
    for stream in streams:
        engine.end(stream)
    assert len(names) == 5
    assert {len(name) for name in names} == {16}


def test_a_stream_on_hold_expects_nothing_at_its_end(engine: Engine):
    one, other = engine.open(), engine.open()
    connect(engine, one, other)
    until(lambda: len(other.received) > 3)
    before_ns = time.time_ns()
    one.target(remote(other, sends=False), FRAMES)
    engine.end(one)
    engine.end(other)
    assert one.until_ns is not None
    assert other.until_ns is not None
    assert other.until_ns >= other.received[-1][0]
    ((begin_ns, end_ns),) = one.directions.not_due(one.until_ns, one.answered_ns)
    assert before_ns <= begin_ns <= end_ns == one.until_ns
    assert other.directions.not_due(other.until_ns, other.answered_ns) == one.directions.not_sending(one.until_ns) == ()


def test_a_stream_that_agreed_on_nothing_knows_no_end(engine: Engine):
    one = engine.open()
    engine.end(one)
    assert (one.until_ns, one.answered_ns, one.comfort_noise) == (None, None, frozenset())


def test_a_call_is_answered_once(engine: Engine):
    one, other = engine.open(), engine.open()
    connect(engine, one, other)
    one.answered()
    first = one.answered_ns
    one.answered()
    assert first is not None
    assert one.answered_ns == first
    engine.end(one)
    engine.end(other)


def test_digits_are_heard_and_take_their_place_among_the_numbers(engine: Engine):
    one, other = engine.open(), engine.open()
    connect(engine, one, other)
    assert one.press("5*A")
    assert one.press("0")
    until(lambda: other.digits == "5*A0")
    until(lambda: len(sound(other)) > 20)
    engine.end(one)
    engine.end(other)
    stats = rtpstats.analyse(rtppacket.packets(other.received, 8))
    assert stats is not None
    assert (stats.lost, stats.duplicates, stats.received) == (0, 0, one.sent)
    events = [packet for _, packet in other.received if packet[1] & 0x7F == 101]
    assert len(events) == 4 * 7
    assert [packet[12] for packet in events if packet[1] & 0x80] == [5, 10, 12, 0]


def test_a_far_end_without_digits_gets_none(engine: Engine):
    one, other = engine.open(), engine.open()
    connect(engine, one, other, dtmf_type=None, own_dtmf_type=None)
    assert not one.press("1")
    with pytest.raises(ValueError, match="no DTMF digit"):
        one.press("x")
    engine.end(one)
    engine.end(other)


def test_nothing_is_sent_while_on_hold_and_time_goes_on(engine: Engine):
    one, other = engine.open(), engine.open()
    connect(engine, one, other)
    until(lambda: len(other.received) > 5)
    one.target(remote(other, receives=False), FRAMES)
    held, since = one.sent, time.monotonic()
    until(lambda: time.monotonic() - since > 0.3)
    assert one.sent == held
    one.target(remote(other), FRAMES)
    until(lambda: one.sent > held + 5)
    engine.end(one)
    engine.end(other)
    found = sound(other)
    steps = [after.timestamp - before.timestamp for before, after in itertools.pairwise(found)]
    assert max(steps) > 160 * 10
    assert [after.sequence - before.sequence for before, after in itertools.pairwise(found)] == [1] * len(steps)
    assert sum(packet[1] >> 7 for _, packet in other.received) == 2, "a marker at the start and after the silence"


def test_a_null_address_is_sent_nothing(engine: Engine):
    one, other = engine.open(), engine.open()
    one.target(replace(remote(other, receives=False), address="::"), FRAMES)
    engine.start_sending(one)
    since = time.monotonic()
    until(lambda: time.monotonic() - since > 0.5)
    engine.end(one)
    assert (one.sent, one.send_errors, one.send_problem) == (0, 0, None)
    engine.end(other)


def test_what_comes_long_before_the_answer_is_early_media(engine: Engine):
    one, other = engine.open(), engine.open()
    connect(engine, one, other)
    until(lambda: len(other.received) > 20)
    began = other.received[0][0]
    other.answered()
    assert other.early >= 10
    until(lambda: len(other.received) > 10)
    engine.end(one)
    engine.end(other)
    assert other.first_rtp_ns == began
    assert other.early + len(other.received) == one.sent
    assert other.received[0][0] > began + 100_000_000


@pytest.mark.parametrize("name", list(CODECS))
def test_every_codec_keeps_its_own_clock(engine: Engine, name: str):
    codec = CODECS[name]
    one, other = engine.open(), engine.open()
    for stream, far in ((one, other), (other, one)):
        stream.target(sdp.Remote(ADDRESS, far.port, name, codec.payload_type), FRAMES)
        engine.start_sending(stream)
    until(lambda: len(sound(other)) > 10)
    engine.end(one)
    engine.end(other)
    found = sound(other)
    assert {after.timestamp - before.timestamp for before, after in itertools.pairwise(found)} == {codec.ticks}


def test_a_payload_type_of_the_far_ends_own_is_sent_and_ours_is_heard(engine: Engine):
    """RFC 3264, section 5.1: each side sends under the numbers that the other has named."""
    one, other = engine.open(), engine.open()
    one.target(sdp.Remote(ADDRESS, other.port, "opus", 120, own_payload_type=96), FRAMES)
    other.target(sdp.Remote(ADDRESS, one.port, "opus", 96, own_payload_type=120), FRAMES)
    for stream in (one, other):
        engine.start_sending(stream)
    until(lambda: len(sound(one)) > 3 and len(sound(other)) > 3)
    engine.end(one)
    engine.end(other)
    assert {packet[1] & 0x7F for _, packet in other.received} == {120}
