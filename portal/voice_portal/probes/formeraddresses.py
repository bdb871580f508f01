"""Addresses from before they named the client: they lead on where only one can be meant, and are 404 elsewhere."""

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from voice_portal.accounts.clients import ClientRequest
from voice_portal.cdr.models import ProbeState


@require_safe
def trends(request: ClientRequest) -> HttpResponse:
    """To all probes over time of the only client that the user may see."""
    return _lead_on(request, "probes:trends", [client.client for client in request.clients])


@require_safe
def probe(request: ClientRequest, probe: str) -> HttpResponse:
    """To the probe of that name."""
    return _lead_on(request, "probes:probe", _clients_with(request, probe), probe)


@require_safe
def call(request: ClientRequest, probe: str, uuid: UUID) -> HttpResponse:
    """To the call of the probe of that name."""
    return _lead_on(request, "probes:call", _clients_with(request, probe), uuid)


def _clients_with(request: ClientRequest, probe: str) -> list[str]:
    """The clients that the user may see and that have a probe called so; at most two, for then it is unclear."""
    own = [client.client for client in request.clients]
    return list(ProbeState.objects.filter(probe=probe, client__in=own).values_list("client", flat=True)[:2])


def _lead_on(request: ClientRequest, page: str, clients: list[str], *names: object) -> HttpResponse:
    if len(clients) != 1:
        raise Http404
    query = request.META["QUERY_STRING"]
    return redirect(reverse(page, args=(clients[0], *names)) + (f"?{query}" if query else ""))
