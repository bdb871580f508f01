"""What becomes of a call that is over: it is scored, recorded if it was bad, and its record made durable.

Runs in the scoring thread, one call after the other, so that media and signalling never wait for it.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from voice_sipapp.measurement import scoring
from voice_sipapp.measurement.due import Due
from voice_sipapp.measurement.fullreference import Judge
from voice_sipapp.measurement.hearing import Heard
from voice_sipapp.measurement.recording import Recordings
from voice_sipapp.measurement.scoring import NOBODY, Party, Scored
from voice_sipapp.measurement.uploads import Uploads
from voice_sipapp.media.audio import Audio
from voice_sipapp.media.rtp import Stream
from voice_sipapp.records.cdr import CallRecord, Cdr, LadderRecord, ReceiverPart, StreamRecord
from voice_sipapp.signalling.reception import Visitor

UNHEARD = "the call was known by its number alone, and no media came from the address that it was to be sent to"
STOPPED = "the receiver was stopped in mid-call, or met an error of its own"

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A call that is over: what is known of it, and what both parties sent and received.

    `receiver` is None where no receiver of this host was reached. `sound` went both ways; a stream below `mos_warning`
    keeps its recording. `ladders` are the SIP messages of each leg as JSON.
    """

    call: CallRecord
    dialer: Party = NOBODY
    receiver: Party | None = NOBODY
    sound: Audio | None = None
    mos_warning: float = 0.0
    ladders: Mapping[str, str] = field(default_factory=dict)


class Finisher:
    """Finishes the calls of one host: `keep` makes a record durable. `recordings` is None where none are to be kept,
    `judge` where they are not to be scored, `uploads` where none are to go to the database.
    """

    def __init__(
        self,
        keep: Callable[[Cdr | ReceiverPart], None],
        recordings: Recordings | None,
        judge: Judge | None = None,
        uploads: Uploads | None = None,
    ) -> None:
        self._keep = keep
        self._recordings = recordings
        self._judge = judge
        self._uploads = uploads

    def call(self, finished: Finished) -> None:
        """Score and keep a call."""
        try:
            scored = scoring.score(finished.call, finished.dialer, finished.receiver, finished.sound)
        except Exception:
            log.exception("call %s could not be scored", finished.call.uuid)
            scored = scoring.score(replace(finished.call, valid=False), NOBODY, finished.receiver and NOBODY)
        cdr = self._recorded(scored, finished.mos_warning)
        self._keep(replace(cdr, ladders=_ladders(cdr.call, finished.ladders)))
        _tell(cdr)
        self._judged(cdr)
        self._upload(cdr, finished.mos_warning)

    def visit(self, visitor: Visitor, call: CallRecord, party: Party) -> None:
        """Score and keep the receiver's part of a `call` that another host placed."""
        receiver = visitor.receiver
        try:
            scored = scoring.score_receiver(call, _at_most(party, receiver.probe.duration_ms), receiver.audio)
        except Exception:
            log.exception("the receiver's part of call %s could not be scored", call.uuid)
            scored = scoring.score_receiver(replace(call, valid=False), NOBODY, None)
        cdr = self._recorded(scored, receiver.probe.mos_warning)
        (stream,) = cdr.streams
        ladders = _ladders(call, {"receiver": receiver.leg.ladder.to_json(call.started_at)})
        problem = STOPPED if visitor.spoilt else scoring.spoilt_by(party)
        told = f"{call.sip_host}: {problem}" if problem else None
        self._keep(
            ReceiverPart(visitor.known, receiver.invited_at, receiver.code, stream, cdr.intervals, ladders, told)
        )
        log.info("receiver of call %s %s/%s mos=%s", call.uuid, call.client, call.probe, _mos(stream))
        if visitor.known:  # else the key of the stream is not the one that it will have in the database
            self._judged(cdr)
        if not problem:
            self._upload(cdr, receiver.probe.mos_warning)

    def _recorded(self, scored: Scored, mos_warning: float) -> Cdr:
        """The record, its bad streams with their recordings. Both directions are kept where one is bad: what one
        person hears of the other often explains it.
        """
        cdr = scored.cdr
        if self._recordings is None:
            return cdr
        try:
            return self._with_recordings(scored, mos_warning, self._recordings)
        except Exception:
            log.exception("call %s is not recorded", cdr.call.uuid)
            return cdr

    def _with_recordings(self, scored: Scored, mos_warning: float, recordings: Recordings) -> Cdr:
        cdr = scored.cdr
        if not any(_is_bad(stream, mos_warning) for stream in cdr.streams):
            recordings.tidy()
            return cdr
        return replace(cdr, streams=tuple(self._with_recording(stream, scored.heard) for stream in cdr.streams))

    def _with_recording(self, stream: StreamRecord, heard: Mapping[str, Heard]) -> StreamRecord:
        sound = heard.get(stream.direction)
        if self._recordings is None or sound is None or not sound.samples.size:
            return stream
        name = self._recordings.keep(stream.uuid, stream.direction, sound.samples, sound.rate_hz)
        return replace(stream, recording=name)

    def _judged(self, cdr: Cdr) -> None:
        """Ask for the scores of the call's recordings; of silence there is nothing to compare."""
        for stream in cdr.streams:
            if self._judge and self._recordings and stream.recording and not stream.silent:
                self._judge.ask(stream, cdr.call.audio, self._recordings.path(stream.recording))

    def _upload(self, cdr: Cdr, mos_warning: float) -> None:
        """Have recordings of the call sent, if it is one of those that are."""
        if self._uploads is None:
            return
        try:
            self._uploads.call_over(cdr, is_bad=any(_is_bad(stream, mos_warning) for stream in cdr.streams))
        except Exception:  # a full disk, most likely: the file is kept, and the record is safe
            log.exception("the recordings of call %s stay on this host", cdr.call.uuid)


def party(stream: Stream) -> Party:
    """What scoring needs of a `stream` that has ended."""
    exchange = stream.exchange
    # The stack remembers a call for half a minute; its packets, a megabyte, go as soon as they are scored.
    return Party(
        codec=stream.codec,
        payload_type=stream.payload_type,
        payload_types=stream.payload_types,
        comfort_noise=stream.comfort_noise,
        due=_due(stream),
        not_sending=() if stream.until_ns is None else stream.directions.not_sending(stream.until_ns),
        sent=stream.sent,
        # What was held back until something came is no fault, if something did come.
        not_sent=stream.send_errors + (stream.withheld if stream.is_unheard else 0),
        send_problem=stream.send_problem or (UNHEARD if stream.is_unheard else None),
        lag_ms=stream.lag_ms,
        clock_step_ms=stream.clock_step_ms,
        until_ns=stream.until_ns,
        received=stream.released(),
        other_source=stream.other_source,
        unread=stream.unread,
        doubtful=stream.doubtful,
        round_trips_ms=exchange.round_trips_ms,
        remote_lost=exchange.remote_lost,
        remote_jitter_ms=exchange.remote_jitter_ms,
    )


def _due(stream: Stream) -> Due:
    """When the far end of a `stream` that has ended was to send."""
    if stream.until_ns is None:
        return Due(stream.answered_ns)
    return Due(stream.answered_ns, stream.until_ns, stream.directions.not_due(stream.until_ns, stream.answered_ns))


def _at_most(party: Party, duration_ms: int) -> Party:
    """`party` as one that listened no longer than the call was to last: when the other host hung up is not known."""
    if party.until_ns is None or not party.received:
        return party
    until_ns = min(party.until_ns, party.received[0][0] + duration_ms * 1_000_000)
    return replace(party, until_ns=until_ns, due=replace(party.due, until_ns=until_ns))


def _is_bad(stream: StreamRecord, mos_warning: float) -> bool:
    return stream.silent or stream.one_way or (stream.mos_cq is not None and stream.mos_cq < mos_warning)


def _ladders(call: CallRecord, legs: Mapping[str, str]) -> tuple[LadderRecord, ...]:
    """The rows of the legs of `call` that exchanged messages."""
    return tuple(
        LadderRecord(
            uuid=call.uuid, leg=leg, started_at=call.started_at, client=call.client, probe=call.probe, messages=messages
        )
        for leg, messages in legs.items()
        if messages
    )


def _tell(cdr: Cdr) -> None:
    call = cdr.call
    mos = {stream.direction: _mos(stream) for stream in cdr.streams}
    log.info(
        "call %s %s/%s %s code=%s mos=%s/%s%s",
        call.uuid, call.client, call.probe, call.disposition, call.sip_code,
        mos.get("forward", "-"), mos.get("reverse", "-"),
        "" if call.valid else " (not valid)",
    )  # fmt: skip


def _mos(stream: StreamRecord) -> str:
    return "-" if stream.mos_cq is None else f"{stream.mos_cq:.2f}"
