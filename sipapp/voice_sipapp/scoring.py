"""From what both parties saw of a call to its record. Pure: it runs after the call, outside the media's thread."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from voice_sipapp import emodel, levels, rtpstats
from voice_sipapp.cdr import CallRecord, Cdr, StreamRecord
from voice_sipapp.codecs import CODECS
from voice_sipapp.rtppacket import packets

MAX_LAG_MS = 20.0
"""A packet that left later than a whole packet time makes jitter of our own: the measurement is not valid."""

MAX_CLOCK_STEP_MS = 5.0
"""Arrivals are stamped with the wall clock: setting it by more than this during a call looks like jitter."""


@dataclass(frozen=True, kw_only=True)
class Party:
    """What one party sent, received and was told by RTCP, once its media has ended.

    `codec` is what its own leg agreed on, None where it agreed on none: something between may translate;
    `payload_type` is the number under which it receives that. `not_sent`
    counts packets that this host itself failed to send, for the reason `send_problem`;
    `clock_step_ms` is by how much this host's wall clock was set meanwhile.
    """

    codec: str | None = None
    payload_type: int | None = None
    sent: int = 0
    not_sent: int = 0
    send_problem: str | None = None
    clock_step_ms: float = 0.0
    lag_ms: float = 0.0
    received: Sequence[tuple[int, bytes]] = ()
    round_trips_ms: Sequence[float] = ()
    remote_lost: int | None = None
    remote_jitter_ms: float | None = None


NOBODY = Party()
"""A party that had no media."""


def complete(call: CallRecord, dialer: Party, receiver: Party) -> Cdr:
    """The whole record: `call` with its lag and validity, and the streams of both directions.

    Where no media was agreed on, the streams are empty, and not one-way.
    """
    forward = stream_record(call, "forward", dialer, receiver)
    reverse = stream_record(call, "reverse", receiver, dialer)
    lag = max(dialer.lag_ms, receiver.lag_ms) if dialer.codec or receiver.codec else None
    valid = call.valid and forward.valid and reverse.valid
    reason = "; ".join(filter(None, [call.sip_reason, *_own_faults(dialer, receiver)])) or None
    return Cdr(replace(call, probe_lag_ms=lag, valid=valid, sip_reason=reason), (forward, reverse))


def _own_faults(dialer: Party, receiver: Party) -> list[str]:
    """What this host did wrong in a call, for the reader of its record."""
    parties = {"dialer": dialer, "receiver": receiver}
    step = max((party.clock_step_ms for party in parties.values() if party.codec), default=0.0)
    clock = [f"this host's clock was set by {step:.0f} ms during the call"] if step > MAX_CLOCK_STEP_MS else []
    return clock + [
        f"this host's {name} could not send {party.not_sent} packets: {party.send_problem}"
        for name, party in parties.items()
        if party.not_sent
    ]


def stream_record(call: CallRecord, direction: str, sender: Party, listener: Party) -> StreamRecord:
    """The record of one direction: what `sender` sent and `listener` heard, in the listener's own codec."""
    codec = listener.codec or sender.codec
    common: dict[str, Any] = {
        "uuid": call.uuid,
        "direction": direction,
        "started_at": call.started_at,
        "client": call.client,
        "probe": call.probe,
        "sip_host": call.sip_host,
    }
    if codec is None:
        return StreamRecord(**common, valid=call.valid)
    payload_type = CODECS[codec].payload_type if listener.payload_type is None else listener.payload_type
    media = packets(listener.received, payload_type)
    stats = rtpstats.analyse(media)
    return StreamRecord(
        **common,
        codec=codec,
        payload_type=payload_type,
        ptime_ms=stats.ptime_ms if stats else rtpstats.PTIME_MS,
        rtp_tx=sender.sent,
        rtp_rx=stats.received if stats else 0,
        remote_lost=sender.remote_lost,
        remote_jitter_ms=sender.remote_jitter_ms,
        one_way=stats is None and call.disposition == "answered",
        probe_lag_ms=sender.lag_ms,
        valid=call.valid and _measured_well(sender, listener),
        **_round_trip(listener),
        **(_measured(stats, codec, listener.round_trips_ms) if stats else {}),
    )


def _measured_well(sender: Party, listener: Party) -> bool:
    """Whether this host did its own part of a direction: it sent every packet in time and its clock was left alone."""
    return sender.lag_ms <= MAX_LAG_MS and not sender.not_sent and listener.clock_step_ms <= MAX_CLOCK_STEP_MS


def _round_trip(listener: Party) -> dict[str, Any]:
    trips = listener.round_trips_ms
    return {"rtt_ms": sum(trips) / len(trips), "rtt_max_ms": max(trips)} if trips else {}


def _measured(stats: rtpstats.StreamStats, codec: str, trips: Sequence[float]) -> dict[str, Any]:
    bursts = stats.burstiness
    narrow = CODECS[codec].rate_hz == 8000
    sound = levels.measure(codec, stats.payloads) if narrow else None
    return {
        "rtp_expected": stats.expected,
        "rtp_lost": stats.lost,
        "rtp_dup": stats.duplicates,
        "rtp_out_of_order": stats.out_of_order,
        "rtp_discarded": stats.discarded,
        "loss_pct": stats.loss_pct,
        "discard_pct": stats.discard_pct,
        "max_loss_run": stats.max_loss_run,
        "burst_loss_pct": bursts.burst_loss_pct,
        "burst_ms": round(bursts.burst_ms),
        "gap_loss_pct": bursts.gap_loss_pct,
        "gap_ms": round(bursts.gap_ms),
        "jitter_ms": stats.jitter_ms,
        "jitter_max_ms": stats.jitter_max_ms,
        "active_pct": sound.active_pct if sound else None,
        "longest_silence_ms": sound.longest_silence_ms if sound else None,
        "speech_dbov": sound.speech_dbov if sound else None,
        "clip_pct": sound.clip_pct if sound else None,
        **(_quality(stats, trips) if narrow else {}),
    }


def _quality(stats: rtpstats.StreamStats, trips: Sequence[float]) -> dict[str, float]:
    """Ratings (ITU-T G.107). The delay is half the round trip, the jitter buffer and one packet; where RTCP gave no
    round trip, the network's share is taken as nothing. `mos_lq` leaves delay out altogether.
    """
    network = sum(trips) / len(trips) / 2 if trips else 0.0
    loss = stats.loss_pct + stats.discard_pct
    delay = network + rtpstats.JITTER_BUFFER_MS + stats.ptime_ms
    rating = emodel.r_factor(emodel.Path(loss, stats.burst_ratio, delay))
    listening = emodel.r_factor(emodel.Path(loss, stats.burst_ratio))
    return {"r_factor": rating, "mos_cq": emodel.mos(rating), "mos_lq": emodel.mos(listening)}
