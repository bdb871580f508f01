"""The overview of a client: the page that one begins the day with, and the same for a screen on the wall."""

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from voice_portal.accounts.clients import ClientRequest
from voice_portal.probes.live import renewal
from voice_portal.probes.overview import DEFAULT_RANGE, RANGES
from voice_portal.probes.overview import overview as drawn_up
from voice_portal.probes.scope import client_of

EVERY_S = 30


@require_safe
def overview(request: ClientRequest, **_client: str) -> HttpResponse:
    """Every probe of the client, incidents first, over the range that the address asks for."""
    return render(request, "probes/overview.html", _context(request))


@require_safe
def wall(request: ClientRequest, **_client: str) -> HttpResponse:
    """The same for a screen that hangs where everybody sees it: large, nothing to click, no header."""
    return render(request, "probes/wall.html", _context(request))


def _context(request: ClientRequest) -> dict[str, object]:
    chosen = request.GET.get("range", DEFAULT_RANGE)
    if chosen not in RANGES:
        raise Http404
    found = drawn_up(client_of(request), chosen, timezone.now())
    return {"overview": found, "ranges": list(RANGES), "range": chosen, "renewal": renewal(request, EVERY_S)}
