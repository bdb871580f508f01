"""The SQL of recordings. This account may add rows to `voice_call_recording`, and neither read nor change them."""

from contextlib import closing
from datetime import timedelta
from uuid import UUID

import pyodbc

from voice_sipapp.records import odbc
from voice_sipapp.records.recordings import MOST_OCTETS, RECORDING_COLUMNS, QueuedRecording, RecordingRow, StreamKey

SLACK = timedelta(minutes=1)
"""How far a receiver's idea of when a call began may be off: see calluuid.BEFORE."""

DUPLICATE = "(1062)"
"""MySQL's error about a key that is there already."""

OVERHEAD = 100_000
"""What a statement has besides the sound."""

TABLE = "voice_call_recording"


def takes_recordings(connection: pyodbc.Connection) -> bool:
    """Whether the database has a table for them in which this account may write. Raises pyodbc.Error."""
    with closing(connection.cursor()) as cursor:
        # Servers show an account the tables on which it has a right, and no others.
        cursor.execute(
            "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?", TABLE
        )
        return bool(cursor.fetchone()[0])


def most_octets(connection: pyodbc.Connection) -> int:
    """How large a recording may be that the server takes. Raises pyodbc.Error."""
    with closing(connection.cursor()) as cursor:
        cursor.execute("SELECT @@max_allowed_packet")
        return min(MOST_OCTETS, int(cursor.fetchone()[0]) - OVERHEAD)


def stream_of(connection: pyodbc.Connection, queued: QueuedRecording, sip_host: str) -> StreamKey | None:
    """The stream in the database that bears the recording's name; None while it is not there. Raises pyodbc.Error."""
    with closing(connection.cursor()) as cursor:
        cursor.execute(
            "SELECT uuid, CAST(started_at AS CHAR) FROM voice_call_stream"
            " WHERE client = ? AND probe = ? AND started_at BETWEEN ? AND ?"
            " AND direction = ? AND sip_host = ? AND recording = ?",
            queued.client,
            queued.probe,
            odbc.utc_text(queued.started_at - SLACK),
            odbc.utc_text(queued.started_at + SLACK),
            queued.direction,
            sip_host,
            queued.name,
        )
        row = cursor.fetchone()
    if row is None:
        return None
    return StreamKey(
        uuid=UUID(bytes=bytes(row[0])),
        direction=queued.direction,
        started_at=row[1],
        client=queued.client,
        probe=queued.probe,
        sip_host=sip_host,
    )


def insert(connection: pyodbc.Connection, row: RecordingRow) -> None:
    """Store `row`; one that is there already stays. The `connection` must commit by itself. Raises pyodbc.Error."""
    places = ", ".join("?" * len(RECORDING_COLUMNS))
    # Not ON DUPLICATE KEY UPDATE, for which the account would need the right to change what others wrote.
    query = f"INSERT INTO {TABLE} ({', '.join(RECORDING_COLUMNS)}) VALUES ({places})"  # noqa: S608 - no value
    with closing(connection.cursor()) as cursor:
        try:
            cursor.execute(query, row.parameters())
        except pyodbc.IntegrityError as error:
            if DUPLICATE not in str(error.args[-1]):
                raise
