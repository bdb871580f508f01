"""Whoever is on the wheel is due every 20 ms, however late one looks."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_sipapp.media.wheel import SLOTS, Wheel

steps = st.lists(st.floats(0.0001, 0.2), min_size=1, max_size=40)


@given(st.integers(1, 50), steps)
def test_each_member_is_due_once_in_20_ms_whenever_one_looks(count: int, looks: list[float]):
    wheel: Wheel[int] = Wheel(100.0)
    now = 100.0
    for member in range(count):
        wheel.add(member, now)
    moments: dict[int, list[float]] = {member: [] for member in range(count)}
    for step in looks:
        now += step
        for due, members in wheel.due(now):
            assert due <= now
            for member in members:
                moments[member].append(due)
    for found in moments.values():
        assert abs(len(found) - (now - 100.0) / 0.02) <= 1.001
        assert [after - before for before, after in itertools.pairwise(found)] == pytest.approx(
            [0.02] * (len(found) - 1)
        )


@given(st.integers(1, 200))
def test_members_are_spread_over_the_slots(count: int):
    wheel: Wheel[int] = Wheel(0.0)
    for member in range(count):
        wheel.add(member, 0.0)
    sizes = [len(members) for _, members in wheel.due(0.0199)]
    assert sum(sizes) == count
    assert max(sizes) <= -(-count // SLOTS)


def test_whoever_was_taken_off_is_due_no_more_and_may_come_again():
    wheel: Wheel[str] = Wheel(0.0)
    wheel.add("one", 0.0)
    wheel.add("one", 0.001)
    assert [members for _, members in wheel.due(0.021)] == [["one"], ["one"]]
    wheel.discard("one")
    wheel.discard("one")
    assert wheel.wait(0.03) is None
    assert wheel.due(5.0) == []
    wheel.add("one", 9.0)
    ((due, members),) = wheel.due(9.0005)
    assert (due, members) == (pytest.approx(9.0, abs=0.0011), ["one"])


@given(st.floats(0, 10), st.floats(0, 0.5))
def test_it_waits_until_somebody_is_due_and_no_longer(began: float, later: float):
    wheel: Wheel[str] = Wheel(began)
    wheel.add("one", began)
    wheel.due(began + later)
    wait = wheel.wait(began + later)
    assert wait is not None
    assert 0 <= wait < 0.02001
    assert [members for _, members in wheel.due(began + later + wait + 1e-6)] == [["one"]]
