"""The thread of the disk: every call is noted before it starts and its record kept when it is finished, in this order.

A call that this process does not live to see the end of so has a record all the same.
"""

import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from voice_sipapp.records.cdr import CallRecord, Cdr, ReceiverPart
from voice_sipapp.records.keeper import Keeper

RETRY_S = 5.0
"""How often records that the disk would not take are tried again."""

UNKEPT_LIMIT = 1000
"""No calls are placed while so many records are only in memory: better no call than one that nobody hears of."""

log = logging.getLogger(__name__)


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
        self._next_retry = 0.0

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

    @property
    def full(self) -> bool:
        """Whether no call may be placed, because so many records are only in memory."""
        return self.unkept >= UNKEPT_LIMIT

    def tick(self, moment: float) -> None:
        """Every now and then, try again to write what is only in memory; `moment` is the time (s) of a steady clock."""
        if not self.unkept or moment < self._next_retry:
            return
        self._next_retry = moment + RETRY_S
        self._thread.submit(self._keeper.retry)
        if self.full:
            log.error("no call is placed: the disk takes no records, and memory holds %d", self.unkept)

    def close(self) -> None:
        """Wait until everything is kept."""
        self._thread.shutdown(wait=True)
        self._keeper.give_up()
