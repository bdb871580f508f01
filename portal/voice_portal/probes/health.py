"""Words for what the records say. The health itself is decided in one place, the view `voice_probe_state`."""

import enum
from collections.abc import Iterable, Iterator
from decimal import Decimal

from voice_portal.cdr.models import Call, ProbeState


class Health(enum.StrEnum):
    """A probe's health, worst first."""

    UNHEALTHY = "Unhealthy"
    DEGRADED = "Degraded"
    NO_DATA = "NoData"
    HEALTHY = "Healthy"
    SUSPENDED = "Suspended"

    @property
    def label(self) -> str:
        """How a person reads it."""
        return "No data" if self is Health.NO_DATA else self.value

    @property
    def css(self) -> str:
        """The class that colours it."""
        return self.value.lower()

    @property
    def severity(self) -> int:
        """For sorting: 0 is what to look at first."""
        return list(Health).index(self)


SPOILING_LAG_MS = 20
"""Beyond this delay of its own sending a SIP host calls a measurement not valid (docs/measurement.md)."""

CONFIGURATION_ERROR = "configuration_error"
DISPOSITIONS = {
    "answered": "Answered",
    "busy": "Busy",
    "no_answer": "No answer",
    "failed": "Failed",
    "timeout": "Timed out",
    "interrupted": "Interrupted",
    CONFIGURATION_ERROR: "Configuration error",
}


def outcome(record: Call | ProbeState) -> str:
    """How a call ended, with the reason unless it was answered: `Failed (503 Service Unavailable)`."""
    if record.disposition == CONFIGURATION_ERROR and record.sip_reason:
        return f"{words(record)}: {record.sip_reason}"
    sip = " ".join(str(part) for part in (record.sip_code, record.sip_reason) if part)
    is_plain = record.disposition in (None, "answered") or not sip
    return words(record) if is_plain else f"{words(record)} ({sip})"


def words(record: Call | ProbeState) -> str:
    """How a call ended, in a word or two."""
    if record.disposition is None:
        return "No call yet"
    return DISPOSITIONS.get(record.disposition, record.disposition)


def number(value: float | Decimal) -> str:
    """`value` with four digits at most, but for whole numbers, which keep theirs: `4.25`, `12345`."""
    return f"{float(value):.4g}" if abs(float(value)) < 1000 else f"{float(value):.0f}"


def why_not_counted(call: Call) -> str:
    """What the measuring host did to a call that is not valid, as the end of a sentence."""
    if call.disposition == "interrupted":
        return "the SIP host was stopped during it"
    if call.probe_lag_ms is not None and call.probe_lag_ms > SPOILING_LAG_MS:
        return f"the measuring host was too busy: its own packets left up to {call.probe_lag_ms:.0f} ms late"
    return "the measuring host spoilt it" + (f" ({call.sip_reason})" if call.sip_reason not in (None, "", "OK") else "")


def count(states: Iterable[ProbeState]) -> list[tuple[Health, int]]:
    """How many probes have each health, worst first; healths that no probe has are left out."""
    healths = [Health(state.health) for state in states]
    return [(health, healths.count(health)) for health in Health if health in healths]


def reasons(state: ProbeState) -> list[str]:
    """Why a probe is not Healthy: a sentence for each fault that its last call shows."""
    if state.health == Health.NO_DATA:
        return ["No call that counts has come in for at least three intervals."] if state.last_call_at else []
    if state.health not in (Health.UNHEALTHY, Health.DEGRADED):
        return []
    if state.disposition == CONFIGURATION_ERROR:
        return [outcome(state)]
    if state.disposition != "answered":
        return [f"The last call was not answered: {outcome(state)}."]
    return [*_unheard(state), *_crossed(state)]


def _unheard(state: ProbeState) -> Iterator[str]:
    """A sentence if a direction of the answered call brought nothing, or nothing that was said."""
    if state.one_way is not False:
        yield "One-way audio: in at least one direction no sound arrived."
    elif state.silent is not False:
        yield "Silence: in at least one direction packets arrived, but not the speech that was sent."


def _crossed(state: ProbeState) -> Iterator[str]:
    """A sentence for each threshold that the last call crossed; the graver of the two where both are."""
    measures = (
        ("MOS", state.mos, state.mos_warning, state.mos_critical, "", -1),
        ("Packet loss", state.loss_pct, state.loss_pct_warning, state.loss_pct_critical, " %", 1),
        ("Jitter", state.jitter_ms, state.jitter_ms_warning, state.jitter_ms_critical, " ms", 1),
        ("Post-dial delay", state.pdd_ms, state.pdd_ms_warning, state.pdd_ms_critical, " ms", 1),
        ("Late media", state.late_media_ms, state.late_media_ms_warning, state.late_media_ms_critical, " ms", 1),
    )
    for name, value, warning, critical, unit, sign in measures:
        for level, limit in (("critical", critical), ("warning", warning)):
            if value is not None and sign * (value - limit) > 0:
                side = "above" if sign > 0 else "below"
                yield f"{name} {number(value)}{unit} is {side} the {level} threshold of {number(limit)}{unit}."
                break
