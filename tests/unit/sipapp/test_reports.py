"""RTCP and the live count behind it, as far ends and strangers may send them (RFC 3550)."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_sipapp.media.rtcp import Exchange, Reception, ntp_middle

SECOND = 1_000_000_000
START = 1_790_000_000 * SECOND
BLOCK_AT = 28


def exchange_of(ssrc: int) -> Exchange:
    return Exchange(ssrc, b"probe@invalid")


def received(count: int, ssrc: int = 1, first: int = 0, stamp: int = 0, copies: int = 1) -> Reception:
    reception = Reception()
    for at in range(count):
        for _ in range(copies):
            number, timestamp = first + at & 0xFFFF, (stamp + at * 160) & 0xFFFFFFFF
            reception.packet(START + at * 20_000_000, number, timestamp, ssrc)
    return reception


def block_of(packet: bytes) -> tuple[int, ...]:
    """Source, loss, highest, jitter, LSR and DLSR of the one block in a sender report."""
    return struct.unpack_from("!IIIIII", packet, BLOCK_AT)


@given(st.integers(0, 65535), st.integers(0, 2**32 - 1))
def test_jitter_is_reported_across_wraps(first: int, stamp: int):
    reception = received(100, first=first, stamp=stamp)
    assert reception.jitter == pytest.approx(0, abs=1e-2)
    block = struct.unpack("!IIIIII", reception.block(0, 0))
    assert block[1:4] == (0, first + 99, 0), "nothing lost, the extended number, no jitter"


def test_more_copies_than_losses_are_a_negative_loss():
    """RFC 3550, section 6.4.1: the cumulative number is signed."""
    here, there = exchange_of(1), exchange_of(2)
    here.receive(there.report(START, 0, 0, 0, received(10, copies=2)), START)
    assert here.remote_lost == -10


@pytest.mark.parametrize(("lost", "told"), [(9_000_000, 0x7FFFFF), (-9_000_000, -0x800000)])
def test_loss_is_clamped_to_24_bits(lost: int, told: int):
    """RFC 3550, A.3."""
    here, there, reception = exchange_of(1), exchange_of(2), received(10)
    reception.received -= lost
    here.receive(there.report(START, 0, 0, 0, reception), START)
    assert here.remote_lost == told


def test_the_last_report_that_is_told_of_is_the_sources_own():
    """LSR and DLSR of a block are of the source that the block is about, not of whoever else sends reports."""
    here, far, stranger = exchange_of(1), exchange_of(2), exchange_of(3)
    nothing = Reception()
    here.receive(far.report(START, 0, 0, 0, nothing), START)
    here.receive(stranger.report(START + SECOND, 0, 0, 0, nothing), START + SECOND)
    block = block_of(here.report(START + 2 * SECOND, 0, 0, 0, received(10, ssrc=2)))
    assert block[4:] == (ntp_middle(START), 2 * 65536)
    block = block_of(here.report(START + 2 * SECOND, 0, 0, 0, received(10, ssrc=9)))
    assert block[4:] == (0, 0), "that source sent none"


def test_a_report_that_names_none_of_ours_gives_no_round_trip():
    here, there = exchange_of(1), exchange_of(2)
    here.report(START, 0, 0, 0, Reception())
    there.receive(exchange_of(1).report(START + 77 * 65536, 0, 0, 0, Reception()), START)
    here.receive(there.report(START, 0, 0, 0, received(10)), START + SECOND // 10)
    assert here.round_trips_ms == []
    assert here.remote_lost == 0


def test_our_own_reports_that_come_back_are_no_far_ends():
    """RFC 3550, section 8.2: a far end that echoes all it gets."""
    here = exchange_of(1)
    here.receive(here.report(START, 0, 0, 0, received(10)), START + SECOND)
    back = here.report(START + 2 * SECOND, 0, 0, 0, received(10))
    here.receive(back, START + 3 * SECOND)
    assert block_of(back)[4:] == (0, 0)
    assert (here.round_trips_ms, here.remote_lost) == ([], None)


@given(st.integers(-3000, 60_000))
def test_a_round_trip_is_never_negative_and_a_negative_one_is_nonsense(trip_ms: int):
    """A far end whose DLSR is longer than the time that has passed; a clock's granularity is forgiven."""
    here, there = exchange_of(1), exchange_of(2)
    there.receive(here.report(START, 0, 0, 0, Reception()), START)
    answer = there.report(START + 5 * SECOND, 0, 0, 0, received(10))
    here.receive(answer, START + 5 * SECOND + trip_ms * 1_000_000)
    if trip_ms < -50:
        assert here.round_trips_ms == []
    elif -50 < trip_ms < 60_000:  # at the bound itself, the rounding of the fixed point decides
        assert here.round_trips_ms == [pytest.approx(max(0, trip_ms), abs=0.1)]


def test_one_packet_of_another_source_does_not_begin_the_count_anew():
    """RFC 3550, A.1: a source is one after two packets in sequence."""
    reception = received(100, ssrc=5)
    reception.packet(START, 7, 0, 66)
    reception.packet(START + 100 * 20_000_000, 100, 16_000, 5)
    assert (reception.ssrc, reception.received, reception.highest) == (5, 101, 100)
    for number in (8, 9, 10):
        reception.packet(START, number, 160 * number, 66)
    assert (reception.ssrc, reception.first) == (66, 9)


@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 2**32 - 1), st.integers(1, 3), st.booleans())))
def test_whatever_is_received_can_be_reported(packets: list[tuple[int, int, int, bool]]):
    reception = Reception()
    for at, (sequence, timestamp, ssrc, is_sound) in enumerate(packets):
        reception.packet(START + at, sequence, timestamp, ssrc, is_sound=is_sound)
        here = exchange_of(9)
        here.receive(exchange_of(2).report(START, 0, 0, 0, reception), START)
    assert len(reception.block(1, 0)) in (0, 24)
