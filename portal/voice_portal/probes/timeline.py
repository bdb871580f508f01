"""The stations of a call, from the INVITE to its end. No I/O."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from voice_portal.cdr.models import Call, CallStream

MILLISECOND = timedelta(milliseconds=1)
HANGUP = {"local": "this host", "remote": "the far side", "timeout": "nobody answered", "none": "refused"}


@dataclass(frozen=True)
class Station:
    """Something that happened `after_ms` milliseconds after the INVITE; `note` says what followed from it."""

    name: str
    after_ms: int
    note: str = ""


def stations(call: Call, reverse: CallStream | None = None) -> list[Station]:
    """What happened in `call`, in order; nothing for a call that was never sent. `reverse` is what the dialer heard."""
    if not was_sent(call):
        return []
    return sorted(_stations(call, reverse), key=lambda station: station.after_ms)


def _stations(call: Call, reverse: CallStream | None) -> Iterator[Station]:
    yield Station("INVITE", 0, f"by {call.transport.upper()}" if call.transport else "")
    if call.pdd_ms is not None:
        yield Station("Ringing", call.pdd_ms, "first 18x: post-dial delay")
    if call.first_rtp_ms is not None:
        note = "early media, before the answer" if call.early_media else "first packet at the dialer"
        yield Station("Sound", call.first_rtp_ms, note)
    if call.setup_ms is not None:
        yield Station("Answer", call.setup_ms, "200 OK: setup time")
        if call.early_media and reverse is not None and reverse.late_media_ms is not None:
            yield Station("Sound", call.setup_ms + reverse.late_media_ms, "first packet at the dialer after the answer")
    yield Station("End", round((call.ended_at - _invited_at(call)) / MILLISECOND), ending(call))


def _invited_at(call: Call) -> datetime:
    """When the INVITE went out: the durations count from there. A call starts a moment before, to make it ready."""
    if call.answered_at and call.setup_ms is not None:
        return call.answered_at - call.setup_ms * MILLISECOND
    if call.progress_at and call.pdd_ms is not None:
        return call.progress_at - call.pdd_ms * MILLISECOND
    return call.started_at


def was_sent(call: Call) -> bool:
    """Whether there was an INVITE at all. A record of another application may know neither of its addresses."""
    return bool(call.remote_address or call.call_id) or call.disposition == "answered"


def ending(call: Call) -> str:
    """Who or what ended the call: `hung up by the far side`, or why there was nothing to hang up."""
    if not was_sent(call):
        return "never placed"
    who = HANGUP.get(call.hangup_by, call.hangup_by)
    return f"hung up by {who}" if call.hangup_by in ("local", "remote") else who
