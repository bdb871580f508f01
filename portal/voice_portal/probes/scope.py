"""What a request may read: the session's client, and that client's probes alone."""

from django.core.exceptions import PermissionDenied
from django.http import Http404

from voice_portal.accounts.clients import ClientRequest
from voice_portal.cdr.models import Client, ProbeState


def client_of(request: ClientRequest) -> Client:
    """The session's client; raises PermissionDenied for a user who has none."""
    if request.fleet:
        raise PermissionDenied("You are looking at all clients at once. Choose one of them above first.")
    if request.client is None:
        raise PermissionDenied(
            "Your account may not see any client yet. Ask who gave you the account to add you to one."
        )
    return request.client


def state_of(client: Client, probe: str) -> ProbeState:
    """The probe of that name of `client`; raises Http404, also where another client has one."""
    state: ProbeState | None = ProbeState.objects.for_client(client.client).filter(probe=probe).first()
    if state is None:
        raise Http404
    return state
