"""The records of calls (`voice_call`), made of plain facts: no other module makes any. Pure.

| what is known | function |
|---|---|
| a call begins; no more, if this process never gets to write another | begun |
| a call could not be placed | not_placed |
| a call of this host is over | ended |
| a call of another host reached this host's receiver | remote |
| the same, if this process never gets to write another | part_begun |
| two calls came for one of another host | part_contested |
"""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from voice_sipapp.plan.probe import Probe
from voice_sipapp.records import calluuid
from voice_sipapp.records.cdr import CallRecord, ReceiverPart, StreamRecord
from voice_sipapp.signalling import outcome
from voice_sipapp.signalling.outcome import Ending
from voice_sipapp.signalling.times import Times

CUT_OFF = "The SIP host stopped in mid-call; nothing is known of the call after its start."


@dataclass(frozen=True, kw_only=True)
class Where:
    """What a call of this host was sent from and to: `remote` with its port."""

    local: str
    remote: str
    transport: str


@dataclass(frozen=True, kw_only=True)
class Media:
    """What the dialer's side of a call says of its media. `first_rtp_ns`: when the first packet came, on the wall clock
    (None: none came); `early`: one came well before the answer.
    """

    audio_sha256: bytes
    encrypted: bool
    first_rtp_ns: int | None
    early: bool


@dataclass(frozen=True, kw_only=True)
class Dialled:
    """What the dialer's side of a call knows when it is over. `where`: None where no INVITE was sent. `reason` is what
    a reader is told; `cause` the far end's Q.850 cause. `spoilt`: this host is to blame, or nobody knows which leg was
    the receiver's.
    """

    times: Times
    ending: Ending
    media: Media
    where: Where | None
    call_id: str | None
    user_agent: str | None
    reason: str | None
    cause: int | None
    redirects: int
    spoilt: bool


def begun(uuid: UUID, probe: Probe, sip_host: str, started_at: datetime, request_id: int | None = None) -> CallRecord:
    """What the record of a call is if this process never gets to write another: its last known moment is its start."""
    record = _of(uuid, probe, sip_host, started_at, started_at, "interrupted")
    return replace(record, request_id=request_id, srtp=probe.srtp, sip_reason=CUT_OFF, valid=False)


def not_placed(
    probe: Probe, sip_host: str, now: datetime, disposition: str, reason: str, request_id: int | None = None
) -> CallRecord:
    """A record that says for what `reason` `probe` is not called `now`: because of the plan (a configuration error), or
    of this host (then not valid).
    """
    record = _of(calluuid.new(now), probe, sip_host, now, now, disposition)
    return replace(record, request_id=request_id, sip_reason=reason, valid=disposition == "configuration_error")


def ended(uuid: UUID, probe: Probe, sip_host: str, known: Dialled, request_id: int | None = None) -> CallRecord:
    """The record of a call that is over, without what only scoring can tell."""
    times, ending, where, media = known.times, known.ending, known.where, known.media
    over_at = times.at(times.ended) or times.started_at
    record = _of(uuid, probe, sip_host, times.started_at, over_at, outcome.disposition(ending))
    return replace(
        record,
        request_id=request_id,
        call_id=known.call_id,
        local_address=where.local if where else None,
        remote_address=where.remote if where else None,
        transport=where.transport if where else None,
        srtp=media.encrypted,
        progress_at=times.at(times.progress),
        answered_at=times.at(times.answered),
        sip_code=outcome.sip_code(ending),
        sip_reason=known.reason,
        q850_cause=known.cause,
        pdd_ms=times.since_invite_ms(times.progress),
        ring_ms=times.ring_ms,
        setup_ms=times.since_invite_ms(times.answered),
        first_rtp_ms=_since_invite_ms(media.first_rtp_ns, times),
        early_media=media.early or (times.answered is None and media.first_rtp_ns is not None),
        redirects=known.redirects,
        duration_ms=times.duration_ms,
        hangup_by=outcome.hangup_by(ending),
        ua_remote=known.user_agent,
        audio_sha256=media.audio_sha256,
        valid=not (ending.stopped or known.spoilt),
    )


def remote(uuid: UUID, probe: Probe, sip_host: str, now: datetime, *, spoilt: bool) -> CallRecord:
    """A call of another host as far as it is known at its receiver: what its stream is measured and written down under.
    `spoilt`: this host is to blame for what is wrong with it.
    """
    record = _of(uuid, probe, sip_host, calluuid.started_at(uuid), now, "answered")
    return replace(record, valid=not spoilt)


def part_begun(call: CallRecord, invited_at: datetime, *, known: bool) -> ReceiverPart:
    """What the receiver's part of `call`, one of another host, is if this process never gets to write another."""
    problem = f"The SIP host {call.sip_host}, its receiver, stopped in mid-call."
    return ReceiverPart(known, invited_at, None, _unheard(call), problem=problem)


def part_contested(probe: Probe, sip_host: str, at: datetime, problem: str, code: str | None) -> ReceiverPart:
    """What a call of another host must be told: two legs came for it at that moment, and neither proved to be it.
    `code`: says whether calls of the probe have one.
    """
    call = _of(calluuid.new(at), probe, sip_host, at, at, "answered")
    return ReceiverPart(False, at, code, _unheard(call), problem=f"{sip_host}: {problem}", contested=True)


def _of(
    uuid: UUID, probe: Probe, sip_host: str, started_at: datetime, ended_at: datetime, disposition: str
) -> CallRecord:
    """What every record says."""
    return CallRecord(
        uuid=uuid,
        started_at=started_at,
        client=probe.client,
        probe=probe.probe,
        generation=probe.generation,
        sip_host=sip_host,
        from_uri=probe.dialer.text,
        to_uri=probe.destination.text,
        ended_at=ended_at,
        disposition=disposition,
        audio=probe.audio,
    )


def _unheard(call: CallRecord) -> StreamRecord:
    """The stream of `call` at its receiver, of which nothing is known."""
    return StreamRecord(
        uuid=call.uuid, direction="forward", started_at=call.started_at, client=call.client, probe=call.probe,
        sip_host=call.sip_host, valid=False,
    )  # fmt: skip


def _since_invite_ms(wall_ns: int | None, times: Times) -> int | None:
    """Whole milliseconds from the INVITE to a moment of the wall clock: early media may come before the answer."""
    return None if wall_ns is None else max(0, (wall_ns - times.wall_ns) // 1_000_000)
