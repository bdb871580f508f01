"""Sets the client of each request, as the address names it."""

import zoneinfo
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone

from voice_portal.accounts.clients import ClientRequest, clients_of


class ClientMiddleware:
    """Decides whose data the request may read: the client in its address, if the user may see that one.

    Any other client is 404, whether there is one of that name or not.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The answer. Until the address is known the request is no client's."""
        asking = cast(ClientRequest, request)
        asking.clients, asking.client, asking.role = [], None, None
        with timezone.override(zone("UTC")):
            return self._get_response(request)

    def process_view(
        self, request: HttpRequest, _view: Callable[..., HttpResponse], _args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> None:
        """Set `clients`, `client` and `role` of the request, and the client's time zone; raises Http404."""
        asking = cast(ClientRequest, request)
        known = clients_of(request.user)
        asking.clients = [client for client, _ in known.values()]
        if "client" not in kwargs:
            return
        if kwargs["client"] not in known:
            raise Http404
        asking.client, asking.role = known[kwargs["client"]]
        timezone.activate(zone(asking.client.time_zone))


def zone(name: str) -> zoneinfo.ZoneInfo:
    """The time zone called `name`; UTC for a name that this machine does not know, so that pages still open."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return zoneinfo.ZoneInfo("UTC")
