"""Packets kept without an object for each."""

import gc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_sipapp.media.arrivals import Arrival, Arrivals

arrivals = st.lists(st.tuples(st.integers(0, 2**62), st.binary(max_size=40)))


@given(arrivals, st.slices(12))
def test_they_read_like_a_list(expected: list[Arrival], part: slice):
    kept = Arrivals(expected)
    assert (len(kept), list(kept), list(kept[part])) == (len(expected), expected, expected[part])
    assert [kept[at] for at in range(-len(expected), len(expected))] == expected * 2


def test_there_is_none_beyond_the_last():
    with pytest.raises(IndexError):
        Arrivals([(1, b"x")])[1]


def test_the_garbage_collector_has_nothing_to_look_at():
    kept = Arrivals()
    for at in range(10_000):
        kept.append((at, b"packet"))
    reachable = [each for slot in gc.get_referents(kept) for each in gc.get_referents(slot)]
    assert len(reachable) < 10
