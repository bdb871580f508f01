"""The thread that carries recordings to the database, behind everything else.

It begins with one only while no record waits, has a connection of its own, so that a slow one holds no record up, and
no error of it reaches anything but the log.
"""

import logging
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyodbc

from voice_sipapp import priority
from voice_sipapp.backoff import Backoff
from voice_sipapp.records import odbc, recordingstore
from voice_sipapp.records.recordings import QueuedRecording, UnusableRecordingError, row_of
from voice_sipapp.records.spool import Spool
from voice_sipapp.settings import Database

IDLE_S = 2.0
BATCH = 50
TIMEOUT_S = 30
"""For one recording: 2 MB take 16 s at 1 Mbit/s."""

FIRST_RETRY_S, LONGEST_RETRY_S = 2.0, 60.0
TRIES = 10
"""How often one is sent that the server neither takes nor refuses, as on a line that is too slow for it."""

STREAM_WAITS = timedelta(hours=24)
"""How long a recording waits for its call's record: as long as a receiver's part does."""

log = logging.getLogger(__name__)


class Uploader(threading.Thread):
    """Sends what waits in the `spool` from its file, which `path` tells of a recording's name, as `sip_host`."""

    def __init__(self, spool: Spool, database: Database, sip_host: str, path: Callable[[str], Path]) -> None:
        super().__init__(name="recordings", daemon=True)
        self._spool = spool
        self._database = database
        self._sip_host = sip_host
        self._path = path
        self._ending = threading.Event()
        self._backoff = Backoff(FIRST_RETRY_S, LONGEST_RETRY_S)
        self._last = 0
        self._tries: Counter[int] = Counter()
        self._told = ""
        self.sent = 0
        self.dropped = 0

    def stop(self, timeout_s: float = 1.0) -> None:
        """End, after the recording that is being sent; what waits is sent after the next start."""
        self._ending.set()
        if self.is_alive():
            self.join(timeout_s)

    def run(self) -> None:
        """Carry on until told to stop."""
        priority.take(priority.SCORING)
        while not self._ending.is_set():
            self._ending.wait(IDLE_S if self.drain() else self._backoff.wait())

    def drain(self) -> bool:
        """Send what waits, as long as no record does. False if something waits and nothing came of it: the database
        would not have it (the log says why, once), or does not have its call yet. Never raises: the application ends
        where a thread fails.
        """
        try:
            came_to_something = self._drain()
        except (pyodbc.Error, sqlite3.Error, OSError) as error:
            text = odbc.error_text(error)
            if isinstance(error, pyodbc.Error) and odbc.schema_at_fault(error):
                text += "; was the database's schema migrated, with its rights?"
            self._tell(text)
            return False
        except Exception:
            log.exception("recordings wait, because of an error of this application")
            return False
        if came_to_something:
            self._backoff.reset()
        return came_to_something

    def _tell(self, why: str) -> None:
        if why != self._told and not self._ending.is_set():
            log.warning("recordings wait: %s", why)
        self._told = why

    def _drain(self) -> bool:
        if not (waiting := self._waiting()) or self._spool.has_records():
            return True
        with closing(odbc.connect(self._database, autocommit=True, timeout_s=TIMEOUT_S)) as connection:
            if not recordingstore.takes_recordings(connection):
                raise OSError("the database has no table for them that this account may write: is its schema older?")
            most, before = recordingstore.most_octets(connection), self.sent + self.dropped
            for number, body in waiting:
                if self._ending.is_set() or self._spool.has_records():
                    return True
                self._last = number  # whatever comes of it: the next round begins after it
                self._send(connection, number, body, most)
        self._told = ""
        return self.sent + self.dropped > before

    def _waiting(self) -> list[tuple[int, str]]:
        """Some of what waits, each time others: those whose record is not there yet stand in no other's way."""
        return self._spool.recordings(self._last, BATCH) or self._spool.recordings(0, BATCH)

    def _send(self, connection: pyodbc.Connection, number: int, body: str, most_octets: int) -> None:
        try:
            queued = QueuedRecording.from_json(body)
        except (ValueError, TypeError, KeyError) as error:
            self._drop(number, f"its entry can't be read: {error!r}")
            return
        key = recordingstore.stream_of(connection, queued, self._sip_host)
        if key is None:
            if datetime.now(UTC) - queued.started_at > STREAM_WAITS:
                self._drop(number, f"{queued.name}: no record of its call came in {STREAM_WAITS}")
            return
        self._tries[number] += 1
        try:
            recordingstore.insert(connection, row_of(key, self._path(queued.name).read_bytes(), most_octets))
        except FileNotFoundError:
            self._drop(number, f"{queued.name} is gone")
        except UnusableRecordingError as error:
            self._drop(number, f"{queued.name}: {error}")
        except (pyodbc.Error, *odbc.NOT_TAKEN) as error:
            if not odbc.row_at_fault(error) and self._tries[number] < TRIES:
                raise
            self._drop(number, f"{queued.name}: {odbc.error_text(error)}")
        else:
            self._done(number)
            self.sent += 1

    def _drop(self, number: int, why: str) -> None:
        self.dropped += 1
        log.warning("a recording is not in the database, and the portal can't play it: %s", why)
        self._done(number)

    def _done(self, number: int) -> None:
        self._spool.recording_done(number)
        del self._tries[number]
