"""The listener's jitter buffer by itself, packet by packet."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from voice_sipapp.measurement import playout
from voice_sipapp.measurement.playout import ANEW_MS, DEEPEST_MS, JITTER_BUFFER_MS, MEMORY_MS

PTIME_MS = 20
HALF_A_SECOND = round(ANEW_MS / PTIME_MS)


def late(
    transit_ms: Sequence[float], begins: Sequence[int] = (), sent_ms: Sequence[float] | None = None
) -> NDArray[np.bool_]:
    """Which of these packets come too late, by their transit, in order of arrival; one each 20 ms, if not said."""
    sent = np.arange(len(transit_ms)) * float(PTIME_MS) if sent_ms is None else np.array(sent_ms)
    came = sent + transit_ms
    starts = np.isin(np.arange(len(transit_ms)), begins)
    return playout.late(came - came[:1], sent, np.full(sent.size, float(PTIME_MS)), starts)


def test_nothing_is_not_late():
    assert late([]).size == 0


@pytest.mark.parametrize(("late_ms", "is_late"), [(JITTER_BUFFER_MS, False), (JITTER_BUFFER_MS + 1, True)])
def test_a_packet_is_late_beyond_the_buffer(late_ms: float, is_late: bool):
    found = late([0] * 100 + [late_ms] + [0] * 100)
    assert np.flatnonzero(found).tolist() == ([100] if is_late else [])


def test_half_a_second_of_late_sound_starts_the_buffer_anew():
    found = late([0] * 200 + [90] * 200)
    assert np.flatnonzero(found).tolist() == list(range(200, 200 + HALF_A_SECOND))


def test_what_is_late_now_and_then_does_not():
    """One packet in six."""
    assert late([0, 0, 0, 0, 0, 80] * 200).sum() == 200


def test_a_fifth_that_is_late_does():
    assert late([0, 0, 80, 0, 0, 80] * 200).sum() == HALF_A_SECOND


def test_a_buffer_that_grew_is_small_again_when_it_is_not_needed():
    spell = round(MEMORY_MS / PTIME_MS)
    found = late([0, 0, 80] * 100 + [0] * 2 * spell + [80])
    assert found[-1]
    assert found.sum() == HALF_A_SECOND + 1


def test_no_buffer_grows_without_end():
    """A fifth comes later than any buffer is deep."""
    assert late([0, 0, 0, 0, DEEPEST_MS + 50.0] * 300)[750:].sum() > 140


@pytest.mark.parametrize("known", [1, 3, 10])
def test_what_came_first_is_soon_forgotten(known: int):
    """A buffer that has heard little starts anew after as much, or as much as the path is longer."""
    assert late([0] * known + [100] * 300).sum() <= max(known, 100 / PTIME_MS)


@pytest.mark.parametrize("known", [2, 5, 100])
def test_an_outage_soon_after_the_begin_is_one(known: int):
    """Two seconds, from a pause or from the begin on."""
    transit = [0.0] * known + [max(0.0, 2000 - at * 4) for at in range(600)]
    assert late(transit).sum() == pytest.approx(100, abs=2)
    assert late([0.0] * 200 + transit, begins=[200]).sum() == pytest.approx(100, abs=2)


def test_a_pause_lets_it_adapt_at_no_cost():
    assert not late([0] * 200 + [90] * 200, begins=[200]).any()
    assert not late([0] * 200 + [90] * 200 + [0] * 200 + [90] * 200, begins=[200, 600]).any()


def test_an_outage_is_as_much_late_sound_as_it_was_long():
    """Two seconds, which drain in twenty."""
    transit = [0.0] * 200 + [max(0.0, 2000 - at * 2) for at in range(1500)]
    at = np.flatnonzero(late(transit)).tolist()
    assert at == list(range(200, 200 + len(at)))
    assert len(at) == pytest.approx(100, abs=2)


def test_one_wrong_timestamp_is_no_outage():
    """Ten seconds late, in the moment in which the path becomes longer."""
    assert late([0] * 200 + [90, 10_000] + [90] * 600).sum() == HALF_A_SECOND


def test_the_copy_that_comes_later_is_late_and_teaches_nothing():
    sent = np.repeat(np.arange(300) * 20.0, 2)
    transit = np.tile([0.0, 200.0], 300)
    order = np.argsort(sent + transit, kind="stable")
    found = late(transit[order].tolist(), sent_ms=sent[order].tolist())
    assert found.tolist() == (transit[order] > JITTER_BUFFER_MS).tolist()


def test_a_longer_packet_leaves_later():
    """From 20 to 120 ms a packet (Opus), in mid-call."""
    length = np.array([20.0] * 200 + [120.0] * 50)
    sent = np.cumsum(length) - length
    assert not playout.late(sent + length, sent, length, np.zeros(250, bool)).any()


@given(st.lists(st.floats(-1e4, 1e4), max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_whatever_comes_is_late_or_not(transit_ms: list[float], begins: list[int]):
    found = late(transit_ms, begins)
    assert found.size == len(transit_ms)
    assert not found[[at for at in (0, *begins) if at < found.size]].any()
