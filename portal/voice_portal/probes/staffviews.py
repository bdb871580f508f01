"""Pages for the provider's own staff: what belongs to no client."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from voice_portal.accounts.clients import only_staff
from voice_portal.cdr.models import SipHost
from voice_portal.cdr.queries import sip_hosts
from voice_portal.grafana import frontend
from voice_portal.probes.live import renewal

EVERY_S = 30
# A host writes its heartbeat every five seconds.
LATE_S, AWAY_S = 30, 300
# Beyond this, times of two hosts cannot be compared in one call.
WORST_OFFSET_MS = 500


@dataclass(frozen=True)
class HostRow:
    """A SIP host: how long ago it was heard, and what is wrong with it in words."""

    host: SipHost
    silent_s: int
    css: str
    label: str
    serves: str
    faults: list[str]


@require_safe
def hosts(request: HttpRequest) -> HttpResponse:
    """Every SIP host, for staff; 403 for everybody else."""
    only_staff(request)
    rows = [row(host, silent_s) for host, silent_s in sip_hosts()]
    return render(request, "probes/hosts.html", {"rows": rows, "renewal": renewal(request, EVERY_S)})


@require_safe
def fleet(request: HttpRequest) -> HttpResponse:
    """All clients at once, drawn by Grafana, for staff; 403 for everybody else."""
    only_staff(request)
    return render(request, "probes/fleet.html", {"grafana": frontend.current(), "dashboard": frontend.FLEET_PATH})


def row(host: SipHost, silent_s: float) -> HostRow:
    """What the page shows of `host`, whose last heartbeat is `silent_s` seconds old."""
    states = ((AWAY_S, "unhealthy", "Away"), (LATE_S, "degraded", "Late"))
    css, label = next(((css, label) for limit, css, label in states if silent_s > limit), ("healthy", "Up"))
    if not host.parties:  # its last word when it was stopped
        css, label = "idle", "Stopped"
    return HostRow(host, max(0, round(silent_s)), css, label, serves(host), faults(host))


def serves(host: SipHost) -> str:
    """Which parties of whose calls the host may be: `dialer, receiver of all clients`."""
    if not host.parties:
        return "–"
    clients = host.clients.replace(",", ", ") or "all clients"
    return f"{host.parties.replace(',', ', ')} of {clients}"


def faults(host: SipHost) -> list[str]:
    """What somebody should look at on that host, if anything."""
    told = []
    if host.dead_letters:
        told.append(f"{host.dead_letters} records that the database will never take: look into its spool")
    if host.calls_left_out:
        limits = "VOICE_MAX_CALLS or VOICE_CALLS_PER_SECOND"
        told.append(
            f"{host.calls_left_out} calls left out since it started, for its limits: raise {limits}, or add a host"
        )
    if host.clock_offset_ms is not None and abs(host.clock_offset_ms) > WORST_OFFSET_MS:
        told.append("its clock is wrong: set up NTP")
    return told
