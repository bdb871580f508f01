"""The stations of a call, from the INVITE to its end. No I/O."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from voice_portal.cdr.models import Call

HANGUP = {"local": "this host", "remote": "the far side", "timeout": "nobody answered", "none": "refused"}


@dataclass(frozen=True)
class Station:
    """Something that happened `after_ms` milliseconds after the INVITE; `note` says what followed from it."""

    name: str
    after_ms: int
    note: str = ""


def stations(call: Call) -> list[Station]:
    """What happened in `call`, in order; nothing for a call that was never sent."""
    if not was_sent(call):
        return []
    return sorted(_stations(call), key=lambda station: station.after_ms)


def _stations(call: Call) -> Iterator[Station]:
    yield Station("INVITE", 0, f"by {call.transport.upper()}" if call.transport else "")
    if call.progress_at:
        yield Station("Ringing", _after(call, call.progress_at), "first 18x: post-dial delay")
    if call.first_rtp_ms is not None:
        note = "early media, before the answer" if call.early_media else "first packet at the dialer"
        yield Station("Sound", call.first_rtp_ms, note)
    if call.answered_at:
        yield Station("Answer", _after(call, call.answered_at), "200 OK: setup time")
    yield Station("End", _after(call, call.ended_at), ending(call))


def was_sent(call: Call) -> bool:
    """Whether there was an INVITE at all. A record of another application may know neither of its addresses."""
    return bool(call.remote_address or call.call_id) or call.disposition == "answered"


def ending(call: Call) -> str:
    """Who or what ended the call: `hung up by the far side`, or why there was nothing to hang up."""
    if not was_sent(call):
        return "never placed"
    who = HANGUP.get(call.hangup_by, call.hangup_by)
    return f"hung up by {who}" if call.hangup_by in ("local", "remote") else who


def _after(call: Call, at: datetime) -> int:
    return round((at - call.started_at) / timedelta(milliseconds=1))
