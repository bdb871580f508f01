"""Queries: SQL of dashboards and alert rules, run by MySQL, answered in Grafana's data frames.

`answer` and `health` answer requests; `run` is for who has a query and no request. They block, and may be called by
several threads at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from voice_lab.grafana_stand_in import http
from voice_lab.grafana_stand_in.http import Refused, Response
from voice_lab.grafana_stand_in.query import frames, macros
from voice_lab.grafana_stand_in.query.frames import Json
from voice_lab.grafana_stand_in.query.macros import Period, QueryError
from voice_lab.grafana_stand_in.query.mysql import DatabaseError, Pool, Source, UnusableSource, trust

__all__ = ["Period", "Pool", "Query", "Reference", "Source", "answer", "health", "run"]

Reference = Json | int
"""How a query names its datasource: `{"uid": …}`, or by number."""


@dataclass(frozen=True)
class Query:
    """A query.

    Attributes:
        sql: with macros.
        format: one of `frames.FORMATS`.
        interval_ms: the least that `$__interval` is.
        points: how many `$__interval` shall make of the period, about.
    """

    sql: str
    format: str = "table"
    ref: str = "A"
    interval_ms: int = 1000
    points: int = 100

    @classmethod
    def of(cls, document: Json) -> Query:
        """That of a request, a panel's target or a rule's model."""
        return cls(
            sql=_text(document, "rawSql", ""),
            format=_text(document, "format", ""),
            ref=_text(document, "refId", "A"),
            interval_ms=_number(document, "intervalMs", 1000) or 60_000,
            points=_number(document, "maxDataPoints", 100) or 1500,
        )


def answer(body: Json, source_of: Callable[[Reference], Source], now: datetime, pool: Pool) -> Response:
    """What POST /api/ds/query says: the results by `refId`, 400 if one of them failed.

    Args:
        body: the request's, parsed.
        source_of: gives the datasource that is named, or raises Refused.

    Raises:
        Refused: 400, there is no query, or the body is not what it must be; 500, a certificate authority is unreadable.
    """
    queries = _queries(body)
    asked = [(query, source_of(reference)) for query, reference in queries]
    period = Period.of(body.get("from"), body.get("to"), now)
    try:
        for _, source in asked:
            trust(source.authority)
    except UnusableSource:
        raise _refused("plugin.downstreamError", "An error occurred within the plugin", 500) from None
    results = {query.ref: run(query, period, source, pool) for query, source in asked if query.sql}
    failed = any("error" in result for result in results.values())
    return Response(400 if failed else 200, http.encode({"results": results}) + b"\n")


def _queries(body: Json) -> list[tuple[Query, Reference]]:
    """The queries of a request, and where to send each."""
    documents = body.get("queries") or []
    if not isinstance(documents, list) or not all(isinstance(one, dict) for one in documents):
        raise http.bad_data()
    if not all(isinstance(body.get(key) or "", str) for key in ("from", "to")):
        raise http.bad_data()
    if not documents:
        raise _refused("query.noQueries", "No queries found")
    queries = [(Query.of(one), _reference(one)) for one in documents]
    if len({query.ref for query, _ in queries}) < len(queries):
        raise _refused("query.duplicateRefId", "Multiple queries using the same RefId is not allowed ")
    return queries


def run(query: Query, period: Period, source: Source, pool: Pool) -> Json:
    """The result of one query: `status` 200 and `frames` (none without rows), or `error`, `status` 500 and `frames`."""
    sent = ""
    try:
        interval = macros.interval(period, query.points, query.interval_ms)
        expanded = macros.expand(query.sql, period, interval)
        sent = expanded.sql
        rows = pool.ask(source, sent)
        if query.format not in frames.FORMATS:
            return {"error": f'Unrecognized query model format: "{query.format}"', "status": 500}
        return frames.result(query.ref, expanded, rows, query.format, period)
    except DatabaseError as error:
        return frames.failure(query.ref, f"db query error: {error}", sent)
    except UnusableSource:
        return frames.failure(query.ref, "An error occurred within the plugin", sent)
    except QueryError as error:
        return frames.failure(query.ref, str(error), sent)


def health(source: Source, pool: Pool) -> Response:
    """What GET …/health says of a datasource; raises Refused, 500, if its certificate authority cannot be read."""
    try:
        pool.ping(source)
    except UnusableSource:
        raise http.failed(500, "Plugin health check failed") from None
    except DatabaseError as error:
        return http.answer({"message": str(error), "status": "ERROR"}, 400)
    return http.answer({"message": "Database Connection OK", "status": "OK"})


def _refused(kind: str, message: str, status: int = 400) -> Refused:
    return Refused(status, message, messageId=kind, statusCode=status, traceID="")


def _reference(document: Json) -> Reference:
    named, number = document.get("datasource"), document.get("datasourceId")
    if isinstance(named, dict) and isinstance(named.get("uid"), str) and named["uid"]:
        return named
    if isinstance(number, int) and number > 0:
        return number
    raise _refused("query.invalidDatasourceId", "Query does not contain a valid data source identifier")


def _text(document: Json, key: str, absent: str) -> str:
    value = document.get(key)
    return value if isinstance(value, str) else absent


def _number(document: Json, key: str, absent: int) -> int:
    value = document.get(key)
    return int(value) if isinstance(value, (int, float)) else absent
