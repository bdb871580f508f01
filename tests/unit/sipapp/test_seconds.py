"""The finer figures of a stream, each against a second, straightforward way to work it out."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_sipapp.measurement import sources
from voice_sipapp.measurement.rtpstats import Packet, analyse

MS = 1_000_000


def stream(count: int, clock_hz: int = 8000, ptime_ms: int = 20) -> list[Packet]:
    """A perfect stream, from an arrival that is a time of today's clocks."""
    step = clock_hz * ptime_ms // 1000
    return [Packet(1_790_000_000_000_000_000 + at * ptime_ms * MS, 500 + at, at * step, 7, b"\xd5" * 160)
            for at in range(count)]  # fmt: skip


@st.composite
def streams(draw: st.DrawFn) -> list[Packet]:
    """Streams with loss and with delays of up to 200 ms, in order of arrival."""
    count = draw(st.integers(3, 300))
    gone = draw(st.sets(st.integers(1, count - 2), max_size=count // 2))
    delays = draw(st.lists(st.integers(0, 200_000), min_size=count, max_size=count))
    kept = [
        packet._replace(arrival_ns=packet.arrival_ns + delay * 1000)
        for at, (packet, delay) in enumerate(zip(stream(count), delays, strict=True))
        if at not in gone
    ]
    return sorted(kept, key=lambda packet: packet.arrival_ns)


def jitter_of_rfc_3550(packets: list[Packet]) -> tuple[float, float]:
    """RFC 3550, appendix A.8, in timestamp units as it is printed there: mean and maximum, in ms."""
    transit, jitter, course = 0.0, 0.0, []
    for at, packet in enumerate(packets):
        arrival = (packet.arrival_ns - packets[0].arrival_ns) * 8000 / 1e9
        now = arrival - packet.timestamp
        if at:
            difference = abs(now - transit)
            jitter += (1.0 / 16.0) * (difference - jitter)
            course.append(jitter)
        transit = now
    return sum(course) / max(1, len(course)) / 8, max(course, default=0.0) / 8


@given(streams())
def test_jitter_is_that_of_the_rfc_s_own_code(packets: list[Packet]):
    stats = analyse(packets)
    assert stats is not None
    assert (stats.jitter_ms, stats.jitter_max_ms) == pytest.approx(jitter_of_rfc_3550(packets), abs=1e-3)


@given(streams())
def test_delay_variation_is_the_delay_that_95_of_100_packets_keep(packets: list[Packet]):
    stats = analyse(packets)
    assert stats is not None
    delays = [(packet.arrival_ns - packets[0].arrival_ns) / 1e6 - packet.timestamp / 8 for packet in packets]
    ordered = sorted(delay - min(delays) for delay in delays)
    assert stats.pdv_p95_ms == pytest.approx(ordered[math.ceil(0.95 * len(ordered)) - 1], abs=1e-3)


@given(streams())
def test_the_seconds_add_up_to_the_call(packets: list[Packet]):
    stats = analyse(packets)
    assert stats is not None
    assert sum(second.expected for second in stats.seconds) == stats.expected
    assert sum(second.lost for second in stats.seconds) == stats.lost
    assert sum(second.discarded for second in stats.seconds) == stats.discarded
    missing = [lost for second in stats.seconds for lost in second.missing]
    assert missing == [payload is None for payload in stats.payloads]
    peaks = [second.jitter_ms for second in stats.seconds if second.jitter_ms is not None]
    assert max(peaks, default=0) == pytest.approx(stats.jitter_max_ms)


@given(streams())
def test_what_is_concealed_is_what_is_lost_or_late(packets: list[Packet]):
    stats = analyse(packets)
    assert stats is not None
    assert stats.concealed_pct == pytest.approx(stats.loss_pct + stats.discard_pct)


@given(streams())
def test_the_clock_of_a_codec_changes_its_timestamps_and_nothing_else(packets: list[Packet]):
    frame = b"\x08" + b"\xd5" * 40  # RFC 6716, table 2: one frame of 20 ms
    opus = analyse(
        [each._replace(timestamp=each.timestamp * 6, payload=frame, payload_type=96) for each in packets], {96: "opus"}
    )
    g711 = analyse(packets)
    assert opus is not None
    assert g711 is not None
    assert [replace(second, kind=0) for second in opus.seconds] == list(g711.seconds)
    assert (opus.codec, opus.payload_type, g711.codec) == ("opus", 96, "PCMU")
    same = {"seconds": (), "payloads": (), "codec": "", "payload_type": 0, "codecs": {}, "line": g711.line}
    assert replace(opus, **same) == replace(g711, **same)


def test_a_packet_belongs_to_the_second_of_its_sound():
    """Three seconds and a half of 20 ms packets; losses in the second, jitter in the third of them. What is left at the
    end is no second of its own.
    """
    packets = [packet for at, packet in enumerate(stream(175)) if at not in (60, 61, 99)]
    packets[-60] = packets[-60]._replace(arrival_ns=packets[-60].arrival_ns + 16 * MS)
    stats = analyse(packets)
    assert stats is not None
    assert [second.number for second in stats.seconds] == [0, 1, 2]
    assert [second.expected for second in stats.seconds] == [50, 50, 75]
    assert [second.lost for second in stats.seconds] == [0, 3, 0]
    # Number 115 is 16 ms late: a sixteenth of that is added, and of the same again when the next is in time.
    assert [second.jitter_ms for second in stats.seconds] == pytest.approx([0, 0, 1 + 15 / 16])


def test_a_pause_in_which_nothing_is_sent_takes_its_time():
    """Voice activity detection: timestamps go on, sequence numbers don't (RFC 3551, section 4.1)."""
    before = stream(50)
    after = [packet._replace(sequence=packet.sequence + 50, timestamp=packet.timestamp + 8 * 5000,
                             arrival_ns=packet.arrival_ns + 5000 * MS) for packet in stream(50)]  # fmt: skip
    stats = analyse([*before, *after])
    assert stats is not None
    assert [(second.number, second.expected) for second in stats.seconds] == [(0, 50), (5, 50)]


@pytest.mark.parametrize("ticks", [0, -160])
def test_timestamps_that_make_no_sense_are_not_believed(ticks: int):
    stats = analyse([packet._replace(timestamp=at * ticks) for at, packet in enumerate(stream(150))])
    assert stats is not None
    assert [second.expected for second in stats.seconds] == [50, 50, 50]


def test_dtmf_s_standing_timestamps_do_not_stop_the_clock():
    packets = [
        packet._replace(is_sound=False, payload=b"", timestamp=40 * 160) if 40 <= at < 60 else packet
        for at, packet in enumerate(stream(100))
    ]
    stats = analyse(packets)
    assert stats is not None
    assert [second.expected for second in stats.seconds] == [50, 50]
    assert stats.concealed_pct == 0


def test_a_second_in_which_nothing_came_has_no_jitter():
    stats = analyse([packet for at, packet in enumerate(stream(200)) if not 50 <= at < 150])
    assert stats is not None
    assert [(second.lost, second.jitter_ms) for second in stats.seconds] == [(0, 0), (50, None), (50, None), (0, 0)]


def test_an_hour_of_outage_is_an_hour_of_seconds_and_no_more():
    late = [Packet(packet.arrival_ns + 10**18, packet.sequence, packet.timestamp, 8, b"") for packet in stream(50)]
    stats = analyse([*stream(100), *late])
    assert stats is not None
    assert len(stats.seconds) <= sources.LONGEST_OUTAGE_MS / 1000 + 4
