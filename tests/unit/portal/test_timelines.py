"""All probes over a time: health and MOS of each."""

from datetime import timedelta
from itertools import pairwise
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_portal.cdr.periods import HealthSlot
from voice_portal.probes.timelines import HEIGHT, SLOTS, WIDTH, timelines

SPAN = timedelta(hours=6)
GOOD, POOR, BAD = (1, 0, 0), (0, 1, 0), (0, 0, 1)


def state(probe="a", every_ms=300_000):
    return SimpleNamespace(
        probe=probe, display_name=probe.upper(), health="Healthy", mos_critical=3.6, every_ms=every_ms
    )


def slots(*numbered):
    return [HealthSlot(number, *calls, mos=4.2) for number, calls in numbered]


def one(*numbered, span=SPAN, **probe):
    (found,) = timelines([state(**probe)], {"a": slots(*numbered)}, span)
    return found


def test_neighbours_of_one_health_are_one_cell():
    found = one(*((number, BAD if number == 30 else GOOD) for number in range(SLOTS)))
    assert [(cell.css, cell.width) for cell in found.cells] == [("healthy", 150), ("unhealthy", 5), ("healthy", 145)]
    assert found.description == "1 unhealthy of 60 calls"


def test_one_bad_call_of_many_is_seen():
    found = one((0, (99, 0, 1)))
    assert found.cells[0].css == "unhealthy"
    assert found.cells[0].title.endswith("at worst unhealthy: 1 unhealthy of 100 calls")


def test_the_graver_the_taller():
    heights = [cell.height for cell in one((0, GOOD), (1, POOR), (2, BAD)).cells]
    assert heights == sorted(heights)
    assert heights[-1] == HEIGHT


def test_a_call_stands_until_the_next_one_for_three_intervals_at_most():
    hour = one((0, GOOD), (10, GOOD), span=timedelta(hours=1))
    assert [(cell.x, cell.width) for cell in hour.cells] == [(0, 26 * WIDTH / SLOTS)]
    assert hour.description == "2 calls healthy; no data in 34 min"


def test_a_gap_stays_a_gap():
    found = one((0, GOOD), (30, GOOD))
    assert len(found.cells) == 2
    assert found.spark.path.count("M") == 2


def test_a_probe_without_calls_says_so():
    assert (one().description, one().cells, one().worst) == ("No call that counts.", [], None)


def test_those_that_stood_worst_come_first():
    probes = {
        "good": slots((0, GOOD)),
        "bad": slots((0, BAD)),
        "worse": slots((0, BAD), (1, BAD)),
        "poor": slots((0, POOR)),
    }
    found = timelines([state(name) for name in (*probes, "idle")], probes, SPAN)
    assert [one.state.probe for one in found] == ["worse", "bad", "poor", "good", "idle"]


@pytest.mark.parametrize("every_ms", [30_000, 300_000, 3_600_000, None])
@given(st.dictionaries(st.integers(0, SLOTS - 1), st.sampled_from([GOOD, POOR, BAD, (3, 1, 2)])))
def test_cells_lie_side_by_side_and_every_slot_with_calls_is_in_one(every_ms, called):
    found = one(*sorted(called.items()), every_ms=every_ms)
    ends = [(cell.x, cell.x + cell.width) for cell in found.cells]
    assert all(a[1] <= b[0] for a, b in pairwise(ends))
    assert all(end <= WIDTH for _, end in ends)
    for slot in called:
        middle = (slot + 0.5) * WIDTH / SLOTS
        assert any(start <= middle <= end for start, end in ends)
