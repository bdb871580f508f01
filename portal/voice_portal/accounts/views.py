"""Switching between clients. Login and logout are Django's own views."""

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from voice_portal.accounts.clients import SESSION_KEY, ClientRequest


@require_POST
def switch_client(request: ClientRequest) -> HttpResponse:
    """Show another of the user's clients from now on; 404 for a client that is not the user's."""
    wish = request.POST.get("client")
    if wish not in {client.client for client in request.clients}:
        raise Http404
    request.session[SESSION_KEY] = wish
    return redirect("probes:overview")
