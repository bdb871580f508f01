"""The SIP application against real servers: plan in and records out through ODBC, and the lab's lossy path."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.ports import free_udp_port
from voice_lab import processes
from voice_sipapp.media import audio
from voice_sipapp.records.cdr import Cdr
from voice_sipapp.records.spool import Spool

if TYPE_CHECKING:
    import pymysql

pytestmark = [pytest.mark.services, pytest.mark.long]

ADDRESS = "::1"
CLIENT = "sip-calls-test"


def plan_row(probe: str, destination: str, **changes: Any) -> dict[str, Any]:
    """A row of the plan that is called every three seconds, for one second."""
    return {
        "client": CLIENT, "probe": probe, "uid": f"{CLIENT}/{probe}"[:36], "generation": 1, "display_name": probe,
        "dialer_address": "sip:probe-1@voice.example.net", "dialer_outbound_proxy": None,
        "destination": destination, "receiver_address": "sip:agent-7@voice.example.net", "answer_after_ms": 100,
        "every_ms": 3000, "time_zone": "UTC", "duration_ms": 1000, "dtmf": "[]", "codecs": '["G729", "PCMA"]',
        "audio": "tone", "media_encryption": "none", "mos_warning": 4, "mos_critical": 3.6, "loss_pct_warning": 0.5,
        "loss_pct_critical": 2, "jitter_ms_warning": 20, "jitter_ms_critical": 40, "pdd_ms_warning": 3000,
        "pdd_ms_critical": 6000, "late_media_ms_warning": 1000, "late_media_ms_critical": 3000, "alerting_enabled": 0,
        "alerting_for_ms": 60_000, "suspended": 0, "updated_at": "2026-01-01 00:00:00",
    } | changes  # fmt: skip


TABLES = (
    "voice_probe", "voice_probe_lease", "voice_call_request", "voice_call_stream", "voice_call_interval",
    "voice_call_ladder", "voice_call_recording", "voice_call",
)  # fmt: skip


class Records:
    """The database as the test uses it: rows of the plan go in, call records come out."""

    def __init__(self, connection: pymysql.Connection[Any]) -> None:
        self._connection = connection

    def plan(self, row: dict[str, Any]) -> None:
        """Publish `row`."""
        places = ", ".join(["%s"] * len(row))
        with self._connection.cursor() as cursor:
            query = f"REPLACE INTO voice_probe ({', '.join(row)}) VALUES ({places})"
            cursor.execute(query, list(row.values()))

    def forget(self) -> None:
        """Remove what the test made."""
        with self._connection.cursor() as cursor:
            for table in TABLES:
                cursor.execute(f"DELETE FROM {table} WHERE client = %s", (CLIENT,))

    def all(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of `query`, which has the client as its one parameter."""
        with self._connection.cursor() as cursor:
            cursor.execute(query, (CLIENT,))
            return list(cursor.fetchall())

    def wait(self, query: str, count: int, timeout_s: float) -> list[tuple[Any, ...]]:
        """The rows of `query` as soon as there are `count`."""
        deadline = time.monotonic() + timeout_s
        while len(rows := self.all(query)) < count:
            assert time.monotonic() < deadline, f"{len(rows)} of {count} rows after {timeout_s} s"
            time.sleep(0.25)
        return rows


@contextmanager
def records_of(database: Any) -> Iterator[Records]:
    with closing(database.connect("admin")) as connection:
        made = Records(connection)
        made.forget()
        yield made
        made.forget()


@pytest.fixture
def records(own_database: Any) -> Iterator[Records]:
    with records_of(own_database) as made:
        yield made


@pytest.fixture
def environment(own_database: Any, tmp_path: Path) -> dict[str, str]:
    """Settings of a SIP application of this test's own, on the loopback interface."""
    samples = (4000 * np.sin(np.arange(8000) / 3)).astype(np.int16)
    audio.save(tmp_path / "tone.wav", samples)
    return {
        "PATH": os.environ["PATH"],
        **own_database.environment("sip"),
        "VOICE_SIP_HOST": CLIENT,
        "VOICE_SIP_ADDRESS": ADDRESS,
        "VOICE_SIP_DIALER_PORT": str(free_udp_port(ADDRESS)),
        "VOICE_SIP_RECEIVER_PORT": str(free_udp_port(ADDRESS)),
        "VOICE_RTP_PORTS": "34000-35998",
        "VOICE_SPOOL": str(tmp_path / "spool.sqlite"),
        "VOICE_AUDIO": str(tmp_path),
    }


@contextmanager
def application(environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The application, running; ended by SIGTERM, which must work."""
    command = [sys.executable, "-m", "voice_sipapp"]
    process = processes.child(processes.start(log.parent, log.stem, command, env=environment, log=log))
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(15)


# Other SIP hosts of the same database, and other probes of the same plan, may be calling too.
OWN = f"sip_host = '{CLIENT}'"
CALLS = "SELECT disposition, sip_code, sip_reason, valid FROM voice_call WHERE client = %s"
STREAMS = (
    "SELECT s.direction, s.rtp_lost, s.mos_lq, s.one_way FROM voice_call c JOIN voice_call_stream s"
    " USING (uuid, started_at) WHERE c.client = %s AND c.disposition = 'answered'"
)


def test_calls_of_the_plan_reach_the_database_whole(records: Records, environment: dict[str, str], tmp_path: Path):
    own = f"sip:+442071838750@[{ADDRESS}]:{environment['VOICE_SIP_RECEIVER_PORT']}"
    records.plan(plan_row("good", own))
    records.plan(plan_row("trunk", own, dialer_credentials="acme-trunk"))
    records.plan(plan_row("encrypted", own, media_encryption="sdes", codecs='["opus"]'))
    records.plan(plan_row("malformed", "not a SIP URI"))
    records.plan(plan_row("nowhere", "sip:x@nowhere.invalid"))
    called = 5
    records.plan(plan_row("never", own, every_ms=None, schedule="0 0 31 2 *"))
    with application(environment, tmp_path / "log"):
        streams = records.wait(f"{STREAMS} AND c.{OWN}", 4, 20)
        records.wait(f"SELECT DISTINCT probe FROM voice_call WHERE client = %s AND {OWN}", called, 20)
        calls = records.all(f"{CALLS} AND {OWN}")
    assert {direction for direction, *_ in streams} == {"forward", "reverse"}
    for _, lost, mos_lq, one_way in streams:
        assert (lost, one_way) == (0, 0)
        assert float(mos_lq) > 4
    assert {call[0] for call in calls} == {"answered", "configuration_error", "failed"}
    assert {valid for what, _, _, valid in calls if what == "failed"} == {0}
    assert any("VOICE_CREDENTIALS is not set" in (reason or "") for _, _, reason, _ in calls)
    heartbeats = "SELECT spool_depth FROM voice_sip_host WHERE sip_host = %s"
    assert len(records.all(heartbeats)) == 1


def test_calls_go_on_without_the_database_and_none_is_lost(
    records: Records, environment: dict[str, str], tmp_path: Path
):
    """The first run learns the plan; the second finds no database and calls by its copy; the third delivers."""
    own = f"sip:+442071838750@[{ADDRESS}]:{environment['VOICE_SIP_RECEIVER_PORT']}"
    records.plan(plan_row("good", own))
    with application(environment, tmp_path / "log"):
        records.wait(f"{CALLS} AND {OWN}", 1, 20)
    with application({**environment, "VOICE_MYSQL_PORT": "1"}, tmp_path / "log"):
        time.sleep(8)
    with closing(Spool(Path(environment["VOICE_SPOOL"]))) as spool:
        kept = sum(Cdr.from_json(body).call.client == CLIENT for _, body in spool.take(1000))
    assert kept >= 2
    records.forget()
    with application(environment, tmp_path / "log"):
        records.wait(f"{CALLS} AND {OWN}", kept, 20)
    assert environment["VOICE_MYSQL_PASSWORD"] not in (tmp_path / "log").read_text()


@pytest.fixture
def shared_records(database: Any) -> Iterator[Records]:
    with records_of(database) as made:
        yield made


def test_loss_on_the_path_comes_back_in_both_directions(services: Any, shared_records: Records):
    """Through the lab's proxy and relay: the lossy trunk loses a known share, the clean one nothing."""
    services.up("sip_host")
    records = shared_records
    proxy = {"dialer_outbound_proxy": "sip:[fd77:a::1]:5060", "audio": "speech-en", "every_ms": 15_000}
    records.plan(plan_row("lossy", "sip:+442071838801@sbc.acme.example", duration_ms=12_000, **proxy))
    records.plan(plan_row("clean", "sip:+442071838750@sbc.acme.example", duration_ms=3_000, **proxy))
    records.plan(plan_row("busy", "sip:+442071834486@sbc.acme.example", **proxy))
    measured = "SELECT probe, direction, loss_pct FROM voice_call_stream WHERE client = %s AND codec IS NOT NULL"
    rows = records.wait(f"{measured} AND probe = 'lossy'", 2, 60)
    for _, direction, loss_pct in rows:
        assert 0.5 < float(loss_pct) < 8, direction
    assert {float(row[2]) for row in records.wait(f"{measured} AND probe = 'clean'", 2, 30)} == {0.0}
    assert records.wait(f"{CALLS} AND probe = 'busy'", 1, 20)[0][:2] == ("busy", 486)
