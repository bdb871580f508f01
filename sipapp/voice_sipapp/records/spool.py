"""Where records wait for the database: a SQLite file that survives a crash of the process and of the machine."""

import fcntl
import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from voice_sipapp.records.cdr import CallRecord, Cdr, ReceiverPart, StreamScore

# auto_vacuum: what a long outage piled up is the disk's again once it is sent. It must come before everything else.
_SCHEMA = """
PRAGMA auto_vacuum = FULL;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS waiting (n INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL UNIQUE, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS begun (uuid TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parts (n INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL UNIQUE, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS scores (n INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL UNIQUE, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS dead (n INTEGER PRIMARY KEY, uuid TEXT NOT NULL, body TEXT NOT NULL, error TEXT NOT NULL);
"""
_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

log = logging.getLogger(__name__)


class SpoolInUseError(OSError):
    """Another process has the spool; the text says what to do."""


class Spool:
    """Records in the order they were made. Usable from several threads; raises sqlite3.Error when the disk fails."""

    def __init__(self, path: Path) -> None:
        """Open `path`, or make it. Raises OSError or sqlite3.Error, with the path, where that can't be done."""
        if not path.parent.is_dir():
            raise NotADirectoryError(f"the spool {path} can't be made: there is no folder {path.parent}")
        self._lock = threading.Lock()
        self._path = path
        try:
            self._db = sqlite3.connect(path, timeout=10, check_same_thread=False, isolation_level=None)
        except sqlite3.OperationalError as error:
            raise sqlite3.OperationalError(f"the spool {path} can't be opened: {error}") from error
        try:
            with closing(self._db.cursor()) as cursor:
                cursor.executescript(_SCHEMA)
        except sqlite3.OperationalError as error:
            self._db.close()
            raise sqlite3.OperationalError(f"the spool {path} can't be opened: {error}") from error
        except sqlite3.DatabaseError:
            self._db.close()
            raise
        self._owned: IO[bytes] | None = None

    def own(self) -> None:
        """Make this process the only one that runs calls with this spool, until it is closed or the process ends.
        Raises SpoolInUseError: what another process has noted as begun is not over.
        """
        lock = self._path.with_name(f"{self._path.name}.lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise SpoolInUseError(
                f"another SIP application runs with the spool {self._path}: stop it, or set VOICE_SPOOL to another file"
            ) from None
        self._owned = lock

    def check(self) -> None:
        """Read all of the file. Raises sqlite3.DatabaseError where it is broken."""
        with self._lock:
            problems = self._db.execute("PRAGMA quick_check(1)").fetchall()
        if problems != [("ok",)]:
            broken = sqlite3.DatabaseError(problems[0][0])
            broken.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise broken

    def begin(self, call: CallRecord) -> None:
        """Note that a call begins: `call` is its record unless another one is put. On disk when this returns."""
        with self._lock:
            self._db.execute(
                "INSERT OR REPLACE INTO begun (uuid, body) VALUES (?, ?)", (call.uuid.hex, Cdr(call, ()).to_json())
            )

    def recover(self) -> int:
        """Before the first `begin`: the calls that were noted and never ended become records; returns how many."""
        with self._lock, self._transaction():
            self._db.execute("INSERT OR IGNORE INTO waiting (uuid, body) SELECT uuid, body FROM begun ORDER BY uuid")
            return self._db.execute("DELETE FROM begun").rowcount

    def put(self, record: Cdr | ReceiverPart) -> None:
        """Keep `record`; when this returns it is on disk. Keeping the same call twice keeps it once."""
        if isinstance(record, Cdr):
            table, key = "waiting", record.call.uuid.hex
        else:
            table, key = "parts", record.stream.uuid.hex
        with self._lock, self._transaction():
            insert = f"INSERT OR IGNORE INTO {table} (uuid, body) VALUES (?, ?)"  # noqa: S608 - one of two names
            self._db.execute(insert, (key, record.to_json()))
            if table == "waiting":
                self._db.execute("DELETE FROM begun WHERE uuid = ?", (key,))

    def parts(self, after: int, limit: int) -> list[tuple[int, str]]:
        """Receivers' parts with a number above `after`, at most `limit`, as (number, JSON)."""
        with self._lock:
            query = "SELECT n, body FROM parts WHERE n > ? ORDER BY n LIMIT ?"
            return self._db.execute(query, (after, limit)).fetchall()

    def part_done(self, number: int) -> None:
        """The database has the part with this `number`."""
        with self._lock:
            self._db.execute("DELETE FROM parts WHERE n = ?", (number,))

    def bury_part(self, number: int, error: str) -> None:
        """As `bury`, for a receiver's part."""
        with self._lock, self._transaction():
            # Parts and records are numbered apart; below nought they stay apart among the dead.
            self._db.execute("INSERT INTO dead SELECT -n, uuid, body, ? FROM parts WHERE n = ?", (error, number))
            self._db.execute("DELETE FROM parts WHERE n = ?", (number,))

    def put_score(self, score: StreamScore) -> None:
        """Keep the `score` of a stream until the database has it."""
        key = f"{score.uuid.hex}/{score.direction}"
        with self._lock:
            self._db.execute("INSERT OR IGNORE INTO scores (uuid, body) VALUES (?, ?)", (key, score.to_json()))

    def scores(self, limit: int) -> list[tuple[int, str]]:
        """The oldest scores, at most `limit`, as (number, JSON)."""
        with self._lock:
            return self._db.execute("SELECT n, body FROM scores ORDER BY n LIMIT ?", (limit,)).fetchall()

    def score_done(self, number: int) -> None:
        """The score with this `number` is in the database, or never will be."""
        with self._lock:
            self._db.execute("DELETE FROM scores WHERE n = ?", (number,))

    def take(self, limit: int) -> list[tuple[int, str]]:
        """The oldest records, at most `limit`, as (number, JSON). They stay until `done` or `bury` is told."""
        with self._lock:
            return self._db.execute("SELECT n, body FROM waiting ORDER BY n LIMIT ?", (limit,)).fetchall()

    def done(self, numbers: list[int]) -> None:
        """The database has the records with these `numbers`."""
        with self._lock, self._transaction():
            self._db.executemany("DELETE FROM waiting WHERE n = ?", [(number,) for number in numbers])

    def bury(self, number: int, error: str) -> None:
        """Put a record that the database will never take aside, with the `error`, for a person to look at."""
        with self._lock, self._transaction():
            self._db.execute("INSERT INTO dead SELECT n, uuid, body, ? FROM waiting WHERE n = ?", (error, number))
            self._db.execute("DELETE FROM waiting WHERE n = ?", (number,))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            # A full disk may have ended the transaction already; left open, it would fail every later one.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

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


def owned(path: Path) -> Spool:
    """The spool at `path`, for this process alone. One that can't be read any more is put aside, whole, for a person
    to recover, and a new one begun: a host that never calls again would help nobody. Raises as `Spool` and `own` do.
    """
    try:
        return _checked(path)
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _BROKEN:
            raise
        aside = f"{path.name}.broken-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        for suffix in ("-wal", "-shm", ""):
            with suppress(FileNotFoundError):
                path.with_name(path.name + suffix).replace(path.with_name(aside + suffix))
        log.error("the spool %s is broken (%s) and was put aside as %s: see docs/sip-host.md", path, error, aside)  # noqa: TRY400
        return _checked(path)


def _checked(path: Path) -> Spool:
    spool = Spool(path)
    try:
        spool.own()
        spool.check()
    except (OSError, sqlite3.Error):
        spool.close()
        raise
    return spool
