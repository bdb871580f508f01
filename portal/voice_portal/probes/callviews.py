"""The page of one call, and the button that asks for one."""

from datetime import timedelta
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from voice_portal.accounts import audit
from voice_portal.accounts.audit import What
from voice_portal.accounts.clients import ClientRequest
from voice_portal.cdr import callrequests
from voice_portal.cdr.calldetail import CallDetail, call_detail
from voice_portal.cdr.models import Call, ProbeState
from voice_portal.probes import health, ladder, measures, timeline
from voice_portal.probes.callcharts import call_charts
from voice_portal.probes.calls import rating
from voice_portal.probes.findings import findings, worst
from voice_portal.probes.scope import client_of, may_call, state_of
from voice_portal.recordings.players import players


@require_safe
def call_page(request: ClientRequest, client: str, uuid: UUID) -> HttpResponse:
    """One call of the client, also of a probe that is gone; 404 for any other client's, whether it exists or not."""
    detail = call_detail(client_of(request).client, uuid)
    if detail is None:
        raise Http404
    call = detail.call
    state = ProbeState.objects.for_client(client).filter(probe=call.probe).first()
    found = findings(detail, state)
    streams = (("Forward", detail.forward), ("Reverse", detail.reverse))
    context = {
        "state": state,
        "probe_name": state.display_name if state else call.probe,
        "changed": _changed(detail),
        "call": call,
        "asked": detail.request,
        "outcome": health.words(call),
        "was_sent": timeline.was_sent(call),
        "duration_s": call.duration_ms / 1000,
        "ending": timeline.ending(call),
        "findings": found,
        "worst": worst(found),
        "stations": timeline.stations(call, detail.reverse),
        "reverse": detail.reverse,
        "reasons": [(name, told) for name, stream in streams if (told := rating.explain(stream))],
        "groups": measures.tables(state, detail.forward, detail.reverse, counts=call.valid),
        "charts": call_charts(state, call.started_at, detail.intervals),
        "steps": ladder.steps(detail.ladders),
        "legs": list(detail.ladders),
        "players": players(call, {"forward": detail.forward, "reverse": detail.reverse}),
    }
    return render(request, "probes/call.html", context)


@require_safe
def call_of_probe(request: ClientRequest, client: str, probe: str, uuid: UUID) -> HttpResponse:
    """To the call's own address, which outlives the probe. 404 for a call of another probe."""
    if not Call.objects.for_client(client_of(request).client).filter(probe=probe, uuid=uuid).exists():
        raise Http404
    return redirect("probes:call", client, uuid)


def _changed(detail: CallDetail) -> str:
    """What became of the probe since the call, which was judged by the thresholds of then; empty if nothing did."""
    call = detail.call
    if detail.generation is None:
        return (
            f"The probe {call.probe} is not declared any more. All that was measured is here; its thresholds went with"
            " it, so nothing is coloured by them."
        )
    if detail.generation != call.generation:
        return (
            f"The probe was changed since this call (generation {call.generation} then, {detail.generation} now)."
            " Colours and sentences are by the thresholds of now, which may not be those of then."
        )
    return ""


@require_POST
def call_now(request: ClientRequest, probe: str, **_client: str) -> HttpResponse:
    """Ask for a call of the probe, unless one is asked for already; the probe's page tells what becomes of it.

    403 for who may only look.
    """
    client = client_of(request)
    state = state_of(client, probe)
    if not may_call(request):
        raise PermissionDenied(f"Calls may be asked for by engineers of {client.display_name}; you may look at them.")
    if not state.suspended:
        user, duration = request.user.get_username(), timedelta(milliseconds=state.duration_ms)
        if callrequests.ask(client.client, probe, user, duration):
            audit.note(request, What.CALL_ASKED, client.client, probe=probe)
    return redirect("probes:probe", client.client, probe)
