"""What a read account may take of the server, and which of its connections must end. Nothing here does I/O.

Whoever looks at a dashboard may send any SQL with the account's rights. The server's own limits of a statement are
defaults of a session, which the statement itself may lift: `SET STATEMENT max_statement_time=0 FOR …` and
`BEGIN NOT ATOMIC …` in MariaDB, `/*+ MAX_EXECUTION_TIME(0) */` in MySQL. The number of connections it cannot lift.
And as Grafana opens a connection for each query (`desired.datasource`), a connection that lives too long is a query
that does. The time that the server tells of a statement would not do: it begins anew with each one of a block.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from voiceprobe_operator.metrics import Reason

# A browser's tab asks five questions at once, Grafana's alerting two of a client.
CONNECTIONS = 20
# The slowest panel that was measured took half of it (docs/dashboards.md).
SECONDS = 30
MEMORY_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Reader:
    """A connection of a read account. `memory` in bytes, 0 where the server does not tell; `locks` it holds."""

    id: int
    account: str
    memory: int = 0
    locks: int = 0


@dataclass(frozen=True, slots=True)
class Overdue:
    """A connection that must end, why, and the seconds since it was first seen."""

    reader: Reader
    reason: Reason
    seconds: float


def first_seen(before: Mapping[int, float], readers: Iterable[Reader], now: float) -> dict[int, float]:
    """When each connection that is there was seen first. The server gives no number of a connection out twice."""
    return {reader.id: before.get(reader.id, now) for reader in readers}


def overdue(seen: Mapping[int, float], readers: Iterable[Reader], now: float) -> list[Overdue]:
    """The connections that must end at `now`. A read account never needs a lock: it writes nothing."""
    found = []
    for reader in readers:
        seconds = now - seen[reader.id]
        if seconds >= SECONDS:
            found.append(Overdue(reader, "time", seconds))
        elif reader.memory > MEMORY_BYTES:
            found.append(Overdue(reader, "memory", seconds))
        elif reader.locks:
            found.append(Overdue(reader, "locks", seconds))
    return found
