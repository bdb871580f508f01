"""RTCP arithmetic, and the media engine over real sockets of this machine."""

import socket
import struct
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_sipapp.measurement import rtpstats, scoring
from voice_sipapp.media import ports, rtp, rtppacket, sdp
from voice_sipapp.media.rtcp import Exchange, Reception

SECOND = 1_000_000_000
START = 1_790_000_000 * SECOND


def exchange_of(ssrc: int) -> Exchange:
    return Exchange(ssrc, b"probe@invalid")


def received(count: int, ssrc: int, lost: int = 0) -> Reception:
    reception = Reception()
    for at in range(count):
        if not 10 <= at < 10 + lost:
            reception.packet(START + at * 20_000_000, 65530 + at & 0xFFFF, at * 160, ssrc)
    return reception


@given(st.integers(0, 2 * SECOND), st.integers(0, 5 * SECOND), st.integers(-3600 * SECOND, 3600 * SECOND))
def test_the_round_trip_needs_no_common_clock(there_and_back: int, waited: int, clocks_apart: int):
    """RFC 3550, section 6.4.1, figure 2."""
    here, there = exchange_of(1), exchange_of(2)
    arrival = START + there_and_back // 2 + clocks_apart
    there.receive(here.report(START, 0, 1, 160, received(5, 2)), arrival)
    here.receive(there.report(arrival + waited, 0, 1, 160, received(5, 1)), START + there_and_back + waited)
    assert here.round_trips_ms == [pytest.approx(there_and_back / 1e6, abs=0.1)]


def test_reports_tell_the_sender_what_was_lost_across_a_wrap():
    here, there = exchange_of(1), exchange_of(2)
    here.receive(there.report(START, 0, 0, 0, received(100, 1, lost=7)), START)
    assert here.remote_lost == 7
    assert here.remote_jitter_ms is not None


def test_a_report_about_someone_else_is_passed_over():
    here, there = exchange_of(1), exchange_of(2)
    here.receive(there.report(START, 0, 0, 0, received(100, 99)), START)
    assert (here.remote_lost, here.round_trips_ms) == (None, [])


@given(st.binary(max_size=120))
def test_nonsense_is_survived(packet: bytes):
    exchange_of(1).receive(packet, START)


@pytest.fixture(params=["::1", "127.0.0.1"])
def engine(request: pytest.FixtureRequest) -> Iterator[rtp.Engine]:
    made = rtp.Engine(request.param, (31000, 31998))
    made.address = request.param  # type: ignore[attr-defined]
    made.start()
    yield made
    made.stop()


def test_two_streams_hear_each_other_whole_and_measure_the_round_trip(engine: rtp.Engine):
    one, other = engine.open(), engine.open()
    address = engine.address  # type: ignore[attr-defined]
    frames = [bytes([at]) * 160 for at in range(50)]
    for stream, far in ((one, other), (other, one)):
        stream.target(sdp.Remote(address, far.port, "PCMA", 8), frames)
        engine.start_sending(stream)
    time.sleep(1.2)
    engine.end(one)
    time.sleep(0.05)
    engine.end(other)
    stats = rtpstats.analyse(rtppacket.packets(other.received, 8))
    assert stats is not None
    assert stats.received == one.sent >= 50
    assert (stats.lost, stats.duplicates) == (0, 0)
    assert stats.payloads[1] == frames[1]
    assert one.exchange.round_trips_ms
    assert 0 <= one.exchange.round_trips_ms[0] < 1000
    assert one.exchange.remote_lost == 0


@pytest.mark.parametrize("port", [70_000, 65_535])
def test_a_far_end_that_can_not_be_sent_to_does_not_stop_the_others(engine: rtp.Engine, port: int):
    impossible, one, other = engine.open(), engine.open(), engine.open()
    address = engine.address  # type: ignore[attr-defined]
    for stream, far in ((impossible, port), (one, other.port)):
        stream.target(sdp.Remote(address, far, "PCMA", 8), [b"\xd5" * 160])
        engine.start_sending(stream)
    time.sleep(0.6)
    for stream in (impossible, one, other):
        engine.end(stream)
    assert engine.is_alive()
    assert len(other.received) >= 25
    if port > 65535:
        assert impossible.sent == 0 < impossible.send_errors
    else:  # only its reports can't be sent
        assert impossible.send_errors == 0 < impossible.sent
    assert impossible.send_problem is not None


@pytest.mark.parametrize(("step_ms", "seen"), [(0, False), (-40, True), (3600_000, True)])
def test_a_clock_that_is_set_meanwhile_is_noticed(
    engine: rtp.Engine, monkeypatch: pytest.MonkeyPatch, step_ms: int, seen: bool
):
    stream, real = engine.open(), time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + step_ms * 1_000_000)
    engine.end(stream)
    assert (stream.clock_step_ms > scoring.MAX_CLOCK_STEP_MS) is seen
    assert stream.clock_step_ms == pytest.approx(abs(step_ms), abs=1)


def test_packets_are_marked_for_expedited_forwarding(engine: rtp.Engine):
    address = engine.address  # type: ignore[attr-defined]
    six = ":" in address
    family, level = (socket.AF_INET6, socket.IPPROTO_IPV6) if six else (socket.AF_INET, socket.IPPROTO_IP)
    with socket.socket(family, socket.SOCK_DGRAM) as ear:
        ear.bind((address, 0))
        ear.settimeout(2)
        ear.setsockopt(level, socket.IPV6_RECVTCLASS if six else socket.IP_RECVTOS, 1)
        stream = engine.open()
        stream.target(sdp.Remote(address, ear.getsockname()[1], "PCMU", 0), [b"\xff" * 160])
        engine.start_sending(stream)
        _, ancillary, _, _ = ear.recvmsg(2048, 64)
        engine.end(stream)
    assert ancillary[0][2][0] == 0xB8


def test_ports_are_pairs_and_run_out():
    pairs = ports.Ports("::1", 31500, 31503)
    first, second = pairs.open(), pairs.open()
    assert {first[2], second[2]} == {31500, 31502}
    with pytest.raises(ports.PortsExhaustedError):
        pairs.open()
    for endpoint in (*first[:2], *second[:2]):
        endpoint.close()


def test_padding_and_contributing_sources_are_not_sound():
    header = struct.pack("!BBHII", 0x80 | 0x20 | 1, 8, 1, 0, 5)
    packet = header + b"\0\0\0\1" + b"\xd5" * 160 + b"\0\0\0\4"
    assert [found.payload for found in rtppacket.packets([(0, packet)], 8)] == [b"\xd5" * 160]
