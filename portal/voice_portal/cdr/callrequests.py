"""Calls that people ask for. The portal writes the request; the SIP host that calls the probe takes it from there."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import connection

from voice_portal.cdr.models import Call, CallRequest

# A host looks every few seconds. One that has not taken a request by now is away, and asking again does no harm.
UNCLAIMED_FOR = timedelta(minutes=2)
# The record of a call comes when it is over: not later than this after its length.
RECORDED_WITHIN = timedelta(minutes=2)
SHOWN_FOR = timedelta(minutes=15)
LOCK_SECONDS = 5

RECENT = """
SELECT id, requested_at > UTC_TIMESTAMP(3) - INTERVAL %s SECOND,
  claimed_at > UTC_TIMESTAMP(3) - INTERVAL %s SECOND
FROM voice_call_request
WHERE client = %s AND probe = %s AND requested_at > UTC_TIMESTAMP(3) - INTERVAL %s SECOND
ORDER BY requested_at DESC, id DESC
LIMIT 5
"""


@dataclass(frozen=True)
class Asked:
    """A request and what has become of it: the call's uuid once its record is there."""

    request: CallRequest
    recorded: UUID | None
    is_open: bool


def recent_requests(client: str, probe: str, duration: timedelta) -> list[Asked]:
    """The newest requests of the last minutes, newest first. `duration` is the length of the probe's calls.

    By the database's clock, which is the one that wrote the times.
    """
    taking = (UNCLAIMED_FOR, duration + RECORDED_WITHIN, SHOWN_FOR)
    unclaimed, claimed, shown = (span.total_seconds() for span in taking)
    with connection.cursor() as cursor:
        cursor.execute(RECENT, [unclaimed, claimed, client, probe, shown])
        fresh = {row[0]: (row[1], row[2]) for row in cursor.fetchall()}
    if not fresh:
        return []
    requests = CallRequest.objects.for_client(client).filter(id__in=list(fresh)).order_by("-requested_at", "-id")
    recorded = _recorded(client, requests)
    return [_asked(request, recorded, *fresh[request.id]) for request in requests]


def _recorded(client: str, requests: Iterable[CallRequest]) -> set[UUID]:
    uuids = [request.call_uuid for request in requests if request.call_uuid]
    if not uuids:
        return set()
    return set(Call.objects.for_client(client).filter(uuid__in=uuids).values_list("uuid", flat=True))


def _asked(request: CallRequest, recorded: set[UUID], just_asked: int, just_claimed: int | None) -> Asked:
    uuid = request.call_uuid if request.call_uuid in recorded else None
    waiting = just_asked if request.claimed_at is None else just_claimed
    return Asked(request, uuid, uuid is None and bool(waiting))


def ask(client: str, probe: str, user: str, duration: timedelta) -> bool:
    """Ask for a call of the probe, unless a request is open: then nothing is written, and the answer is False."""
    # A lock of the server, because two requests at the same moment would each see that there is none.
    name = "voice.call." + hashlib.sha256(f"{client}/{probe}".encode()).hexdigest()[:40]
    with connection.cursor() as cursor:
        cursor.execute("SELECT GET_LOCK(%s, %s)", [name, LOCK_SECONDS])
        if cursor.fetchone() != (1,):
            return False
        try:
            if any(asked.is_open for asked in recent_requests(client, probe, duration)):
                return False
            cursor.execute(
                "INSERT INTO voice_call_request (client, probe, requested_at, requested_by)"
                " VALUES (%s, %s, UTC_TIMESTAMP(3), %s)",
                [client, probe, user],
            )
            return True
        finally:
            cursor.execute("SELECT RELEASE_LOCK(%s)", [name])
