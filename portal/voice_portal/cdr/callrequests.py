"""Calls that people ask for. The portal writes the request; the SIP host that calls the probe takes it from there."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import OperationalError, connection, transaction

from voice_portal.cdr.models import Call, CallRequest

# A host looks every few seconds. One that has not taken a request by now is away, and asking again does no harm.
UNCLAIMED_FOR = timedelta(minutes=2)
# The record of a call comes when it is over: not later than this after its length.
RECORDED_WITHIN = timedelta(minutes=2)
SHOWN_FOR = timedelta(minutes=15)
LOCK_SECONDS = 5
# MariaDB's and MySQL's number for a row that another transaction held for too long.
LOCK_WAIT_TIMEOUT = 1205

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
    try:
        with _only_one(client, probe), connection.cursor() as cursor:
            if any(asked.is_open for asked in recent_requests(client, probe, duration)):
                return False
            cursor.execute(
                "INSERT INTO voice_call_request (client, probe, requested_at, requested_by)"
                " VALUES (%s, %s, UTC_TIMESTAMP(3), %s)",
                [client, probe, user],
            )
            return True
    except OperationalError as error:
        if error.args and error.args[0] == LOCK_WAIT_TIMEOUT:
            return False
        raise


@contextmanager
def _only_one(client: str, probe: str) -> Iterator[None]:
    """Hold the probe's lock: two requests at the same moment would each see that there is none.

    A row that the portal's account alone may touch, and no named lock of the server: those whoever may send SQL can
    take. The server lets go of it with the transaction, and so with the connection of a portal that is killed.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION innodb_lock_wait_timeout = %s", [LOCK_SECONDS])
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO voice_call_request_lock (client, probe) VALUES (%s, %s)"
                " ON DUPLICATE KEY UPDATE probe = VALUES(probe)",
                [client, probe],
            )
        yield
