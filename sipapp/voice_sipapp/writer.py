"""The thread that carries records from the spool to the database."""

import logging
import sqlite3
import threading

import pyodbc

from voice_sipapp import odbc
from voice_sipapp.backoff import Backoff
from voice_sipapp.cdr import Cdr
from voice_sipapp.settings import Database
from voice_sipapp.spool import Spool

BATCH = 50
IDLE_S = 0.25

Batch = list[tuple[int, Cdr]]
log = logging.getLogger(__name__)


class Writer(threading.Thread):
    """Empties the spool for as long as it runs; a record leaves the spool only after the database has committed it."""

    def __init__(self, spool: Spool, database: Database) -> None:
        super().__init__(name="writer", daemon=True)
        self._spool = spool
        self._database = database
        self._connection: pyodbc.Connection | None = None
        self._ending = threading.Event()
        self._backoff = Backoff()

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
        try:
            while waiting := self._spool.take(BATCH):
                if batch := self._readable(waiting):
                    self._send(batch)
        except (pyodbc.Error, sqlite3.Error) as error:  # SQLite's: the disk is full; what was sent is sent again
            log.warning("records wait in the spool: %s", odbc.error_text(error))
            self._disconnect()
            return False
        self._backoff.reset()
        return True

    def _readable(self, waiting: list[tuple[int, str]]) -> Batch:
        """The records of `waiting`; one that can't be read (another version wrote it) is put aside."""
        batch: Batch = []
        for number, body in waiting:
            try:
                batch.append((number, Cdr.from_json(body)))
            except (ValueError, TypeError, KeyError) as error:
                self._spool.bury(number, f"unreadable: {error!r}")
                log.error("a record in the spool can't be read and was put aside: %r", error)  # noqa: TRY400
        return batch

    def _send(self, batch: Batch) -> None:
        connection = self._connected()
        try:
            self._insert(connection, batch)
        except pyodbc.Error as error:
            if not odbc.row_at_fault(error):
                raise
            connection.rollback()
            for item in batch:
                self._send_alone(connection, item)

    def _send_alone(self, connection: pyodbc.Connection, item: tuple[int, Cdr]) -> None:
        try:
            self._insert(connection, [item])
        except pyodbc.Error as error:
            if not odbc.row_at_fault(error):
                raise
            connection.rollback()
            self._spool.bury(item[0], odbc.error_text(error))
            log.error("a record can't be stored and was put aside: %s", odbc.error_text(error))  # noqa: TRY400

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
