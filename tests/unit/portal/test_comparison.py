"""A time beside the one before it."""

import pytest

from voice_portal.cdr.periods import Figures, Mos
from voice_portal.probes.comparison import rows


def figures(**changes):
    usual = {"calls": 72, "answered": 72, "compliant": 68, "loss_pct": 0.1, "jitter_ms": 5.0, "pdd_ms": 900.0}
    return Figures(**usual | changes)


def told(now, before):
    return {row.label: (row.now, row.before, row.change, row.css) for row in rows(now, before)}


def test_nothing_in_either_time_is_no_table():
    assert rows(Figures(), Figures()) == []


def test_a_share_changes_by_points():
    found = told(figures(answered=72), figures(answered=36))
    assert found["Answer rate"] == ("100.0 %", "50.0 %", "+50.0 points, better", "better")


def test_more_is_worse_where_less_is_better():
    found = told(figures(pdd_ms=1200.0), figures(pdd_ms=900.0))
    assert found["Post-dial delay, 95th percentile"] == ("1200 ms", "900 ms", "+300 ms, worse", "worse")


def test_more_calls_are_neither_better_nor_worse():
    assert told(figures(calls=72), figures(calls=80))["Calls that count"] == ("72", "80", "−8", "")


def test_what_was_not_measured_has_no_change():
    found = told(figures(), Figures())
    assert found["Jitter, 95th percentile"] == ("5.0 ms", "–", "–", "")
    assert found["Good calls"][1] == "–"


def test_narrow_band_and_wide_band_are_never_in_one_figure():
    now = figures(mos={("forward", False): Mos(4.0, 4.3), ("forward", True): Mos(4.2, 4.5)})
    found = told(now, figures(mos={("forward", False): Mos(4.1, 4.3)}))
    assert found["MOS forward, 5th percentile"] == ("4.00", "4.10", "−0.10, worse", "worse")
    assert found["MOS forward, median"] == ("4.30", "4.30", "none", "")
    assert found["MOS forward (wide-band), 5th percentile"] == ("4.20", "–", "–", "")


@pytest.mark.parametrize(
    ("now", "before", "change"),
    [(4.004, 4.0, "none"), (4.006, 4.004, "+0.01, better"), (3.999, 4.001, "none")],
)
def test_who_subtracts_what_is_written_finds_the_change(now, before, change):
    pair = (figures(mos={("reverse", False): Mos(one, one)}) for one in (now, before))
    assert told(*pair)["MOS reverse, median"][2] == change
