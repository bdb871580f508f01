"""A clock that jumped or stood still, against a queue: what timestamps are taken for."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_sipapp.measurement.clock import followed
from voice_sipapp.media.rtppacket import Packet

MS = 1_000_000
SOUND = b"\xff" * 160


def spell(count: int, at_ms: float, first: int, stamp_ms: float, hz: int = 8000) -> list[Packet]:
    """Packets of 20 ms from `at_ms` on, by a clock that shows `stamp_ms` then."""
    return [packet(at_ms + 20 * at, first + at, stamp_ms + 20 * at, hz) for at in range(count)]


def packet(at_ms: float, number: int, stamp_ms: float, hz: int = 8000, *, is_sound: bool = True) -> Packet:
    return Packet(round(at_ms * MS), number, round(stamp_ms * hz / 1000), 7, SOUND if is_sound else b"", is_sound)


def transits_ms(packets: Sequence[Packet], hz: int = 8000) -> list[float]:
    return [each.arrival_ns / MS - each.timestamp * 1000 / hz for each in packets if each.is_sound]


@pytest.mark.parametrize("hz", [8000, 48_000])
@pytest.mark.parametrize("jump_ms", [-1e6, -700, -100, 700, 5000, 1e6])
def test_a_jump_is_followed(hz: int, jump_ms: float):
    after = spell(200, 2000, 100, 2000 + jump_ms, hz)
    found = followed([*spell(100, 0, 0, 0, hz), *after], hz)
    assert set(transits_ms(found, hz)) == {0}


@pytest.mark.parametrize("jump_ms", [20, 200])
def test_a_little_ahead_is_left_alone(jump_ms: float):
    """It makes nothing late, and a path that becomes shorter looks like this."""
    own = [*spell(100, 0, 0, 0), *spell(200, 2000, 100, 2000 + jump_ms)]
    assert followed(own, 8000) is own


@pytest.mark.parametrize("pause_ms", [600, 30_000, 3_000_000])
def test_a_clock_that_stood_still_is_put_on(pause_ms: float):
    found = followed([*spell(100, 0, 0, 0), *spell(200, 2000 + pause_ms, 100, 2000)], 8000)
    assert set(transits_ms(found)) == {0}


def test_what_is_no_sound_is_moved_along():
    own = [*spell(100, 0, 0, 0), packet(32_000, 100, 0, is_sound=False), *spell(100, 32_020, 101, 2000)]
    found = followed(own, 8000)
    assert [each.timestamp - before.timestamp for each, before in zip(found, own, strict=True)][99:102] == [
        0, 0, 30_020 * 8,
    ]  # fmt: skip


@pytest.mark.parametrize("rate", [1.03, 1.25, 3, 1000])
@pytest.mark.parametrize("stall_ms", [600, 2840, 20_000])
def test_a_queue_is_left_as_it_was_sent(stall_ms: float, rate: float):
    own = spell(3000, 0, 0, 0)
    held = [max(0.0, stall_ms - (at - 100) * 20 * (1 - 1 / rate)) if at >= 100 else 0.0 for at in range(3000)]
    own = [each._replace(arrival_ns=each.arrival_ns + round(late * MS)) for each, late in zip(own, held, strict=True)]
    assert followed(own, 8000) is own


def test_a_queue_that_was_thrown_away_under_way_is_one():
    """Five packets of it come, then what is sent now."""
    own = [*spell(100, 0, 0, 0), *(packet(6000 + at, 100 + at, 2000 + 20 * at) for at in range(5)),
           *spell(500, 6020, 301, 6020)]  # fmt: skip
    assert transits_ms(followed(own, 8000))[-1] == 0


def test_the_next_jump_counts_from_the_last():
    found = followed([*spell(50, 0, 0, 0), *spell(50, 1000, 50, 9e6), *spell(50, 2000, 100, 5)], 8000)
    assert set(transits_ms(found)) == {0}


def test_disorder_around_a_jump_does_not_matter():
    own = [*spell(99, 0, 0, 0), packet(2000, 100, 9e6), packet(2001, 99, 1980), *spell(100, 2020, 101, 9e6 + 20)]
    assert max(transits_ms(followed(own, 8000))) <= 21


def test_jitter_at_a_jump_is_not_kept_for_good():
    """The last packet before it came 50 ms late."""
    own = [*spell(99, 0, 0, 0), packet(2030, 99, 1980), *spell(100, 2040, 100, 9e6)]
    assert transits_ms(followed(own, 8000))[-1] == 0


@pytest.mark.parametrize("wrong_ms", [-20_000, 20_000])
def test_one_wrong_timestamp_is_none_of_the_clock(wrong_ms: float):
    own = spell(200, 0, 0, 0)
    own[80] = packet(1600, 80, 1600 + wrong_ms)
    assert followed(own, 8000) is own


def test_short_pauses_in_which_the_clock_stands_add_up():
    own = [each for at in range(10) for each in spell(50, at * 1200, at * 50, at * 1000)]
    assert set(transits_ms(followed(own, 8000))) == {0}


@given(
    st.lists(
        st.tuples(st.integers(0, 10**12), st.integers(0, 400), st.integers(-(2**33), 2**33), st.booleans()), max_size=80
    ),
    st.sampled_from([8000, 48_000]),
)
def test_nothing_is_lost_or_turned_round(raw: list[tuple[int, int, int, bool]], hz: int):
    """Whatever comes: each packet is there, with its number, its arrival and its payload."""
    own = [Packet(at, number, stamp, 7, b"", is_sound) for at, number, stamp, is_sound in sorted(raw)]
    found = followed(own, hz)
    assert [each._replace(timestamp=0) for each in found] == [each._replace(timestamp=0) for each in own]
