"""A report as octets to keep, and back: JSON, compressed. Pure."""

import json
import zlib
from dataclasses import fields
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from voice_portal.reports.document import Document, IncidentRow, Mos, Row
from voice_portal.reports.figures import Band, Direction
from voice_portal.reports.period import Month

VERSION = 1
"""Of what is kept: another one is drawn up anew."""


def packed(document: Document) -> bytes:
    """`document` as octets; times as seconds since 1970."""
    return zlib.compress(json.dumps({"version": VERSION, "document": document}, default=_plain).encode())


def unpacked(octets: bytes, zone: tzinfo) -> Document | None:
    """What `packed` made of a report, with its times in `zone`; None if another version of the portal did."""
    kept = json.loads(zlib.decompress(octets))
    if kept["version"] != VERSION:
        return None
    values = kept["document"]
    times = {name: _moment(values[name], zone) for name in ("start", "end", "until", "made_at")}
    return Document(
        **{
            **values,
            **times,
            "month": Month.parse(values["month"]),
            "rows": tuple(map(_row, values["rows"])),
            "total": _row(values["total"]),
            "incidents": tuple(_incident(one, zone) for one in values["incidents"]),
        }
    )


def _plain(value: object) -> object:
    if isinstance(value, Month):
        return str(value)
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Document | Row | IncidentRow | Mos):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    raise TypeError(f"a report has no {type(value)}")


def _row(values: dict[str, Any]) -> Row:
    spans = {name: _span(values[name]) for name in ("below", "covered", "existed")}
    mos = [Mos(**{**one, "direction": Direction(one["direction"]), "band": Band(one["band"])}) for one in values["mos"]]
    return Row(**{**values, **spans, "mos": tuple(mos)})


def _incident(values: dict[str, Any], zone: tzinfo) -> IncidentRow:
    times = {name: _moment(values[name], zone) for name in ("begin", "end")}
    lasted, reasons = _span(values["lasted"]), tuple(values["reasons"])
    return IncidentRow(**{**values, **times, "lasted": lasted, "reasons": reasons})


def _moment(seconds: float | None, zone: tzinfo) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).astimezone(zone)


def _span(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
