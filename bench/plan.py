"""Calls for a benchmark as the operator would plan them, and their records as the SIP host wrote them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

from pymysql.cursors import DictCursor

from voice_lab.context import Lab
from voice_lab.services import database

Row = dict[str, Any]


def row(client: str, probe: str, **changes: object) -> Row:
    """A row of `voice_probe`; `changes` must say at least `destination`, `every_ms` and `duration_ms`."""
    return {
        "client": client, "probe": probe, "uid": f"{client}/{probe}"[:36], "generation": 1, "display_name": probe,
        "dialer_address": "sip:probe@voice.example.net", "dialer_outbound_proxy": None,
        "receiver_address": "sip:agent@voice.example.net", "answer_after_ms": 100, "time_zone": "UTC", "dtmf": "[]",
        "codecs": '["PCMA"]', "audio": "speech-en", "media_encryption": "none", "mos_warning": 1, "mos_critical": 1,
        "loss_pct_warning": 100, "loss_pct_critical": 100, "jitter_ms_warning": 1000, "jitter_ms_critical": 1000,
        "pdd_ms_warning": 60_000, "pdd_ms_critical": 60_000, "late_media_ms_warning": 60_000,
        "late_media_ms_critical": 60_000, "alerting_enabled": 0, "alerting_for_ms": 60_000, "suspended": 0,
        "updated_at": "2026-01-01 00:00:00",
    } | changes  # fmt: skip


@contextmanager
def published(lab: Lab, client: str, rows: Sequence[Row]) -> Iterator[None]:
    """Have `rows` in the plan meanwhile, and no other of `client`."""
    withdraw(lab, client)
    add(lab, rows)
    try:
        yield
    finally:
        withdraw(lab, client)


def add(lab: Lab, rows: Sequence[Row]) -> None:
    """Put `rows` into the plan."""
    columns = list(rows[0])
    places = ", ".join(["%s"] * len(columns))
    with _cursor(lab) as cursor:
        query = f"INSERT INTO voice_probe ({', '.join(columns)}) VALUES ({places})"  # noqa: S608 - names from above
        cursor.executemany(query, [[each[column] for column in columns] for each in rows])


def withdraw(lab: Lab, client: str) -> None:
    """Take the probes of `client` out of the plan; calls that are up go on to their end."""
    with _cursor(lab) as cursor:
        cursor.execute("DELETE FROM voice_probe WHERE client = %s", (client,))


def forget(lab: Lab, client: str) -> None:
    """Delete every record of the calls of `client`."""
    with _cursor(lab) as cursor:
        for table in ("voice_call_ladder", "voice_call_interval", "voice_call_stream", "voice_call"):
            cursor.execute(f"DELETE FROM {table} WHERE client = %s", (client,))  # noqa: S608 - names from above


def records(lab: Lab, query: str, parameters: Mapping[str, object]) -> list[Row]:
    """The rows of `query`."""
    with _cursor(lab) as cursor:
        cursor.execute(query, dict(parameters))
        return list(cursor.fetchall())


@contextmanager
def _cursor(lab: Lab) -> Iterator[DictCursor]:
    with closing(database.connect(lab, "admin")) as connection, connection.cursor(DictCursor) as cursor:
        yield cursor
