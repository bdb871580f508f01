"""A schema and an account of this worker's own on the lab's database server, and datasources that lead there."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.conftest import Database
from tests.contract.grafana.matching import Json
from tests.contract.grafana.server import Asker, read
from tests.contract.grafana.world import Org

FROM, TO = "1768390800000", "1768394400000"
"""2026-01-14, 11:40 to 12:40 UTC."""
TABLE = """CREATE TABLE t (
  id INT PRIMARY KEY, at DATETIME(3), at0 DATETIME, d DATE, tm TIME, ts TIMESTAMP NULL, y YEAR, ti TINYINT, tib BOOL,
  sm SMALLINT, i INT, iu INT UNSIGNED, bi BIGINT, bu BIGINT UNSIGNED, f FLOAT, db DOUBLE, de DECIMAL(10,3), c CHAR(4),
  vc VARCHAR(20), tx TEXT, en ENUM('a', 'b'), b16 BINARY(16), vb VARBINARY(8), bl BLOB, js JSON, bt BIT(1),
  nn VARCHAR(4) NOT NULL) CHARACTER SET utf8mb4"""
ROWS = (
    """(1, '2026-01-14 12:00:00.123', '2026-01-14 12:00:00', '2026-01-14', '12:34:56', '2026-01-14 12:00:00', 2026, -1,
    TRUE, 2, 3, 4000000000, 5, 18446744073709551615, 1.5, 2.25, 3.125, 'ab', 'vé', 'text', 'a',
    X'000102030405060708090A0B0C0D0E0F', 'vb', 'bl', '{"a": 1}', b'1', 'nn')""",
    f"(2, '2026-01-14 12:05:00', {', '.join(['NULL'] * 24)}, 'y')",
    """(3, '2026-01-14 12:10:00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 7, NULL, NULL, NULL, NULL, 7, NULL,
    NULL, 'z', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'z')""",
)


@dataclass(frozen=True)
class Schema:
    """A schema with the tables of which the recorded answers told, and the account that may read it.

    Attributes:
        is_mysql: whether the server is Oracle's.
    """

    name: str
    password: str
    database: Database
    is_mysql: bool

    @property
    def address(self) -> str:
        return f"{self.database.host}:{self.database.port}"

    def run(self, *statements: str) -> None:
        """Run statements as the administrator."""
        with closing(self.database.connect()) as connection, connection.cursor() as cursor:
            connection.select_db(self.name)
            for statement in statements:
                cursor.execute(statement)

    def rows(self, statement: str) -> Sequence[tuple[Any, ...]]:
        with closing(self.database.connect()) as connection, connection.cursor() as cursor:
            connection.select_db(self.name)
            cursor.execute(statement)
            return cursor.fetchall()

    def source(self, uid: str = "voice-cdr", **more: Any) -> Json:
        """The body of a datasource as the operator makes it."""
        details = {
            "database": self.name, "timezone": "+00:00", "maxOpenConns": 10, "maxIdleConns": 2, "connMaxLifetime": 3600,
            "whenEmpty": "Retain", "fingerprint": "abc",
        }  # fmt: skip
        return {
            "uid": uid, "name": "Voice calls", "type": "mysql", "access": "proxy", "url": self.address,
            "user": self.name, "isDefault": True, "jsonData": details, "secureJsonData": {"password": self.password},
        } | more  # fmt: skip

    def add_to(self, org: Org, uid: str = "voice-cdr", **more: Any) -> Any:
        """Make a datasource in an organisation."""
        return read(org.admin.post("/api/datasources", self.source(uid, **more)))


@contextmanager
def schema(database: Database) -> Iterator[Schema]:
    """Make a schema and its account, and remove both in the end."""
    name, password = f"contract_{uuid.uuid4().hex[:8]}", uuid.uuid4().hex
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT VERSION()")
        ((version,),) = cursor.fetchall()
        cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        cursor.execute(f"CREATE USER {name}@'%' IDENTIFIED BY '{password}'")
        cursor.execute(f"GRANT SELECT, EXECUTE ON {name}.* TO {name}@'%'")
        made = Schema(name, password, database, "MariaDB" not in version)
        try:
            made.run(TABLE, "CREATE TABLE empty_t (id INT)", *(f"INSERT INTO t VALUES {row}" for row in ROWS))
            yield made
        finally:
            cursor.execute(f"DROP DATABASE {name}")
            cursor.execute(f"DROP USER {name}@'%'")


def query(asker: Asker, sql: str, form: str = "table", **more: Any) -> httpx.Response:
    """Ask for the rows of one statement; `more` are fields of the query, or `start` and `end`."""
    start, end = more.pop("start", FROM), more.pop("end", TO)
    one = {"refId": "A", "datasource": {"uid": "voice-cdr"}, "rawSql": sql, "format": form} | more
    return asker.post("/api/ds/query", {"queries": [one], "from": start, "to": end})


def field(name: str, kind: str, **more: Any) -> Json:
    """A column of a frame as it is described."""
    types = {"int64": "number", "float64": "number", "time.Time": "time", "string": "string"}
    return {"name": name, "type": types[kind], "typeInfo": {"frame": kind, "nullable": True}} | more


def framed(
    sql: str, fields: list[Json], values: list[Json], *, ref: str = "A", nanos: Json = None, **meta: Json
) -> Json:
    """The result of a query with one frame."""
    known = {"typeVersion": [0, 0], "executedQueryString": sql} | meta
    data = {"values": values} | ({} if nanos is None else {"nanos": nanos})
    return {"status": 200, "frames": [{"schema": {"refId": ref, "meta": known, "fields": fields}, "data": data}]}


def sent(answer: httpx.Response, ref: str = "A") -> str:
    """The statement that was sent to the database."""
    return str(answer.json()["results"][ref]["frames"][0]["schema"]["meta"]["executedQueryString"])


def values(answer: httpx.Response) -> Any:
    """The columns of the only frame."""
    (frame,) = read(answer)["results"]["A"]["frames"]
    return frame["data"]["values"]


def broken(error: Json, sql: str | None, *, ref: str = "A") -> Json:
    """The result of a query that failed; `sql` is None where none was made of it."""
    meta = {"typeVersion": [0, 0]} | ({} if sql is None else {"executedQueryString": sql})
    schema = {"refId": ref, "meta": meta, "fields": []}
    return {"error": error, "status": 500, "frames": [{"schema": schema, "data": {"values": []}}]}


def results(*parts: Json) -> Json:
    """The body of an answer, of results that stand for A, B and so on."""
    return {"results": dict(zip("ABCDEF", parts, strict=False))}
