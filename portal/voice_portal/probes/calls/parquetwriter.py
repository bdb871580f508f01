"""A program that writes Parquet: `python -m voice_portal.probes.calls.parquetwriter`. It knows no Django and no calls.

A process of its own because its library takes memory that a process never gives back, and one of the portal's serves
pages for days. On standard input come messages, each a line of JSON: first the columns, as pairs of name and type, then
batches, as a list of values for each column, at last `null`. Each is answered on standard output, by eight bytes with
a length and then as many of the file, perhaps none; the last one by all that is left of it, until the output ends.
"""

import io
import json
import sys
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any, cast

from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema
from arro3.io import write_parquet

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

ROW_GROUP = 10_000
LENGTH_BYTES = 8

TYPES = {
    "text": DataType.utf8(),
    "integer": DataType.int64(),
    "number": DataType.float64(),
    "truth": DataType.bool(),
    "milliseconds": DataType.timestamp("ms", tz="UTC"),
}
"""By the word in the first message; `milliseconds` are those since 1970, UTC."""


class Out(io.RawIOBase):
    """The file: kept until it is taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: "ReadableBuffer", /) -> int:
        """Keep `data`."""
        self._parts.append(bytes(data))
        return len(self._parts[-1])

    def taken(self) -> bytes:
        """What was written since this was asked for last."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


def main() -> None:
    """Write one file; a message that is no JSON, or the end of the input before its time, ends the program with 1."""
    messages, answers = sys.stdin.buffer, sys.stdout.buffer
    out = Out()

    def answer() -> None:
        part = out.taken()
        answers.write(len(part).to_bytes(LENGTH_BYTES, "big") + part)
        answers.flush()

    columns: list[tuple[str, str]] = json.loads(messages.readline())
    schema = Schema([Field(name, TYPES[kind], nullable=True) for name, kind in columns])

    def batches() -> Iterator[RecordBatch]:
        # The library asks for the next batch once it has dealt with the one before.
        answer()
        while (values := json.loads(messages.readline())) is not None:
            arrays = [_array(kind, column) for (_, kind), column in zip(columns, values, strict=True)]
            yield RecordBatch.from_arrays(arrays, schema=schema)
            answer()

    reader = RecordBatchReader.from_batches(schema, cast(Sequence[RecordBatch], batches()))
    write_parquet(reader, cast(IO[bytes], out), compression="zstd(1)", max_row_group_size=ROW_GROUP)
    answers.write(out.taken())
    answers.flush()


def _array(kind: str, values: list[Any]) -> Array:
    if kind == "milliseconds":
        # The library makes times of whole numbers only.
        return Array(values, type=DataType.int64()).cast(TYPES[kind])
    return Array(values, type=TYPES[kind])


if __name__ == "__main__":
    main()
