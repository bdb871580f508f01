"""Sets the client of each request."""

import zoneinfo
from collections.abc import Callable
from typing import cast

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from voice_portal.accounts import clients
from voice_portal.accounts.clients import ClientRequest


class ClientMiddleware:
    """Decides whose data the request may read, from the session and the user's groups; sets that client's time zone."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The answer, with `request.client` and `request.clients` set for the view."""
        asking = cast(ClientRequest, request)
        asking.clients = clients.clients_of(request.user)
        wish = request.session.get(clients.SESSION_KEY)
        asking.fleet = clients.sees_fleet(request.user, wish)
        asking.client = None if asking.fleet else clients.chosen(asking.clients, wish)
        with timezone.override(zone(asking.client.time_zone if asking.client else "UTC")):
            return self._get_response(request)


def zone(name: str) -> zoneinfo.ZoneInfo:
    """The time zone called `name`; UTC for a name that this machine does not know, so that pages still open."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return zoneinfo.ZoneInfo("UTC")
