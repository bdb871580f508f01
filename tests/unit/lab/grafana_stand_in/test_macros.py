"""What becomes of a query's text, as Grafana 10.0 was measured to do it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_lab.grafana_stand_in.query.macros import Fill, Period, QueryError, expand, interval, interval_text

NOW = datetime(2026, 1, 14, 12, 34, 56, 789000, tzinfo=UTC)
PERIOD = Period(1768390800123, 1768394400789)
SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000


def milliseconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("1768390800123", "2026-01-14T11:40:00.123Z", "2026-01-14T11:40:00.123Z"),
        ("now", "2026-01-14T12:34:56.789Z", "2026-01-14T12:34:56.789Z"),
        ("now-1h", "2026-01-14T11:34:56.789Z", "2026-01-14T11:34:56.789Z"),
        ("now+90s", "2026-01-14T12:36:26.789Z", "2026-01-14T12:36:26.789Z"),
        ("now/d", "2026-01-14T00:00:00Z", "2026-01-14T23:59:59.999Z"),
        ("now-1d/d", "2026-01-13T00:00:00Z", "2026-01-13T23:59:59.999Z"),
        ("2026-01-14T13:00:00+01:00", "2026-01-14T12:00:00Z", "2026-01-14T12:00:00Z"),
        ("2026-01-14T12:00:00.123Z", "2026-01-14T12:00:00.123Z", "2026-01-14T12:00:00.123Z"),
    ],
)
def test_texts_of_times(text: str, start: str, end: str) -> None:
    assert Period.of(text, text, NOW) == Period(milliseconds(start), milliseconds(end))


@pytest.mark.parametrize("text", [None, "", "yesterday", "now-", "now-1x", "now - 1h", "now-999999999y", "12:00"])
def test_what_cannot_be_read_is_1970(text: str | None) -> None:
    assert Period.of(text, text, NOW) == Period(0, 0)


def test_a_period_may_end_before_it_starts() -> None:
    assert Period.of("2000", "1000", NOW) == Period(2000, 1000)


@pytest.mark.parametrize(
    ("each", "expected"),
    [
        (-5, 1), (0, 1), (10, 1), (11, 10), (15, 10), (35, 20), (75, 50), (150, 100), (350, 200), (750, 500),
        (1500, SECOND), (3500, 2 * SECOND), (7500, 5 * SECOND), (7501, 10 * SECOND), (12_500, 10 * SECOND),
        (17_500, 15 * SECOND), (25_000, 20 * SECOND), (45_000, 30 * SECOND), (90_000, MINUTE), (210_000, 2 * MINUTE),
        (450_000, 5 * MINUTE), (750_000, 10 * MINUTE), (1_050_000, 15 * MINUTE), (1_500_000, 20 * MINUTE),
        (2_700_000, 30 * MINUTE), (5_400_000, HOUR), (9_000_000, 2 * HOUR), (16_200_000, 3 * HOUR),
        (32_400_000, 6 * HOUR), (DAY, 12 * HOUR), (7 * DAY, DAY), (21 * DAY, 7 * DAY), (42 * DAY - 1, 30 * DAY),
        (42 * DAY, 365 * DAY), (5000 * DAY, 365 * DAY),
    ],
)  # fmt: skip
def test_the_interval_is_rounded(each: int, expected: int) -> None:
    assert interval(Period(10**12, 10**12 + 100 * each), 100, 1) == expected


def test_the_interval_is_not_below_the_least() -> None:
    assert interval(Period(0, HOUR), 500, 60_000) == 60_000
    assert interval(Period(0, DAY), 500, 60_000) == 2 * MINUTE


@given(st.integers(0, 10**13), st.integers(0, 10**13), st.integers(1, 10_000))
def test_a_longer_period_has_no_shorter_interval(one: int, other: int, points: int) -> None:
    short, long = sorted([one, other])
    assert interval(Period(0, short), points, 1) <= interval(Period(0, long), points, 1)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1ms"), (500, "500ms"), (1500, "1s"), (45_000, "45s"), (125_000, "2m"), (5_400_000, "1h"),
        (90_000_000, "1d"), (7 * DAY, "7d"), (30 * DAY, "30d"), (365 * DAY, "1y"),
    ],
)  # fmt: skip
def test_the_text_of_an_interval_keeps_its_largest_unit(value: int, text: str) -> None:
    assert interval_text(value) == text


@pytest.mark.parametrize(
    ("macro", "sql"),
    [
        ("$__timeFilter(at)", "at BETWEEN FROM_UNIXTIME(1768390800) AND FROM_UNIXTIME(1768394400)"),
        ("$__timeFilter(t.at) OR 1", "t.at BETWEEN FROM_UNIXTIME(1768390800) AND FROM_UNIXTIME(1768394400) OR 1"),
        ("$__timeFrom() a, $__timeTo() b", "FROM_UNIXTIME(1768390800) a, FROM_UNIXTIME(1768394400) b"),
        ("$__unixEpochFilter(at)", "at >= 1768390800 AND at <= 1768394400"),
        ("$__unixEpochFrom() a, $__unixEpochTo() b", "1768390800 a, 1768394400 b"),
        ("$__time(at)", "UNIX_TIMESTAMP(at) as time_sec"),
        ("$__timeEpoch(at)", "UNIX_TIMESTAMP(at) as time_sec"),
        ("$__timeGroup(at, $__interval)", "UNIX_TIMESTAMP(at) DIV 300 * 300"),
        ("$__timeGroup(at,'5m')", "UNIX_TIMESTAMP(at) DIV 300 * 300"),
        ("$__timeGroup(at, 1h)", "UNIX_TIMESTAMP(at) DIV 3600 * 3600"),
        ("$__timeGroup(at, 1d)", "UNIX_TIMESTAMP(at) DIV 86400 * 86400"),
        ("$__timeGroup(at, 1h30m, NULL)", "UNIX_TIMESTAMP(at) DIV 5400 * 5400"),
        ("$__timeGroupAlias(at, $__interval)", 'UNIX_TIMESTAMP(at) DIV 300 * 300 AS "time"'),
        ("$__interval, $__interval_ms", "5m, 300000"),
        ("'$__timeFrom()' -- $__timeTo()", "'FROM_UNIXTIME(1768390800)' -- FROM_UNIXTIME(1768394400)"),
        ("$__from $__to $__range ${x} $x [[x]] $__timeFilter", "$__from $__to $__range ${x} $x [[x]] $__timeFilter"),
        (
            "$__timeFilter(COALESCE(a, b))",
            "COALESCE(a BETWEEN FROM_UNIXTIME(1768390800) AND FROM_UNIXTIME(1768394400))",
        ),
    ],
)
def test_macros(macro: str, sql: str) -> None:
    assert expand(f"SELECT {macro}", PERIOD, 300_000).sql == f"SELECT {sql}"


@pytest.mark.parametrize(
    ("argument", "fill"),
    [
        ("NULL", Fill(300)),
        ("previous", Fill(300, previous=True)),
        ("0", Fill(300, value=0)),
        ("-1.5", Fill(300, value=-1.5)),
    ],
)
def test_the_third_argument_of_time_group_says_how_to_fill(argument: str, fill: Fill) -> None:
    expanded = expand(f"SELECT $__timeGroupAlias(at, 5m, {argument})", PERIOD, 1000)
    assert expanded.sql == 'SELECT UNIX_TIMESTAMP(at) DIV 300 * 300 AS "time"'
    assert expanded.fill == fill


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("SELECT $__x(at)", "unknown macro __x"),
        ("SELECT $__timeGroup(at)", "macro __timeGroup needs time column and interval"),
        ("SELECT $__timeGroupAlias(at)", "macro __timeGroup needs time column and interval"),
        ("SELECT $__timeGroup(at, often)", "error parsing interval often"),
        ("SELECT $__timeGroup(at, 5m, often)", "error parsing fill value often"),
    ],
)
def test_macros_that_cannot_be_read(sql: str, error: str) -> None:
    with pytest.raises(QueryError, match=f"^interpolation failed: {error}$"):
        expand(sql, PERIOD, 1000)


@pytest.mark.parametrize(
    "sql",
    [
        "SHOW GRANTS", "show  grants FOR x", "SELECT USER()", "SELECT 1,user() u", "SELECT CURRENT_USER",
        "SELECT current_user() u", "SELECT SESSION_USER(), 1", "SELECT System_User();", "SELECT u =\nUSER()",
    ],
)  # fmt: skip
def test_who_the_user_is_may_not_be_asked(sql: str) -> None:
    with pytest.raises(QueryError, match=r"^interpolation failed: invalid query - inspect Grafana server log"):
        expand(sql, PERIOD, 1000)


@pytest.mark.parametrize("sql", ["SELECT current_user_id FROM t", "SELECT user FROM t", "SELECT enduser(1)"])
def test_names_that_only_resemble_it_are_fine(sql: str) -> None:
    assert expand(sql, PERIOD, 1000).sql == sql


@given(st.text(st.characters(exclude_characters="$"), max_size=40))
def test_what_has_no_macro_is_sent_as_it_is(text: str) -> None:
    sql = f"SELECT '{text}'"
    try:
        assert expand(sql, PERIOD, 1000).sql == sql
    except QueryError:
        assert "user" in sql.lower() or "grants" in sql.lower()
