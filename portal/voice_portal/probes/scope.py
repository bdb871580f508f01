"""What a request may read: the client of its address, and that client's probes alone."""

from django.http import Http404

from voice_portal.accounts.access import Role
from voice_portal.accounts.clients import ClientRequest
from voice_portal.cdr.models import Client, ProbeState


def client_of(request: ClientRequest) -> Client:
    """The client of a page below `/c/<client>/`, which the user may see; raises Http404 elsewhere."""
    if request.client is None:
        raise Http404
    return request.client


def may_call(request: ClientRequest) -> bool:
    """Whether the user may ask for calls of this client's probes: its engineers may, and the staff."""
    return request.role is not None and request.role.may(Role.ENGINEER)


def state_of(client: Client, probe: str) -> ProbeState:
    """The probe of that name of `client`; raises Http404, also where another client has one."""
    state: ProbeState | None = ProbeState.objects.for_client(client.client).filter(probe=probe).first()
    if state is None:
        raise Http404
    return state
