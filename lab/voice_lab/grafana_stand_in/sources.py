"""Asking datasources: for requests, and for whoever else has a query."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from voice_lab.grafana_stand_in import query
from voice_lab.grafana_stand_in.http import Refused, Response
from voice_lab.grafana_stand_in.state import Document, State

CACHED_S = 5
"""For so long queries use a datasource as it was, also one that is deleted by now."""


class Sources:
    """The datasources of all organisations, as queries know them."""

    def __init__(self, state: State, now: Callable[[], float], row_limit: int) -> None:
        self._state, self._now = state, now
        self._known: dict[tuple[int, str], tuple[float, query.Source]] = {}
        self.pool = query.Pool(row_limit)

    def of(self, org: int, uid: str) -> query.Source:
        """The datasource of that uid; raises Refused(404)."""
        at, source = self._known.get((org, uid), (0.0, None))
        if source is not None and self._now() - at < CACHED_S:
            return source
        document = self._state.get("datasource", org, uid)
        if document is None:
            self._known.pop((org, uid), None)
            raise Refused(404, "Data source not found", traceID="")
        source = query.Source.of(document, self._state.get("datasource-secret", org, uid) or {})
        self._known[org, uid] = (self._now(), source)
        return source

    def run(self, org: int, uid: str, model: Document, start_ms: int, end_ms: int) -> Document:
        """The result of one query, which blocks: `frames`, or `error`."""
        try:
            source = self.of(org, uid)
        except Refused as refused:
            return {"error": str(refused)}
        return query.run(query.Query.of(model), query.Period(start_ms, end_ms), source, self.pool)

    def answer(self, org: int, body: Document) -> Response:
        """The answer to the body of a query's request, which blocks; raises Refused."""
        now = datetime.fromtimestamp(self._now(), UTC)
        return query.answer(body, lambda reference: self._named(org, reference), now, self.pool)

    def _named(self, org: int, reference: query.Reference) -> query.Source:
        if not isinstance(reference, int):
            return self.of(org, str(reference["uid"]))
        found = (one["uid"] for one in self._state.all("datasource", org) if one["id"] == reference)
        return self.of(org, next(found, ""))
