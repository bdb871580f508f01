"""The pages: all probes over time, and probe."""

from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.core.cache import cache
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from voice_portal.accounts.clients import ClientRequest
from voice_portal.accounts.middleware import zone
from voice_portal.cdr import periods, queries, standing
from voice_portal.cdr.bounded import TooSlow
from voice_portal.cdr.callrequests import recent_requests
from voice_portal.cdr.models import Client, ProbeState
from voice_portal.cdr.periods import Figures
from voice_portal.cdr.queries import CallWithStreams
from voice_portal.grafana import frontend
from voice_portal.grafana.frontend import Frontend, Times
from voice_portal.probes import comparison, health, panels, period, timelines
from voice_portal.probes.charts import Drawing
from voice_portal.probes.health import Health
from voice_portal.probes.live import renewal
from voice_portal.probes.period import Choice, Period, UnknownRange
from voice_portal.probes.scales import fitted
from voice_portal.probes.scope import client_of, may_call, state_of
from voice_portal.probes.since import since

RECENT_CALLS = 25
CHARTS, OWN = "charts", "own"
# How often a probe's page renews its figures: while a call that was asked for is due, and else.
WAITING_S, EVERY_S = 5, 30
# And that of all probes over time, over more than a day.
LONG_EVERY_S = 300
# How far back is looked for the moment in which the present health began.
STANDING = timedelta(days=7)


@require_safe
def probe_page(request: ClientRequest, probe: str, **_client: str) -> HttpResponse:
    """One probe of the client; 404 for any other client's, whether it exists or not."""
    client, now = client_of(request), timezone.now()
    state = state_of(client, probe)
    if shorter := _without_empty_fields(request):
        return redirect(shorter)
    choice = _choice(request, client, now)
    asked = recent_requests(client.client, probe, timedelta(milliseconds=state.duration_ms))
    is_waiting = any(one.is_open for one in asked)
    context: dict[str, object] = {
        "state": state,
        "health": Health(state.health),
        "since": since(state, standing.standing_of(client.client, probe, now - STANDING), now),
        "outcome": health.words(state),
        "reasons": health.reasons(state),
        "requests": asked,
        "is_waiting": is_waiting,
        "renewal": renewal(request, WAITING_S if is_waiting else EVERY_S),
        "may_call": may_call(request),
        "calls": [_told(row) for row in queries.recent_calls(client.client, probe, RECENT_CALLS)],
        **_chosen(request, choice),
    }
    if context["grafana"] is Frontend.PRESENT and client.grafana_org_id and not context["own"]:
        context["dashboard"] = frontend.dashboard_path(state.uid, client.grafana_org_id, _times(choice.period))
    try:
        context["rows"] = _compared(state, choice.period)
        if "dashboard" not in context:
            context["charts"] = _own_charts(state, choice.period)
    except TooSlow:
        context["too_slow"] = True
    return render(request, "probes/probe.html", context)


@require_safe
def trends(request: ClientRequest, **_client: str) -> HttpResponse:
    """All probes of the client over time, drawn by Grafana, or where it has no pages by the portal itself."""
    client, now = client_of(request), timezone.now()
    if shorter := _without_empty_fields(request):
        return redirect(shorter)
    choice = _choice(request, client, now)
    shown = choice.period
    context = _chosen(request, choice)
    if context["grafana"] is Frontend.PRESENT and client.grafana_org_id and not context["own"]:
        context["dashboard"] = frontend.overview_path(client.grafana_org_id, _times(shown))
        return render(request, "probes/trends.html", context)
    context["renewal"] = renewal(request, LONG_EVERY_S if shown.is_long else EVERY_S)
    try:
        slots = periods.health_slots(client.client, shown.start, shown.end, timelines.SLOTS)
        states = list(ProbeState.objects.for_client(client.client))
        context["timelines"] = timelines.timelines(states, slots, shown.span)
    except TooSlow:
        context["too_slow"] = True
    return render(request, "probes/trends.html", context)


def _choice(request: ClientRequest, client: Client, now: datetime) -> Choice:
    """The time that the address asks for; 404 for a range that is not offered."""
    try:
        return period.read(request.GET.dict(), zone(client.time_zone), now)
    except UnknownRange as error:
        raise Http404 from error


def _chosen(request: ClientRequest, choice: Choice) -> dict[str, object]:
    """What the links and the form for a time need, and who is to draw it: `?charts=own` asks the portal to."""
    is_own = request.GET.get(CHARTS) == OWN
    return {
        "ranges": list(period.RANGES),
        "range": choice.period.name,
        "choice": choice,
        "period": choice.period,
        "grafana": frontend.current(),
        "own": is_own,
        "kept": f"&{CHARTS}={OWN}" if is_own else "",
    }


def _without_empty_fields(request: ClientRequest) -> str:
    """The address without the fields that a form sent empty, which is the one to keep; empty where none are."""
    given = request.GET.dict()
    filled = {name: text for name, text in given.items() if text.strip() or name not in period.LABELS}
    if filled == given:
        return ""
    return f"{request.path}?{urlencode(filled)}" if filled else request.path


def _times(shown: Period) -> Times:
    """The same time as Grafana's pages are told it."""
    return shown.name or (shown.start, shown.end)


def _told(row: CallWithStreams) -> tuple[CallWithStreams, str, str]:
    """A call, how it ended, and why it does not count if it does not. The reason of a refusal says that already."""
    if row.call.valid:
        return row, health.outcome(row.call), ""
    why = f": {health.why_not_counted(row.call)}" if row.call.disposition == "answered" else ""
    return row, health.outcome(row.call), f"(not counted{why})"


def _compared(state: ProbeState, shown: Period) -> list[comparison.Row]:
    """The figures of the time beside those of the one before. Those of a long time are worked out once."""
    key = f"figures|{state.uid}|{shown.start.timestamp()}|{shown.end.timestamp()}"
    known: tuple[Figures, Figures] | None = cache.get(key) if shown.is_long else None
    if known is None:
        known = periods.figures(state.client, state.probe, shown.before, shown.start, shown.end)
        if shown.is_long:
            cache.set(key, known, period.STEP.total_seconds())
    return comparison.rows(*known)


def _own_charts(state: ProbeState, shown: Period) -> list[Drawing]:
    """The charts that stand in for Grafana; those of a young probe begin with its first call."""
    first = periods.first_call(state.client, state.probe, shown.before, shown.end)
    before, start = shown.before, shown.start
    if first is None or first >= start:
        before = start = fitted(start, shown.end, first)
    slots = periods.slots(state.client, state.probe, before, start, shown.end, panels.SLOTS)
    local_start, local_end = timezone.localtime(start), timezone.localtime(shown.end)
    return panels.panels(state, slots, local_start, local_end, shown.span)
