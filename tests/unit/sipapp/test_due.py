"""Due time: a call's time without its holds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_sipapp.measurement.due import Due
from voice_sipapp.measurement.holds import UNDER_WAY_MS, DueTime, due_time

MS = 1_000_000
BASE_NS = 1_790_000_000_000_000_000


def held(*spans: tuple[float, float]) -> DueTime:
    return due_time(Due(held=tuple((BASE_NS + round(a * MS), BASE_NS + round(b * MS)) for a, b in spans)), BASE_NS)


spans = st.lists(st.tuples(st.integers(-5000, 20_000), st.integers(1, 5000)), max_size=5)


@given(spans, st.integers(-9000, 30_000), st.integers(0, 20_000))
def test_due_time_is_the_time_less_the_holds(begins: list[tuple[int, int]], begin: int, ms: int):
    due = Due(held=tuple((BASE_NS + at * MS, BASE_NS + (at + long) * MS) for at, long in begins))
    by = due_time(due, BASE_NS).by(np.array([begin, begin + ms], np.float64))
    wanted = due.ns(BASE_NS + begin * MS, BASE_NS + (begin + ms) * MS) / MS
    assert by[1] - by[0] == pytest.approx(wanted, abs=1e-6)


@given(spans, st.integers(-9000, 30_000))
def test_the_moment_of_a_due_time_is_no_moment_of_a_hold(begins: list[tuple[int, int]], due_ms: int):
    holds = held(*((at, at + long) for at, long in begins))
    when = holds.when(np.array([float(due_ms)]))
    assert holds.by(when)[0] == pytest.approx(due_ms, abs=1e-6)
    assert all(not begin <= when[0] < end - 1e-6 for begin, end in holds.edges.reshape(-1, 2))


def test_how_much_is_due_until_the_next_hold():
    holds = held((1000, 2000), (5000, 6000))
    assert holds.before_hold(np.array([400.0, 1500.0, 2500.0, 7000.0])).tolist() == [600, 0, 2500, 0]


def test_what_comes_on_hold_is_not_of_the_call_but_for_what_was_under_way():
    at_ms = np.arange(0, 3000, 20.0)
    own, music = np.zeros(at_ms.size, np.int64), np.where((at_ms >= 1000) & (at_ms < 2010), 7, 0)
    holds = held((1000, 2000))
    assert at_ms[holds.held(at_ms, own)].tolist() == np.arange(1000 + UNDER_WAY_MS, 2000 - UNDER_WAY_MS, 20).tolist()
    assert at_ms[holds.held(at_ms, music)].tolist() == np.arange(1000, 2010, 20).tolist()


def test_a_call_without_holds_is_due_all_the_time():
    at_ms = np.array([-5.0, 0.0, 9e9])
    holds = held()
    assert holds.by(at_ms).tolist() == holds.when(at_ms).tolist() == at_ms.tolist()
    assert not holds.held(at_ms, np.zeros(3, np.int64)).any()
