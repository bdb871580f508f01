"""The stand-in's queries, asked of the real database: every type of a column, time series, errors."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pymysql
import pytest

from tests.conftest import Database
from voice_lab.grafana_stand_in import query
from voice_lab.grafana_stand_in.query import Pool, Source
from voice_lab.services import database as database_service

pytestmark = pytest.mark.services

Json = dict[str, Any]
NOW = datetime(2026, 1, 14, 12, tzinfo=UTC)
FROM, TO = "1768390800000", "1768394400000"
NOON = 1768392000000
LOG = "please inspect Grafana server log for details"
TABLE = """CREATE TABLE t (
  id INT PRIMARY KEY, at DATETIME(3), at0 DATETIME, d DATE, tm TIME, ts TIMESTAMP NULL, y YEAR, ti TINYINT,
  tib TINYINT(1), sm SMALLINT, i INT, iu INT UNSIGNED, bi BIGINT, bu BIGINT UNSIGNED, f FLOAT, db DOUBLE,
  de DECIMAL(10,3), c CHAR(4), vc VARCHAR(20), tx TEXT, en ENUM('a', 'b'), b16 BINARY(16), vb VARBINARY(20), bl BLOB,
  js JSON, bt BIT(8), nn VARCHAR(5) NOT NULL)"""
ROWS = """INSERT INTO t VALUES
  (1, '2026-01-14 12:00:00.123', '2026-01-14 12:00:00', '2026-01-14', '12:34:56', '2026-01-14 12:00:00', 2026, -1,
   1, 2, 3, 4000000000, 5, 18446744073709551615, 1.5, 2.25,
   3.125, 'ab', 'vé', 'text', 'a', X'000102030405060708090A0B0C0D0E0F', 'vb', 'bl',
   '{"a": 1}', b'1', 'nn'),
  (2, '2026-01-14 12:05:00', NULL, NULL, NULL, NULL, NULL, NULL,
   NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
   NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
   NULL, NULL, 'y'),
  (3, '2026-01-14 12:10:00', NULL, NULL, NULL, NULL, NULL, NULL,
   NULL, NULL, 7, NULL, NULL, NULL, 4.35, 7,
   NULL, NULL, 'z', NULL, NULL, NULL, NULL, NULL,
   NULL, NULL, 'z')"""


class Desk:
    """A schema with the table `t`, an account that may read it, and the datasource of both."""

    def __init__(self, database: Database, admin: pymysql.Connection[Any]) -> None:
        self.name, self.password, self.pool = f"q_{secrets.token_hex(5)}", secrets.token_urlsafe(24), Pool()
        self.admin, self.port = admin, database.port
        self.authority = database_service.authority(database.lab).read_text()
        self.sql(f"CREATE DATABASE {self.name} CHARACTER SET utf8mb4")
        self.sql(f"USE {self.name}")
        self.sql(TABLE)
        self.sql(ROWS)
        self.sql("CREATE TABLE empty_t (a INT, at DATETIME)")
        self.sql("CREATE USER %s@'127.0.0.1' IDENTIFIED BY %s", self.name, self.password)
        self.sql(f"GRANT SELECT ON {self.name}.* TO %s@'127.0.0.1'", self.name)

    def sql(self, text: str, *values: str) -> tuple[Any, ...]:
        with self.admin.cursor() as cursor:
            cursor.execute(text, values)
            return tuple(cursor.fetchall())

    def close(self) -> None:
        self.pool.close()
        self.sql(f"DROP DATABASE {self.name}")
        self.sql("DROP USER %s@'127.0.0.1'", self.name)

    def source(self, *, tls: bool = False, **changes: Any) -> Source:
        details = {"database": self.name, "timezone": "+00:00", "maxOpenConns": 10, "maxIdleConns": 2}
        details |= {"tlsAuthWithCACert": True} if tls else {}
        document = {"url": f"127.0.0.1:{self.port}", "user": self.name, "jsonData": details} | changes
        return Source.of(document, {"password": self.password, "tlsCACert": self.authority if tls else ""})

    def results(
        self, *queries: Json, source: Source | None = None, start: str = FROM, end: str = TO
    ) -> tuple[int, Json]:
        questions = [{"datasource": {"uid": "voice-cdr"}} | one for one in queries]
        body = {"queries": questions, "from": start, "to": end}
        answer = query.answer(body, lambda _: source or self.source(), NOW, self.pool)
        assert answer.body.endswith(b"}\n")
        return answer.status, json.loads(answer.body)["results"]

    def ask(self, sql: str, fmt: str = "table", source: Source | None = None, **more: Any) -> Json:
        """The result of one query, and that the status of the answer agrees with it."""
        status, results = self.results({"refId": "A", "rawSql": sql, "format": fmt} | more, source=source)
        assert status == (400 if "error" in results["A"] else 200)
        return dict(results["A"])

    def values(self, sql: str, **more: Any) -> list[list[Any]]:
        (frame,) = self.ask(sql, **more)["frames"]
        return list(frame["data"]["values"])


@pytest.fixture(scope="module")
def desk(database: Database) -> Iterator[Desk]:
    with closing(database.connect("admin")) as connection:
        desk = Desk(database, connection)
        yield desk
        desk.close()


def info(frame: str) -> Json:
    return {"frame": frame, "nullable": True}


def failed(error: str, sql: str) -> Json:
    meta = {"typeVersion": [0, 0], "executedQueryString": sql}
    frame = {"schema": {"refId": "A", "meta": meta, "fields": []}, "data": {"values": []}}
    return {"error": error, "status": 500, "frames": [frame]}


def test_every_type_has_its_frame(desk: Desk) -> None:
    number, real, text = ("number", info("int64")), ("number", info("float64")), ("string", info("string"))
    time = ("time", info("time.Time"))
    expected = {
        "id": (number, 1), "at": (time, NOON + 123), "at0": (time, NOON), "d": (time, 1768348800000),
        "tm": (text, "12:34:56"), "ts": (time, NOON), "y": (number, 2026), "ti": (number, -1), "tib": (number, 1),
        "sm": (number, 2), "i": (number, 3), "iu": (number, 4_000_000_000), "bi": (number, 5), "f": (real, 1.5),
        "db": (real, 2.25), "de": (real, 3.125), "c": (text, "ab"), "vc": (text, "vé"), "tx": (text, "text"),
        "en": (text, "a"), "b16": (text, "".join(map(chr, range(16)))), "vb": (text, "vb"), "bl": (text, "bl"),
        "js": (text, '{"a": 1}'), "bt": (text, "\x01"), "nn": (text, "nn"),
    }  # fmt: skip
    result = desk.ask(sql := f"SELECT {','.join(expected)} FROM t ORDER BY id")
    (frame,) = result["frames"]
    assert frame["schema"] == {
        "refId": "A",
        "meta": {"typeVersion": [0, 0], "executedQueryString": sql},
        "fields": [{"name": name, "type": kind[0], "typeInfo": kind[1]} for name, (kind, _) in expected.items()],
    }
    assert [column[0] for column in frame["data"]["values"]] == [value for _, value in expected.values()]
    assert [column[1] for column in frame["data"]["values"]] == [2, 1768392300000, *[None] * 23, "y"]
    assert "nanos" not in frame["data"]


def test_an_unsigned_number_beyond_64_bits_with_a_sign_is_an_error(desk: Desk) -> None:
    error = 'convert frame from rows error: strconv.ParseInt: parsing "18446744073709551615": value out of range'
    sql = "SELECT * FROM t WHERE at BETWEEN FROM_UNIXTIME(1768390800) AND FROM_UNIXTIME(1768394400) LIMIT 1"
    assert desk.ask("SELECT * FROM t WHERE $__timeFilter(at) LIMIT 1") == failed(error, sql)


def test_expressions_have_the_types_of_the_protocol(desk: Desk) -> None:
    expected = {
        "COUNT(*)": ("int64", 3), "SUM(i)": ("float64", 10), "AVG(i)": ("float64", 5), "SUM(db)": ("float64", 9.25),
        "MAX(at)": ("time.Time", 1768392600000), "HEX(MAX(b16))": ("string", "000102030405060708090A0B0C0D0E0F"),
        "IF(MAX(i) > 1, 'a', 'b')": ("string", "a"), "100 * AVG(i)": ("float64", 500), "MAX(i) = 7": ("int64", 1),
        "NULL": ("string", None), "1.5": ("float64", 1.5), "CONCAT('a', 'vé')": ("string", "avé"),
        "1 / 3": ("float64", 0.3333), "CAST('2026-01-14' AS DATE)": ("time.Time", 1768348800000),
        "1e20": ("float64", 1e20), "1e-7": ("float64", 1e-7), "12345678.9": ("float64", 12345678.9),
    }  # fmt: skip
    columns = ", ".join(f"{expression} c{index}" for index, expression in enumerate(expected))
    (frame,) = desk.ask(f"SELECT {columns} FROM t")["frames"]
    found = [(field["typeInfo"]["frame"]) for field in frame["schema"]["fields"]]
    assert list(zip(found, [value for (value,) in frame["data"]["values"]], strict=True)) == list(expected.values())


def test_what_else_is_in_a_statement_reaches_the_server(desk: Desk) -> None:
    assert desk.values("SELECT '100 % of %s' AS x -- $__timeFrom() é;\n;") == [["100 % of %s"]]


def test_a_float_is_what_the_server_prints(desk: Desk) -> None:
    assert desk.values("SELECT f FROM t WHERE id = 3") == [[4.35]]


def test_microseconds_are_beside_the_milliseconds(desk: Desk) -> None:
    sql = "SELECT 1 one, CAST('2026-01-14 12:00:00.123456' AS DATETIME(6)) us"
    assert desk.ask(sql)["frames"][0]["data"] == {"values": [[1], [NOON + 123]], "nanos": [None, [456_000]]}


@pytest.mark.parametrize("fmt", ["table", "time_series"])
@pytest.mark.parametrize("sql", ["SELECT a, at AS time FROM empty_t", "SET @x = 1", "DO 1"])
def test_no_rows_are_no_frames(desk: Desk, sql: str, fmt: str) -> None:
    assert desk.ask(sql, fmt) == {"status": 200, "frames": []}


def test_a_statement_that_is_empty_has_no_result(desk: Desk) -> None:
    assert desk.results({"rawSql": ""}, {"refId": "B"}) == (200, {})


def test_one_of_two_fails(desk: Desk) -> None:
    good = {"refId": "A", "rawSql": "SELECT 1 AS x", "format": "table"}
    status, results = desk.results(good, {"refId": "B", "rawSql": "SELECT * FROM nosuch", "format": "table"})
    assert status == 400
    assert results["A"]["frames"][0]["data"]["values"] == [[1]]
    assert results["B"]["error"] == f"db query error: Error 1146: Table '{desk.name}.nosuch' doesn't exist"


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("SELECT nosuch FROM t", r"Error 1054: Unknown column 'nosuch' in '.*'"),
        ("SELEKT 1", r"Error 1064: You have an error in your SQL syntax; check the manual .* 'SELEKT 1' at line 1"),
        ("SELECT 1; SELECT 2", r"Error 1064: You have an error in your SQL syntax; .*"),
        ("SELECT * FROM mysql.user", f"query failed - {LOG}"),
        ("SELECT nosuch(1)", f"query failed - {LOG}"),
        ("SELECT id FROM t a JOIN t b ON a.id = b.id", f"query failed - {LOG}"),
        (" ", f"query failed - {LOG}"),
    ],
)
def test_what_a_server_refuses(desk: Desk, sql: str, error: str) -> None:
    result = desk.ask(sql)
    assert result == failed(result["error"], sql)
    kind, _, text = result["error"].partition(": ")
    assert kind == "db query error"
    assert re.fullmatch(error, text), text


SERIES = "SELECT $__timeGroupAlias(at, 5m{fill}), {metric} SUM(id) AS value FROM t WHERE id <> 2 GROUP BY 1 ORDER BY 1"
BUCKETS = [NOON + 300_000 * index for index in range(3)]


@pytest.mark.parametrize(
    ("fill", "values"),
    [("", [1, 3]), (", NULL", [1, None, 3]), (", 0", [1, 0, 3]), (", previous", [1, 1, 3])],
)
@pytest.mark.parametrize("metric", ["", "'m' AS metric,"])
def test_buckets_of_a_time_series(desk: Desk, fill: str, values: list[int | None], metric: str) -> None:
    question = {"refId": "A", "rawSql": SERIES.format(fill=fill, metric=metric), "format": "time_series"}
    status, results = desk.results(question, start=str(NOON), end=str(NOON + 600_000))
    assert status == 200
    (frame,) = results["A"]["frames"]
    assert [one["name"] for one in frame["schema"]["fields"]] == ["Time", "m" if metric else "value"]
    assert frame["data"]["values"] == [[one for one in BUCKETS if fill or one != BUCKETS[1]], values]


def test_the_interval_follows_the_period_and_the_points(desk: Desk) -> None:
    sql = "SELECT '$__interval' i, $__interval_ms ms"
    assert desk.values(sql) == [["30s"], [30_000]]
    assert desk.values(sql, maxDataPoints=0) == [["2s"], [2000]]
    assert desk.values(sql, maxDataPoints=0, intervalMs=0) == [["1m"], [60_000]]
    assert desk.values(sql, intervalMs=300_000) == [["5m"], [300_000]]


def test_a_format_that_is_none(desk: Desk) -> None:
    assert desk.ask("SELECT 1", "") == {"error": 'Unrecognized query model format: ""', "status": 500}
    assert "Error 1064" in desk.ask("SELEKT 1", "")["error"]


def test_what_is_not_sent(desk: Desk) -> None:
    for sql, error in [
        ("SELECT USER()", "invalid query - inspect Grafana server log for details"),
        ("SELECT $__x(1)", "unknown macro __x"),
    ]:
        result = desk.ask(sql)
        assert result["error"] == f"interpolation failed: {error}"
        assert result["frames"][0]["schema"]["meta"] == {"typeVersion": [0, 0]}


@pytest.mark.parametrize(
    ("timezone", "shown"), [("+00:00", "+00:00"), ("+02:00", "+02:00"), ("", "+00:00")]
)  # the server's own is UTC
def test_the_session(desk: Desk, timezone: str, shown: str) -> None:
    source = desk.source(jsonData={"database": desk.name, "timezone": timezone})
    sql = "SELECT @@session.time_zone, DATABASE(), @@autocommit, @@collation_connection, @@character_set_results"
    told = [column[0] for column in desk.values(sql, source=source)]
    assert told == [shown, desk.name, 1, "utf8mb4_unicode_ci", "utf8mb4"]
