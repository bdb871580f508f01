"""A month's figures, worked out from calls one by one."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_portal.reports.figures import Band, Direction, Figures, MosCounts, percentile, total
from voice_portal.reports.fold import Faults, Measured, ProbeMonth, read

MINUTE = 60_000
INTERVAL = 5 * MINUTE
MONTH = 30 * 24 * 60 * MINUTE
BROKEN = Faults("failed 503", None, None, None)


def call(at, *, answered=True, heard=True, good=None, faults=None, mos=4200, **changes):
    """A call `at` so many minutes after the month's begin; whoever is not answered or not heard is unhealthy."""
    is_fine = answered and heard
    values = {
        "at": at * MINUTE, "probe": "inbound", "is_answered": answered, "is_heard": heard,
        "is_good": is_fine if good is None else good, "faults": faults if is_fine else faults or BROKEN,
        "mos_forward": mos if answered else None, "mos_reverse": mos if answered else None,
        "is_wide_forward": False, "is_wide_reverse": False, "pdd_ms": 900,
    }  # fmt: skip
    return Measured(**{**values, **changes})


def month(*calls, until=MONTH, first_at=None, is_deleted=False, **changes):
    made = ProbeMonth(INTERVAL, until, **changes)
    for one in calls:
        made.add(one)
    made.finish(min((one.at for one in calls), default=0) if first_at is None else first_at, is_deleted=is_deleted)
    return made


def figures(*calls, **changes):
    return month(*calls, **changes).figures


def test_a_month_without_calls_has_no_shares():
    found = figures(first_at=-1)
    assert (found.calls, found.coverage_pct) == (0, 0)
    assert found.availability_pct is found.answer_rate_pct is found.good_calls_pct is found.below_ms is None
    assert found.pdd_p95_ms is None


def test_a_call_stands_for_the_time_up_to_the_next():
    found = figures(call(0), call(5, answered=False), call(7), until=10 * MINUTE)
    assert (found.covered_ms, found.up_ms) == (10 * MINUTE, 8 * MINUTE)
    assert found.availability_pct == 80
    assert found.answer_rate_pct == pytest.approx(66.667, abs=0.001)


def test_a_call_stands_for_three_intervals_at_most():
    found = figures(call(0), call(100), until=200 * MINUTE)
    assert found.covered_ms == 30 * MINUTE
    assert found.coverage_pct == 15


def test_time_without_calls_is_neither_up_nor_down():
    assert figures(call(0), call(5), until=MONTH).availability_pct == 100


def test_a_call_before_the_month_stands_for_its_first_moments_and_is_not_counted():
    found = figures(call(-2, answered=False), call(3), until=8 * MINUTE)
    assert (found.calls, found.answered) == (1, 1)
    assert (found.covered_ms, found.up_ms) == (8 * MINUTE, 5 * MINUTE)


def test_a_call_long_before_the_month_stands_for_nothing_in_it():
    assert figures(call(-15), until=MONTH, first_at=-1).covered_ms == 0


def test_the_last_call_stands_for_no_time_that_is_still_to_come():
    assert figures(call(0), until=2 * MINUTE).covered_ms == 2 * MINUTE


def test_a_new_probe_is_covered_from_its_first_call_on():
    found = figures(call(60), call(65), until=70 * MINUTE)
    assert (found.existed_ms, found.coverage_pct) == (10 * MINUTE, 100)


def test_a_deleted_probe_existed_until_its_last_call_stood_for_nothing_any_more():
    found = figures(call(0), call(5), until=MONTH, is_deleted=True, is_judged=False)
    assert (found.existed_ms, found.coverage_pct) == (20 * MINUTE, 100)


def test_where_thresholds_are_not_known_there_are_no_good_calls_and_no_bad_ones():
    found = figures(call(0, good=False), call(5, good=False), is_judged=False)
    assert (found.good_calls_pct, found.below_ms) == (None, None)
    assert found.availability_pct == 100


def test_answered_is_not_available_if_nothing_was_heard():
    found = figures(call(0, heard=False), call(5), until=10 * MINUTE)
    assert (found.answer_rate_pct, found.availability_pct) == (100, 50)


def test_time_below_threshold_is_that_of_calls_that_were_not_good():
    found = figures(call(0), call(5, good=False), call(10), until=15 * MINUTE)
    assert found.below_ms == 5 * MINUTE
    assert found.availability_pct == 100


def test_an_incident_lasts_from_its_first_call_to_the_first_call_after_it():
    (incident,) = month(call(0), call(5, answered=False), call(10, heard=False), call(15), call(20)).incidents
    assert (incident.begin, incident.end) == (5 * MINUTE, 15 * MINUTE)
    assert (incident.calls, dict(incident.outcomes), incident.unheard) == (2, {"failed 503": 1}, 1)
    assert not incident.is_older


def test_an_incident_that_is_not_over_goes_on():
    (incident,) = month(call(0), call(5, answered=False)).incidents
    assert incident.end is None


def test_an_incident_may_have_begun_before_the_month():
    (incident,) = month(call(-5, answered=False), call(0, answered=False), call(5)).incidents
    assert (incident.is_older, incident.calls, incident.end) == (True, 1, 5 * MINUTE)


def test_an_incident_that_was_over_with_the_months_first_call_belongs_to_the_month_before():
    found = month(call(-5, answered=False), call(0))
    assert (found.incidents, found.figures.incidents) == ([], 0)


def test_an_incident_tells_the_worst_of_its_calls():
    first = call(0, faults=Faults("answered 200", 2500, 41_000, None), mos_forward=3500, mos_reverse=4100, pdd_ms=7000)
    second = call(5, faults=Faults("answered 200", None, 50_000, 3100), mos_forward=None, mos_reverse=3400, pdd_ms=None)
    (incident,) = month(first, second).incidents
    assert (incident.mos, incident.loss, incident.jitter) == (3400, 2500, 50_000)
    assert (incident.pdd_ms, incident.late_media_ms) == (7000, 3100)


def test_more_incidents_than_are_kept_are_counted(monkeypatch):
    monkeypatch.setattr("voice_portal.reports.fold.LISTED", 3)
    found = month(*(call(5 * n, answered=n % 2 == 0) for n in range(20)))
    assert (len(found.incidents), found.figures.incidents) == (3, 10)


def test_bands_and_directions_are_never_counted_together():
    found = figures(call(0, mos_forward=3000), call(5, is_wide_forward=True, mos_forward=4400)).mos
    assert {kind: counts.number for kind, counts in found.items()} == {
        (Direction.FORWARD, Band.NARROW): 1,
        (Direction.FORWARD, Band.WIDE): 1,
        (Direction.REVERSE, Band.NARROW): 2,
    }
    assert found[Direction.FORWARD, Band.NARROW].mean == 3
    assert found[Direction.FORWARD, Band.WIDE].percentile(5) == 4.4


@given(st.lists(st.integers(1000, 5000), min_size=1), st.sampled_from([5, 50, 95]))
def test_percentiles_are_those_of_the_nearest_rank(thousandths, percent):
    counts = MosCounts()
    for value in thousandths:
        counts.add(value)
    hundredths = sorted((value + 5) // 10 for value in thousandths)
    rank = -(-len(hundredths) * percent // 100)
    assert counts.percentile(percent) == hundredths[rank - 1] / 100
    assert counts.mean == pytest.approx(sum(thousandths) / len(thousandths) / 1000)


@given(st.dictionaries(st.integers(), st.integers(0, 9)), st.integers(1, 100))
def test_a_percentile_is_a_value_that_so_many_do_not_exceed(counts, percent):
    found = percentile(counts, percent)
    number = sum(counts.values())
    if not number:
        assert found is None
        return
    below = sum(times for value, times in counts.items() if value < found)
    assert below * 100 < number * percent <= (below + counts[found]) * 100


moments = st.lists(st.tuples(st.integers(-40, 400), st.booleans(), st.booleans(), st.booleans()), max_size=60)


@given(moments, st.integers(0, 500))
def test_covered_time_is_what_one_counts_minute_by_minute(drawn, until):
    """The same figures, worked out in the plainest way: by asking of each minute which call stands for it."""
    drawn = sorted({at: rest for at, *rest in drawn if at < until}.items())
    calls = [call(at, answered=a, heard=h, good=g and a and h) for at, (a, h, g) in drawn]
    found = figures(*calls, until=until * MINUTE, first_at=-1)
    standing = []
    for minute in range(until):
        last = max((at for at, _ in drawn if at <= minute), default=None)
        if last is not None and minute < last + 15:
            standing.append(dict(drawn)[last])
    assert found.covered_ms == len(standing) * MINUTE
    assert found.up_ms == sum(a and h for a, h, _ in standing) * MINUTE
    assert found.judged_ms - found.good_ms == sum(not (a and h and g) for a, h, g in standing) * MINUTE


@given(moments)
def test_incidents_never_overlap_and_hold_every_unhealthy_call(drawn):
    drawn = sorted({at: rest for at, *rest in drawn}.items())
    calls = [call(at, answered=a, heard=h) for at, (a, h, _) in drawn]
    found = month(*calls)
    assert sum(incident.calls for incident in found.incidents) == sum(c.at >= 0 and c.faults is not None for c in calls)
    for one, later in pairwise(found.incidents):
        assert one.begin < one.end <= later.begin


@given(moments, moments)
def test_a_total_is_the_sum_of_its_parts(first, second):
    parts = []
    for drawn in (first, second):
        sorted_calls = sorted({at: rest for at, *rest in drawn}.items())
        parts.append(figures(*(call(at, answered=a, heard=h) for at, (a, h, _) in sorted_calls)))
    found = total(parts)
    for name in ("calls", "answered", "covered_ms", "up_ms", "existed_ms", "incidents"):
        assert getattr(found, name) == sum(getattr(part, name) for part in parts)
    assert sum(found.pdd.values()) == sum(sum(part.pdd.values()) for part in parts)
    assert total([]) == Figures()


def test_a_line_of_the_database_becomes_a_call():
    plain, bad = read(["1500\tinbound\t7\t4321\t\t", "-5\tinbound\t24\t\t\t7000\tfailed 503\t\t41000\t3100"])
    assert plain == Measured(1500, "inbound", True, True, True, None, 4321, None, False, False, None)
    assert bad[2:5] == (False, False, False)
    assert bad.faults == Faults("failed 503", None, 41_000, 3100)
    assert (bad.is_wide_forward, bad.is_wide_reverse, bad.pdd_ms) == (True, True, 7000)
