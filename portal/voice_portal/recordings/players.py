"""The players on the page of a call: one for each recording that was kept of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.urls import reverse

from voice_portal.cdr.models import Call, CallRecording, CallStream
from voice_portal.recordings import waveform
from voice_portal.recordings.waveform import Waveform

HEARD_BY = {"forward": "what the receiver heard of the dialer", "reverse": "what the dialer heard of the receiver"}


@dataclass(frozen=True)
class Player:
    """What was kept of one direction. `address` of its sound is empty where that stayed on the SIP host, as the file
    `name`. `held_s` of its `whole_s` seconds are there.
    """

    direction: str
    heard_by: str
    sip_host: str
    name: str = ""
    address: str = ""
    rate_khz: float = 0
    octets: int = 0
    held_s: float = 0
    whole_s: float = 0
    waveform: Waveform | None = None

    @property
    def title(self) -> str:
        """Its direction as a heading."""
        return self.direction.capitalize()

    @property
    def is_cut(self) -> bool:
        """Whether the end is missing."""
        return self.whole_s - self.held_s > 0.05


def players(call: Call, streams: Mapping[str, CallStream | None]) -> list[Player]:
    """A player for each direction of `call` that was recorded; `streams` by direction.

    One query, for the call's client alone.
    """
    rows = CallRecording.objects.for_client(call.client).filter(uuid=call.uuid, started_at=call.started_at)
    stored = {row.direction: row for row in rows}
    found = (_player(call, direction, stored.get(direction), streams.get(direction)) for direction in HEARD_BY)
    return [player for player in found if player is not None]


def _player(call: Call, direction: str, row: CallRecording | None, stream: CallStream | None) -> Player | None:
    name = (stream.recording if stream is not None else None) or ""
    if row is None:
        if stream is None or not name:
            return None
        return Player(direction, HEARD_BY[direction], stream.sip_host, name)
    return Player(
        direction,
        HEARD_BY[direction],
        row.sip_host,
        name,
        address=reverse("probes:recording", args=[call.client, call.uuid, direction]),
        rate_khz=row.rate_hz / 1000,
        octets=row.octets,
        held_s=row.duration_ms / 1000,
        whole_s=row.whole_ms / 1000,
        waveform=waveform.draw(direction, bytes(row.peaks), row.duration_ms),
    )
