"""Streams as gateways really send them: sources that take turns or talk at once, clocks that jump, pauses."""

import time

import pytest

from voice_sipapp.measurement.due import Due
from voice_sipapp.measurement.rtpstats import analyse
from voice_sipapp.media.rtppacket import Packet

MS = 1_000_000
SOUND = b"\xd5" * 160


def spell(count: int, at_ms: float = 0, first: int = 1000, ssrc: int = 7, start: int = 0) -> list[Packet]:
    """A perfect stream of `count` packets from `at_ms` on, numbered from `first`, timestamps from `start`."""
    return [Packet(round((at_ms + 20 * at) * MS), first + at, start + at * 160, ssrc, SOUND) for at in range(count)]


def arrived(*spells: list[Packet]) -> list[Packet]:
    return sorted((packet for each in spells for packet in each), key=lambda packet: packet.arrival_ns)


def test_a_source_that_comes_back_after_another_goes_on():
    """Music on hold is another machine's: the agent's source pauses and goes on with the next of its numbers."""
    agent = spell(100)
    music = spell(100, 2000, 40_000, ssrc=8)
    again = spell(100, 4000, 1100, start=200 * 160)
    stats = analyse(arrived(agent, music, again))
    assert stats is not None
    assert (stats.received, stats.expected, stats.lost, stats.discarded) == (300, 300, 0, 0)
    assert stats.jitter_max_ms == 0
    assert [second.number for second in stats.seconds] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("late_ms", [0, 7])
def test_two_sources_at_once_are_not_two_halves_of_a_call(late_ms: int):
    """A second source that sounds meanwhile, from whomever it is, is none of the stream's."""
    other = spell(60, 500 + late_ms, 40_000, ssrc=8)
    stats = analyse(arrived(spell(200), other))
    assert stats is not None
    assert (stats.received, stats.expected, stats.lost, stats.jitter_max_ms) == (200, 200, 0, 0)


def test_a_source_that_stops_soon_after_the_next_one_began_is_heard_until_then():
    """An announcement overlaps the agent for a second."""
    stats = analyse(arrived(spell(150), spell(200, 2000, 40_000, ssrc=8)))
    assert stats is not None
    assert (stats.received, stats.lost, stats.jitter_max_ms) == (300, 0, 0)


@pytest.mark.parametrize("jump", [1_000_000_000, -80_000, 3_000_000_000])
def test_a_clock_that_begins_anew_within_a_source_is_followed(jump: int):
    """Gateways that switch to another call leg keep source and numbers, and take over the leg's timestamps."""
    stats = analyse(arrived(spell(100), spell(100, 2000, 1100, start=100 * 160 + jump)))
    assert stats is not None
    assert (stats.lost, stats.discarded, stats.jitter_max_ms, stats.pdv_p95_ms) == (0, 0, 0, 0)
    assert [second.expected for second in stats.seconds] == [50, 50, 50, 50]


def test_a_clock_that_stands_still_on_hold_makes_no_jitter():
    stats = analyse(arrived(spell(100), spell(100, 32_000, 1100, start=100 * 160)))
    assert stats is not None
    assert (stats.lost, stats.discarded, stats.jitter_max_ms) == (0, 0, 0)


@pytest.mark.parametrize("stall_ms", [1500, 3000, 10_000])
def test_a_path_that_stalls_and_catches_up_is_no_clock(stall_ms: int):
    """Everything of the stall comes at once when it ends."""
    packets = [
        packet._replace(arrival_ns=max(packet.arrival_ns, stall_ms * MS + 1000 * MS)) if at >= 50 else packet
        for at, packet in enumerate(spell(1000))
    ]
    stats = analyse(packets)
    assert stats is not None
    assert stats.discarded == pytest.approx(stall_ms / 20 - 3, abs=1)
    assert stats.jitter_max_ms >= stall_ms / 16 - 2


def test_one_wrong_timestamp_is_one_late_packet():
    packets = spell(200)
    packets[80] = packets[80]._replace(timestamp=packets[80].timestamp - 160_000)
    stats = analyse(packets)
    assert stats is not None
    assert (stats.discarded, stats.lost, stats.received) == (1, 0, 200)


def test_a_longer_path_from_now_on_costs_half_a_second_and_not_the_call():
    """A phone's jitter buffer starts anew when everything comes too late for it."""
    packets = [packet._replace(arrival_ns=packet.arrival_ns + 90 * MS) if at >= 200 else packet
               for at, packet in enumerate(spell(1000))]  # fmt: skip
    stats = analyse(packets)
    assert stats is not None
    assert stats.discarded == 25
    assert stats.jitter_max_ms == pytest.approx(90 / 16)


@pytest.mark.parametrize("parts_in_a_million", [-200, 200])
def test_a_far_end_whose_clock_is_off_is_not_late_for_ever(parts_in_a_million: int):
    """Crystals are off by 100 parts in a million at most; 200 here, over ten minutes."""
    packets = [packet._replace(arrival_ns=round(packet.arrival_ns * (1 + parts_in_a_million / 1e6)))
               for packet in spell(30_000)]  # fmt: skip
    stats = analyse(packets)
    assert stats is not None
    assert stats.discard_pct < 0.2
    assert stats.jitter_max_ms < 0.01


def test_a_pause_in_which_nothing_is_sent_is_silence_of_its_length():
    """Voice activity detection (RFC 3551, section 4.1), with or without comfort noise (RFC 3389) to begin it."""
    noise = Packet(2000 * MS, 1100, 100 * 160, 7, b"", is_sound=False)
    stats = analyse(arrived(spell(100), [noise], spell(50, 5000, 1101, start=250 * 160)))
    assert stats is not None
    assert (stats.lost, stats.expected, stats.discarded, stats.jitter_max_ms) == (0, 151, 0, 0)
    assert stats.pauses == ((101, 3000),)


def test_what_is_lost_before_a_pause_is_not_counted_as_pause_too():
    stats = analyse(arrived(spell(98), spell(50, 5000, 1100, start=250 * 160)))
    assert stats is not None
    assert (stats.lost, stats.pauses) == (2, ((100, 3000),))


def test_a_stream_without_pauses_has_none():
    stats = analyse([packet for at, packet in enumerate(spell(100)) if at not in (30, 31, 60)])
    assert stats is not None
    assert stats.pauses == ()


def test_a_stream_that_dies_in_mid_call_is_lost_from_there_on():
    """A firewall that forgets the path: nobody hears anything more, although no number is missing."""
    stats = analyse(spell(100), due=Due(until_ns=12_000 * MS))
    assert stats is not None
    assert (stats.received, stats.expected, stats.lost, stats.max_loss_run) == (100, 601, 501, 501)
    assert [(second.number, second.lost) for second in stats.seconds][1:4] == [(1, 0), (2, 50), (3, 50)]


@pytest.mark.parametrize("until_ms", [1000, 2000, 3900, None])
def test_moments_before_the_end_without_sound_are_no_loss(until_ms: int | None):
    """Both ends of a call do not hang up at once."""
    stats = analyse(spell(100), due=Due(until_ns=None if until_ms is None else until_ms * MS))
    assert stats is not None
    assert (stats.expected, stats.lost) == (100, 0)


@pytest.mark.parametrize(("until_ms", "lost"), [(9000, 0), (30_000, 1099)])
def test_a_source_that_pauses_may_end_with_a_pause(until_ms: int, lost: int):
    """A pause of three seconds before; only what lasts twice as long is none."""
    stats = analyse(arrived(spell(100), spell(50, 5000, 1100, start=250 * 160)), due=Due(until_ns=until_ms * MS))
    assert stats is not None
    assert stats.lost == pytest.approx(lost, abs=110)
    assert (stats.lost == 0) is (lost == 0)


def test_a_far_end_that_begins_anew_all_the_time_costs_no_more_than_another():
    """Each second packet: to look through all before at each took 6 s for 12,000, and four times as long for twice so
    many.
    """
    packets = [
        packet._replace(restarts=at // 2, sequence=1000 + at % 2, timestamp=packet.timestamp + 77_777 * (at // 2 % 3))
        for at, packet in enumerate(spell(12_000))
    ]
    begin = time.process_time()
    stats = analyse(packets)
    assert time.process_time() - begin < 3
    assert stats is not None
    assert (stats.received, stats.lost) == (12_000, 0)
