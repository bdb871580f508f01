"""Rows become data frames, as Grafana 10.0 was measured to make them."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymysql.constants import FIELD_TYPE

from voice_lab.grafana_stand_in.query import frames
from voice_lab.grafana_stand_in.query.frames import Rows
from voice_lab.grafana_stand_in.query.macros import Expanded, Fill, Period, QueryError

Json = dict[str, Any]
NOON = 1768392000  # 2026-01-14T12:00:00Z
TIME, TEXT, REAL = ("time", FIELD_TYPE.DATETIME), ("metric", FIELD_TYPE.VAR_STRING), ("value", FIELD_TYPE.DOUBLE)
PERIOD = Period(NOON * 1000 + 10_000, (NOON + 1230) * 1000)
FLOAT = {"type": "number", "typeInfo": {"frame": "float64", "nullable": True}}
WIDE_TIME = {"name": "Time", "type": "time", "typeInfo": {"frame": "time.Time"}}


def at(seconds: float) -> bytes:
    """A DATETIME so long after noon."""
    minutes, rest = divmod(seconds, 60)
    return f"2026-01-14 12:{minutes:02.0f}:{rest:09.6f}".encode()


def rows(columns: list[tuple[str, int]], *values: tuple[bytes | None, ...]) -> Rows:
    return Rows(columns, values)


def frame(answer: Rows, fmt: str = "table", fill: Fill | None = None) -> Json:
    result = frames.result("A", Expanded("SELECT", fill), answer, fmt, PERIOD)
    assert result["status"] == 200
    (only,) = result["frames"]
    return dict(only)


def column(kind: int, value: bytes | None, name: str = "x") -> tuple[Json, Json]:
    """Schema and data of a table's only column."""
    made = frame(rows([(name, kind)], (value,)))
    return made["schema"]["fields"][0], made["data"]


@pytest.mark.parametrize(
    ("kinds", "sent", "told", "kind", "type_"),
    [
        (["TINY", "SHORT", "INT24", "LONG", "LONGLONG", "YEAR"], b"2026", 2026, "int64", "number"),
        (["FLOAT", "DOUBLE", "DECIMAL", "NEWDECIMAL"], b"4.35", 4.35, "float64", "number"),
        (["DATETIME", "TIMESTAMP"], b"2026-01-14 12:00:00", NOON * 1000, "time.Time", "time"),
        (["DATE", "NEWDATE"], b"2026-01-14", 1768348800000, "time.Time", "time"),
        (["TIME", "VARCHAR", "VAR_STRING", "STRING", "ENUM", "SET", "JSON", "BLOB"], b"12:34:56", "12:34:56",
         "string", "string"),
        (["BIT", "LONG_BLOB", "GEOMETRY"], bytes(range(16)), "".join(map(chr, range(16))), "string", "string"),
        (["NULL"], None, None, "string", "string"),
    ],
)  # fmt: skip
def test_types(kinds: list[str], sent: bytes | None, told: object, kind: str, type_: str) -> None:
    for each in kinds:
        schema, data = column(getattr(FIELD_TYPE, each), sent)
        assert schema == {"name": "x", "type": type_, "typeInfo": {"frame": kind, "nullable": True}}
        assert data == {"values": [[told]]}
        assert column(getattr(FIELD_TYPE, each), None)[1] == {"values": [[None]]}


@pytest.mark.parametrize(
    ("sent", "told"), [(b"5.0000", "5"), (b"-0.5", "-0.5"), (b"1e20", "100000000000000000000"), (b"1e21", "1e+21")]
)
def test_whole_floats_are_written_as_go_does(sent: bytes, told: str) -> None:
    assert str(column(FIELD_TYPE.DOUBLE, sent)[1]["values"][0][0]) == told


def test_bytes_that_are_no_text_stay_readable() -> None:
    assert column(FIELD_TYPE.STRING, b"a\xff")[1] == {"values": [["a\ufffd"]]}


def test_a_number_of_64_bits_has_a_sign() -> None:
    assert column(FIELD_TYPE.LONGLONG, b"9223372036854775807")[1] == {"values": [[2**63 - 1]]}
    text = 'convert frame from rows error: strconv.ParseInt: parsing "9223372036854775808": value out of range'
    with pytest.raises(QueryError) as error:
        column(FIELD_TYPE.LONGLONG, b"9223372036854775808")
    assert str(error.value) == text


def test_times_below_a_millisecond_have_nanoseconds_beside_them() -> None:
    answer = rows(
        [("n", FIELD_TYPE.LONG), ("us", FIELD_TYPE.DATETIME)], (b"1", at(0.123456)), (b"2", None), (b"3", at(1))
    )
    told = frame(answer)["data"]
    assert told == {
        "values": [[1, 2, 3], [NOON * 1000 + 123, None, NOON * 1000 + 1000]],
        "nanos": [None, [456_000, 0, 0]],
    }


def test_a_date_that_is_none_is_an_error() -> None:
    with pytest.raises(QueryError, match="2026-00-00"):
        column(FIELD_TYPE.DATE, b"2026-00-00")


@pytest.mark.parametrize("name", ["time", "time_sec"])
@pytest.mark.parametrize(
    ("kind", "sent", "told"),
    [
        (FIELD_TYPE.LONGLONG, b"1768392000", NOON * 1000),
        (FIELD_TYPE.LONGLONG, b"1768392000123", NOON * 1000 + 123),
        (FIELD_TYPE.NEWDECIMAL, b"1768392000.5", NOON * 1000 + 500),
        (FIELD_TYPE.LONGLONG, None, None),
    ],
)
def test_a_number_called_time_is_one(name: str, kind: int, sent: bytes | None, told: int | None) -> None:
    schema, data = column(kind, sent, name)
    assert schema == {"name": name, "type": "time", "typeInfo": {"frame": "time.Time", "nullable": True}}
    assert data == {"values": [[told]]}


def test_a_number_of_another_name_stays_one() -> None:
    assert column(FIELD_TYPE.LONG, b"1768392000", "Time")[1] == {"values": [[1768392000]]}


def test_a_column_without_a_name_has_none() -> None:
    assert "name" not in column(FIELD_TYPE.LONG, b"1", "")[0]


def test_two_columns_of_one_name_are_refused() -> None:
    text = (
        "convert frame from rows error: duplicate column names are not allowed, "
        'found identical name "db" at column indices 0 and 1'
    )
    with pytest.raises(QueryError) as error:
        frame(rows([("db", FIELD_TYPE.DOUBLE), ("db", FIELD_TYPE.DOUBLE)], (b"1", b"1")))
    assert str(error.value) == text


@pytest.mark.parametrize("fmt", ["table", "time_series"])
def test_no_rows_make_no_frame(fmt: str) -> None:
    for columns in ([TIME, REAL], [REAL], []):
        result = frames.result("A", Expanded("SELECT"), rows(columns), fmt, PERIOD)
        assert result == {"status": 200, "frames": []}


def test_rows_beyond_the_limit_are_cut_off() -> None:
    made = frame(replace(rows([REAL], (b"1",), (b"2",), (b"3",)), limit=2))
    text = "Results have been limited to 2 because the SQL row limit was reached"
    notices = [{"severity": "warning", "text": text}]
    assert made["schema"]["meta"] == {"typeVersion": [0, 0], "notices": notices, "executedQueryString": "SELECT"}
    assert made["data"] == {"values": [[1, 2]]}


def test_a_failure() -> None:
    assert frames.failure("B", "why", "SELECT") == {
        "error": "why",
        "status": 500,
        "frames": [
            {
                "schema": {
                    "refId": "B",
                    "meta": {"typeVersion": [0, 0], "executedQueryString": "SELECT"},
                    "fields": [],
                },
                "data": {"values": []},
            }
        ],
    }
    assert frames.failure("B", "why")["frames"][0]["schema"]["meta"] == {"typeVersion": [0, 0]}


def test_a_time_series_without_text_is_as_selected() -> None:
    columns = [("time", FIELD_TYPE.DATETIME), ("v", FIELD_TYPE.LONG), ("w", FIELD_TYPE.DOUBLE)]
    made = frame(rows(columns, (at(60), b"1", b"2.5"), (at(0), b"2", None), (None, b"3", b"1")), "time_series")
    time = {"name": "Time", "type": "time", "typeInfo": {"frame": "time.Time", "nullable": True}}
    assert made["schema"]["fields"] == [time, {"name": "v"} | FLOAT, {"name": "w"} | FLOAT]
    assert made["schema"]["meta"] == {"typeVersion": [0, 0], "executedQueryString": "SELECT"}
    assert made["data"]["values"] == [[NOON * 1000 + 60_000, NOON * 1000, None], [1, 2, 3], [2.5, None, 1]]


def test_rows_with_a_metric_become_a_field_each() -> None:
    """Sorted, named by the metric, over the times of all; of two rows of one time and metric the last wins."""
    answer = rows(
        [TIME, REAL, TEXT], (at(0), b"1", b"z"), (at(0), b"2", None), (at(60), b"3", b"a"), (at(60), b"4", b"a")
    )
    made = frame(answer, "time_series")
    assert made["schema"]["fields"] == [WIDE_TIME, FLOAT, {"name": "a"} | FLOAT, {"name": "z"} | FLOAT]
    meta = {"type": "timeseries-wide", "typeVersion": [0, 0], "executedQueryString": "SELECT"}
    assert made["schema"]["meta"] == meta
    assert made["data"]["values"] == [[NOON * 1000, NOON * 1000 + 60_000], [2, None], [None, 4], [1, None]]


def test_other_text_columns_are_labels() -> None:
    columns = [TIME, ("probe", FIELD_TYPE.STRING), REAL]
    made = frame(rows(columns, (at(0), b"b", b"1"), (at(0), None, b"2"), (at(0), b"B", b"3")), "time_series")
    labels = [field.get("labels") for field in made["schema"]["fields"]]
    assert labels == [None, {"probe": ""}, {"probe": "B"}, {"probe": "b"}]
    assert {field["name"] for field in made["schema"]["fields"][1:]} == {"value"}
    assert made["data"]["values"][1:] == [[2], [3], [1]]


def test_two_values_keep_their_names_and_the_metric_is_a_label() -> None:
    columns = [TIME, TEXT, ("w", FIELD_TYPE.DOUBLE), ("v", FIELD_TYPE.DOUBLE)]
    made = frame(rows(columns, (at(0), b"m", b"1", b"2")), "time_series")
    named = [(field["name"], field.get("labels")) for field in made["schema"]["fields"]]
    assert named == [("Time", None), ("v", {"metric": "m"}), ("w", {"metric": "m"})]


SORTED = "failed to convert long to wide series when converting from dataframe: "


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (rows([("vc", FIELD_TYPE.STRING), REAL], (b"a", b"1")), "db has no time column: no time column found"),
        (rows([("Time", FIELD_TYPE.DATETIME), REAL], (at(0), b"1")), "db has no time column: no time column found"),
        (
            rows([TIME, TEXT, REAL], (at(60), b"a", b"1"), (at(0), b"a", b"1")),
            f"{SORTED}long series must be sorted ascending by time to be converted",
        ),
        (
            rows([TIME, TEXT, REAL], (None, b"a", b"1")),
            f"{SORTED}can not convert to wide series, input has null time values",
        ),
        (rows([("time", FIELD_TYPE.STRING), REAL], (b"noon", b"1")), "converting time columns failed: "),
        (rows([TIME, ("at", FIELD_TYPE.DATETIME), REAL], (at(0), at(0), b"1")), "convert value to float failed: "),
    ],
)
def test_no_time_series(answer: Rows, error: str) -> None:
    with pytest.raises(QueryError) as caught:
        frame(answer, "time_series")
    assert str(caught.value).startswith(error)


@pytest.mark.parametrize(
    ("fill", "values"),
    [
        (Fill(300), [None, 1, None, None, 5]),
        (Fill(300, value=0), [0, 1, 0, 0, 5]),
        (Fill(300, previous=True), [None, 1, 1, 1, 5]),
    ],
)
def test_missing_buckets_are_filled(fill: Fill, values: list[int | None]) -> None:
    """From that in which the period begins, to the last that begins in it."""
    buckets = [(NOON + 300 * index) * 1000 for index in range(5)]
    plain = frame(rows([TIME, REAL], (at(300), b"1"), (at(1200), b"5")), "time_series", fill)
    assert plain["data"]["values"] == [buckets, values]
    wide = frame(rows([TIME, TEXT, REAL], (at(300), b"m", b"1"), (at(1200), b"m", b"5")), "time_series", fill)
    assert wide["data"]["values"] == [buckets, values]


def test_what_another_metric_lacks_is_filled_too() -> None:
    answer = rows([TIME, TEXT, REAL], (at(0), b"a", b"1"), (at(300), b"b", b"2"))
    assert frame(answer, "time_series", Fill(300, value=0))["data"]["values"][1:] == [[1, 0, 0, 0, 0], [0, 2, 0, 0, 0]]


def test_a_table_is_not_filled() -> None:
    assert frame(rows([TIME, REAL], (at(300), b"1")), "table", Fill(300))["data"]["values"][1] == [1]


def test_buckets_without_number_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "ROW_LIMIT", 4)
    with pytest.raises(QueryError, match="buckets"):
        frame(rows([TIME, REAL], (at(300), b"1")), "time_series", Fill(300))


@given(
    st.lists(st.tuples(st.integers(0, 59), st.sampled_from(["", "a", "b", "Z", "é"]), st.integers(0, 9)), min_size=1)
)
def test_wide_frames_hold_the_last_value_of_each_time_and_metric(points: list[tuple[int, str, int]]) -> None:
    points.sort(key=lambda point: point[0])
    told = {(second, metric): value for second, metric, value in points}
    answer = rows(
        [TIME, TEXT, REAL], *((at(second), metric.encode(), str(value).encode()) for second, metric, value in points)
    )
    made = frame(answer, "time_series")
    times = sorted({second for second, _, _ in points})
    metrics = sorted({metric for _, metric, _ in points}, key=str.encode)
    assert [field.get("name", "") for field in made["schema"]["fields"]] == ["Time", *metrics]
    assert made["data"]["values"] == [
        [(NOON + second) * 1000 for second in times],
        *([told.get((second, metric)) for second in times] for metric in metrics),
    ]
