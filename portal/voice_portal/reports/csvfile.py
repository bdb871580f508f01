"""A report as CSV (RFC 4180, UTF-8): a file of its probes, and one of its incidents.

A spreadsheet takes no cell for a formula.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from voice_portal.probes.calls.csvfile import CONTENT_TYPE, inert
from voice_portal.reports.document import Document, IncidentRow, Mos, Row
from voice_portal.reports.figures import KINDS

__all__ = ["CONTENT_TYPE", "incidents", "probes"]

FIGURES = (
    "calls", "answered", "availability_pct", "coverage_pct", "answer_rate_pct", "good_calls_pct", "below_threshold_s",
    "covered_s", "existed_s", "incidents", "pdd_p95_ms",
)  # fmt: skip
PROBES = (
    "row", "client", "month", "time_zone", "until", "probe", "display_name", "deleted", *FIGURES,
    *(f"mos_{direction}_{band}_{what}" for direction, band in KINDS for what in ("calls", "p5", "p50", "mean")),
)  # fmt: skip
INCIDENTS = (
    "client", "month", "probe", "display_name", "begin", "began_before_month", "end", "duration_s", "calls",
    "mos_worst", "reasons",
)  # fmt: skip


def probes(document: Document) -> bytes:
    """A line for each probe, and one for all of them, which `row` tells apart: `probe`, `total`."""
    rows = [_probe(document, row, "probe") for row in document.rows]
    return _file(PROBES, [*rows, _probe(document, document.total, "total")])


def incidents(document: Document) -> bytes:
    """A line for each incident. `end` is empty while it goes on where the report ends."""
    return _file(INCIDENTS, [_incident(document, incident) for incident in document.incidents])


def _probe(document: Document, row: Row, kind: str) -> list[str]:
    found = {(mos.direction, mos.band): mos for mos in row.mos}
    cells = [
        kind, inert(document.client), str(document.month), inert(document.time_zone), _time(document.until),
        inert(row.probe), inert(row.display_name), str(int(row.is_deleted)), str(row.calls), str(row.answered),
        _number(row.availability_pct), _number(row.coverage_pct), _number(row.answer_rate_pct),
        _number(row.good_calls_pct), _seconds(row.below), _seconds(row.covered), _seconds(row.existed),
        str(row.incidents), "" if row.pdd_p95_ms is None else str(row.pdd_p95_ms),
    ]  # fmt: skip
    for kind_of_mos in KINDS:
        cells += _mos(found.get(kind_of_mos))
    return cells


def _mos(mos: Mos | None) -> list[str]:
    return [""] * 4 if mos is None else [str(mos.calls), f"{mos.p5:.2f}", f"{mos.p50:.2f}", f"{mos.mean:.3f}"]


def _incident(document: Document, incident: IncidentRow) -> list[str]:
    return [
        inert(document.client), str(document.month), inert(incident.probe), inert(incident.display_name),
        _time(incident.begin), str(int(incident.is_older)), "" if incident.end is None else _time(incident.end),
        _seconds(incident.lasted), str(incident.calls), "" if incident.mos is None else f"{incident.mos:.3f}",
        inert(" ".join(incident.reasons)),
    ]  # fmt: skip


def _file(head: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([head, *rows])
    return out.getvalue().encode("utf-8", "replace")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _seconds(span: timedelta | None) -> str:
    return "" if span is None else f"{span.total_seconds():.0f}"


def _time(at: datetime) -> str:
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
