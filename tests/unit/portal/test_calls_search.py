"""What a search for calls asks for, from an address and back to it."""

import zoneinfo
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_portal.cdr.callsearch import HIGHEST, LOWEST, Criteria, Key, Order
from voice_portal.probes.calls import filters, form, moments, positions, words
from voice_portal.probes.calls.moments import NoMoment

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
LONDON, BERLIN = zoneinfo.ZoneInfo("Europe/London"), zoneinfo.ZoneInfo("Europe/Berlin")
NAMES = {"fax": "Fax line"}

anything = st.dictionaries(
    st.sampled_from((*filters.FIELDS, *filters.PLACES)),
    st.text(max_size=40) | st.sampled_from(["24h", "newest", "3.6", "486", "all"]),
)


def read(**query: str) -> filters.Search:
    return filters.read({name.rstrip("_"): value for name, value in query.items()}, BERLIN, NOW)


def test_without_a_word_it_is_the_last_day_the_newest_first():
    search = read()
    assert search.criteria == Criteria(start=NOW - timedelta(hours=24))
    assert (search.order, search.given, search.mistakes, search.query()) == (Order.NEWEST, {}, {}, "")


def test_all_conditions_at_once():
    search = read(
        from_="2026-11-01T00:30", to="2026-11-02", probe="fax.2", outcome="unanswered", code="503", mos_below="3,6",
        mos_from="2", loss_above="0.5", number="(020) 7183-8750", call_id="a@b", counted="1", sort="mos",
    )  # fmt: skip
    assert not search.mistakes
    assert search.criteria == Criteria(
        start=datetime(2026, 10, 31, 23, 30, tzinfo=UTC), end=datetime(2026, 11, 2, 23, 0, tzinfo=UTC), probe="fax.2",
        dispositions=("busy", "no_answer", "failed", "timeout", "interrupted", "configuration_error"), sip_code=503,
        mos_below=Decimal("3.6"), mos_from=Decimal(2), loss_above=Decimal("0.5"), number="02071838750", call_id="a@b",
        only_valid=True,
    )  # fmt: skip
    assert search.order is Order.WORST_MOS


@given(anything)
def test_an_address_is_read_as_it_was_written(query: dict[str, str]):
    search = filters.read(query, LONDON, NOW)
    again = filters.read(search.given, LONDON, NOW)
    assert again == search, "so whoever is led to what is set there is led no further"
    assert set(search.mistakes) <= {*search.given, "sort", "to", "mos_below"}
    words.told(search, LONDON, NAMES)
    words.offers(search, NAMES)
    form.form(search, list(NAMES.items()))


@given(st.dictionaries(st.sampled_from(filters.FIELDS), st.text(max_size=20)))
def test_links_of_a_search_are_searches(query: dict[str, str]):
    from urllib.parse import parse_qsl

    search = filters.read(query, LONDON, NOW)
    fields = {name: value for name, value in search.given.items() if name in filters.FIELDS}
    assert dict(parse_qsl(search.query())) == fields
    assert "sort" not in dict(parse_qsl(search.query(sort="newest")))


@pytest.mark.parametrize(
    ("text", "zone", "is_end", "expected"),
    [
        ("2026-11-30T14:05", "Europe/Berlin", False, "2026-11-30T13:05:00"),
        ("2026-11-30 14:05:06", "UTC", False, "2026-11-30T14:05:06"),
        ("2026-11-30", "Asia/Kolkata", False, "2026-11-29T18:30:00"),
        ("2026-11-30", "Asia/Kolkata", True, "2026-11-30T18:30:00"),
        ("2026-11-30T14:05:00Z", "Asia/Kolkata", False, "2026-11-30T14:05:00"),
        # Clocks are set back: the time comes twice.
        ("2026-10-25T02:30", "Europe/Berlin", False, "2026-10-25T00:30:00"),
        ("2026-10-25T02:30", "Europe/Berlin", True, "2026-10-25T01:30:00"),
    ],
)
def test_moments_are_by_the_clients_clock(text: str, zone: str, is_end: bool, expected: str):
    found = moments.read(text, zoneinfo.ZoneInfo(zone), is_end=is_end)
    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "now", "30.11.2026", "2026-02-30", "9999-12-31", "0001-01-01T00:00", "2026-11-30T25:00"]
)
def test_what_is_no_moment_is_told(text: str):
    with pytest.raises(NoMoment, match="Write a"):
        moments.read(text, zoneinfo.ZoneInfo("Asia/Kolkata"), is_end=True)


keys = st.builds(
    Key,
    st.integers(0, 30_000_000_000_000).map(lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)),
    st.uuids(),
    st.none() | st.decimals(0, 100, places=3),
)


@given(keys)
def test_a_place_is_read_as_it_was_written(key: Key):
    order = Order.NEWEST if key.value is None else Order.MOST_LOSS
    assert positions.read(positions.written(key), order) == key
    assert positions.read(positions.written(key), Order.MOST_LOSS if key.value is None else Order.OLDEST) is None


@given(st.text(max_size=80))
def test_no_text_makes_it_fail(text: str):
    for order in Order:
        positions.read(text, order)


@pytest.mark.parametrize(
    "text",
    [f"{at}T00:00:00.000~{uuid}" for at in ("2026-13-01", "٢٠٢٦-01-01") for uuid in ("0" * 32, "0" * 31)],
)
def test_what_names_no_place_is_none(text: str):
    assert positions.read(text, Order.NEWEST) is None


def test_going_to_a_time_begins_beyond_all_calls_that_are_too_new():
    at = datetime(2026, 11, 30, 10, 0, tzinfo=UTC)
    assert read(at="2026-11-30T11:00").after == Key(at, HIGHEST)
    assert read(at="2026-11-30T11:00", sort="oldest").after == Key(at, LOWEST)
    assert "at" in read(at="2026-11-30T11:00", sort="mos").mistakes


def test_a_page_before_a_call():
    key = Key(NOW, UUID(int=7))
    search = read(before=positions.written(key))
    assert (search.before, search.after) == (key, None)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({}, "in the last 24 hours"),
        ({"range": "all", "probe": "gone", "outcome": "busy"}, "at any time, of gone, that ended as “Busy”"),
        ({"from": "2026-11-01", "to": "2026-11-02T03:04:05"}, "from 1 Nov 2026 00:00 before 2 Nov 2026 03:04:05"),
        ({"loss_above": "0.5", "counted": "1"}, "in the last 24 hours, with more than 0.5 % lost, that count"),
    ],
)
def test_a_search_in_words(query: dict[str, str], told: str):
    assert words.told(filters.read(query, BERLIN, NOW), BERLIN, NAMES) == told


def test_a_list_of_very_many_probes_is_a_field():
    many = [(f"p-{number}", f"Probe {number}") for number in range(form.MOST_PROBES_IN_A_LIST + 1)]
    made = form.form(read(probe="p-7"), many)
    assert [one.value for one in made.fields if one.name == "probe"] == ["p-7"]
    assert all(one.name != "probe" for one in made.choices)


def test_hidden_conditions_are_shown_where_one_is_set_or_wrong():
    assert not form.form(read(probe="fax"), []).is_open
    assert form.form(read(code="486"), []).is_open
    made = form.form(read(from_="soon"), [])
    assert made.is_open
    (wrong,) = (one for one in made.more if one.name == "from")
    assert (wrong.type, wrong.value) == ("text", "soon"), "a field for times would not show it"
