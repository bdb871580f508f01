"""What is measured of each direction of a call: names, units and meanings for people, side by side. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from voice_portal.cdr.models import CallStream, ProbeState


@dataclass(frozen=True)
class Measure:
    """A column of `voice_call_stream` as a person reads it. `decimals` is None for whole numbers."""

    column: str
    name: str
    unit: str
    meaning: str
    decimals: int | None = None


@dataclass(frozen=True)
class Cell:
    """A value as text, and the class that colours it; a dash where nothing was measured."""

    text: str
    css: str = ""


@dataclass(frozen=True)
class Row:
    """One measure in both directions."""

    measure: Measure
    forward: Cell
    reverse: Cell


NOT_MEASURED = "–"
MS, PERCENT, PACKETS, DBOV = "ms", "%", "packets", "dBov"

GROUPS: Sequence[tuple[str, Sequence[Measure]]] = (
    ("Quality", (
        Measure("mos_cq", "MOS, conversational", "", "E-model (G.107) with loss, late packets and delay, 1 to 4.5;"
                " what thresholds and health use", 2),
        Measure("mos_lq", "MOS, listening", "", "the same without the delay", 2),
        Measure("mos_min", "MOS, worst second", "", "the lowest of any full second", 2),
        Measure("r_factor", "R factor", "", "transmission rating behind the MOS; 93.2 is the best of a narrow-band"
                " call, 129 of a wide-band one", 1),
        Measure("mos_lqo", "MOS, full reference", "", "what was heard compared with what was played; another scale,"
                " never part of the MOS above", 2),
        Measure("mos_lqo_algorithm", "Its algorithm", "", "and version"),
    )),
    ("Packets", (
        Measure("rtp_tx", "Sent", PACKETS, "by the other party's host"),
        Measure("rtp_expected", "Expected", PACKETS, "by the sequence numbers received, and by what was due"),
        Measure("rtp_rx", "Received", PACKETS, "copies among them"),
        Measure("rtp_lost", "Lost", PACKETS, "expected, but never received"),
        Measure("loss_pct", "Loss rate", PERCENT, "lost of the expected", 2),
        Measure("rtp_discarded", "Late", PACKETS, "too late for the jitter buffer, so as good as lost"),
        Measure("discard_pct", "Late rate", PERCENT, "late of the expected", 2),
        Measure("rtp_dup", "Duplicated", PACKETS, "received more than once"),
        Measure("rtp_out_of_order", "Reordered", PACKETS, "received after a later one"),
        Measure("rtp_other_source", "Of another source", PACKETS, "from elsewhere than agreed on: RTP and RTCP, which"
                " count for nothing else"),
        Measure("concealed_pct", "Concealed", PERCENT, "time that had to be made up for missing packets", 2),
    )),
    ("Bursts", (
        Measure("max_loss_run", "Longest run", PACKETS, "missing one after the other"),
        Measure("burst_loss_pct", "Loss within bursts", PERCENT, "lost or late (RFC 3611)", 2),
        Measure("burst_ms", "Length of a burst", MS, "mean; 0 if there was none"),
        Measure("gap_loss_pct", "Loss between bursts", PERCENT, "lost or late, scattered", 2),
        Measure("gap_ms", "Length of a gap", MS, "mean time between bursts"),
    )),
    ("Delay", (
        Measure("late_media_ms", "Late media", MS, "from the answer to the first packet of sound; early media does not"
                " count"),
        Measure("held_ms", "On hold", MS, "time in which no packet was due: one of the ends held the call"),
        Measure("jitter_ms", "Jitter, mean", MS, "interarrival jitter (RFC 3550)", 1),
        Measure("jitter_max_ms", "Jitter, highest", MS, "its highest value in the call", 1),
        Measure("pdv_p95_ms", "Delay variation", MS, "95 % of the packets came within this much of the fastest", 1),
        Measure("rtt_ms", "Round trip, mean", MS, "of the media, by RTCP", 1),
        Measure("rtt_max_ms", "Round trip, highest", MS, "its highest value", 1),
        Measure("remote_jitter_ms", "Jitter, far end's report", MS, "what the other end says of the sound it got", 1),
        Measure("remote_lost", "Lost, far end's report", PACKETS, "differs where something on the path ends the media"),
    )),
    ("Sound", (
        Measure("speech_dbov", "Speech level", DBOV, "loudness of what was heard; 0 dBov is the loudest possible", 1),
        Measure("noise_dbov", "Noise level", DBOV, "loudness of the pauses", 1),
        Measure("active_pct", "Time with sound", PERCENT, "at or above −50 dBov", 1),
        Measure("longest_silence_ms", "Longest silence", MS, "the longest time below that level"),
        Measure("clip_pct", "Clipping", PERCENT, "samples at the codec's limit", 2),
    )),
    ("Stream", (
        Measure("codec", "Codec", "", "as agreed on at the listener's end"),
        Measure("payload_type", "Payload type", "", "RTP's number for it"),
        Measure("ptime_ms", "Packet length", MS, "sound in one packet"),
        Measure("sip_host", "Measured by", "", "the SIP host of the listener"),
        Measure("probe_lag_ms", "Sender's own lag", MS, "the worst delay of our own host's sending", 1),
    )),
)  # fmt: skip

LIMITS = {
    "mos_cq": ("mos", -1),
    "loss_pct": ("loss_pct", 1),
    "jitter_ms": ("jitter_ms", 1),
    "late_media_ms": ("late_media_ms", 1),
}
"""The measures that have thresholds: their names in `voice_probe_state`, and the sign of what is worse."""


def tables(
    state: ProbeState | None, forward: CallStream | None, reverse: CallStream | None, *, counts: bool = True
) -> list[tuple[str, list[Row]]]:
    """The measures of both directions in groups. A measure that neither direction has is left out.

    `counts`: whether the call is valid; nothing of one that is not is coloured, nor where there is no `state`.
    """
    if not any(stream is not None and (stream.codec or stream.rtp_rx) for stream in (forward, reverse)):
        return []  # no media was agreed on
    groups = []
    for title, measures in GROUPS:
        rows = [
            Row(one, *(cell(state, stream, one, counts=counts) for stream in (forward, reverse))) for one in measures
        ]
        if shown := [row for row in rows if (row.forward.text, row.reverse.text) != (NOT_MEASURED, NOT_MEASURED)]:
            groups.append((title, shown))
    return groups


def cell(state: ProbeState | None, stream: CallStream | None, measure: Measure, *, counts: bool) -> Cell:
    """One value, coloured by the probe's thresholds as they are today, unless the measuring host spoilt it, or the
    probe is gone.
    """
    if stream is None or (value := getattr(stream, measure.column)) is None:
        return Cell(NOT_MEASURED)
    number = f"{value:.{measure.decimals}f}" if measure.decimals is not None else str(value)
    css = crossed(state, measure.column, value) if state and counts and stream.valid else ""
    return Cell(f"{number} {_unit(measure.unit, value)}".strip(), css)


def _unit(unit: str, value: object) -> str:
    return "packet" if unit == PACKETS and value == 1 else unit


def crossed(state: ProbeState, column: str, value: Decimal) -> str:
    """`unhealthy` or `degraded` if `value` is on the bad side of that threshold, otherwise nothing."""
    if column not in LIMITS:
        return ""
    name, sign = LIMITS[column]
    for css, level in (("unhealthy", "critical"), ("degraded", "warning")):
        if sign * (value - getattr(state, f"{name}_{level}")) > 0:
            return css
    return ""
