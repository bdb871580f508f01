"""The pages: overview, all probes over time, and probe."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from voice_portal.accounts.clients import ClientRequest
from voice_portal.cdr import queries
from voice_portal.cdr.callrequests import recent_requests
from voice_portal.cdr.models import Client, ProbeState
from voice_portal.cdr.queries import CallWithStreams
from voice_portal.grafana import frontend
from voice_portal.grafana.frontend import Frontend
from voice_portal.probes import health
from voice_portal.probes.health import Health
from voice_portal.probes.panels import panels
from voice_portal.probes.scales import fitted
from voice_portal.probes.scope import client_of, state_of
from voice_portal.probes.sparks import Spark, in_words, spark

SPARK_SPAN = timedelta(hours=6)
SPARK_SLOTS = 36
RECENT_CALLS = 25
CHART_CALLS = 1500
RANGES = {"1h": timedelta(hours=1), "6h": timedelta(hours=6), "24h": timedelta(hours=24)}
GRAFANA_RANGES = (*RANGES, "7d", "28d")
DEFAULT_RANGE, LONGEST_RANGE = "6h", "24h"


@dataclass(frozen=True)
class Card:
    """A probe on the overview."""

    state: ProbeState
    health: Health
    outcome: str
    spark: Spark


@require_safe
def overview(request: ClientRequest) -> HttpResponse:
    """Every probe of the session's client, the worst first; the staff's page while all clients are looked at."""
    if request.fleet:
        return redirect("probes:fleet")
    client = client_of(request)
    states = list(ProbeState.objects.for_client(client.client))
    now = timezone.now()
    start = fitted(now - SPARK_SPAN, now, queries.first_call_since(client.client, now - SPARK_SPAN))
    span = in_words(now - start)
    context = {"cards": _cards(client, states, start, now), "counts": health.count(states), "span": span}
    return render(request, "probes/overview.html", context)


@require_safe
def probe_page(request: ClientRequest, probe: str) -> HttpResponse:
    """One probe of the session's client; 404 for any other client's, whether it exists or not."""
    client = client_of(request)
    state = state_of(client, probe)
    grafana = frontend.current()
    requests = recent_requests(client.client, probe, timedelta(milliseconds=state.duration_ms))
    context: dict[str, object] = {
        "state": state,
        "health": Health(state.health),
        "outcome": health.words(state),
        "reasons": health.reasons(state),
        "requests": requests,
        "is_waiting": any(asked.is_open for asked in requests),
        "calls": [_told(row) for row in queries.recent_calls(client.client, probe, RECENT_CALLS)],
    }
    if grafana is Frontend.PRESENT and client.grafana_org_id:
        span = _range(request, GRAFANA_RANGES)
        context |= {"ranges": GRAFANA_RANGES, "range": span}
        context["dashboard"] = frontend.dashboard_path(state.uid, client.grafana_org_id, span)
    else:
        context |= _own_charts(request, state) | {"grafana": grafana}
    return render(request, "probes/probe.html", context)


@require_safe
def trends(request: ClientRequest) -> HttpResponse:
    """All probes of the session's client over time, drawn by Grafana."""
    client, grafana = client_of(request), frontend.current()
    span = _range(request, GRAFANA_RANGES)
    context: dict[str, object] = {"grafana": grafana, "ranges": GRAFANA_RANGES, "range": span}
    if grafana is Frontend.PRESENT and client.grafana_org_id:
        context["dashboard"] = frontend.overview_path(client.grafana_org_id, span)
    return render(request, "probes/trends.html", context)


def _range(request: ClientRequest, known: Iterable[str]) -> str:
    """The time range that the address asks for; 404 if it is none that is offered."""
    chosen = request.GET.get("range", DEFAULT_RANGE)
    if chosen not in known:
        raise Http404
    return chosen


def _told(row: CallWithStreams) -> tuple[CallWithStreams, str, str]:
    """A call, how it ended, and why it does not count if it does not. The reason of a refusal says that already."""
    if row.call.valid:
        return row, health.outcome(row.call), ""
    why = f": {health.why_not_counted(row.call)}" if row.call.disposition == "answered" else ""
    return row, health.outcome(row.call), f"(not counted{why})"


def _cards(client: Client, states: list[ProbeState], start: datetime, end: datetime) -> list[Card]:
    slot_seconds = math.ceil((end - start) / SPARK_SLOTS / timedelta(seconds=1))
    history = queries.worst_mos(client.client, start, slot_seconds, SPARK_SLOTS)
    cards = [
        Card(
            state,
            Health(state.health),
            health.outcome(state),
            spark(history.get(state.probe, []), float(state.mos_critical), in_words(end - start)),
        )
        for state in states
    ]
    return sorted(cards, key=lambda card: (card.health.severity, card.state.display_name.casefold()))


def _own_charts(request: ClientRequest, state: ProbeState) -> dict[str, object]:
    """The charts that stand in for Grafana, over the time that the address asks for."""
    chosen = _range(request, GRAFANA_RANGES)
    # An address of Grafana's range stays good while Grafana is away.
    chosen = chosen if chosen in RANGES else LONGEST_RANGE
    now = timezone.now()
    start, end = timezone.localtime(now - RANGES[chosen]), timezone.localtime(now)
    calls = queries.calls_since(state.client, state.probe, start, CHART_CALLS)
    start = fitted(start, end, calls[0].call.started_at if calls else None)
    return {"charts": panels(state, calls, start, end), "ranges": list(RANGES), "range": chosen}
