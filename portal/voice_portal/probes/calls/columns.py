"""What a table of calls has in its columns, for exports: a row a call, both directions beside each other."""

import enum
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from django.db import models

from voice_portal.cdr import callsearch
from voice_portal.cdr.callsearch import Key
from voice_portal.cdr.models import Call, CallStream

OF_THE_CALL = frozenset({"pk", "uuid", "direction", "started_at", "client", "probe"})
"""Columns of a stream that repeat the call's."""

Value = str | int | float | Decimal | bool | datetime | None
Row = Sequence[Value]
"""The values of one call, in the order of `columns()`."""


class Kind(enum.Enum):
    """What a column holds."""

    TEXT = enum.auto()
    INTEGER = enum.auto()
    NUMBER = enum.auto()
    TRUTH = enum.auto()
    TIME = enum.auto()


@dataclass(frozen=True)
class Column:
    """A column of the table."""

    name: str
    kind: Kind


def columns() -> Sequence[Column]:
    """All columns: the call's, the worse direction's MOS and loss, and each direction's."""
    return [
        *_of(Call, "", frozenset({"pk"})),
        Column("mos", Kind.NUMBER),
        Column("loss_pct", Kind.NUMBER),
        *_of(CallStream, "forward_", OF_THE_CALL),
        *_of(CallStream, "reverse_", OF_THE_CALL),
    ]


def rows(client: str, keys: Sequence[Key]) -> Iterator[Row]:
    """The rows of calls that were found, in their order."""
    of_call = [column.name for column in _of(Call, "", frozenset({"pk"}))]
    of_stream = [column.name for column in _of(CallStream, "", OF_THE_CALL)]
    nothing: tuple[Value, ...] = (None,) * len(of_stream)
    mos, loss = of_stream.index("mos_cq"), of_stream.index("loss_pct")
    for call, forward, reverse in callsearch.values(client, keys, of_call, of_stream):
        measured = [stream for stream in (forward, reverse) if stream is not None]
        worse = [_worse(measured, mos, min), _worse(measured, loss, max)]
        found = [*call, *worse, *(forward or nothing), *(reverse or nothing)]
        yield [str(value) if isinstance(value, UUID) else value for value in found]


def milliseconds(at: datetime) -> int:
    """Of a time: since 1970, UTC."""
    return round((at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000)


def _worse(
    streams: Sequence[Sequence[Decimal | None]], place: int, which: Callable[[Sequence[Decimal]], Decimal]
) -> Decimal | None:
    """The lower (`min`) or higher (`max`) value of both directions; None where neither was measured."""
    values = [value for stream in streams if (value := stream[place]) is not None]
    return which(values) if values else None


def _of(model: type[models.Model], prefix: str, without: frozenset[str]) -> Iterator[Column]:
    for one in model._meta.concrete_fields:
        if one.name not in without:
            yield Column(f"{prefix}{one.name}", _kind(one))


def _kind(of: "models.Field[object, object]") -> Kind:
    if isinstance(of, models.BooleanField):
        return Kind.TRUTH
    if isinstance(of, models.DateTimeField):
        return Kind.TIME
    if isinstance(of, models.DecimalField):
        return Kind.NUMBER
    return Kind.INTEGER if isinstance(of, models.IntegerField) else Kind.TEXT
