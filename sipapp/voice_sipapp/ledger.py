"""The thread of the disk: every call is noted before it starts and its record kept when it is finished, in this order.

A call that this process does not live to see the end of so has a record all the same.
"""

import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from uuid import UUID

from voice_sipapp.plan.probe import Probe
from voice_sipapp.records import calluuid
from voice_sipapp.records.cdr import CallRecord, Cdr, ReceiverPart, StreamRecord
from voice_sipapp.records.keeper import Keeper
from voice_sipapp.signalling.call import Call
from voice_sipapp.signalling.receiver import ANY_CODE
from voice_sipapp.signalling.receiverlegs import AMBIGUOUS
from voice_sipapp.signalling.reception import Visitor
from voice_sipapp.signalling.station import Station

log = logging.getLogger(__name__)


def as_begun(call: Call, request_id: int | None = None) -> CallRecord:
    """What the record of `call` is if this process never gets to write another: its last known moment is its start."""
    return CallRecord(
        uuid=call.uuid,
        started_at=call.times.started_at,
        client=call.probe.client,
        probe=call.probe.probe,
        generation=call.probe.generation,
        sip_host=call.station.sip_host,
        request_id=request_id,
        from_uri=call.probe.dialer.text,
        to_uri=call.probe.destination.text,
        srtp=call.probe.srtp,
        ended_at=call.times.started_at,
        disposition="interrupted",
        sip_reason="The SIP host stopped in mid-call; nothing is known of the call after its start.",
        audio=call.probe.audio,
        valid=False,
    )


def as_answered(visitor: Visitor, station: Station) -> ReceiverPart:
    """What the receiver's part of a call of another host is if this process never gets to write another."""
    call, receiver = visitor.record(station), visitor.receiver
    stream = StreamRecord(
        uuid=call.uuid, direction="forward", started_at=call.started_at, client=call.client, probe=call.probe,
        sip_host=call.sip_host, valid=False,
    )  # fmt: skip
    problem = f"The SIP host {call.sip_host}, its receiver, stopped in mid-call."
    return ReceiverPart(visitor.known, receiver.invited_at, None, stream, problem=problem)


def as_contested(probe: Probe, at: datetime, station: Station) -> ReceiverPart:
    """What a call of another host must be told: two legs came for it at that moment, and neither proved to be it."""
    stream = StreamRecord(
        uuid=calluuid.new(at), direction="forward", started_at=at, client=probe.client, probe=probe.probe,
        sip_host=station.sip_host, valid=False,
    )  # fmt: skip
    code = ANY_CODE if probe.confirm else None
    return ReceiverPart(False, at, code, stream, problem=f"{station.sip_host}: {AMBIGUOUS}", contested=True)


class Ledger:
    """`note` gets each call before it starts (and each receiver's part of another host's when it is answered), `keep`
    each finished record; when they return, it is on disk. `forget` gets what was noted and was a stranger's.
    """

    def __init__(
        self,
        keep: Callable[[Cdr | ReceiverPart], None],
        note: Callable[[CallRecord | ReceiverPart], None] | None = None,
        forget: Callable[[UUID], None] | None = None,
    ) -> None:
        self._note = note
        self._forget = forget
        self._keeper = Keeper(keep)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="disk")

    @property
    def unkept(self) -> int:
        """How many finished records are only in memory, because the disk would not take them."""
        return self._keeper.waiting

    def begin(self, record: CallRecord, then: Callable[[], None]) -> None:
        """Note that the call of `record` begins, then do `then`, in the disk's thread."""
        self._thread.submit(self._begin, record, then)

    def _begin(self, record: CallRecord, then: Callable[[], None]) -> None:
        try:
            if self._note is not None:
                self._note(record)
        except Exception as error:  # a full disk, most likely: the call itself needs no disk
            log.warning("call %s starts without a note on disk: %r", record.uuid, error)
        finally:
            then()

    def answered(self, part: ReceiverPart) -> None:
        """Note that a call of another host is up here, of which this is the receiver's `part` so far."""
        self._thread.submit(self._answered, part)

    def _answered(self, part: ReceiverPart) -> None:
        try:
            if self._note is not None:
                self._note(part)
        except sqlite3.Error as error:
            log.warning("the receiver's part of call %s has no note on disk: %r", part.stream.uuid, error)

    def not_ours(self, uuid: UUID) -> None:
        """The call `uuid` that was noted as answered was a stranger's."""
        if self._forget is not None:
            self._thread.submit(self._forget, uuid)

    def keep(self, record: Cdr | ReceiverPart) -> None:
        """Make a finished `record` durable."""
        self._thread.submit(self._keeper.keep, record)

    def retry(self) -> None:
        """Try again to write what is only in memory."""
        self._thread.submit(self._keeper.retry)

    def close(self) -> None:
        """Wait until everything is kept."""
        self._thread.shutdown(wait=True)
        self._keeper.give_up()
