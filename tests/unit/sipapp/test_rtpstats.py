"""Statistics of streams whose faults are known because they were put in."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_sipapp.measurement import rtpstats
from voice_sipapp.measurement.rtpstats import analyse, burst_ratio, burstiness
from voice_sipapp.media import rtppacket
from voice_sipapp.media.rtcp import Reception
from voice_sipapp.media.rtppacket import Packet

MS = 1_000_000


def paced(count: int, first: int = 1000, ssrc: int = 7) -> list[Packet]:
    """A perfect stream: one packet each 20 ms, numbered from `first`."""
    return [Packet(at * 20 * MS, first + at, at * 160, ssrc, bytes([at % 256]) * 160) for at in range(count)]


def test_nothing_received_gives_no_statistics():
    assert analyse([]) is None


@given(st.integers(30, 300), st.integers(0, 65535))
def test_a_perfect_stream_has_no_faults(count: int, first: int):
    stats = analyse(paced(count, first))
    assert stats is not None
    assert (stats.received, stats.expected) == (count, count)
    assert (stats.lost, stats.duplicates, stats.out_of_order, stats.discarded) == (0, 0, 0, 0)
    assert (stats.jitter_ms, stats.jitter_max_ms, stats.burst_ratio) == (0, 0, 1)


@given(st.integers(60, 400), st.data())
def test_lost_packets_come_back_exactly(count: int, data: st.DataObject):
    gone = data.draw(st.sets(st.integers(1, count - 2), max_size=count // 3))
    stats = analyse([packet for at, packet in enumerate(paced(count)) if at not in gone])
    assert stats is not None
    assert (stats.lost, stats.expected) == (len(gone), count)
    assert stats.loss_pct == pytest.approx(100 * len(gone) / count)
    assert {at for at, payload in enumerate(stats.payloads) if payload is None} == gone


@given(st.integers(40, 200), st.data())
def test_copies_are_counted_and_not_mistaken_for_packets(count: int, data: st.DataObject):
    copied = data.draw(st.sets(st.integers(0, count - 1), max_size=20))
    stream = [packet for at, packet in enumerate(paced(count)) for _ in range(2 if at in copied else 1)]
    stats = analyse(stream)
    assert stats is not None
    assert (stats.duplicates, stats.lost, stats.out_of_order) == (len(copied), 0, 0)


def test_swapped_neighbours_are_out_of_order_and_not_lost():
    stream = paced(100)
    stream[10], stream[11] = stream[11], stream[10]
    stats = analyse(stream)
    assert stats is not None
    assert (stats.out_of_order, stats.lost) == (1, 0)


def test_a_packet_too_late_for_the_jitter_buffer_is_discarded():
    stream = paced(100)
    late = stream[50]
    stream[50] = Packet(late.arrival_ns + 61 * MS, late.sequence, late.timestamp, late.ssrc, late.payload)
    stats = analyse(sorted(stream, key=lambda packet: packet.arrival_ns))
    assert stats is not None
    assert (stats.discarded, stats.lost, stats.discard_pct) == (1, 0, 1.0)
    assert stats.payloads[50] is None


def test_a_packet_just_in_time_is_played():
    stream = paced(100)
    late = stream[50]
    stream[50] = Packet(late.arrival_ns + 60 * MS, late.sequence, late.timestamp, late.ssrc, late.payload)
    stats = analyse(sorted(stream, key=lambda packet: packet.arrival_ns))
    assert stats is not None
    assert stats.discarded == 0


def test_jitter_settles_at_the_mean_deviation():
    """RFC 3550, A.8: packets alternately 10 ms late deviate by 10 ms each; the estimate converges to that."""
    stream = [
        Packet(packet.arrival_ns + (at % 2) * 10 * MS, packet.sequence, packet.timestamp, 7, packet.payload)
        for at, packet in enumerate(paced(1000))
    ]
    stats = analyse(stream)
    assert stats is not None
    assert stats.jitter_max_ms == pytest.approx(10, abs=0.01)
    assert stats.jitter_ms == pytest.approx(10, abs=0.3)


@pytest.mark.parametrize("ptime_ms", [10, 30, 60])
def test_packets_of_another_length_are_timed_by_their_own(ptime_ms: int):
    stream = [Packet(at * ptime_ms * MS, at, at * 8 * ptime_ms, 7, b"\xd5" * 8 * ptime_ms) for at in range(100)]
    stats = analyse([packet for packet in stream if packet.sequence not in (40, 41, 60)])
    assert stats is not None
    assert (stats.ptime_ms, stats.jitter_max_ms, stats.discarded, stats.lost) == (ptime_ms, 0, 0, 3)
    assert stats.burstiness.burst_ms == 2 * ptime_ms
    assert stats.burstiness.gap_ms == 98 * ptime_ms / 2


def test_strays_of_another_source_are_left_out():
    stats = analyse([*paced(100), *paced(5, first=9, ssrc=8)])
    assert stats is not None
    assert stats.received == 100


def test_a_source_that_takes_over_continues_the_stream():
    second = [
        Packet(packet.arrival_ns + 2000 * MS, packet.sequence, packet.timestamp, packet.ssrc, packet.payload)
        for packet in paced(100, first=40_000, ssrc=8)
    ]
    stats = analyse([*paced(100), *second])
    assert stats is not None
    assert (stats.received, stats.expected, stats.lost, stats.discarded) == (200, 200, 0, 0)


def test_an_outage_while_the_source_changes_is_counted():
    second = [
        Packet(packet.arrival_ns + 3000 * MS, packet.sequence, packet.timestamp, packet.ssrc, packet.payload)
        for packet in paced(100, first=40_000, ssrc=8)
    ]
    stats = analyse([*paced(100), *second])
    assert stats is not None
    assert (stats.received, stats.expected, stats.lost, stats.max_loss_run) == (200, 250, 50, 50)
    assert stats.jitter_max_ms == 0


def test_a_clock_set_by_years_while_the_source_changes_takes_no_memory():
    late = [Packet(packet.arrival_ns + 10**18, packet.sequence, packet.timestamp, 8, b"") for packet in paced(50)]
    stats = analyse([*paced(100), *late])
    assert stats is not None
    assert stats.expected < 200_000


@pytest.mark.parametrize("outage", [0, 50])
@pytest.mark.parametrize("number", [9000, 65_500])
def test_a_source_that_begins_its_numbers_anew_goes_on(number: int, outage: int):
    """RFC 3550, A.1: two packets in sequence after a jump."""
    anew = [((100 + outage + at) * 20 * MS, rtppacket.HEADER.pack(0x80, 8, (number + at) & 0xFFFF, 77 + 160 * at, 5)
             + b"\xd5" * 160) for at in range(10)]  # fmt: skip
    stats = analyse(rtppacket.packets([raw_packet(at) for at in range(100)] + anew, 8))
    assert stats is not None
    assert (stats.received, stats.expected, stats.lost) == (110, 110 + outage, outage)
    assert (stats.out_of_order, stats.duplicates, stats.discarded, stats.jitter_max_ms) == (0, 0, 0, 0)


def test_a_single_packet_with_a_number_far_away_is_a_stray():
    raw = [raw_packet(at) for at in range(100)]
    raw.insert(50, (raw[50][0] - 1, rtppacket.HEADER.pack(0x80, 8, 30_000, 5, 5) + b"\xd5" * 160))
    stats = analyse(rtppacket.packets(raw, 8))
    assert stats is not None
    assert (stats.received, stats.expected, stats.lost) == (100, 100, 0)


def test_reports_go_on_when_the_source_begins_its_numbers_anew():
    reception = Reception()
    for at in range(100):
        reception.packet(at * 20 * MS, 1000 + at if at < 50 else 20_000 + at, 160 * at, 5)
    assert reception.highest - reception.first + 1 == reception.received == 49


def test_random_loss_has_a_burst_ratio_near_one():
    chance = random.Random(4)
    assert burst_ratio([chance.random() < 0.05 for _ in range(50_000)]) == pytest.approx(1, abs=0.05)


def test_losses_in_pairs_have_twice_the_burst_ratio():
    missing = ([True] * 2 + [False] * 38) * 50
    assert burst_ratio(missing) == pytest.approx(2 * 0.95)


def test_bursts_and_gaps_as_rfc_3611_draws_them():
    """Two losses 3 packets apart are one burst of 5; the lone loss 40 packets on belongs to the gap."""
    missing = [False] * 100
    for at in (20, 24, 65):
        missing[at] = True
    found = burstiness(missing)
    assert found.burst_ms == 5 * 20
    assert found.burst_loss_pct == pytest.approx(40)
    assert found.gap_ms == 20 * (20 + 75) / 2
    assert found.gap_loss_pct == pytest.approx(100 / 95)


@given(st.lists(st.booleans(), min_size=1, max_size=500))
def test_bursts_and_gaps_account_for_every_packet_and_loss(missing: list[bool]):
    found = burstiness(missing)
    assert 0 <= found.gap_loss_pct <= 100
    assert 0 <= found.burst_loss_pct <= 100
    losses = [at for at, lost in enumerate(missing) if lost]
    close = any(second - first <= rtpstats.GMIN for first, second in pairwise(losses))
    assert (found.burst_ms > 0) == close


@given(st.integers(0, 65535), st.integers(0, 2**32 - 1), st.integers(30, 120))
def test_numbers_that_wrap_are_continued(first: int, start: int, count: int):
    header = rtppacket.HEADER
    raw = [
        (at * 20 * MS, header.pack(0x80, 8, (first + at) & 0xFFFF, (start + 160 * at) & 0xFFFFFFFF, 5) + b"\xd5" * 160)
        for at in range(count)
    ]
    stats = analyse(rtppacket.packets(raw, 8))
    assert stats is not None
    assert (stats.expected, stats.lost, stats.jitter_max_ms) == (count, 0, 0)


def raw_packet(at: int, kind: int = 8, timestamp: int | None = None, flags: int = 0x80) -> tuple[int, bytes]:
    """Number `at` of a stream, at its time; `kind` is the payload type."""
    header = rtppacket.HEADER.pack(flags, kind, 1000 + at, 160 * at if timestamp is None else timestamp, 5)
    return at * 20 * MS, header + b"\xd5" * 160


@pytest.mark.parametrize("kind", [13, 101])
def test_what_is_no_sound_takes_numbers_and_is_neither_lost_nor_jitter(kind: int):
    """Comfort noise (RFC 3389), and DTMF (RFC 4733), whose packets all carry the timestamp of the key's begin."""
    raw = [raw_packet(at, kind, 160 * 40) if 40 <= at < 50 else raw_packet(at) for at in range(100)]
    stats = analyse(rtppacket.packets(raw, 8))
    assert stats is not None
    assert (stats.received, stats.expected, stats.lost, stats.discarded, stats.max_loss_run) == (100, 100, 0, 0, 0)
    assert (stats.jitter_max_ms, stats.burst_ratio) == (0, 1)
    assert stats.payloads[39:51] == (b"\xd5" * 160, *[b""] * 10, b"\xd5" * 160)


def test_what_is_no_sound_is_not_reported_as_lost():
    reception = Reception()
    for at in range(100):
        silent = 40 <= at < 50
        stamp = 160 * 40 if silent else 160 * at
        reception.packet(at * 20 * MS, at, stamp, 5, is_sound=not silent)
    assert (reception.received, reception.highest - reception.first, round(reception.jitter, 6)) == (100, 99, 0)


def test_a_stream_of_another_codec_is_none():
    assert analyse(rtppacket.packets([raw_packet(at, 0) for at in range(100)], 8)) is None


def test_a_header_extension_is_skipped():
    """RFC 3550, section 5.3.1: as WebRTC gateways add it for the audio level (RFC 6464)."""
    raw = [(at, data[:12] + b"\xbe\xde\0\1\x10\x7f\0\0" + data[12:]) for at, data in
           (raw_packet(number, flags=0x90) for number in range(50))]  # fmt: skip
    found = rtppacket.packets(raw, 8)
    assert [packet.payload for packet in found] == [b"\xd5" * 160] * 50


@pytest.mark.parametrize("rest", [b"", b"\xbe\xde", b"\xbe\xde\0\7\0\0"])
def test_an_extension_that_is_cut_short_is_no_packet(rest: bytes):
    assert rtppacket.packets([(0, raw_packet(0, flags=0x90)[1][:12] + rest)], 8) == []
