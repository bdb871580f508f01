"""Recordings as they are in the database."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from django.db import connection

from voice_portal.cdr.models import CallRecording
from voice_portal.recordings.ranges import Span

CHUNK = 1 << 18
"""Octets that are in memory at a time, for each player."""

PART = """
SELECT SUBSTRING(content, %s, %s) FROM voice_call_recording
WHERE uuid = %s AND direction = %s AND started_at = %s AND client = %s
"""


class RecordingGoneError(Exception):
    """A recording was deleted while it was played."""


def find(client: str, call: UUID, direction: str) -> CallRecording | None:
    """The recording of that direction of `call`, if that is a call of `client`."""
    found: CallRecording | None = (
        CallRecording.objects.for_client(client).filter(uuid=call, direction=direction).first()
    )
    return found


def octets(recording: CallRecording, span: Span) -> Iterator[bytes]:
    """The octets `span` of the WAV file, in parts. Raises RecordingGoneError."""
    key: tuple[bytes, str, datetime, str] = (
        recording.uuid.bytes,
        recording.direction,
        recording.started_at.replace(tzinfo=None),
        recording.client,
    )
    for first in range(span.first, span.last + 1, CHUNK):
        part: tuple[int, int] = (first + 1, min(CHUNK, span.last + 1 - first))  # SQL counts from 1
        with connection.cursor() as cursor:
            cursor.execute(PART, (*part, *key))
            row = cursor.fetchone()
        if row is None:
            raise RecordingGoneError(f"{recording} is gone")
        yield bytes(row[0])
