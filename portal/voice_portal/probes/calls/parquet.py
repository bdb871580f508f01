"""Calls as Parquet, a row group at a time, by a program of its own (`parquetwriter`)."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from typing import IO, cast

from voice_portal.probes.calls.columns import Column, Kind, Row, Value, milliseconds

CONTENT_TYPE = "application/vnd.apache.parquet"
PROGRAM = (sys.executable, "-m", "voice_portal.probes.calls.parquetwriter")
LENGTH_BYTES = 8
PATIENCE_SECONDS = 60.0
"""It answers in milliseconds, or not at all."""

# What a program of Python's needs of the environment. Passwords are in the rest.
KEPT = ("PATH", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "LD_LIBRARY_PATH")

TYPES = {
    Kind.TEXT: "text",
    Kind.INTEGER: "integer",
    Kind.NUMBER: "number",
    Kind.TRUTH: "truth",
    Kind.TIME: "milliseconds",
}


class WritingFailed(Exception):
    """The program ended, or answers no more."""


def written(columns: Sequence[Column], batches: Iterable[Sequence[Row]]) -> Generator[bytes, None, None]:
    """The file in parts: one for each row group, the last one at the end. Raises WritingFailed."""
    kinds = [column.kind for column in columns]
    with _program() as (messages, answers):
        _tell(messages, [(column.name, TYPES[column.kind]) for column in columns])
        _answer(answers)
        for batch in batches:
            if batch:
                by_column = zip(kinds, zip(*batch, strict=True), strict=True)
                _tell(messages, [[_plain(kind, value) for value in values] for kind, values in by_column])
                if part := _answer(answers):
                    yield part
        _tell(messages, None)
        yield _rest(answers)


@contextmanager
def _program() -> Generator[tuple[IO[bytes], IO[bytes]], None, None]:
    """Its input and its output. Whatever happens it is gone afterwards; raises WritingFailed if it failed."""
    env = {name: os.environ[name] for name in KEPT if name in os.environ}
    with subprocess.Popen(PROGRAM, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        messages, answers = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
        try:
            yield messages, answers
            if process.wait(PATIENCE_SECONDS):
                raise WritingFailed(f"the program that writes Parquet ended with {process.returncode}")
        finally:
            process.kill()
            with suppress(OSError):  # what it did not take
                messages.close()


def _tell(messages: IO[bytes], message: object) -> None:
    try:
        messages.write(json.dumps(message, allow_nan=False).encode() + b"\n")
        messages.flush()
    except BrokenPipeError as error:
        raise WritingFailed("the program that writes Parquet is gone") from error


def _answer(answers: IO[bytes]) -> bytes:
    """The bytes that it answers a message with."""
    return _read(answers, int.from_bytes(_read(answers, LENGTH_BYTES), "big"))


def _read(answers: IO[bytes], count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = _some(answers, count - len(parts))
        if not part:
            raise WritingFailed("the program that writes Parquet ended before its time")
        parts += part
    return bytes(parts)


def _rest(answers: IO[bytes]) -> bytes:
    """All until it closes its output."""
    parts = bytearray()
    while part := _some(answers, 65536):
        parts += part
    return bytes(parts)


def _some(answers: IO[bytes], most: int) -> bytes:
    if not select.select([answers], [], [], PATIENCE_SECONDS)[0]:
        raise WritingFailed(f"the program that writes Parquet said nothing for {PATIENCE_SECONDS:.0f} s")
    return os.read(answers.fileno(), most)


def _plain(kind: Kind, value: Value) -> object:
    """A value as JSON has it."""
    if value is None:
        return None
    if kind is Kind.NUMBER:
        return float(str(value))
    return milliseconds(value) if kind is Kind.TIME else value  # type: ignore[arg-type]
