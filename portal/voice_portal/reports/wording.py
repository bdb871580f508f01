"""What an incident's calls crossed, in words."""

from dataclasses import dataclass

from voice_portal.cdr.models import ProbeState
from voice_portal.probes.health import CONFIGURATION_ERROR, DISPOSITIONS, number
from voice_portal.reports.fold import Incident


@dataclass(frozen=True)
class Thresholds:
    """From where on a call is unhealthy. As the probe has them now."""

    mos: float
    loss_pct: float
    jitter_ms: float
    pdd_ms: float
    late_media_ms: float


def thresholds_of(state: ProbeState) -> Thresholds:
    """Those of a probe."""
    return Thresholds(
        float(state.mos_critical),
        float(state.loss_pct_critical),
        float(state.jitter_ms_critical),
        float(state.pdd_ms_critical),
        float(state.late_media_ms_critical),
    )


def reasons(incident: Incident, limits: Thresholds) -> list[str]:
    """Why the calls of `incident` were unhealthy: a sentence for each fault that any of them shows."""
    found = [_unanswered(*outcome) for outcome in incident.outcomes.most_common()]
    if incident.unheard:
        found.append(f"No sound or no speech in a direction: {calls(incident.unheard)}.")
    return found + _crossed(incident, limits)


def calls(count: int) -> str:
    """So many calls."""
    return "1 call" if count == 1 else f"{count} calls"


def _unanswered(outcome: str, count: int) -> str:
    disposition, _, sip_code = outcome.partition(" ")
    words = DISPOSITIONS.get(disposition, disposition)
    if sip_code and disposition != CONFIGURATION_ERROR:
        words = f"{words} ({sip_code})"
    return f"Not answered: {calls(count)}, {words}."


def _crossed(incident: Incident, limits: Thresholds) -> list[str]:
    measures = (
        ("MOS", _scaled(incident.mos), limits.mos, "", -1),
        ("Packet loss", _scaled(incident.loss), limits.loss_pct, " %", 1),
        ("Jitter", _scaled(incident.jitter), limits.jitter_ms, " ms", 1),
        ("Post-dial delay", incident.pdd_ms, limits.pdd_ms, " ms", 1),
        ("Late media", incident.late_media_ms, limits.late_media_ms, " ms", 1),
    )
    return [
        f"{name} down to {number(value)}{unit}, below {number(limit)}{unit}."
        if sign < 0
        else f"{name} up to {number(value)}{unit}, above {number(limit)}{unit}."
        for name, value, limit, unit, sign in measures
        if value is not None and sign * (value - limit) > 0
    ]


def _scaled(thousandths: int | None) -> float | None:
    return None if thousandths is None else thousandths / 1000
