"""What stands out in one call: a sentence for each fault. No I/O."""

from collections.abc import Iterator

from voice_portal.cdr.calldetail import CallDetail
from voice_portal.cdr.models import CallStream, ProbeState
from voice_portal.probes.health import CONFIGURATION_ERROR, outcome
from voice_portal.probes.measures import crossed

GRADED = {"mos_cq": ("MOS", ""), "loss_pct": ("packet loss", " %"), "jitter_ms": ("jitter", " ms")}


def findings(detail: CallDetail, state: ProbeState) -> list[str]:
    """Everything about the call that a person should look at, by the probe's thresholds as they are today."""
    call = detail.call
    told = []
    if not call.valid:
        told.append("This call does not count: the measuring host spoilt it, so it says nothing about the path.")
    if call.disposition == CONFIGURATION_ERROR:
        return [*told, outcome(call)]
    if call.disposition != "answered":
        return [*told, f"The call was not answered: {outcome(call)}."]
    for name, stream in (("Forward", detail.forward), ("Reverse", detail.reverse)):
        told.extend(f"{name}: {fault}." for fault in _faults(stream, state))
    if call.pdd_ms is not None and call.pdd_ms > state.pdd_ms_warning:
        level = "critical" if call.pdd_ms > state.pdd_ms_critical else "warning"
        told.append(f"Post-dial delay {call.pdd_ms} ms is beyond the {level} threshold.")
    return told


def _faults(stream: CallStream | None, state: ProbeState) -> Iterator[str]:
    if stream is None:
        yield "no record of what was received has come in (yet)"
        return
    if stream.one_way:
        yield "one-way audio, no packet arrived"
    elif stream.silent:
        yield "silence, packets arrived but not the speech that was sent"
    elif not stream.valid:
        yield "not counted, the measuring host spoilt this direction"
    for column, (name, unit) in GRADED.items():
        value = getattr(stream, column)
        if value is not None and (css := crossed(state, column, value)):
            level = "critical" if css == "unhealthy" else "warning"
            yield f"{name} {float(value):.4g}{unit} is beyond the {level} threshold"
    if stream.wideband:
        yield "rated on the wide-band scale (G.107.1), not to be compared with narrow-band calls"
