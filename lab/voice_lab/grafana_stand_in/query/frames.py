"""MySQL's rows as Grafana's data frames, and the results of queries around them.

All of it as Grafana 10.0 was measured to do, unless a line says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pymysql.constants import FIELD_TYPE

from voice_lab.grafana_stand_in.query.macros import Expanded, Fill, Period, QueryError

Json = dict[str, Any]
FORMATS = {"table", "time_series"}
ROW_LIMIT = 1_000_000

_INT, _FLOAT, _TIME, _TEXT = "int64", "float64", "time.Time", "string"
_JSON_TYPES = {_INT: "number", _FLOAT: "number", _TIME: "time", _TEXT: "string"}
_TYPES = {
    _INT: ("TINY", "SHORT", "INT24", "LONG", "LONGLONG", "YEAR"),
    _FLOAT: ("FLOAT", "DOUBLE", "DECIMAL", "NEWDECIMAL"),
    _TIME: ("DATETIME", "TIMESTAMP", "DATE", "NEWDATE"),
}
_KIND_OF = {getattr(FIELD_TYPE, name): kind for kind, names in _TYPES.items() for name in names}
"""Every other type is text."""
_TIME_NAMES = {"time", "time_sec"}
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_WIDE = "failed to convert long to wide series when converting from dataframe: "


@dataclass(frozen=True)
class Rows:
    """What MySQL answers.

    Attributes:
        columns: name and type (`pymysql.constants.FIELD_TYPE`) of each.
        rows: values as the text protocol has them; one more than `limit` where there were more.
        limit: so many of them are told.
    """

    columns: Sequence[tuple[str, int]] = ()
    rows: Sequence[tuple[bytes | None, ...]] = ()
    limit: int = ROW_LIMIT


@dataclass
class Field:
    """A column of a frame. Times are microseconds since 1970; a whole float is an int, as Go writes it.

    Attributes:
        kind: Grafana's name of the type of the values: int64, float64, time.Time or string.
    """

    name: str
    kind: str
    values: list[Any]
    labels: dict[str, str] = field(default_factory=dict)
    nullable: bool = True


def result(ref: str, expanded: Expanded, rows: Rows, fmt: str, period: Period) -> Json:
    """The result of a query that MySQL answered; `fmt` is one of FORMATS.

    Raises:
        QueryError: the rows make no frame of that format.
    """
    meta: Json = {}
    fields = _fields(rows)
    if not rows.rows:
        return {"status": 200, "frames": []}
    at = max((index for index, one in enumerate(fields) if one.name in _TIME_NAMES), default=-1)
    if at >= 0:
        _make_time(fields[at])
    if fmt == "time_series":
        fields, wide = _series(fields, at, expanded.fill, period)
        meta |= {"type": "timeseries-wide"} if wide else {}
    meta["typeVersion"] = [0, 0]
    if len(rows.rows) > rows.limit:
        text = f"Results have been limited to {rows.limit} because the SQL row limit was reached"
        meta["notices"] = [{"severity": "warning", "text": text}]
    meta["executedQueryString"] = expanded.sql
    return {"status": 200, "frames": [_frame(ref, meta, fields)]}


def failure(ref: str, error: str, sql: str = "") -> Json:
    """The result of a query that failed; `sql` as it was sent, empty if it was not."""
    meta = {"typeVersion": [0, 0], **({"executedQueryString": sql} if sql else {})}
    return {"error": error, "status": 500, "frames": [_frame(ref, meta, [])]}


def _frame(ref: str, meta: Json, fields: list[Field]) -> Json:
    values, nanos = [], []
    for one in fields:
        times = one.kind == _TIME
        values.append([None if at is None else at // 1000 for at in one.values] if times else one.values)
        below = [(at or 0) % 1000 * 1000 for at in one.values] if times else []
        nanos.append(below if any(below) else None)
    data = {"values": values, **({"nanos": nanos} if any(nanos) else {})}
    return {"schema": {"refId": ref, "meta": meta, "fields": [_schema(one) for one in fields]}, "data": data}


def _schema(one: Field) -> Json:
    info = {"frame": one.kind, **({"nullable": True} if one.nullable else {})}
    name, labels = {"name": one.name} if one.name else {}, {"labels": one.labels} if one.labels else {}
    return {**name, "type": _JSON_TYPES[one.kind], "typeInfo": info, **labels}


def _fields(rows: Rows) -> list[Field]:
    seen: dict[str, int] = {}
    for index, (name, _) in enumerate(rows.columns):
        if seen.setdefault(name, index) != index:
            found = f'found identical name "{name}" at column indices {seen[name]} and {index}'
            raise QueryError(f"convert frame from rows error: duplicate column names are not allowed, {found}")
    kinds = [(name, _KIND_OF.get(code, _TEXT)) for name, code in rows.columns]
    columns = zip(*rows.rows[: rows.limit], strict=True)
    return [Field(name, kind, _read(kind, values)) for (name, kind), values in zip(kinds, columns, strict=False)]


def _read(kind: str, values: Iterable[bytes | None]) -> list[Any]:
    read = _READ[kind]
    return [None if value is None else read(value) for value in values]


def _integer(value: bytes) -> int:
    number = int(value)
    if number > 2**63 - 1:
        text = f'parsing "{number}": value out of range'
        raise QueryError(f"convert frame from rows error: strconv.ParseInt: {text}")
    return number


def _float(value: bytes) -> float:
    number = float(value)
    return int(number) if number.is_integer() and abs(number) < 1e21 else number


def _time(value: bytes) -> int:
    try:
        return (datetime.fromisoformat(value.decode()).replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
    except ValueError:
        raise QueryError(f"convert frame from rows error: invalid time {value.decode()}") from None


_READ: dict[str, Callable[[bytes], Any]] = {
    _INT: _integer,
    _FLOAT: _float,
    _TIME: _time,
    _TEXT: lambda value: value.decode(errors="replace"),
}


def _make_time(one: Field) -> None:
    """Have a number be a time: seconds, milliseconds from 13 digits on, nanoseconds beyond."""
    if one.kind == _TEXT:
        raise QueryError(f"converting time columns failed: column {one.name} is text, no time")
    if one.kind != _TIME:
        one.values = [None if value is None else _milliseconds(value) * 1000 for value in one.values]
        one.kind = _TIME


def _milliseconds(epoch: float) -> int:
    return int(epoch * 1000 if abs(epoch) < 1e12 else epoch if abs(epoch) < 1e13 else epoch / 1e6)


def _series(fields: list[Field], at: int, fill: Fill | None, period: Period) -> tuple[list[Field], bool]:
    """The fields of a time series, and whether they were made from rows with labels."""
    if at < 0:
        raise QueryError("db has no time column: no time column found")
    time, others = fields[at], fields[:at] + fields[at + 1 :]
    time.name = "Time"
    texts, values = [one for one in others if one.kind == _TEXT], [one for one in others if one.kind != _TEXT]
    for one in values:
        if one.kind == _TIME:
            raise QueryError(f"convert value to float failed: column {one.name} is a time")
        one.kind = _FLOAT
    if wide := bool(texts and values):
        fields = _wide(time, texts, values, fill)
    return (_resampled(fields, 0 if wide else at, fill, period) if fill else fields), wide


def _wide(time: Field, texts: list[Field], values: list[Field], fill: Fill | None) -> list[Field]:
    """One field for each value and set of labels, over the times of all rows."""
    times: list[int] = []
    places: dict[tuple[str, ...], dict[int, int]] = {}
    for row, (at, *labels) in enumerate(zip(time.values, *(one.values for one in texts), strict=True)):
        if at is None:
            raise QueryError(f"{_WIDE}can not convert to wide series, input has null time values")
        if times and at < times[-1]:
            raise QueryError(f"{_WIDE}long series must be sorted ascending by time to be converted")
        if not times or at > times[-1]:
            times.append(at)
        places.setdefault(tuple(label or "" for label in labels), {})[len(times) - 1] = row
    names = [one.name for one in texts]
    fields = [
        Field(value.name, _FLOAT, _picked(value.values, map(rows.get, range(len(times))), fill), labels)
        for value in sorted(values, key=lambda value: value.name)
        for labels, rows in ((dict(zip(names, key, strict=True)), places[key]) for key in sorted(places))
    ]
    if names == ["metric"] and len(values) == 1:
        fields = [Field(one.labels["metric"], _FLOAT, one.values) for one in fields]
    return [Field("Time", _TIME, times, nullable=False), *fields]


def _resampled(fields: list[Field], at: int, fill: Fill, period: Period) -> list[Field]:
    """A row for each bucket of the period; of several rows since the bucket before, the last."""
    times, row = fields[at].values, 0
    if None in times:
        raise QueryError("failed to resample dataframe: there is a time that is null")
    buckets = range(period.start // 1000 // fill.step * fill.step, period.end // 1000 + 1, fill.step)
    if len(buckets) > ROW_LIMIT:  # Grafana would go on until it has no memory
        raise QueryError(f"failed to resample dataframe: more than {ROW_LIMIT} buckets")
    rows: list[int | None] = []
    for bucket in buckets:
        before = row
        while row < len(times) and times[row] <= bucket * 1_000_000:
            row += 1
        rows.append(row - 1 if row > before else None)
    for index, one in enumerate(fields):
        one.values = [x * 1_000_000 for x in buckets] if index == at else _picked(one.values, rows, fill)
    return fields


def _picked(values: list[Any], rows: Iterable[int | None], fill: Fill | None) -> list[Any]:
    """The values of these rows; where there is none, what is to fill."""
    picked: list[Any] = []
    for row in rows:
        if row is not None:
            picked.append(values[row])
        elif fill and fill.previous:
            picked.append(picked[-1] if picked else None)
        else:
            picked.append(fill.value if fill else None)
    return picked
