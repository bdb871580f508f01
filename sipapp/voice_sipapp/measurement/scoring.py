"""From what both parties saw of a call to its record. Pure: it runs after the call, outside the media's thread."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from voice_sipapp.measurement import rtpstats, sources
from voice_sipapp.measurement.direction import Direction
from voice_sipapp.measurement.due import ALWAYS, Due, Span
from voice_sipapp.measurement.hearing import Heard
from voice_sipapp.measurement.holds import RESUMES_MS
from voice_sipapp.measurement.impairments import CODECS as IMPAIRMENTS
from voice_sipapp.measurement.latemedia import late_media_ms
from voice_sipapp.measurement.rtpstats import StreamStats
from voice_sipapp.media.arrivals import OVERTOOK_NS, Arrival
from voice_sipapp.media.audio import Audio
from voice_sipapp.media.codecs import CODECS
from voice_sipapp.media.rtppacket import packets
from voice_sipapp.records.cdr import CallRecord, Cdr, IntervalRecord, StreamRecord

MAX_LAG_MS = 20.0
"""A packet that left later than a whole packet time makes jitter of our own: the measurement is not valid."""

MAX_CLOCK_STEP_MS = 5.0
"""Arrivals are stamped with the wall clock: setting it by more than this during a call looks like jitter."""


@dataclass(frozen=True, kw_only=True)
class Party:
    """What one party sent, received and was told by RTCP, once its media has ended.

    `codec` is what its own leg agreed on, None where it agreed on none: something between may translate;
    `payload_type` is the number under which it receives that, `payload_types` are all numbers that the far end might
    send under, each with its codec, `comfort_noise` those of comfort noise. `not_sending` is when it was not to send
    itself (on hold); `not_sent` counts packets that this host itself failed to send, for the reason `send_problem`;
    `until_ns` is when it stopped listening, None where it never began; `due` is when the far end was to send;
    `clock_step_ms` is by how much this host's wall clock was set meanwhile. `other_source` counts packets that came
    from another source than the agreed one, `doubtful` is whether that one may have been the far end's; `unread`
    counts packets that this host had no room for while its port was flooded.
    """

    codec: str | None = None
    payload_type: int | None = None
    payload_types: Mapping[int, str] = field(default_factory=dict)
    comfort_noise: frozenset[int] = frozenset()
    not_sending: tuple[Span, ...] = ()
    sent: int = 0
    not_sent: int = 0
    send_problem: str | None = None
    clock_step_ms: float = 0.0
    lag_ms: float = 0.0
    received: Sequence[tuple[int, bytes]] = ()
    until_ns: int | None = None
    due: Due = ALWAYS
    round_trips_ms: Sequence[float] = ()
    remote_lost: int | None = None
    remote_jitter_ms: float | None = None
    other_source: int = 0
    unread: int = 0
    doubtful: bool = False


NOBODY = Party()
"""A party that had no media."""


@dataclass(frozen=True)
class Scored:
    """A call's record, and what was heard in each direction in which anything was."""

    cdr: Cdr
    heard: Mapping[str, Heard]


def complete(call: CallRecord, dialer: Party, receiver: Party | None, sound: Audio | None = None) -> Cdr:
    """The record of `score`."""
    return score(call, dialer, receiver, sound).cdr


def score(call: CallRecord, dialer: Party, receiver: Party | None, sound: Audio | None = None) -> Scored:
    """The whole record: `call` with its lag and validity, and the streams of both directions, which `sound` went.

    Where no media was agreed on, the streams are empty, and not one-way. `receiver` is None where none of this host was
    reached: if the call was answered all the same, the receiver may be another host, which writes what it heard.
    """
    listener = receiver or NOBODY
    forward = _measured(call, "forward", dialer, listener, sound)
    reverse = _measured(call, "reverse", listener, _after_answer(call, dialer), sound)
    lag = max(dialer.lag_ms, listener.lag_ms) if dialer.codec or listener.codec else None
    valid = call.valid and forward.record.valid and reverse.record.valid
    reason = "; ".join(filter(None, [call.sip_reason, *_own_faults(dialer, listener)])) or None
    elsewhere = receiver is None and call.answered_at is not None
    directions = (reverse,) if elsewhere else (forward, reverse)
    cdr = Cdr(
        replace(call, probe_lag_ms=lag, valid=valid, sip_reason=reason),
        tuple(direction.record for direction in directions),
        tuple(interval for direction in directions for interval in direction.intervals),
    )
    return Scored(cdr, {direction.record.direction: direction.heard for direction in directions if direction.heard})


def score_receiver(call: CallRecord, receiver: Party, sound: Audio | None) -> Scored:
    """The forward stream of a call of which this host was the receiver only; `call` is what it knows of it. What the
    dialer sent, and was told by RTCP, only the dialer's host knows.
    """
    forward = _measured(call, "forward", NOBODY, receiver, sound)
    stream = replace(forward.record, rtp_tx=None, probe_lag_ms=None)
    return Scored(Cdr(call, (stream,), forward.intervals), {"forward": forward.heard} if forward.heard else {})


def spoilt_by(receiver: Party) -> str | None:
    """What this host did wrong as the receiver of another host's call, in words; None if nothing. What it sent late or
    not at all, the dialer's host takes for the path's fault.
    """
    late = f"this host's receiver sent a packet {receiver.lag_ms:.0f} ms late"
    faults = [*([late] if receiver.lag_ms > MAX_LAG_MS else []), *_own_faults(NOBODY, receiver)]
    return "; ".join(faults) or None


def _after_answer(call: CallRecord, dialer: Party) -> Party:
    """`dialer` without the early media it received: that is somebody's ringing tone or announcement, and no part of
    the conversation that is measured. A call that was not answered has no other. What only overtook the answer stays.
    """
    if call.answered_at is None:
        return dialer if call.disposition == "answered" else replace(dialer, received=())
    since = round(call.answered_at.timestamp() * 1e6) * 1000 - OVERTOOK_NS
    return replace(dialer, received=[packet for packet in dialer.received if packet[0] >= since])


def _own_faults(dialer: Party, receiver: Party) -> list[str]:
    """What this host did wrong in a call, for the reader of its record."""
    parties = {"dialer": dialer, "receiver": receiver}
    step = max((party.clock_step_ms for party in parties.values() if party.codec), default=0.0)
    clock = [f"this host's clock was set by {step:.0f} ms during the call"] if step > MAX_CLOCK_STEP_MS else []
    doubtful = [
        f"media came to the {name} from two sources, neither of them the agreed one: whose it was can't be told"
        for name, party in parties.items()
        if party.doubtful
    ]
    not_sent = [
        f"this host's {name} could not send {party.not_sent} packets: {party.send_problem}"
        for name, party in parties.items()
        if party.not_sent
    ]
    unread = [
        f"the media port of this host's {name} was flooded, and {party.unread} packets found no room"
        for name, party in parties.items()
        if party.unread
    ]
    return clock + doubtful + unread + not_sent


@dataclass(frozen=True)
class _Measured:
    """One direction: its record, its seconds, its sound (None where nothing came)."""

    record: StreamRecord
    intervals: tuple[IntervalRecord, ...] = ()
    heard: Heard | None = None


def _measured(call: CallRecord, direction: str, sender: Party, listener: Party, sound: Audio | None) -> _Measured:
    """What `sender` sent and `listener` heard, in the listener's own codec."""
    codec = listener.codec or sender.codec
    key: dict[str, Any] = {
        "uuid": call.uuid,
        "direction": direction,
        "started_at": call.started_at,
        "client": call.client,
        "probe": call.probe,
    }
    if codec is None:
        return _Measured(StreamRecord(**key, sip_host=call.sip_host, valid=call.valid))
    codecs, usual = _payload_types(listener, codec)
    noise = (rtpstats.COMFORT_NOISE | listener.comfort_noise) - codecs.keys()
    due, late_ms = _due(call, sender, listener), _late_media_ms(listener, codecs)
    heard = packets(_of_the_call(listener, late_ms, noise), *codecs)
    stats = rtpstats.analyse(heard, codecs, noise, due)
    codec = stats.codec if stats and stats.codec else codec
    record = StreamRecord(
        **key,
        sip_host=call.sip_host,
        codec=codec,
        payload_type=usual if stats is None or stats.payload_type is None else stats.payload_type,
        ptime_ms=stats.ptime_ms if stats else sources.PTIME_MS,
        rtp_tx=sender.sent,
        rtp_rx=stats.received if stats else 0,
        rtp_other_source=listener.other_source,
        remote_lost=sender.remote_lost,
        remote_jitter_ms=sender.remote_jitter_ms,
        wideband=codec in IMPAIRMENTS and IMPAIRMENTS[codec].wideband,
        late_media_ms=late_ms,
        held_ms=_held_ms(due),
        one_way=call.disposition == "answered" and _is_one_way(stats, due),
        probe_lag_ms=sender.lag_ms,
        valid=call.valid and _measured_well(sender, listener),
        **_round_trip(listener),
    )
    if stats is None:
        return _Measured(record)
    media = Direction(stats, codec, listener.round_trips_ms, sound)
    played = media.heard()
    intervals = tuple(IntervalRecord(**key, **row) for row in media.intervals(played))
    return _Measured(replace(record, **media.columns(played)), intervals, played)


def _due(call: CallRecord, sender: Party, listener: Party) -> Due:
    """When `listener` was to hear sound: as it and its own far end agreed on, but for when `sender` was told to send
    none; up to the call's end, for a listener whose BYE got lost waits on for nothing.
    """
    held = (*listener.due.held, *sender.not_sending)
    due = replace(listener.due, held=held, until_ns=listener.due.until_ns or listener.until_ns)
    if due.until_ns is None or call.ended_at is None:
        return due
    return replace(due, until_ns=min(due.until_ns, round(call.ended_at.timestamp() * 1e6) * 1000))


def _held_ms(due: Due) -> int | None:
    """For how long no sound was due from the answer to the end."""
    if due.answered_ns is None or due.until_ns is None:
        return None
    span = max(0, due.until_ns - due.answered_ns)
    return (span - due.ns(due.answered_ns, due.until_ns)) // 1_000_000


def _late_media_ms(listener: Party, codecs: Collection[int]) -> int | None:
    """From the answer to the first sound, in whatever codec."""
    if listener.due.answered_ns is None:
        return None
    return late_media_ms(listener.received, set(codecs), listener.due.answered_ns)


def _payload_types(listener: Party, agreed: str) -> tuple[dict[int, str], int]:
    """The codec of each number that sound may come under, and the number of the `agreed` one: a far end may send in any
    codec of its answer (RFC 3264, section 6.1), go over to another one, and number them anew in mid-call.
    """
    usual = CODECS[agreed].payload_type if listener.payload_type is None else listener.payload_type
    return {**listener.payload_types, usual: agreed}, usual


def _of_the_call(listener: Party, late_ms: int | None, noise: Collection[int]) -> Sequence[Arrival]:
    """What `listener` received of the call itself. What another source sent before the first sound is the tail of early
    media, and so is all where no sound came after the answer; but comfort noise is a far end that is silent, and there.
    """
    since = listener.due.answered_ns
    if since is None:
        return listener.received
    if late_ms is None:
        return [each for each in listener.received if each[0] >= since and each[1][1] & 0x7F in noise]
    first_ns = since + late_ms * 1_000_000
    if first_ns <= since + OVERTOOK_NS:  # there is no tail: it would have gone on
        return listener.received
    source = next(packet[8:12] for at_ns, packet in listener.received if at_ns >= first_ns)
    return [each for each in listener.received if each[0] >= first_ns or each[1][8:12] == source]


def _is_one_way(stats: StreamStats | None, due: Due) -> bool:
    """Whether nothing came at all, or nothing but what came on hold although more was due."""
    if stats is None:
        return True
    if stats.received > stats.on_hold:
        return False
    if due.answered_ns is None or due.until_ns is None or not due.held:
        return True
    return due.ns(due.answered_ns, due.until_ns) > RESUMES_MS * 1_000_000


def _measured_well(sender: Party, listener: Party) -> bool:
    """Whether this host did its own part of a direction: it sent every packet in time, its clock was left alone, and
    it heard the far end and all of it.
    """
    clock = listener.clock_step_ms <= MAX_CLOCK_STEP_MS
    known = not listener.doubtful and not listener.unread
    return sender.lag_ms <= MAX_LAG_MS and not sender.not_sent and clock and known


def _round_trip(listener: Party) -> dict[str, Any]:
    trips = listener.round_trips_ms
    return {"rtt_ms": sum(trips) / len(trips), "rtt_max_ms": max(trips)} if trips else {}
