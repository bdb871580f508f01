"""Questions to the call records. Every one is asked for one client, but for the SIP hosts, which are nobody's."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import FloatField
from django.db.models.expressions import RawSQL

from voice_portal.cdr.models import Call, CallStream, SipHost


@dataclass(frozen=True)
class CallWithStreams:
    """A call and what was received in each direction; None where there is no stream, as in a call that was refused."""

    call: Call
    forward: CallStream | None
    reverse: CallStream | None


def recent_calls(client: str, probe: str, limit: int) -> list[CallWithStreams]:
    """The newest `limit` calls of a probe, newest first, the ones that do not count (`valid` = 0) among them."""
    calls = Call.objects.for_client(client).filter(probe=probe).order_by("-started_at")[:limit]
    return _with_streams(client, probe, list(calls))


def calls_since(client: str, probe: str, since: datetime, limit: int) -> list[CallWithStreams]:
    """The valid calls of a probe since `since`, oldest first; the newest `limit` of them if there are more."""
    calls = Call.objects.for_client(client).filter(probe=probe, valid=True, started_at__gte=since)
    newest = list(calls.order_by("-started_at")[:limit])
    return _with_streams(client, probe, newest[::-1])


def _with_streams(client: str, probe: str, calls: list[Call]) -> list[CallWithStreams]:
    """Join the calls with their streams, by one range of the index over client, probe and time."""
    if not calls:
        return []
    times = [call.started_at for call in calls]
    streams = CallStream.objects.for_client(client).filter(probe=probe, started_at__range=(min(times), max(times)))
    found = {(stream.uuid, stream.direction): stream for stream in streams}
    return [
        CallWithStreams(call, found.get((call.uuid, "forward")), found.get((call.uuid, "reverse"))) for call in calls
    ]


def first_call_since(client: str, since: datetime) -> datetime | None:
    """When the first call of any of the client's probes since `since` began."""
    calls = Call.objects.for_client(client).filter(started_at__gte=since).order_by("started_at")
    return calls.values_list("started_at", flat=True).first()


def sip_hosts() -> list[tuple[SipHost, float]]:
    """Every SIP host, by name, and the age of its last heartbeat in seconds by the database's clock."""
    age = RawSQL("TIMESTAMPDIFF(MICROSECOND, heartbeat_at, UTC_TIMESTAMP(6)) / 1e6", [], output_field=FloatField())
    hosts = SipHost.objects.annotate(age_s=age).order_by("sip_host")
    return [(host, host.age_s) for host in hosts]


WORST_MOS = """
SELECT probe, FLOOR(TIMESTAMPDIFF(SECOND, %s, started_at) / %s) AS slot, MIN(mos_cq)
FROM voice_call_stream
WHERE client = %s AND started_at >= %s AND valid AND mos_cq IS NOT NULL
GROUP BY probe, slot
"""


def worst_mos(client: str, since: datetime, slot_seconds: int, slots: int) -> dict[str, list[float | None]]:
    """For each probe with a call since `since` (UTC), the lowest MOS of either direction in each slot of time.

    `slots` values, oldest first; None where nothing was measured. The server condenses: the answer does not grow with
    the number of calls.
    """
    with connection.cursor() as cursor:
        start = since.replace(tzinfo=None)
        cursor.execute(WORST_MOS, [start, slot_seconds, client, start])
        return _by_probe(cursor.fetchall(), slots)


def _by_probe(rows: Iterable[tuple[str, int, float]], slots: int) -> dict[str, list[float | None]]:
    history: dict[str, list[float | None]] = {}
    for probe, slot, mos in rows:
        values = history.setdefault(probe, [None] * slots)
        if slot < slots:  # a call that began after the page did has no slot yet
            values[int(slot)] = float(mos)
    return history
