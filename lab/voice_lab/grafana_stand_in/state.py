"""What the stand-in remembers: documents by kind, organisation and key, in a file of SQLite or in memory."""

from __future__ import annotations

import json
import sqlite3
import threading
from pathlib import Path
from typing import Any

from voice_lab.errors import LabError

Document = dict[str, Any]

_TABLES = """
CREATE TABLE IF NOT EXISTS document
  (kind TEXT, org INTEGER, key TEXT, body TEXT NOT NULL, PRIMARY KEY (kind, org, key));
CREATE TABLE IF NOT EXISTS series (kind TEXT PRIMARY KEY, last INTEGER NOT NULL);
"""
SERVER = 0
"""Stands for the organisation of what belongs to none."""


class State:
    """Documents, and series of numbers of which none is given out twice. Threads may share it."""

    def __init__(self, path: Path | None = None) -> None:
        self._one_at_a_time = threading.Lock()
        try:
            self._database = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
            self._database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;" + _TABLES)
            self._database.execute("SELECT kind, org, key, body, last FROM document LEFT JOIN series USING (kind)")
        except sqlite3.Error as error:
            raise LabError(f"the state in {path} cannot be read ({error}): remove that file and start again") from error

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def wipe(self) -> None:
        """Forget everything: the next start finds an empty server."""
        self._database.executescript("DELETE FROM document; DELETE FROM series;")

    def next(self, series: str) -> int:
        """The next number of a series, from 1 on."""
        sql = "INSERT INTO series VALUES (?, 1) ON CONFLICT (kind) DO UPDATE SET last = last + 1 RETURNING last"
        ((number,),) = self._rows(sql, series)
        return int(number)

    def _rows(self, sql: str, *values: str | int | None) -> list[tuple[Any, ...]]:
        with self._one_at_a_time:
            return self._database.execute(sql, values).fetchall()

    def get(self, kind: str, org: int, key: str | int) -> Document | None:
        """One document."""
        sql = "SELECT body FROM document WHERE (kind, org, key) = (?, ?, ?)"
        found = self._rows(sql, kind, org, str(key))
        return json.loads(found[0][0]) if found else None

    def put(self, kind: str, org: int, key: str | int, body: Document) -> None:
        """Write a document; one of that key is replaced, and keeps its place in `all`."""
        sql = "INSERT INTO document VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body"
        self._rows(sql, kind, org, str(key), json.dumps(body))

    def drop(self, kind: str, org: int, key: str | int) -> bool:
        """Remove a document; whether there was one."""
        sql = "DELETE FROM document WHERE (kind, org, key) = (?, ?, ?) RETURNING 1"
        return bool(self._rows(sql, kind, org, str(key)))

    def drop_all(self, kind: str, *, org: int | None = None, key: str | int | None = None) -> None:
        """Remove the documents of a kind, of one organisation or with one key."""
        sql = "DELETE FROM document WHERE kind = ?1 AND (?2 IS NULL OR org = ?2) AND (?3 IS NULL OR key = ?3)"
        self._rows(sql, kind, org, None if key is None else str(key))

    def all(self, kind: str, org: int) -> list[Document]:
        """The documents of a kind in one organisation, in the order in which they were made."""
        sql = "SELECT body FROM document WHERE kind = ? AND org = ? ORDER BY rowid"
        return [json.loads(body) for (body,) in self._rows(sql, kind, org)]

    def everywhere(self, kind: str) -> list[tuple[int, Document]]:
        """The documents of a kind with their organisations."""
        sql = "SELECT org, body FROM document WHERE kind = ? ORDER BY rowid"
        return [(org, json.loads(body)) for org, body in self._rows(sql, kind)]
