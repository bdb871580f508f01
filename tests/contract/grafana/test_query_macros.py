"""What becomes of macros, and the interval (contract, 10.2)."""

from __future__ import annotations

import itertools

import pytest

from tests.contract.grafana.source import broken, field, framed, query, results, sent, values
from tests.contract.grafana.world import Org

pytestmark = pytest.mark.services
START, END = "1768390800123", "1768394400789"
FIVE = {"intervalMs": 300000, "start": START, "end": END}
BETWEEN = "BETWEEN FROM_UNIXTIME(1768390800) AND FROM_UNIXTIME(1768394400)"
SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
GROUPED = "SELECT UNIX_TIMESTAMP(at) DIV 300 * 300 AS time, COUNT(*) AS n FROM t GROUP BY 1 ORDER BY 1"


@pytest.mark.parametrize(
    ("sql", "made"),
    [
        ("SELECT id FROM t WHERE $__timeFilter(at)", f"SELECT id FROM t WHERE at {BETWEEN}"),
        ("SELECT id FROM t WHERE $__timeFilter(t.at) OR 1=1", f"SELECT id FROM t WHERE t.at {BETWEEN} OR 1=1"),
        (
            "SELECT $__timeFrom() a, $__timeTo() b",
            "SELECT FROM_UNIXTIME(1768390800) a, FROM_UNIXTIME(1768394400) b",
        ),
        ("SELECT $__unixEpochFrom() a, $__unixEpochTo() b", "SELECT 1768390800 a, 1768394400 b"),
        (
            "SELECT 1 FROM t WHERE $__unixEpochFilter(at) OR 1=1 LIMIT 1",
            "SELECT 1 FROM t WHERE at >= 1768390800 AND at <= 1768394400 OR 1=1 LIMIT 1",
        ),
        ("SELECT $__time(at) FROM t", "SELECT UNIX_TIMESTAMP(at) as time_sec FROM t"),
        ("SELECT $__timeEpoch(at) FROM t", "SELECT UNIX_TIMESTAMP(at) as time_sec FROM t"),
        *(
            (GROUPED.replace("UNIX_TIMESTAMP(at) DIV 300 * 300", f"$__timeGroup({words})"), GROUPED)
            for words in ("at, $__interval", "at,'5m'", "at, 5m", "at,'5m', 0", "at, '5m', NULL", "at,'5m',previous")
        ),
        (
            GROUPED.replace("UNIX_TIMESTAMP(at) DIV 300 * 300", "$__timeGroup(at, 1h)"),
            GROUPED.replace("300", "3600"),
        ),
        (
            GROUPED.replace("UNIX_TIMESTAMP(at) DIV 300 * 300 AS time", "$__timeGroupAlias(at, $__interval)"),
            GROUPED.replace("AS time", 'AS "time"'),
        ),
        ("SELECT '$__interval' a, $__interval_ms b", "SELECT '5m' a, 300000 b"),
        (
            "SELECT '$__from $__to $__range ${x} $x [[x]] $__timeFilter' AS a",
            "SELECT '$__from $__to $__range ${x} $x [[x]] $__timeFilter' AS a",
        ),
    ],
    ids=[
        "timeFilter", "timeFilter of a column with its table", "timeFrom and timeTo", "unixEpochFrom and unixEpochTo",
        "unixEpochFilter", "time", "timeEpoch", "timeGroup with the interval", "timeGroup with a quoted interval",
        "timeGroup with a bare interval", "timeGroup that fills with 0", "timeGroup that fills with NULL",
        "timeGroup that fills with the previous", "timeGroup by the hour", "timeGroupAlias", "interval",
        "what is the browser's business",
    ],
)  # fmt: skip
def test_a_macro_becomes(asking: Org, sql: str, made: str):
    answer = query(asking.admin, sql, **FIVE)
    assert answer.status_code == 200, answer.text
    assert sent(answer) == made


def test_a_range_is_cut_to_whole_seconds(asking: Org):
    made = "SELECT FROM_UNIXTIME(1768390800) a, FROM_UNIXTIME(1768394400) b"
    fields = [field("a", "time.Time"), field("b", "time.Time")]
    recorded = framed(made, fields, [[1768390800000], [1768394400000]])
    answer = query(asking.admin, "SELECT $__timeFrom() a, $__timeTo() b", start=START, end=END)
    asking.server.check(answer, 200, results(recorded))


def test_arguments_end_at_the_first_bracket(asking: Org):
    """So that a function in them becomes nonsense, which may even be a statement."""
    answer = query(asking.admin, "SELECT id FROM t WHERE $__timeFilter(COALESCE(at, at0))", **FIVE)
    assert sent(answer) == f"SELECT id FROM t WHERE COALESCE(at {BETWEEN})"


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("SELECT $__x(at)", "unknown macro __x"),
        ("SELECT $__timeGroup(at)", "macro __timeGroup needs time column and interval"),
    ],
    ids=["nobody knows", "has an argument too few"],
)
def test_a_macro_is_refused_that(asking: Org, sql: str, why: str):
    answer = query(asking.admin, sql, **FIVE)
    assert answer.status_code == 400
    told = answer.json()["results"]["A"]["error"]
    assert told.startswith("interpolation failed: ")
    assert why in told


def test_a_macro_nobody_knows_is_no_statement(asking: Org):
    answer = query(asking.admin, "SELECT $__x(at)")
    asking.server.check(answer, 400, results(broken("interpolation failed: unknown macro __x", None)))


def test_an_interval_that_is_none_is_refused(asking: Org):
    answer = query(asking.admin, "SELECT $__timeGroup(at, 'often') AS time FROM t")
    assert answer.status_code == 400
    assert "error parsing interval" in answer.json()["results"]["A"]["error"]


ROUNDED = [
    (10, 1), (15, 10), (35, 20), (75, 50), (150, 100), (350, 200), (750, 500), (1500, SECOND), (3500, 2 * SECOND),
    (7500, 5 * SECOND), (12500, 10 * SECOND), (17500, 15 * SECOND), (25000, 20 * SECOND), (45000, 30 * SECOND),
    (90000, MINUTE), (210000, 2 * MINUTE), (450000, 5 * MINUTE), (750000, 10 * MINUTE), (1050000, 15 * MINUTE),
    (1500000, 20 * MINUTE), (2700000, 30 * MINUTE), (5400000, HOUR), (9000000, 2 * HOUR), (16200000, 3 * HOUR),
    (32400000, 6 * HOUR), (DAY, 12 * HOUR), (7 * DAY, DAY), (21 * DAY, 7 * DAY), (42 * DAY - 1, 30 * DAY),
    (100 * DAY, 365 * DAY),
]  # fmt: skip
UNITS = {1: "ms", SECOND: "s", MINUTE: "m", HOUR: "h", DAY: "d", 365 * DAY: "y"}


def interval(org: Org, range_ms: int, **more: int) -> list[object]:
    """What `$__interval_ms` and `$__interval` are."""
    end = 1768394400000
    sql = "SELECT $__interval_ms AS ms, '$__interval' AS txt"
    answer = query(org.admin, sql, start=str(end - range_ms), end=str(end), **more)
    return [column[0] for column in values(answer)]


def spelled(ms: int) -> str:
    """With the largest whole unit."""
    size, unit = max((size, unit) for size, unit in UNITS.items() if ms >= size)
    return f"{ms // size}{unit}"


@pytest.mark.parametrize(("bound", "rounded"), ROUNDED, ids=[f"up to {bound} ms" for bound, _ in ROUNDED])
def test_an_interval_is_rounded(asking: Org, bound: int, rounded: int):
    following = {bound: after for (bound, _), (_, after) in itertools.pairwise(ROUNDED)}
    assert interval(asking, bound, maxDataPoints=1, intervalMs=1) == [rounded, spelled(rounded)]
    after = following.get(bound, rounded)
    assert interval(asking, bound + 1, maxDataPoints=1, intervalMs=1) == [after, spelled(after)]


def test_an_interval_is_the_range_by_the_number_of_points(asking: Org):
    assert interval(asking, HOUR, maxDataPoints=120, intervalMs=1)[0] == 30 * SECOND
    assert interval(asking, HOUR, maxDataPoints=12, intervalMs=1)[0] == 5 * MINUTE


def test_an_interval_is_not_less_than_the_least(asking: Org):
    assert interval(asking, HOUR, maxDataPoints=3600, intervalMs=45000) == [45000, "45s"]


@pytest.mark.parametrize(
    ("range_ms", "fields", "ms"),
    [
        (500 * SECOND, {"intervalMs": 1}, 5 * SECOND),
        (500 * SECOND, {"intervalMs": 1, "maxDataPoints": 0}, 200),
        (1, {"maxDataPoints": 1}, SECOND),
        (1, {"maxDataPoints": 1, "intervalMs": 0}, MINUTE),
    ],
    ids=["100 points if none are named", "1500 points if 0", "a second if none is named", "a minute if 0"],
)
def test_an_interval_is_found_from(asking: Org, range_ms: int, fields: dict[str, int], ms: int):
    assert interval(asking, range_ms, **fields)[0] == ms


@pytest.mark.parametrize(
    ("ms", "text", "divisor"),
    [(125 * SECOND, "2m", 120), (90000 * SECOND, "1d", 86400), (45 * SECOND, "45s", 45)],
    ids=["125 s", "90000 s", "45 s"],
)
def test_of_an_interval_only_the_largest_whole_unit_is_told_and_grouped_by(
    asking: Org, ms: int, text: str, divisor: int
):
    assert interval(asking, 1, maxDataPoints=1, intervalMs=ms) == [ms, text]
    answer = query(asking.admin, "SELECT $__timeGroup(at, $__interval) AS time FROM t", intervalMs=ms)
    assert sent(answer) == f"SELECT UNIX_TIMESTAMP(at) DIV {divisor} * {divisor} AS time FROM t"


TIMES = [1768391700000, 1768392000000, 1768392300000, 1768392600000]
FILLED = "SELECT $__timeGroupAlias(at, '5m', {}), COUNT(*) AS value FROM t WHERE id <> 2 GROUP BY 1 ORDER BY 1"


@pytest.mark.parametrize(
    ("word", "first", "recorded"),
    [("0", 0, [0, 1, 0, 1]), ("NULL", 0, [None, 1, None, 1]), ("previous", 1, [1, 1, 1])],
    ids=["0", "NULL", "the previous value"],
)
def test_missing_buckets_of_a_series_are_filled_with(asking: Org, word: str, first: int, recorded: list[int | None]):
    window = {"start": str(TIMES[first]), "end": str(TIMES[-1] + 150000)}
    answer = query(asking.admin, FILLED.format(word), "time_series", **window)
    assert values(answer) == [TIMES[first:], recorded]


def test_missing_buckets_are_not_filled_unless_that_is_asked_for(asking: Org):
    sql = FILLED.replace(", {}", "")
    assert values(query(asking.admin, sql, "time_series")) == [[TIMES[1], TIMES[3]], [1, 1]]
