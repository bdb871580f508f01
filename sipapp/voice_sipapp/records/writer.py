"""The thread that carries records from the spool to the database."""

import logging
import sqlite3
import threading
import time
from datetime import UTC, datetime, timedelta

import pyodbc

from voice_sipapp.backoff import Backoff
from voice_sipapp.records import joining, odbc
from voice_sipapp.records.callkey import CallKey, random_key
from voice_sipapp.records.cdr import Cdr, ReceiverPart, StreamScore
from voice_sipapp.records.spool import Spool
from voice_sipapp.settings import Database

BATCH = 50
IDLE_S = 0.25
PARTS_EVERY_S = 2.0
PART_WAITS = timedelta(hours=24)
"""How long a receiver's part waits for its call: the dialer's host may be cut off from the database for hours."""

UNREADABLE = (ValueError, TypeError, KeyError, AttributeError)
"""What a text in the spool raises that is no record of this version."""

Batch = list[tuple[int, Cdr]]
log = logging.getLogger(__name__)


class Writer(threading.Thread):
    """Empties the spool for as long as it runs; a record leaves the spool only after the database has committed it."""

    def __init__(self, spool: Spool, database: Database, key: CallKey | None = None) -> None:
        """`key` tells the codes of other hosts' calls; without it none is known."""
        super().__init__(name="writer", daemon=True)
        self._key = random_key() if key is None else key
        self._spool = spool
        self._database = database
        self._connection: pyodbc.Connection | None = None
        self._ending = threading.Event()
        self._backoff = Backoff()
        self._next_parts = 0.0
        self._last_part = 0
        self._batch = BATCH

    def stop(self, timeout_s: float = 5.0) -> None:
        """Let the thread try once more what is waiting, then end; what it can't send stays in the spool."""
        self._ending.set()
        self.join(timeout_s)

    def run(self) -> None:
        """Carry on until told to stop."""
        while not self._ending.is_set():
            self._ending.wait(IDLE_S if self.drain() else self._backoff.wait())
        self.drain()
        self._disconnect()

    def drain(self) -> bool:
        """Send everything that waits. False if the database would not have it now (the reason is logged)."""
        self._spool.hold_reserve()
        try:
            while waiting := self._spool.take(self._batch):
                if batch := self._readable(waiting):
                    self._send(batch)
                self._batch = min(BATCH, self._batch * 2)
            if time.monotonic() >= self._next_parts:
                self._next_parts = time.monotonic() + PARTS_EVERY_S
                self._send_parts()
                self._send_scores()
        except (pyodbc.Error, sqlite3.Error) as error:  # SQLite's: the disk is full; what was sent is sent again
            unfit = isinstance(error, pyodbc.Error) and odbc.schema_at_fault(error)
            level, hint = (logging.ERROR, "; was the database's schema migrated, with its rights?") if unfit else (
                logging.WARNING, "")  # fmt: skip
            log.log(level, "records wait in the spool: %s%s", odbc.error_text(error), hint)
            self._disconnect()
            # What is too much at once for a slow server, or for one that takes no large packets, gets through in parts.
            self._batch = max(1, self._batch // 4)
            return False
        self._backoff.reset()
        return True

    def _readable(self, waiting: list[tuple[int, str]]) -> Batch:
        """The records of `waiting`; one that can't be read (another version wrote it) is put aside."""
        batch: Batch = []
        for number, body in waiting:
            try:
                batch.append((number, Cdr.from_json(body)))
            except UNREADABLE as error:
                self._spool.bury(number, f"unreadable: {error!r}")
                log.error("a record in the spool can't be read and was put aside: %r", error)  # noqa: TRY400
        return batch

    def _send(self, batch: Batch) -> None:
        connection = self._connected()
        try:
            self._insert(connection, batch)
        except (pyodbc.Error, *odbc.NOT_TAKEN) as error:
            if not odbc.row_at_fault(error):
                raise
            connection.rollback()
            for item in batch:
                self._send_alone(connection, item)

    def _send_alone(self, connection: pyodbc.Connection, item: tuple[int, Cdr]) -> None:
        try:
            self._insert(connection, [item])
        except (pyodbc.Error, *odbc.NOT_TAKEN) as error:
            if not odbc.row_at_fault(error):
                raise
            connection.rollback()
            self._spool.bury(item[0], odbc.error_text(error))
            log.error("a record can't be stored and was put aside: %s", odbc.error_text(error))  # noqa: TRY400

    def _send_parts(self) -> None:
        """Offer the receivers' parts to the database, some each time: those whose call is not there yet wait."""
        parts = self._spool.parts(self._last_part, BATCH)
        self._last_part = parts[-1][0] if len(parts) == BATCH else 0
        for number, body in parts:
            try:
                part = ReceiverPart.from_json(body)
            except UNREADABLE as error:
                self._spool.bury_part(number, f"unreadable: {error!r}")
                log.error("a receiver's part in the spool can't be read and was put aside: %r", error)  # noqa: TRY400
                continue
            self._send_part(number, part)

    def _send_part(self, number: int, part: ReceiverPart) -> None:
        connection = self._connected()
        try:
            stored = joining.store(connection, part, self._key)
        except (pyodbc.Error, *odbc.NOT_TAKEN) as error:
            if not odbc.row_at_fault(error):
                raise
            connection.rollback()
            self._spool.bury_part(number, odbc.error_text(error))
            log.error("a receiver's part can't be stored and was put aside: %s", odbc.error_text(error))  # noqa: TRY400
            return
        if stored:
            self._spool.part_done(number)
        elif datetime.now(UTC) - part.invited_at > PART_WAITS and not part.known:
            # Nothing proved that it was ours: nobody will look for it.
            self._spool.part_done(number)
            log.warning("a receiver's part that was presumed to be of %s/%s found no call in %s and was dropped",
                        part.stream.client, part.stream.probe, PART_WAITS)  # fmt: skip
        elif datetime.now(UTC) - part.invited_at > PART_WAITS:
            self._spool.bury_part(number, "no call was found that it is a part of")
            log.error("the receiver's part of a call of %s/%s found no call in %s and was put aside",
                      part.stream.client, part.stream.probe, PART_WAITS)  # fmt: skip

    def _send_scores(self) -> None:
        """Put scores to their streams; one whose stream is not there yet waits, as long as a receiver's part does."""
        for number, body in self._spool.scores(BATCH):
            try:
                score = StreamScore.from_json(body)
                done = odbc.store_score(self._connected(), score) or datetime.now(UTC) - score.started_at > PART_WAITS
            except UNREADABLE as error:
                log.error("a score in the spool can't be read and was dropped: %r", error)  # noqa: TRY400
                done = True
            except pyodbc.Error as error:
                if not odbc.row_at_fault(error):
                    raise
                log.error("a score can't be stored and was dropped: %s", odbc.error_text(error))  # noqa: TRY400
                done = True
            if done:
                self._spool.score_done(number)

    def _connected(self) -> pyodbc.Connection:
        """The connection, opened if need be. Apart from the insert: that it fails is never a record's fault."""
        if self._connection is None:
            self._connection = odbc.connect(self._database)
        return self._connection

    def _insert(self, connection: pyodbc.Connection, batch: Batch) -> None:
        odbc.insert(connection, [cdr for _, cdr in batch])
        self._spool.done([number for number, _ in batch])

    def _disconnect(self) -> None:
        if self._connection is None:
            return
        try:
            self._connection.close()
        except pyodbc.Error as error:
            log.debug("closing a broken connection: %s", odbc.error_text(error))
        self._connection = None
