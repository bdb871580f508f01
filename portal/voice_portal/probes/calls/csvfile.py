"""Calls as CSV (RFC 4180, UTF-8), line by line. A spreadsheet takes no cell for a formula."""

import csv
import io
from collections.abc import Generator, Iterable, Sequence
from datetime import UTC, datetime

from voice_portal.probes.calls.columns import Column, Kind, Row, Value

CONTENT_TYPE = "text/csv; charset=utf-8; header=present"

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""With what a cell begins that a spreadsheet may run (OWASP, CSV injection)."""


def written(columns: Sequence[Column], batches: Iterable[Sequence[Row]]) -> Generator[bytes, None, None]:
    """The file in parts: the names of the columns at once, then a part for each batch."""
    kinds = [column.kind for column in columns]
    yield _lines([[column.name for column in columns]])
    for batch in batches:
        if batch:
            yield _lines([cell(kind, value) for kind, value in zip(kinds, row, strict=True)] for row in batch)


def cell(kind: Kind, value: Value) -> str | int:
    """A value as it stands in the file."""
    if value is None:
        return ""
    if kind is Kind.TRUTH:
        return int(bool(value))
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    return inert(str(value)) if kind is Kind.TEXT else str(value)


def inert(text: str) -> str:
    """`text`, with an apostrophe before it where a spreadsheet would run it."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _lines(rows: Iterable[Sequence[str | int]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode("utf-8", "replace")
