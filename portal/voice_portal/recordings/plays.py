"""Who heard which recording is written down: once for a play, of which a player's requests for parts are many."""

from datetime import timedelta

from django.http import HttpRequest
from django.utils import timezone

from voice_portal.accounts import audit
from voice_portal.accounts.audit import What
from voice_portal.accounts.models import AuditRecord
from voice_portal.cdr.models import CallRecording

ONE_PLAY = timedelta(minutes=15)
"""Requests of one person for one recording within this time are one play, whatever parts they ask for."""


def note(request: HttpRequest, recording: CallRecording) -> None:
    """Write down that the user of `request` hears `recording`, unless that was just done. Before any of it is sent."""
    detail = {"call": str(recording.uuid), "direction": recording.direction, "probe": recording.probe}
    lately = AuditRecord.objects.filter(
        at__gte=timezone.now() - ONE_PLAY,
        what=What.RECORDING,
        who=request.user.get_username(),
        provider=request.session.get(audit.PROVIDER_KEY, ""),
        client=recording.client,
    )
    if detail not in lately.values_list("detail", flat=True):
        audit.note(request, What.RECORDING, recording.client, **detail)
