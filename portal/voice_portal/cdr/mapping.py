"""Copies the call records of another SIP application, through two views that give them our columns.

docs/commercial-sip-application.md says how a site writes the views. Copying may be repeated: its uuid tells a call.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

CALLS, STREAMS = "voice_call", "voice_call_stream"
_SCHEMA = re.compile(r"[0-9A-Za-z_]{1,64}", re.ASCII)
# The call says whose its streams are: a view that gives them to somebody else must not be believed.
_OF_THE_CALL = ("uuid", "started_at", "client", "probe")
# As our tables keep it: the view may tell it more finely, and then it equals nothing that was copied.
_STARTED_AT = "CAST(s.started_at AS DATETIME(3))"


class MappingError(Exception):
    """A view does not fit. The message is a sentence for who wrote it."""


@dataclass(frozen=True)
class Copy:
    """The SQL that copies one view's new rows; its parameters are `since` and `settle_seconds`."""

    table: str
    sql: str

    def parameters(self, since: datetime, settle_seconds: int) -> list[datetime | int]:
        """What to bind: rows of calls that began at `since` (UTC) or later, and ended `settle_seconds` ago."""
        return [since.replace(tzinfo=None), settle_seconds]


def schema_name(name: str) -> str:
    """`name`, if it may stand in SQL as it is; raises MappingError."""
    if not _SCHEMA.fullmatch(name):
        raise MappingError(f"{name!r} is not the name of a schema: letters, digits and _ only")
    return name


def check(table: str, columns: Mapping[str, bool], view: set[str]) -> None:
    """Raise MappingError unless the columns of `view` fit the table's, given with whether a row must name each."""
    if unknown := sorted(view - columns.keys()):
        raise MappingError(f"the view {table} has columns that docs/cdr.md does not know: {', '.join(unknown)}")
    required = {column for column, is_required in columns.items() if is_required}
    if missing := sorted(required - view):
        raise MappingError(f"the view {table} lacks columns: {', '.join(missing)}")


def copies(schema: str, calls: set[str], streams: set[str]) -> Iterator[Copy]:
    """How to copy the rows of the views of `schema`, which have these columns: calls first, then their streams."""
    schema = schema_name(schema)
    yield Copy(CALLS, _copy_calls(schema, sorted(calls)))
    yield Copy(STREAMS, _copy_streams(schema, sorted(streams)))


def _copy_calls(schema: str, columns: list[str]) -> str:
    names, values = ", ".join(columns), ", ".join(f"s.{column}" for column in columns)
    return f"""
INSERT INTO {CALLS} ({names})
SELECT {values}
FROM {schema}.{CALLS} s
LEFT JOIN {CALLS} c ON c.uuid = s.uuid AND c.started_at = {_STARTED_AT}
WHERE s.started_at >= %s AND s.ended_at < UTC_TIMESTAMP(3) - INTERVAL %s SECOND AND c.uuid IS NULL
ON DUPLICATE KEY UPDATE {CALLS}.uuid = {CALLS}.uuid
"""  # noqa: S608 - the names are a checked schema and columns of our own tables


def _copy_streams(schema: str, columns: list[str]) -> str:
    values = ", ".join(f"{'c' if column in _OF_THE_CALL else 's'}.{column}" for column in columns)
    return f"""
INSERT INTO {STREAMS} ({", ".join(columns)})
SELECT {values}
FROM {schema}.{STREAMS} s
JOIN {CALLS} c ON c.uuid = s.uuid AND c.started_at = {_STARTED_AT}
LEFT JOIN {STREAMS} t ON t.uuid = c.uuid AND t.direction = s.direction AND t.started_at = c.started_at
WHERE s.started_at >= %s AND c.ended_at < UTC_TIMESTAMP(3) - INTERVAL %s SECOND AND t.uuid IS NULL
ON DUPLICATE KEY UPDATE {STREAMS}.uuid = {STREAMS}.uuid
"""  # noqa: S608 - the names are a checked schema and columns of our own tables
