"""The page of one call, and the button that asks for one."""

from datetime import timedelta
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from voice_portal.accounts.clients import ClientRequest
from voice_portal.cdr import callrequests
from voice_portal.cdr.calldetail import call_detail
from voice_portal.probes import health, ladder, measures, timeline
from voice_portal.probes.callcharts import call_charts
from voice_portal.probes.findings import findings, worst
from voice_portal.probes.scope import client_of, state_of


@require_safe
def call_page(request: ClientRequest, probe: str, uuid: UUID) -> HttpResponse:
    """One call of a probe of the session's client; 404 for any other client's, whether it exists or not."""
    client = client_of(request)
    state = state_of(client, probe)
    detail = call_detail(client.client, probe, uuid)
    if detail is None:
        raise Http404
    found = findings(detail, state)
    streams = (("Forward", detail.forward), ("Reverse", detail.reverse))
    context = {
        "state": state,
        "call": detail.call,
        "asked": detail.request,
        "outcome": health.words(detail.call),
        "was_sent": timeline.was_sent(detail.call),
        "duration_s": detail.call.duration_ms / 1000,
        "ending": timeline.ending(detail.call),
        "findings": found,
        "worst": worst(found),
        "stations": timeline.stations(detail.call, detail.reverse),
        "reverse": detail.reverse,
        "groups": measures.tables(state, detail.forward, detail.reverse, counts=detail.call.valid),
        "charts": call_charts(state, detail.call.started_at, detail.intervals),
        "steps": ladder.steps(detail.ladders),
        "legs": list(detail.ladders),
        "recordings": [(name, stream) for name, stream in streams if stream is not None and stream.recording],
    }
    return render(request, "probes/call.html", context)


@require_POST
def call_now(request: ClientRequest, probe: str) -> HttpResponse:
    """Ask for a call of the probe, unless one is asked for already; the probe's page tells what becomes of it."""
    client = client_of(request)
    state = state_of(client, probe)
    if not state.suspended:
        user, duration = request.user.get_username(), timedelta(milliseconds=state.duration_ms)
        callrequests.ask(client.client, probe, user, duration)
    return redirect("probes:probe", probe)
