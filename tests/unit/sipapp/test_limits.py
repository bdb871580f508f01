"""A host's limits, and calls that somebody asked for."""

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sipapp.bench import a_probe
from voice_sipapp.plan.limits import BURST_S, Turn, Turns
from voice_sipapp.plan.probe import Probe
from voice_sipapp.plan.requests import PLACE_AFTER_S, STALE_S, Pending, Request

PROBE: Probe = a_probe(5060)


def turn(deadline: float = 1e9, number: int = 0) -> Turn:
    return Turn(PROBE, deadline, number)


def test_without_limits_every_call_starts_at_once():
    turns = Turns()
    for number in range(1000):
        turns.add(turn(number=number))
    starting, late = turns.take(0, 0)
    assert ([found.request_id for found in starting], late) == (list(range(1000)), [])


@given(st.floats(0.1, 50), st.lists(st.floats(0, 2), min_size=1, max_size=60))
def test_no_more_calls_start_than_the_rate_allows(rate: float, steps: list[float]):
    turns = Turns(per_second=rate)
    for _ in range(200):
        turns.add(turn())
    now, started = 0.0, 0
    for step in steps:
        now += step
        started += len(turns.take(now, 0)[0])
    assert started <= rate * now + max(1, rate * BURST_S) + 1e-6


@given(st.integers(1, 20), st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=30))
def test_no_more_calls_are_up_than_allowed(most: int, steps: list[tuple[int, int]]):
    turns, active = Turns(max_calls=most), 0
    for now, (due, ended) in enumerate(steps):
        for _ in range(due):
            turns.add(turn())
        active = max(0, active - ended)
        active += len(turns.take(now, active)[0])
        assert active <= most


def test_calls_wait_for_their_turn_in_order_and_are_left_out_when_the_next_is_due():
    turns = Turns(max_calls=1)
    first, second, third = turn(10, 1), turn(5, 2), turn(20, 3)
    for each in (first, second, third):
        turns.add(each)
    assert turns.take(0, 0) == ([first], [])
    assert turns.take(4.9, 1) == ([], [])
    assert turns.take(5, 1) == ([], [second])
    assert turns.take(6, 0) == ([third], [])
    assert len(turns) == 0


def test_a_clock_that_stands_still_gives_no_tokens():
    turns = Turns(per_second=1)
    for number in range(3):
        turns.add(turn(number=number))
    assert [len(turns.take(now, 0)[0]) for now in (5, 5, 4, 5.5, 6.1)] == [1, 0, 0, 1, 0]


def asked(number: int = 1, age_s: float = 1.0, probe: str = "sales") -> Request:
    return Request(number, "acme", probe, age_s)


def test_a_call_is_placed_three_seconds_after_it_was_asked_for():
    pending = Pending()
    pending.add(asked(age_s=1.0), heard_at=100)
    assert pending.has(("acme", "sales"))
    assert pending.take(100 + PLACE_AFTER_S - 1.01, lambda _: False) == ([], [])
    starting, _ = pending.take(100 + PLACE_AFTER_S - 1, lambda _: False)
    assert [request.id for request, _ in starting] == [1]
    assert not pending.has(("acme", "sales"))


def test_a_call_that_was_asked_for_waits_for_the_one_that_is_up_until_it_is_stale():
    pending = Pending()
    pending.add(asked(), heard_at=100)
    assert pending.take(99 + STALE_S - 0.1, lambda _: True) == ([], [])
    assert pending.take(99 + STALE_S, lambda _: True) == ([], [asked()])
    assert pending.take(1e6, lambda _: False) == ([], [])


def test_two_calls_of_one_probe_that_were_asked_for_do_not_start_together():
    pending = Pending()
    pending.add(asked(1), heard_at=100)
    pending.add(asked(2), heard_at=100)
    pending.add(asked(3, probe="other"), heard_at=100)
    starting, _ = pending.take(110, lambda _: False)
    assert [request.id for request, _ in starting] == [1, 3]
    starting, _ = pending.take(110, lambda _: False)
    assert [request.id for request, _ in starting] == [2]


def test_a_request_is_stale_after_two_minutes():
    assert [asked(age_s=age).stale for age in (119.9, 120.1)] == [False, True]
