"""All that is known of one call, for the page of that call."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from voice_portal.cdr.models import Call, CallInterval, CallLadder, CallRequest, CallStream


@dataclass(frozen=True)
class CallDetail:
    """A call with everything that was recorded with it; None or empty where nothing was, or where it is deleted by now.

    `ladders` are the messages of each leg as JSON, by the leg's name. `generation` is that of the probe now: None where
    it is not declared any more.
    """

    call: Call
    forward: CallStream | None
    reverse: CallStream | None
    intervals: Sequence[CallInterval]
    ladders: dict[str, str]
    request: CallRequest | None
    generation: int | None = None


def call_detail(client: str, uuid: UUID) -> CallDetail | None:
    """The call `uuid`, if it is one of that client; its probe may be gone."""
    call = Call.objects.for_client(client).filter(uuid=uuid).first()
    if call is None:
        return None
    # started_at, too: with it the server looks into one partition instead of all.
    key = {"uuid": uuid, "started_at": call.started_at}
    streams = {stream.direction: stream for stream in CallStream.objects.for_client(client).filter(**key)}
    ladders = CallLadder.objects.for_client(client).filter(**key)
    asked = call.request_id and CallRequest.objects.for_client(client).filter(id=call.request_id).first()
    return CallDetail(
        call=call,
        forward=streams.get("forward"),
        reverse=streams.get("reverse"),
        intervals=list(CallInterval.objects.for_client(client).filter(**key).order_by("direction", "second")),
        ladders={ladder.leg: ladder.messages for ladder in ladders},
        request=asked or None,
        generation=_generation(client, call.probe),
    )


def _generation(client: str, probe: str) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT generation FROM voice_probe WHERE client = %s AND probe = %s", [client, probe])
        row = cursor.fetchone()
    return None if row is None else int(row[0])
