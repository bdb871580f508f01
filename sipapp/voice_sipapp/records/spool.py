"""Where records wait for the database: a SQLite file that survives a crash of the process and of the machine."""

import fcntl
import logging
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO
from uuid import UUID

from voice_sipapp.records.cdr import CallRecord, Cdr, ReceiverPart, StreamScore
from voice_sipapp.records.recordings import QueuedRecording
from voice_sipapp.records.reserve import OCTETS, Reserve

# auto_vacuum: what a long outage piled up is the disk's again once it is sent. It must come before everything else.
_SCHEMA = """
PRAGMA auto_vacuum = FULL;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS waiting (n INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL UNIQUE, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS begun (uuid TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS begun_parts (uuid TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parts (n INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL UNIQUE, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS scores (n INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL UNIQUE, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS recordings (n INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,
  body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS dead (n INTEGER PRIMARY KEY, uuid TEXT NOT NULL, body TEXT NOT NULL, error TEXT NOT NULL);
"""
_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
"""What a full disk is told as: the second where the index of the journal can't grow."""

MOST_PRESUMED = 2000
"""Receivers' parts that wait although nothing proves that they are of a call of ours."""

MOST_RECORDINGS = 2000
"""Recordings that wait to be sent: of more, the oldest stay on this host."""

_PRESUMED = '{"known": false,'
"""What the text of such a part begins with."""

_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

Statement = tuple[str, tuple[str | int, ...]]
log = logging.getLogger(__name__)


class SpoolInUseError(OSError):
    """Another process has the spool; the text says what to do."""


class Spool:
    """Records in the order they were made. Usable from several threads; raises sqlite3.Error when the disk fails."""

    def __init__(self, path: Path, reserve: int = OCTETS) -> None:
        """Open `path`, or make it; `reserve` octets of the disk can be kept for it. Raises OSError or sqlite3.Error,
        with the path, where that can't be done.
        """
        if not path.parent.is_dir():
            raise NotADirectoryError(f"the spool {path} can't be made: there is no folder {path.parent}")
        self._lock = threading.Lock()
        self._path = path
        self._reserve = _reserve(path, reserve)
        self.presumed_dropped = 0
        try:
            self._db = _opened(path)
        except sqlite3.OperationalError as error:
            told = sqlite3.OperationalError(f"the spool {path} can't be opened: {error}")
            told.sqlite_errorcode = error.sqlite_errorcode
            raise told from error
        self._owned: IO[bytes] | None = None

    def own(self) -> None:
        """Make this process the only one that runs calls with this spool, until it is closed or the process ends.
        Raises SpoolInUseError: what another process has noted as begun is not over.
        """
        self._owned = _locked(self._path)

    def check(self) -> None:
        """Read all of the file. Raises sqlite3.DatabaseError where it is broken."""
        with self._lock:
            problems = self._db.execute("PRAGMA quick_check(1)").fetchall()
        if problems != [("ok",)]:
            broken = sqlite3.DatabaseError(problems[0][0])
            broken.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise broken

    def begin(self, begun: CallRecord | ReceiverPart) -> None:
        """Note that a call begins, or a receiver's part of one: `begun` is its record unless another one is put. On
        disk when this returns.
        """
        if isinstance(begun, CallRecord):
            table, uuid, body = "begun", begun.uuid, Cdr(begun, ()).to_json()
        else:
            table, uuid, body = "begun_parts", begun.stream.uuid, begun.to_json()
        self._write((f"INSERT OR REPLACE INTO {table} (uuid, body) VALUES (?, ?)", (uuid.hex, body)))  # noqa: S608

    def forget_part(self, uuid: UUID) -> None:
        """What was noted as a receiver's part of the call `uuid` was none."""
        self._write(("DELETE FROM begun_parts WHERE uuid = ?", (uuid.hex,)))

    def recover(self) -> int:
        """Before the first `begin`: what was noted and never ended becomes a record; returns how many there are."""
        copy = "INSERT OR IGNORE INTO {} (uuid, body) SELECT uuid, body FROM {} ORDER BY uuid"
        _, calls, _, parts = self._write(
            (copy.format("waiting", "begun"), ()), ("DELETE FROM begun", ()),
            (copy.format("parts", "begun_parts"), ()), ("DELETE FROM begun_parts", ()),
        )  # fmt: skip
        return calls + parts

    def put(self, record: Cdr | ReceiverPart) -> None:
        """Keep `record`; when this returns it is on disk. Keeping the same call twice keeps it once."""
        if isinstance(record, Cdr):
            table, noted, key = "waiting", "begun", record.call.uuid.hex
        else:
            table, noted, key = "parts", "begun_parts", record.stream.uuid.hex
            if not record.known:
                self._make_room()
        self._write(
            (f"INSERT OR IGNORE INTO {table} (uuid, body) VALUES (?, ?)", (key, record.to_json())),  # noqa: S608
            (f"DELETE FROM {noted} WHERE uuid = ?", (key,)),  # noqa: S608 - names of tables of this file
        )

    def _make_room(self) -> None:
        """Drop the oldest parts that were only presumed to be of a call, as long as there are too many: who calls
        without a header must not fill the disk.
        """
        presumed = f"parts WHERE body LIKE '{_PRESUMED}%'"
        if self._count(f"SELECT COUNT(*) FROM {presumed}") < MOST_PRESUMED:  # noqa: S608
            return
        oldest = f"(SELECT n FROM {presumed} ORDER BY n LIMIT 1)"  # noqa: S608
        self.presumed_dropped += sum(self._write((f"DELETE FROM parts WHERE n = {oldest}", ())))  # noqa: S608
        log.warning("the oldest receiver's part that no call has claimed was dropped: %d wait (%d dropped so far)",
                    MOST_PRESUMED, self.presumed_dropped)  # fmt: skip

    def parts(self, after: int, limit: int) -> list[tuple[int, str]]:
        """Receivers' parts with a number above `after`, at most `limit`, as (number, JSON)."""
        with self._lock:
            query = "SELECT n, body FROM parts WHERE n > ? ORDER BY n LIMIT ?"
            return self._db.execute(query, (after, limit)).fetchall()

    def part_done(self, number: int) -> None:
        """The database has the part with this `number`."""
        self._write(("DELETE FROM parts WHERE n = ?", (number,)))

    def bury_part(self, number: int, error: str) -> None:
        """As `bury`, for a receiver's part."""
        # Parts and records are numbered apart; below nought they stay apart among the dead.
        self._write(
            ("INSERT INTO dead SELECT -n, uuid, body, ? FROM parts WHERE n = ?", (error, number)),
            ("DELETE FROM parts WHERE n = ?", (number,)),
        )

    def put_score(self, score: StreamScore) -> None:
        """Keep the `score` of a stream until the database has it."""
        key = f"{score.uuid.hex}/{score.direction}"
        self._write(("INSERT OR IGNORE INTO scores (uuid, body) VALUES (?, ?)", (key, score.to_json())))

    def scores(self, limit: int) -> list[tuple[int, str]]:
        """The oldest scores, at most `limit`, as (number, JSON)."""
        with self._lock:
            return self._db.execute("SELECT n, body FROM scores ORDER BY n LIMIT ?", (limit,)).fetchall()

    def score_done(self, number: int) -> None:
        """The score with this `number` is in the database, or never will be."""
        self._write(("DELETE FROM scores WHERE n = ?", (number,)))

    def put_recording(self, recording: QueuedRecording) -> None:
        """Have the `recording` sent, of which only the name is kept here. Never with the room that is kept for records:
        raises sqlite3.OperationalError on a full disk.
        """
        self._write(
            ("INSERT OR IGNORE INTO recordings (name, body) VALUES (?, ?)", (recording.name, recording.to_json())),
            ("DELETE FROM recordings WHERE n <= (SELECT MAX(n) FROM recordings) - ?", (MOST_RECORDINGS,)),
            may_use_reserve=False,
        )

    def recordings(self, after: int, limit: int) -> list[tuple[int, str]]:
        """Recordings with a number above `after`, at most `limit`, as (number, JSON)."""
        with self._lock:
            query = "SELECT n, body FROM recordings WHERE n > ? ORDER BY n LIMIT ?"
            return self._db.execute(query, (after, limit)).fetchall()

    def recording_done(self, number: int) -> None:
        """The recording with this `number` is in the database, or never will be."""
        self._write(("DELETE FROM recordings WHERE n = ?", (number,)), may_use_reserve=False)

    def recordings_waiting(self) -> int:
        """How many recordings wait to be sent."""
        return self._count("SELECT COUNT(*) FROM recordings")

    def has_records(self) -> bool:
        """Whether a call's record waits for the database."""
        return bool(self._count("SELECT EXISTS (SELECT * FROM waiting)"))

    def take(self, limit: int) -> list[tuple[int, str]]:
        """The oldest records, at most `limit`, as (number, JSON). They stay until `done` or `bury` is told."""
        with self._lock:
            return self._db.execute("SELECT n, body FROM waiting ORDER BY n LIMIT ?", (limit,)).fetchall()

    def done(self, numbers: list[int]) -> None:
        """The database has the records with these `numbers`."""
        self._write(*(("DELETE FROM waiting WHERE n = ?", (number,)) for number in numbers))

    def bury(self, number: int, error: str) -> None:
        """Put a record that the database will never take aside, with the `error`, for a person to look at."""
        self._write(
            ("INSERT INTO dead SELECT n, uuid, body, ? FROM waiting WHERE n = ?", (error, number)),
            ("DELETE FROM waiting WHERE n = ?", (number,)),
        )

    def hold_reserve(self) -> None:
        """Take the room that is kept for records again, once there is some: of the process that owns the spool."""
        if self._owned is not None:
            self._reserve.hold()

    def _write(self, *statements: Statement, may_use_reserve: bool = True) -> list[int]:
        """Do all of `statements` or none; returns how many rows each was about. On a full disk, with the room that was
        kept for records, if they `may_use_reserve`.
        """
        with self._lock:
            try:
                return self._done(statements)
            except sqlite3.OperationalError as error:
                emptying = all(sql.startswith("DELETE") for sql, _ in statements)
                is_full = _cause(error) in _FULL
                if not (is_full and may_use_reserve and self._reserve.release(wholly=emptying)):
                    raise
            return self._done(statements)

    def _done(self, statements: Sequence[Statement]) -> list[int]:
        self._db.execute("BEGIN")
        try:
            rows = [self._db.execute(*statement).rowcount for statement in statements]
            self._db.execute("COMMIT")
        except BaseException:
            # A full disk may have ended the transaction already; left open, it would fail every later one.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        return rows

    def depth(self) -> int:
        """How many records and receivers' parts wait."""
        return self._count("SELECT (SELECT COUNT(*) FROM waiting) + (SELECT COUNT(*) FROM parts)")

    def dead(self) -> int:
        """How many records were put aside."""
        return self._count("SELECT COUNT(*) FROM dead")

    def _count(self, query: str) -> int:
        with self._lock:
            return int(self._db.execute(query).fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()
            if self._owned is not None:
                self._owned.close()


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=10, check_same_thread=False, isolation_level=None)
    try:
        with closing(connection.cursor()) as cursor:
            cursor.executescript(_SCHEMA)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _cause(error: sqlite3.Error) -> int:
    """SQLite's primary code of `error`; 0 where Python itself raised it."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def owned(path: Path, reserve: int = OCTETS) -> Spool:
    """The spool at `path`, for this process alone. One that can't be read any more is put aside, whole, for a person
    to recover, and a new one begun: a host that never calls again would help nobody. Raises as `Spool` and `own` do.
    """
    try:
        return _checked(path, reserve)
    except sqlite3.DatabaseError as error:
        if _cause(error) in _BROKEN:
            with _locked(path):
                _put_aside(path, error)
        elif _cause(error) not in _FULL or not _reserve(path, reserve).release(wholly=False):
            raise
        return _checked(path, reserve)


def _locked(path: Path) -> IO[bytes]:
    lock = path.with_name(f"{path.name}.lock").open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise SpoolInUseError(
            f"another SIP application runs with the spool {path}: stop it, or set VOICE_SPOOL to another file"
        ) from None
    return lock


def _put_aside(path: Path, error: sqlite3.Error) -> None:
    aside = f"{path.name}.broken-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    for suffix in ("-wal", "-shm", ""):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).replace(path.with_name(aside + suffix))
    log.error("the spool %s is broken (%s) and was put aside as %s: see docs/sip-host.md", path, error, aside)


def _reserve(path: Path, octets: int) -> Reserve:
    return Reserve(path.with_name(f"{path.name}.reserve"), octets)


def _checked(path: Path, reserve: int) -> Spool:
    spool = Spool(path, reserve)
    try:
        spool.own()
        spool.check()
        spool.hold_reserve()
    except (OSError, sqlite3.Error):
        spool.close()
        raise
    return spool
