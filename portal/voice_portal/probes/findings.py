"""What stands out in one call: a sentence for each fault. No I/O."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from voice_portal.cdr.calldetail import CallDetail
from voice_portal.cdr.models import CallStream, ProbeState
from voice_portal.probes.health import CONFIGURATION_ERROR, number, outcome, why_not_counted
from voice_portal.probes.measures import LIMITS, crossed

GRADED = {
    "mos_cq": ("MOS", ""),
    "loss_pct": ("packet loss", " %"),
    "jitter_ms": ("jitter", " ms"),
    "late_media_ms": ("late media", " ms"),
}


@dataclass(frozen=True)
class Finding:
    """A sentence, and the class that colours it: `unhealthy`, `degraded`, or nothing for a remark."""

    css: str
    text: str


def findings(detail: CallDetail, state: ProbeState | None) -> list[Finding]:
    """Everything about the call that a person should look at, by the probe's thresholds as they are today; by none of
    them where the probe is gone. Remarks stand last, below what was wrong.

    Of a call that does not count, all are remarks: what the measuring host spoilt itself accuses nobody.
    """
    found = sorted([*_of_call(detail, state), *_of_streams(detail, state)], key=lambda one: not one.css)
    if detail.call.valid:
        return found
    why = f"This call does not count: {why_not_counted(detail.call)}. Nothing below says anything about the path."
    return [Finding("", why), *(replace(one, css="") for one in found)]


def _of_call(detail: CallDetail, state: ProbeState | None) -> Iterator[Finding]:
    call = detail.call
    if call.disposition == CONFIGURATION_ERROR:
        yield Finding("unhealthy", outcome(call))
    elif call.disposition != "answered":
        yield Finding("unhealthy", f"The call was not answered: {outcome(call)}.")
    if state and call.pdd_ms is not None and call.pdd_ms > state.pdd_ms_warning:
        is_critical = call.pdd_ms > state.pdd_ms_critical
        limit = state.pdd_ms_critical if is_critical else state.pdd_ms_warning
        css, level = ("unhealthy", "critical") if is_critical else ("degraded", "warning")
        yield Finding(css, f"Post-dial delay {call.pdd_ms} ms is above the {level} threshold of {limit} ms.")


def _of_streams(detail: CallDetail, state: ProbeState | None) -> Iterator[Finding]:
    if detail.call.disposition != "answered":
        return
    forward, reverse = (list(_of_direction(stream, state)) for stream in (detail.forward, detail.reverse))
    both = [finding for finding in forward if finding in reverse]
    for name, found in (("Both directions", both), ("Forward", forward), ("Reverse", reverse)):
        for finding in found:
            if found is both or finding not in both:
                yield Finding(finding.css, f"{name}: {finding.text}.")


def _of_direction(stream: CallStream | None, state: ProbeState | None) -> Iterator[Finding]:
    """What stands out in one direction; remarks only, where the measuring host spoilt it."""
    if stream is None or stream.valid:
        yield from _faults(stream, state)
    else:
        yield Finding("", "not counted, the measuring host spoilt this direction")
        yield from (replace(finding, css="") for finding in _faults(stream, state))


def _faults(stream: CallStream | None, state: ProbeState | None) -> Iterator[Finding]:
    if stream is None:
        yield Finding("unhealthy", "no record of what was received has come in (yet)")
        return
    if stream.one_way:
        yield Finding("unhealthy", "one-way audio, no packet arrived")
    elif stream.silent:
        yield Finding("unhealthy", "silence, packets arrived but not the speech that was sent")
    if state:
        yield from _beyond(stream, state)
    if stream.rtp_other_source:
        packets = "1 packet" if stream.rtp_other_source == 1 else f"{stream.rtp_other_source} packets"
        yield Finding("", f"{packets} of another source than the agreed one arrived and counted for nothing")
    if stream.held_ms:
        yield Finding("", f"on hold for {stream.held_ms / 1000:.1f} s, in which no packet was due and none is lost")
    if stream.wideband:
        yield Finding("", "rated on the wide-band scale (G.107.1), not to be compared with narrow-band calls")


def _beyond(stream: CallStream, state: ProbeState) -> Iterator[Finding]:
    """A finding for each threshold that this direction is beyond."""
    for column, (name, unit) in GRADED.items():
        value = getattr(stream, column)
        if value is None or not (css := crossed(state, column, value)):
            continue
        threshold, sign = LIMITS[column]
        level = "critical" if css == "unhealthy" else "warning"
        limit = f"{number(getattr(state, f'{threshold}_{level}'))}{unit}"
        side = "above" if sign > 0 else "below"
        yield Finding(css, f"{name} {number(value)}{unit} is {side} the {level} threshold of {limit}")


def worst(found: list[Finding]) -> str:
    """The gravest class among them."""
    classes = {finding.css for finding in found}
    return next((css for css in ("unhealthy", "degraded") if css in classes), "")
