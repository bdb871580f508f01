"""The frames that rows become (contract, 10.3)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.grafana.matching import Like
from tests.contract.grafana.server import read
from tests.contract.grafana.source import Schema, broken, field, framed, query, results, values
from tests.contract.grafana.world import Org

pytestmark = pytest.mark.services
NUMBERS, FLOATS, TIMES, TEXTS = "int64", "float64", "time.Time", "string"
AT = [1768392000123, 1768392300000, 1768392600000]
OUT_OF_RANGE = 'convert frame from rows error: strconv.ParseInt: parsing "18446744073709551615": value out of range'
COLUMNS: dict[str, tuple[str, list[Any]]] = {
    "id": (NUMBERS, [1, 2, 3]),
    "at": (TIMES, AT),
    "at0": (TIMES, [1768392000000, None, None]),
    "d": (TIMES, [1768348800000, None, None]),
    "tm": (TEXTS, ["12:34:56", None, None]),
    "ts": (TIMES, [1768392000000, None, None]),
    "y": (NUMBERS, [2026, None, None]),
    "ti": (NUMBERS, [-1, None, None]),
    "tib": (NUMBERS, [1, None, None]),
    "sm": (NUMBERS, [2, None, None]),
    "i": (NUMBERS, [3, None, 7]),
    "iu": (NUMBERS, [4000000000, None, None]),
    "bi": (NUMBERS, [5, None, None]),
    "f": (FLOATS, [1.5, None, None]),
    "db": (FLOATS, [2.25, None, 7]),
    "de": (FLOATS, [3.125, None, None]),
    "c": (TEXTS, ["ab", None, None]),
    "vc": (TEXTS, ["vé", None, "z"]),
    "tx": (TEXTS, ["text", None, None]),
    "en": (TEXTS, ["a", None, None]),
    "b16": (TEXTS, ["".join(map(chr, range(16))), None, None]),
    "vb": (TEXTS, ["vb", None, None]),
    "bl": (TEXTS, ["bl", None, None]),
    "js": (TEXTS, ['{"a": 1}', None, None]),
    "bt": (TEXTS, ["\x01", None, None]),
    "nn": (TEXTS, ["nn", "y", "z"]),
}
EXPRESSIONS: dict[str, tuple[str, str, Any]] = {
    "n": ("COUNT(*)", NUMBERS, 3),
    "si": ("SUM(i)", FLOATS, 10),
    "ai": ("AVG(i)", FLOATS, 5),
    "sd": ("SUM(db)", FLOATS, 9.25),
    "ma": ("MAX(at)", TIMES, AT[2]),
    "pa": ("100 * AVG(i)", FLOATS, 500),
    "half": ("SUM(i) / 4", FLOATS, 2.5),
    "cmp": ("MAX(i) = 7", NUMBERS, 1),
    "md": ("MAX(de)", FLOATS, 3.125),
    "hx": ("MAX(HEX(b16))", TEXTS, "000102030405060708090A0B0C0D0E0F"),
    "iff": ("IF(MAX(i) > 1, 'a', 'b')", TEXTS, "a"),
    "cc": ("CONCAT('a', MIN(vc))", TEXTS, "avé"),
    "nul": ("NULL", TEXTS, None),
    "one": ("1", NUMBERS, 1),
    "dec1": ("1.5", FLOATS, 1.5),
    "fl": ("CAST(1 AS DOUBLE)", FLOATS, 1),
    "str": ("'str'", TEXTS, "str"),
    "td": ("TIMESTAMPDIFF(MINUTE, MIN(at), MAX(at))", NUMBERS, 9),
    "nt": ("ISNULL(MAX(i))", NUMBERS, 0),
    "co": ("COALESCE(MAX(i), 0)", NUMBERS, 7),
    "un": ("UNIX_TIMESTAMP(MAX(at0))", NUMBERS, 1768392000),
    "le": ("LEAST(MAX(de), 9.5)", FLOATS, 3.125),
    "da": ("DATE(MAX(at))", TIMES, 1768348800000),
    "now3": ("NOW(3)", TIMES, Like("the time now", lambda value: isinstance(value, int) and value > 1768392000000)),
}


def test_columns_of_a_table_become(asking: Org):
    sql = f"SELECT {','.join(COLUMNS)} FROM t ORDER BY id"
    fields = [field(name, kind) for name, (kind, _) in COLUMNS.items()]
    recorded = framed(sql, fields, [column for _, column in COLUMNS.values()])
    asking.server.check(query(asking.admin, sql), 200, results(recorded))


def test_an_unsigned_number_beyond_a_signed_one_is_an_error(asking: Org):
    sql = "SELECT * FROM t"
    asking.server.check(query(asking.admin, sql), 400, results(broken(OUT_OF_RANGE, sql)))


def test_expressions_become_what_the_protocol_says_they_are(asking: Org):
    sql = f"SELECT {', '.join(f'{text} AS {name}' for name, (text, _, _) in EXPRESSIONS.items())} FROM t"
    fields = [field(name, kind) for name, (_, kind, _) in EXPRESSIONS.items()]
    recorded = framed(sql, fields, [[value] for _, _, value in EXPRESSIONS.values()])
    asking.server.check(query(asking.admin, sql), 200, results(recorded))


def test_numbers_are_as_the_server_prints_them_and_nanoseconds_stand_beside_times(asking: Org):
    sql = (
        "SELECT CAST(4.35 AS FLOAT) f, CAST(0.1 AS DOUBLE) d, 1/3 t, "
        "CAST('2026-01-14 12:00:00.123456' AS DATETIME(6)) us, CAST(1e20 AS DOUBLE) big, "
        "CAST(1e-7 AS DOUBLE) small, 12345678.9 dec1"
    )
    kinds = {"f": FLOATS, "d": FLOATS, "t": FLOATS, "us": TIMES, "big": FLOATS, "small": FLOATS, "dec1": FLOATS}
    numbers = [[4.35], [0.1], [0.3333], [AT[0]], [100000000000000000000], [1e-07], [12345678.9]]
    nanos = [None, None, None, [456000], None, None, None]
    recorded = framed(sql, [field(*each) for each in kinds.items()], numbers, nanos=nanos)
    asking.server.check(query(asking.admin, sql), 200, results(recorded))


@pytest.mark.parametrize("form", ["table", "time_series"])
@pytest.mark.parametrize(
    "sql", ["SELECT at AS time, db AS value FROM t WHERE id = 9", "SELECT * FROM empty_t", "SET @x = 1"],
    ids=["no rows", "an empty table", "a statement without a result"],
)  # fmt: skip
def test_no_rows_are_no_frame(asking: Org, sql: str, form: str):
    """What a stand-in could easily answer with an empty frame."""
    asking.server.check(query(asking.admin, sql, form), 200, {"results": {"A": {"status": 200, "frames": []}}})


def test_an_answer_ends_with_a_new_line(asking: Org):
    assert query(asking.admin, "SELECT 1 AS x").text.endswith("}\n")


def test_a_column_without_a_name_has_none(asking: Org, calls: Schema):
    if calls.is_mysql:
        pytest.skip("MySQL knows no column without a name")
    sql = "SELECT 1 AS ''"
    nameless = {name: value for name, value in field("", NUMBERS).items() if name != "name"}
    asking.server.check(query(asking.admin, sql), 200, results(framed(sql, [nameless], [[1]])))


def test_two_columns_of_one_name_are_an_error(asking: Org):
    sql = "SELECT db, db FROM t LIMIT 1"
    why = (
        "convert frame from rows error: duplicate column names are not allowed, "
        'found identical name "db" at column indices 0 and 1'
    )
    asking.server.check(query(asking.admin, sql), 400, results(broken(why, sql)))


@pytest.mark.parametrize("name", ["time", "time_sec"])
@pytest.mark.parametrize("number", [1768392000, 1768392000000], ids=["seconds", "milliseconds"])
def test_a_number_called_time_is_a_time_in_a_table_too(asking: Org, name: str, number: int):
    sql = f"SELECT {number} AS {name}, 1 AS n"
    recorded = framed(sql, [field(name, TIMES), field("n", NUMBERS)], [[1768392000000], [1]])
    asking.server.check(query(asking.admin, sql), 200, results(recorded))


def test_a_series_without_text_keeps_order_and_repetition_and_null(asking: Org):
    sql = "SELECT at AS time, db AS v, i AS w FROM t ORDER BY at"
    fields = [field("Time", TIMES), field("v", FLOATS), field("w", FLOATS)]
    recorded = framed(sql, fields, [AT, [2.25, None, 7], [3, None, 7]])
    asking.server.check(query(asking.admin, sql, "time_series"), 200, results(recorded))
    twice = "SELECT at AS time, i AS w FROM t UNION ALL SELECT at, i FROM t WHERE id = 1 ORDER BY 1 DESC"
    assert values(query(asking.admin, twice, "time_series")) == [[AT[2], AT[1], AT[0], AT[0]], [7, None, 3, 3]]


WIDE = {"type": "timeseries-wide"}
ALL = {"name": "Time", "type": "time", "typeInfo": {"frame": "time.Time"}}


def named(name: str | None, **more: Any) -> dict[str, Any]:
    made = field(name or "", FLOATS, **more)
    return made if name is not None else {key: value for key, value in made.items() if key != "name"}


def test_a_text_called_metric_names_the_series(asking: Org):
    sql = "SELECT at AS time, db AS v, vc AS metric FROM t ORDER BY at"
    columns = [AT, [None, None, None], [2.25, None, None], [None, None, 7]]
    recorded = framed(sql, [ALL, named(None), named("vé"), named("z")], columns, **WIDE)
    asking.server.check(query(asking.admin, sql, "time_series"), 200, results(recorded))


def test_another_text_is_a_label(asking: Org):
    sql = "SELECT at AS time, vc AS probe, db AS value FROM t ORDER BY at"
    labelled = [named("value", labels={"probe": probe}) for probe in ("", "vé", "z")]
    columns = [AT, [None, None, None], [2.25, None, None], [None, None, 7]]
    recorded = framed(sql, [ALL, *labelled], columns, **WIDE)
    asking.server.check(query(asking.admin, sql, "time_series"), 200, results(recorded))


def test_of_two_values_metric_is_a_label_too(asking: Org):
    sql = "SELECT at AS time, vc AS metric, db AS v, i AS w FROM t WHERE vc IS NOT NULL ORDER BY at"
    told = read(query(asking.admin, sql, "time_series"))["results"]["A"]["frames"][0]
    fields = [(each["name"], each.get("labels")) for each in told["schema"]["fields"]]
    labels = [{"metric": "vé"}, {"metric": "z"}]
    assert fields[0] == ("Time", None)
    expected = [(name, label) for name in ("v", "w") for label in labels]
    assert sorted(fields[1:], key=repr) == sorted(expected, key=repr)
    columns = dict(
        zip([(name, label and label["metric"]) for name, label in fields], told["data"]["values"], strict=True)
    )
    assert columns == {
        ("Time", None): [AT[0], AT[2]], ("v", "vé"): [2.25, None], ("v", "z"): [None, 7],
        ("w", "vé"): [3, None], ("w", "z"): [None, 7],
    }  # fmt: skip


def test_series_are_in_the_order_of_their_bytes_and_their_times_are_merged_and_the_last_of_two_wins(asking: Org):
    rows = [(100, "é", 1), (100, "a", 2), (100, "Z", 3), (160, "a", 4), (160, "a", 5), (220, "Z", 6)]
    union = " UNION ALL ".join(f"SELECT {at} AS time, '{name}' AS metric, {value} AS value" for at, name, value in rows)
    told = read(query(asking.admin, union, "time_series"))["results"]["A"]["frames"][0]
    assert [each["name"] for each in told["schema"]["fields"]] == ["Time", "Z", "a", "é"]
    assert told["data"]["values"] == [[100000, 160000, 220000], [3, None, 6], [2, 5, None], [1, None, None]]


def test_a_series_by_groups_of_time(asking: Org):
    sql = (
        "SELECT $__timeGroupAlias(at,$__interval), vc AS metric, COUNT(*) AS value FROM t "
        "WHERE vc IS NOT NULL GROUP BY 1,2 ORDER BY 1"
    )
    made = sql.replace("$__timeGroupAlias(at,$__interval)", 'UNIX_TIMESTAMP(at) DIV 300 * 300 AS "time"')
    columns = [[1768392000000, 1768392600000], [1, None], [None, 1]]
    recorded = framed(made, [ALL, named("vé"), named("z")], columns, **WIDE)
    answer = query(asking.admin, sql, "time_series", intervalMs=300000)
    asking.server.check(answer, 200, results(recorded))


UNSORTED = (
    "failed to convert long to wide series when converting from dataframe: "
    "long series must be sorted ascending by time to be converted"
)


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("SELECT vc, db AS value FROM t", "db has no time column: no time column found"),
        ("SELECT at AS Time, db AS value FROM t", "db has no time column: no time column found"),
        ("SELECT at AS time, vc AS metric, db AS value FROM t ORDER BY at DESC", UNSORTED),
    ],
    ids=["no time", "Time with a capital", "with text and not ascending"],
)
def test_a_series_is_an_error_that_has(asking: Org, sql: str, why: str):
    asking.server.check(query(asking.admin, sql, "time_series"), 400, results(broken(why, sql)))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT at0 AS time, vc AS metric, db AS value FROM t ORDER BY at0 DESC",
        "SELECT vc AS time, db AS value FROM t",
        "SELECT at AS time, db AS value, at0 AS other FROM t",
    ],
    ids=["with text and no time in a row", "a text as its time", "a second time"],
)
def test_a_series_is_an_error_in_some_words_that_has(asking: Org, sql: str):
    answer = query(asking.admin, sql, "time_series")
    assert (answer.status_code, answer.json()["results"]["A"]["status"]) == (400, 500)
    assert answer.json()["results"]["A"]["error"]


def test_rows_beyond_the_labs_limit_are_cut_with_a_notice(asking: Org, calls: Schema):
    if calls.is_mysql:
        pytest.skip("the sequence is MariaDB's")
    sql = "SELECT seq FROM seq_1_to_20001"
    told = read(query(asking.admin, sql))["results"]["A"]["frames"][0]
    notice = {
        "severity": "warning", "text": "Results have been limited to 20000 because the SQL row limit was reached",
    }  # fmt: skip
    assert told["schema"]["meta"] == {"typeVersion": [0, 0], "notices": [notice], "executedQueryString": sql}
    (column,) = told["data"]["values"]
    assert (len(column), column[0], column[-1]) == (20_000, 1, 20_000)
