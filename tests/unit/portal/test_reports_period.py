"""Months in a client's time zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_portal.reports.period import Month, months_between

BERLIN = ZoneInfo("Europe/Berlin")
zones = st.sampled_from(sorted(available_timezones())).map(ZoneInfo)
months = st.builds(Month, st.integers(2000, 2098), st.integers(1, 12))


def test_a_month_begins_at_midnight_of_the_clients_zone():
    assert Month(2026, 1).start(BERLIN) == datetime(2025, 12, 31, 23, tzinfo=UTC)
    assert Month(2026, 7).start(BERLIN) == datetime(2026, 6, 30, 22, tzinfo=UTC)


def test_a_month_in_which_clocks_are_changed_is_an_hour_longer_or_shorter():
    def length(month):
        return month.end(BERLIN) - month.start(BERLIN)

    assert length(Month(2026, 3)) == timedelta(days=31) - timedelta(hours=1)
    assert length(Month(2026, 10)) == timedelta(days=31) + timedelta(hours=1)


def test_where_clocks_skip_midnight_the_month_begins_at_that_moment():
    # Paraguay: at 00:00 of 1 October 2017, clocks were put forward to 01:00.
    begin = Month(2017, 10).start(ZoneInfo("America/Asuncion"))
    assert begin == datetime(2017, 10, 1, 4, tzinfo=UTC)
    assert Month.of(begin, ZoneInfo("America/Asuncion")) == Month(2017, 10)


@given(months, zones, st.floats(0, 0.999999))
def test_every_moment_lies_in_the_month_whose_bounds_are_around_it(month, zone, share):
    begin, end = month.start(zone), month.end(zone)
    assert Month.of(begin + (end - begin) * share, zone) == month
    assert month.next.start(zone) == end
    assert month.next.previous == month


@given(months)
def test_a_month_is_read_as_it_is_written(month):
    assert Month.parse(str(month)) == month


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-00", "2026-1", "1999-01", "26-01", "2026-10-01", "٢٠٢٦-10", "2026-10\n", ""]
)
def test_what_is_no_month_is_refused(text):
    with pytest.raises(ValueError, match="no month"):
        Month.parse(text)


def test_a_month_has_a_name():
    assert Month(2026, 10).label == "October 2026"


def test_months_are_told_newest_first_and_no_more_than_asked_for():
    assert months_between(Month(2025, 11), Month(2026, 2), 3) == [Month(2026, 2), Month(2026, 1), Month(2025, 12)]
    assert months_between(Month(2026, 2), Month(2026, 1), 3) == []
