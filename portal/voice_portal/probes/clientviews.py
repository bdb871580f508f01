"""Where one begins: the list of the clients that one may see, or the only one."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from voice_portal.accounts.clients import ClientRequest, may_see_fleet
from voice_portal.cdr.models import Client, ProbeState
from voice_portal.probes.health import Health
from voice_portal.probes.live import renewal

EVERY_S = 30
SEARCHED_FROM = 10
"""With more clients than this, there is a field to search them."""


@dataclass(frozen=True)
class ClientRow:
    """A client and how many of its probes have each health, worst first; healths that none has are left out."""

    client: Client
    counts: Sequence[tuple[Health, int]]

    @property
    def rank(self) -> tuple[object, ...]:
        """For sorting: what to look at first. Of two with the same worst health, the one with more such probes."""
        worst, number = self.counts[0] if self.counts else (None, 0)
        return (worst is None, worst and worst.severity, -number, self.client.display_name.casefold())


@require_safe
def start(request: ClientRequest) -> HttpResponse:
    """To the client's overview for who may see one, and to the list of them for everybody else."""
    if len(request.clients) == 1 and not may_see_fleet(request.user):
        return redirect("probes:overview", request.clients[0].client)
    _must_see_any(request)
    return redirect("probes:clients")


@require_safe
def clients(request: ClientRequest) -> HttpResponse:
    """Every client that the user may see, the worst first; of `?q=`, those with that in their name."""
    _must_see_any(request)
    wanted = request.GET.get("q", "").strip()
    found = [client for client in request.clients if is_called(client, wanted)]
    context = {
        "rows": rows(found),
        "wanted": wanted,
        "renewal": renewal(request, EVERY_S),
        "is_searched": bool(wanted) or len(request.clients) > SEARCHED_FROM,
    }
    return render(request, "probes/clients.html", context)


def _must_see_any(request: ClientRequest) -> None:
    if not request.clients and not may_see_fleet(request.user):
        raise PermissionDenied(
            "Your account may not see any client yet. Ask who gave you the account to add you to one."
        )


def is_called(client: Client, wanted: str) -> bool:
    """Whether the display name or the namespace of `client` has `wanted` in it, in capitals or not."""
    return any(wanted.casefold() in name.casefold() for name in (client.display_name, client.client))


def rows(clients: Sequence[Client]) -> list[ClientRow]:
    """The rows of the list, by one query."""
    names = [client.client for client in clients]
    counted = ProbeState.objects.filter(client__in=names).values_list("client", "health").annotate(Count("probe"))
    counts = {(client, Health(health)): number for client, health, number in counted}
    found = [
        ClientRow(client, [(health, n) for health in Health if (n := counts.get((client.client, health)))])
        for client in clients
    ]
    return sorted(found, key=lambda row: row.rank)
