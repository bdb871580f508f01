"""The time that a page shows, as its address says it."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_portal.probes import period
from voice_portal.probes.period import LONGEST, RANGES, UnknownRange

NOW = datetime(2026, 11, 30, 14, 7, 30, tzinfo=UTC)
LONDON, KATHMANDU = ZoneInfo("Europe/London"), ZoneInfo("Asia/Kathmandu")


def read(zone=LONDON, **query):
    return period.read({name.rstrip("_"): text for name, text in query.items()}, zone, NOW)


def mistakes(choice):
    return {field.name: field.mistake for field in choice.fields if field.mistake}


def test_nothing_asked_for_is_the_last_six_hours():
    shown = read().period
    assert (shown.name, shown.start, shown.end) == ("6h", NOW - timedelta(hours=6), NOW)
    assert shown.before == NOW - timedelta(hours=12)


@pytest.mark.parametrize("name", RANGES)
def test_a_range_is_as_long_as_its_name_says(name):
    shown = read(range=name).period
    assert (shown.span, shown.name, read(range=name).query) == (RANGES[name], name, f"range={name}")


@pytest.mark.parametrize("name", ["7d", "28d"])
def test_days_end_on_a_round_time_so_that_their_figures_are_worked_out_once(name):
    assert read(range=name).period.end == datetime(2026, 11, 30, 14, 5, tzinfo=UTC)


@pytest.mark.parametrize("name", ["9y", "", "6H", "6h&orgId=1"])
def test_another_range_is_none(name):
    with pytest.raises(UnknownRange):
        read(range=name)


def test_a_time_of_ones_own_is_by_the_clients_clock():
    choice = read(KATHMANDU, from_="2026-11-30T05:45", to="2026-11-30 06:45")
    assert (choice.period.start, choice.period.end) == (
        NOW.replace(hour=0, minute=0, second=0),
        NOW.replace(hour=1, minute=0, second=0),
    )
    assert choice.period.name == ""
    assert [field.value for field in choice.fields] == ["2026-11-30T05:45", "2026-11-30T06:45"]
    assert choice.query == "from=2026-11-30T05%3A45&to=2026-11-30T06%3A45"


def test_a_day_of_25_hours_is_one():
    shown = read(from_="2026-10-25", to="2026-10-25").period
    assert (shown.span, shown.length) == (timedelta(hours=25), "25 h")


def test_without_an_end_it_lasts_until_now_and_so_does_what_is_yet_to_come():
    assert read(from_="2026-11-30").period.end == NOW
    assert read(from_="2026-11-30", to="2027-01-01").period.end == NOW


def test_the_moments_of_a_zoomed_dashboard_are_understood():
    choice = read(from_="2026-11-30T10:00:00.000Z", to="2026-11-30T11:00:00.000Z")
    assert (choice.period.start.hour, choice.period.end.hour) == (10, 11)
    assert [field.value for field in choice.fields] == ["2026-11-30T10:00", "2026-11-30T11:00"]


@pytest.mark.parametrize(
    ("query", "field", "sentence"),
    [
        ({"from_": "yesterday"}, "from", "Write a day and a time, such as 2026-11-30 14:05."),
        ({"from_": "2026-11-30", "to": "x"}, "to", "Write a day and a time, such as 2026-11-30 14:05."),
        ({"to": "2026-11-30"}, "from", "Write when the time begins, too."),
        ({"from_": "2026-11-30T14:00", "to": "2026-11-30T13:00"}, "to", "at least a minute later"),
        ({"from_": "2026-12-01"}, "from", "yet to come"),
        ({"from_": "2026-01-01"}, "to", f"At most {LONGEST.days} days"),
        ({"from_": "0001-01-01", "to": "0001-01-02"}, "from", "No call is older"),
    ],
)
def test_what_cannot_be_meant_is_told_beside_the_field_and_kept(query, field, sentence):
    choice = read(**query)
    assert sentence in mistakes(choice)[field]
    assert choice.period.name == period.DEFAULT_RANGE
    assert {one.name: one.value for one in choice.fields if one.value} == {
        name.rstrip("_"): text for name, text in query.items()
    }


@given(st.dictionaries(st.sampled_from(["from", "to"]), st.text() | st.datetimes().map(str), min_size=1))
def test_whatever_is_written_there_is_a_time_or_a_sentence(query):
    choice = period.read(query, KATHMANDU, NOW)
    shown = choice.period
    assert shown.before < shown.start < shown.end <= NOW
    assert shown.span <= LONGEST
    assert bool(shown.name) == (bool(mistakes(choice)) or not any(text.strip() for text in query.values()))
