"""How fast a far end's clock runs against ours."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_sipapp.measurement.skew import LARGEST, Floats, skew


def stream(rate: float, seconds: int, jitter_ms: float = 0.0) -> tuple[Floats, Floats]:
    """Arrivals and transits of packets sent each 20 ms by a clock that is slow by `rate`."""
    chance = np.random.default_rng(1)
    sent = np.arange(seconds * 50) * 20.0
    came = sent * (1 + rate) + chance.uniform(0, jitter_ms, sent.size)
    return came, came - sent


@given(st.floats(-LARGEST, LARGEST), st.integers(25, 120), st.floats(0, 20))
def test_it_is_found(rate: float, seconds: int, jitter_ms: float):
    found = skew(*stream(rate, seconds, jitter_ms))
    assert found == pytest.approx(rate, abs=1e-5 + jitter_ms * 1e-5)


def test_a_crystal_shows_through_jitter():
    """50 parts in a million, under jitter of 0 to 20 ms, in five minutes."""
    assert skew(*stream(5e-5, 300, 20)) == pytest.approx(5e-5, abs=1e-5)


@pytest.mark.parametrize("seconds", [0, 1, 15])
def test_a_short_stream_tells_nothing(seconds: int):
    assert skew(*stream(0.001, seconds)) == 0


@pytest.mark.parametrize("longer_ms", [-200, 55, 90, 300])
def test_a_path_that_becomes_longer_is_no_skew(longer_ms: float):
    came, transit = stream(1e-4, 120, 5)
    later = np.where(came > 40_000, longer_ms, 0)
    assert skew(came + later, transit + later) == pytest.approx(1e-4, abs=2e-5)


def test_a_stall_is_no_skew():
    came, transit = stream(1e-4, 120, 5)
    held = np.where(came > 40_000, np.maximum(0, 2840 - (came - 40_000) / 5), 0)
    order = np.argsort(came + held)
    assert skew((came + held)[order], (transit + held)[order]) == pytest.approx(1e-4, abs=1e-4)


def test_pauses_leave_holes():
    came, transit = stream(1e-4, 300, 5)
    chance = random.Random(2)
    heard = np.array([chance.random() < 0.4 for _ in range(300)])[np.minimum(came // 1000, 299).astype(int)]
    assert skew(came[heard], transit[heard]) == pytest.approx(1e-4, abs=2e-5)


def test_what_no_clock_does_is_no_skew():
    assert skew(*stream(0.05, 60)) == 0
    assert skew(*stream(-0.05, 60)) == 0


def test_a_queue_that_drains_for_half_of_the_call_is_no_skew():
    """Issue 13's stall of 2.84 s, in a call of 30 s: most of its seconds come earlier than those before."""
    came, transit = stream(0, 30, 5)
    held = np.where(came > 5000, np.maximum(0, 2840 - (came - 5000) / 5), 0)
    order = np.argsort(came + held)
    assert skew((came + held)[order], (transit + held)[order]) == pytest.approx(0, abs=1e-4)
