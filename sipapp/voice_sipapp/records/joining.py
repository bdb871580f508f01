"""Puts what a receiver heard to its call, whose dialer is another host.

The receiver of a call does not always know which one it is: SBCs and carriers strip headers. It knows the probe, when
the INVITE came, and sometimes a code that the dialer sent as DTMF; the call itself is in the database by then, or soon.
"""

import json
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pyodbc

from voice_sipapp.records import odbc
from voice_sipapp.records.callkey import CallKey
from voice_sipapp.records.calluuid import AFTER, BEFORE
from voice_sipapp.records.cdr import INTERVAL_COLUMNS, LADDER_COLUMNS, STREAM_COLUMNS, LadderRecord, ReceiverPart


@dataclass(frozen=True)
class Candidate:
    """A call that may be the one. `heard_by` and `rtp_rx` are of the stream that it has already, None without one."""

    uuid: UUID
    started_at: datetime
    heard_by: str | None
    rtp_rx: int | None


def choose(part: ReceiverPart, candidates: list[Candidate], key: CallKey) -> Candidate | None:
    """The call of which `part` is the receiver's side, or None while it is not among `candidates`, the calls of its
    probe at that time.

    Its header named it, or else the code that was heard is the call's, which `key` tells. It has no such side yet, or
    this very one: it may have been stored before this process could note that. Of several it is the one that started
    closest to the INVITE.
    """

    def names(call: Candidate) -> bool:
        if part.known:
            return call.uuid == part.stream.uuid
        return part.code in (None, key.code(call.uuid, part.stream.client, part.stream.probe))

    fitting = [
        call
        for call in candidates
        if names(call)
        and (call.heard_by is None or (call.heard_by, call.rtp_rx) == (part.stream.sip_host, part.stream.rtp_rx))
    ]
    return min(fitting, key=lambda call: abs(call.started_at - part.invited_at), default=None)


def store(connection: pyodbc.Connection, part: ReceiverPart, call_key: CallKey) -> bool:
    """Store `part` under its call's key; False while the call is not there. `call_key` tells the codes of calls.
    Raises pyodbc.Error.
    """
    candidates = _candidates(connection, part)
    connection.rollback()  # ends the reading, so that the next one sees what came since
    if part.contested:
        return _tell(connection, part, candidates)
    call = choose(part, candidates, call_key)
    if call is None:
        return False
    key: dict[str, Any] = {"uuid": call.uuid, "started_at": call.started_at}
    odbc.store(
        connection,
        (
            ("voice_call_stream", STREAM_COLUMNS, [replace(part.stream, **key)]),
            ("voice_call_interval", INTERVAL_COLUMNS, [replace(row, **key) for row in part.intervals]),
            (
                "voice_call_ladder",
                LADDER_COLUMNS,
                [replace(_retimed(row, call.started_at), **key) for row in part.ladders],
            ),
        ),
        spoilt=(call.uuid.bytes, odbc.utc_text(call.started_at), part.problem) if part.problem else None,
    )
    return True


def _tell(connection: pyodbc.Connection, part: ReceiverPart, candidates: list[Candidate]) -> bool:
    """Tell each call that may have been meant that two legs came for it; False while there is none."""
    for call in candidates:
        if part.code is not None and call.heard_by is not None:
            continue  # its code decided
        odbc.store(connection, (), spoilt=(call.uuid.bytes, odbc.utc_text(call.started_at), part.problem or ""))
    return bool(candidates)


def _retimed(ladder: LadderRecord, started_at: datetime) -> LadderRecord:
    """`ladder` with its times counted from when the call started, which only the database told."""
    later_ms = round((ladder.started_at - started_at) / timedelta(milliseconds=1))
    messages = [{**message, "ms": message["ms"] + later_ms} for message in json.loads(ladder.messages)]
    return replace(ladder, messages=json.dumps(messages, ensure_ascii=False))


def _candidates(connection: pyodbc.Connection, part: ReceiverPart) -> list[Candidate]:
    """The calls of the probe at that time which were answered, as far as is known: an interrupted one may have been.
    One whose leg was refused here because another had its place was not.
    """
    with closing(connection.cursor()) as cursor:
        cursor.execute(
            "SELECT c.uuid, CAST(c.started_at AS CHAR), s.sip_host, s.rtp_rx FROM voice_call c"
            " LEFT JOIN voice_call_stream s"
            " ON s.uuid = c.uuid AND s.started_at = c.started_at AND s.direction = 'forward'"
            " WHERE c.client = ? AND c.probe = ? AND c.started_at BETWEEN ? AND ?"
            # It was up when the INVITE came. Of an interrupted one nobody knows how long it lasted.
            " AND (c.disposition = 'interrupted' OR c.uuid = ?"
            " OR (c.ended_at >= ? AND (? OR c.answered_at IS NOT NULL)))",
            part.stream.client,
            part.stream.probe,
            odbc.utc_text(part.invited_at - BEFORE),
            odbc.utc_text(part.invited_at + AFTER),
            part.stream.uuid.bytes if part.known else b"",
            odbc.utc_text(part.invited_at - AFTER),
            part.contested,
        )
        return [
            Candidate(UUID(bytes=bytes(uuid)), datetime.fromisoformat(started_at).replace(tzinfo=UTC), host, received)
            for uuid, started_at, host, received in cursor.fetchall()
        ]
