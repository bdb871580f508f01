"""Makes records durable, and keeps in memory what the disk would not take: a full disk must not cost a record."""

import logging
import sqlite3
from collections import deque
from collections.abc import Callable

from voice_sipapp.records.cdr import Cdr, ReceiverPart

log = logging.getLogger(__name__)


class Keeper:
    """Hands records to `put` in the order they were made. `keep` and `retry` belong to one thread."""

    def __init__(self, put: Callable[[Cdr | ReceiverPart], None]) -> None:
        self._put = put
        self._waiting: deque[Cdr | ReceiverPart] = deque()

    @property
    def waiting(self) -> int:
        """How many records are only in memory."""
        return len(self._waiting)

    def keep(self, record: Cdr | ReceiverPart) -> None:
        """Make `record` durable now, or as soon as that can be done."""
        self._waiting.append(record)
        self.retry()

    def retry(self) -> None:
        """Try again what could not be kept; stops at the first that the disk does not take."""
        while self._waiting:
            try:
                self._put(self._waiting[0])
            except (sqlite3.Error, OSError):
                log.exception("a record can't be written to the spool; %d are kept in memory", len(self._waiting))
                return
            except Exception:  # an error of ours in this record: it must not stand in the way of all others
                log.exception("a record can't be written down and goes into the log: %r", self._waiting[0])
            self._waiting.popleft()

    def give_up(self) -> None:
        """The process ends: what is still only in memory goes into the log whole, for a person to recover."""
        self.retry()
        for record in self._waiting:
            log.critical("record not kept: %s", record.to_json())
