"""The listener's buffer and the far end's clock, over streams that chance makes: what must hold of all of them."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.interop.streams import Delay, Sent, both, came, every, jitter, slow, sound, stall, stats_of, step


@st.composite
def paths(draw: st.DrawFn) -> tuple[int, Delay]:
    """The sound in a packet, and what a path does: jitter or packets that take turns, steps, a clock that is off."""
    length_ms = draw(st.sampled_from([10, 20, 30, 60]))
    chance = random.Random(draw(st.integers(0, 2**32)))
    usual = draw(
        st.one_of(
            st.builds(jitter, st.floats(0, 40), st.integers(0, 99)),
            st.builds(every, st.integers(2, 5), st.floats(0, 40)),
        )
    )
    steps = [step(chance.randrange(1500), draw(st.floats(-120, 200))) for _ in range(draw(st.integers(0, 2)))]
    return length_ms, both(usual, *steps, slow(draw(st.floats(-0.003, 0.003))))


@settings(max_examples=60, deadline=None)
@given(paths(), st.integers(1, 60))
def test_which_packet_was_first_makes_no_difference(path: tuple[int, Delay], dropped: int):
    """What the buffer does follows from the last seconds of sound. But for those that are not there, and for what a
    change of the path costs, which may be one of them: half a second.
    """
    length_ms, delay = path
    delays = [delay(at, at * length_ms) for at in range(1500)]
    received = came(sound(1500, length_ms=length_ms), lambda at, at_ms: delays[at])
    rest = came(sound(1500, length_ms=length_ms)[dropped:], lambda at, at_ms: delays[at + dropped])
    whole, without = stats_of(received).discarded, stats_of(rest).discarded
    assert abs(whole - without) <= dropped + 500 / length_ms


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([10, 20, 30, 60]), st.floats(1000, 8000), st.floats(1.05, 5), st.floats(0, 20),
    st.floats(3000, 9000), st.integers(0, 2**32),
)  # fmt: skip
def test_an_outage_is_as_long_in_the_record_as_it_was(
    length_ms: int, outage_ms: float, rate: float, most_ms: float, begin_ms: float, stamp: int
):
    """However fast the queue drains: its jitter is RFC 3550's, and what was to be heard meanwhile is gone, at once."""
    delay = both(jitter(most_ms), stall(begin_ms, outage_ms, rate))
    stats = stats_of(came(sound(30_000 // length_ms, length_ms=length_ms), delay, stamp))
    gone_ms = stats.discarded * length_ms
    assert outage_ms * 0.9 - 150 <= gone_ms <= outage_ms * 1.1 + 100
    assert stats.max_loss_run * length_ms >= 0.9 * gone_ms - 100
    assert stats.jitter_max_ms == pytest.approx(outage_ms / 16, abs=most_ms + 4)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(30, 300), st.floats(600, 40_000)), min_size=1, max_size=4), st.floats(0, 20),
    st.integers(0, 2**32), st.lists(st.floats(0.12, 0.88), max_size=3),
)  # fmt: skip
def test_a_clock_that_stands_still_is_no_delay(
    spells: list[tuple[int, float]], most_ms: float, stamp: int, alive: list[float]
):
    """Spurts with pauses in which the clock stands, and keep-alives in the first of them."""
    at_ms, number, sent = 0.0, 0, []
    for spurt, (packets, pause_ms) in enumerate([*spells, (100, 0.0)]):
        sent += sound(packets, at_ms, number, number * 20)
        at_ms, number = at_ms + packets * 20, number + packets
        places = sorted(alive) if spurt == 0 and pause_ms > 5000 else []
        places = [place for place, later in pairwise([*places, 1.0]) if later - place > 0.2]
        sent += [Sent(at_ms + place * pause_ms, number + at, (number + at) * 20) for at, place in enumerate(places)]
        at_ms, number = at_ms + pause_ms, number + len(places)
    stats = stats_of(came(sent, jitter(most_ms), stamp))
    assert (stats.discarded, stats.lost) == (0, 0)
    assert stats.jitter_max_ms <= most_ms + 1
