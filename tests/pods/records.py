"""What outlives whatever happens to the pods: the plan, and a record of every call that a SIP host placed."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from voice_lab import waiting
from voice_lab.context import Lab
from voice_lab.services import database, sip_host

ENDED = re.compile(r"finishing: call ([0-9a-f-]{36}) \S+/\S+ \w+ code=")
"""How the log of a SIP host tells that a call of its dialer is over, and its record on the host's disk."""


def rows(lab: Lab, sql: str) -> list[tuple[Any, ...]]:
    """What the database's administrator reads."""
    with closing(database.connect(lab, "admin")) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def planned(lab: Lab) -> set[tuple[str, str]]:
    """Client and name of each probe of the plan."""
    return {(client, probe) for client, probe in rows(lab, "SELECT client, probe FROM voice_probe")}


def watch_the_plan(lab: Lab) -> Callable[[], list[tuple[str, str]]]:
    """Have the database note every row that is taken out of the plan, however soon another takes its place.

    Returns what tells client and name of each.
    """
    for sql in (
        "CREATE DATABASE watched",
        "CREATE TABLE watched.removed (client VARCHAR(63), probe VARCHAR(63))",
        "CREATE TRIGGER watch_removed AFTER DELETE ON voice_probe FOR EACH ROW"
        " INSERT INTO watched.removed VALUES (OLD.client, OLD.probe)",
    ):
        rows(lab, sql)
    return lambda: [(client, probe) for client, probe in rows(lab, "SELECT client, probe FROM watched.removed")]


def ended(lab: Lab) -> set[str]:
    """The calls that the SIP hosts say are over."""
    logs = [lab.folder / "logs" / f"{name}.log" for name in (sip_host.NAME, sip_host.SECOND)]
    return {call.replace("-", "") for log in logs for call in ENDED.findall(log.read_text())}


def recorded(lab: Lab) -> set[str]:
    """The calls that have a record in the database."""
    return {call for (call,) in rows(lab, "SELECT LOWER(HEX(uuid)) FROM voice_call")}


def assert_no_record_is_lost(lab: Lab) -> int:
    """See that each call that is over has its record, and no start of a probe is missing; the number of calls."""
    calls = ended(lab)
    waiting.until(lambda: calls <= recorded(lab), what="all calls that are over have a record", seconds=60)
    assert rows(lab, "SELECT SUM(dead_letters) FROM voice_sip_host") == [(0,)]
    ((left_out,),) = rows(lab, "SELECT SUM(calls_left_out) FROM voice_sip_host")
    assert missing_starts(lab) <= left_out, "what this host's limits gave no turn was counted; nothing else is missing"
    return len(calls)


def missing_starts(lab: Lab) -> int:
    """How many calls lack between the first and the last of each probe, by its interval."""
    query = (
        "SELECT c.client, c.probe, c.started_at, p.every_ms FROM voice_call c JOIN voice_probe p USING (client, probe)"
        " WHERE c.request_id IS NULL AND p.every_ms IS NOT NULL ORDER BY c.client, c.probe, c.started_at"
    )
    starts: dict[tuple[str, str, int], list[datetime]] = {}
    for client, probe, started_at, every_ms in rows(lab, query):
        starts.setdefault((client, probe, every_ms), []).append(started_at)
    return sum(
        max(0, round((later - earlier) / timedelta(milliseconds=every_ms)) - 1)
        for (_, _, every_ms), times in starts.items()
        for earlier, later in pairwise(times)
    )
