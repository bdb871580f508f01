"""The pages: overview and probe."""

from dataclasses import dataclass
from datetime import timedelta

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from voice_portal.accounts.clients import ClientRequest
from voice_portal.cdr import queries
from voice_portal.cdr.models import Client, ProbeState
from voice_portal.grafana import frontend
from voice_portal.grafana.frontend import Frontend
from voice_portal.probes import health
from voice_portal.probes.health import Health
from voice_portal.probes.panels import panels
from voice_portal.probes.sparks import Spark, spark

SPARK_HOURS = 6
SPARK_SLOT_SECONDS = 600
RECENT_CALLS = 25
CHART_CALLS = 1500
RANGES = {"1h": timedelta(hours=1), "6h": timedelta(hours=6), "24h": timedelta(hours=24)}
DEFAULT_RANGE = "6h"


@dataclass(frozen=True)
class Card:
    """A probe on the overview."""

    state: ProbeState
    health: Health
    outcome: str
    spark: Spark


@require_safe
def overview(request: ClientRequest) -> HttpResponse:
    """Every probe of the session's client, the worst first."""
    client = _client(request)
    states = list(ProbeState.objects.for_client(client.client))
    context = {"cards": _cards(client, states), "counts": health.count(states), "spark_hours": SPARK_HOURS}
    return render(request, "probes/overview.html", context)


@require_safe
def probe_page(request: ClientRequest, probe: str) -> HttpResponse:
    """One probe of the session's client; 404 for any other client's, whether it exists or not."""
    client = _client(request)
    state = ProbeState.objects.for_client(client.client).filter(probe=probe).first()
    if state is None:
        raise Http404
    grafana = frontend.current()
    context: dict[str, object] = {
        "state": state,
        "health": Health(state.health),
        "outcome": health.outcome(state),
        "reasons": health.reasons(state),
        "calls": [(row, health.outcome(row.call)) for row in queries.recent_calls(client.client, probe, RECENT_CALLS)],
    }
    if grafana is Frontend.PRESENT and client.grafana_org_id:
        context["dashboard"] = frontend.dashboard_path(state.uid, client.grafana_org_id)
    else:
        context |= _own_charts(request, state) | {"grafana": grafana}
    return render(request, "probes/probe.html", context)


def _client(request: ClientRequest) -> Client:
    if request.client is None:
        raise PermissionDenied(
            "Your account may not see any client yet. Ask who gave you the account to add you to one."
        )
    return request.client


def _cards(client: Client, states: list[ProbeState]) -> list[Card]:
    since = timezone.now() - timedelta(hours=SPARK_HOURS)
    slots = SPARK_HOURS * 3600 // SPARK_SLOT_SECONDS
    history = queries.worst_mos(client.client, since, SPARK_SLOT_SECONDS, slots)
    cards = [
        Card(
            state,
            Health(state.health),
            health.outcome(state),
            spark(history.get(state.probe, []), float(state.mos_critical), SPARK_HOURS),
        )
        for state in states
    ]
    return sorted(cards, key=lambda card: (card.health.severity, card.state.display_name.casefold()))


def _own_charts(request: ClientRequest, state: ProbeState) -> dict[str, object]:
    """The charts that stand in for Grafana, over the time that the address asks for."""
    chosen = request.GET.get("range", DEFAULT_RANGE)
    if chosen not in RANGES:
        raise Http404
    now = timezone.now()
    start, end = timezone.localtime(now - RANGES[chosen]), timezone.localtime(now)
    calls = queries.calls_since(state.client, state.probe, start, CHART_CALLS)
    return {"charts": panels(state, calls, start, end), "ranges": list(RANGES), "range": chosen}
