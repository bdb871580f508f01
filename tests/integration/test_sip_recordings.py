"""A bad call as a running SIP application keeps it: its sound on the disk and in the database, and its seconds."""

from __future__ import annotations

import hashlib
import logging
import secrets
import stat
import time
import wave
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pymysql
import pyodbc
import pytest

from tests.integration.test_sip_calls import ADDRESS, CLIENT, OWN, Records, application, plan_row
from tests.integration.test_sip_calls import environment as environment  # noqa: PLC0414 - a fixture
from tests.integration.test_sip_calls import records as records  # noqa: PLC0414 - a fixture
from tests.integration.test_sip_database import KEY, NOW, a_call, what_was_heard
from tests.integration.test_sip_database import server as server  # noqa: PLC0414 - a fixture
from tests.integration.test_sip_troubles import Run
from tests.integration.test_sip_troubles import run as run  # noqa: PLC0414 - a fixture
from voice_sipapp.measurement import scoring
from voice_sipapp.measurement.recording import Recordings
from voice_sipapp.records import odbc, recordingstore, uploader
from voice_sipapp.records.cdr import Cdr, ReceiverPart
from voice_sipapp.records.recordings import QueuedRecording, StreamKey, row_of, wav
from voice_sipapp.records.spool import Spool
from voice_sipapp.records.uploader import Uploader
from voice_sipapp.records.writer import Writer
from voice_sipapp.settings import Database

pytestmark = pytest.mark.services

LIMIT_S = 60
RECORDED = "SELECT direction, recording, wideband FROM voice_call_stream WHERE client = %s AND recording IS NOT NULL"
SECONDS = "SELECT DISTINCT direction, second FROM voice_call_interval WHERE client = %s AND rtp_expected > 0"


def test_a_call_below_its_warning_is_kept_and_its_seconds_are_written(
    records: Records, environment: dict[str, str], tmp_path: Path
):
    own = f"sip:+442071838750@[{ADDRESS}]:{environment['VOICE_SIP_RECEIVER_PORT']}"
    # No call reaches a MOS of 5: every one is below this warning.
    records.plan(plan_row("bad", own, mos_warning=5, codecs='["G722"]', duration_ms=2000, every_ms=6000))
    folder = tmp_path / "recordings"
    with application(environment | {"VOICE_RECORDINGS": str(folder)}, tmp_path / "log"):
        rows = records.wait(f"{RECORDED} AND {OWN}", 2, LIMIT_S)
        seconds = records.wait(SECONDS, 4, LIMIT_S)
    assert {(direction, wideband) for direction, _, wideband in rows} == {("forward", 1), ("reverse", 1)}
    for _, name, _ in rows:
        path = folder / name
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        with wave.open(str(path)) as file:
            assert file.getframerate() == 16_000
            heard = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        assert 1.5 < heard.size / 16_000 < 2.5
        # The tone that is played has an amplitude of 4,000.
        assert 3500 < np.abs(heard[8000:24_000].astype(int)).max() < 4500
    assert {(direction, second) for direction, second in seconds} >= {("forward", 0), ("forward", 1), ("reverse", 0)}


STORED = (
    "SELECT r.direction, s.recording, r.rate_hz, r.duration_ms, r.whole_ms, r.octets, r.sha256, r.content"
    " FROM voice_call_recording r JOIN voice_call_stream s USING (uuid, direction, started_at)"
    " WHERE r.client = %s ORDER BY r.direction"
)
MILLION = 1_000_000


def test_one_call_of_a_run_of_bad_ones_can_be_played_from_the_database(
    records: Records, environment: dict[str, str], tmp_path: Path
):
    own = f"sip:+442071838750@[{ADDRESS}]:{environment['VOICE_SIP_RECEIVER_PORT']}"
    records.plan(plan_row("bad", own, mos_warning=5, codecs='["PCMA"]'))
    folder = tmp_path / "recordings"
    with application(environment | {"VOICE_RECORDINGS": str(folder)}, tmp_path / "log"):
        records.wait(f"{RECORDED} AND {OWN}", 4, LIMIT_S)
        rows = records.wait(STORED, 2, LIMIT_S)
        records.wait(f"{RECORDED} AND {OWN}", 6, LIMIT_S)
    assert [row[:2] for row in records.all(STORED)] == [row[:2] for row in rows], "no other call's in this hour"
    assert [direction for direction, *_ in rows] == ["forward", "reverse"]
    for _, name, rate_hz, duration_ms, whole_ms, octets, sha256, content in rows:
        assert content == (folder / name).read_bytes(), "what is kept here is what is there"
        assert (rate_hz, octets, sha256) == (8000, len(content), hashlib.sha256(content).digest())
        assert 500 < duration_ms == whole_ms < 1500


def test_what_is_to_stay_on_the_host_stays(records: Records, environment: dict[str, str], tmp_path: Path):
    own = f"sip:+442071838750@[{ADDRESS}]:{environment['VOICE_SIP_RECEIVER_PORT']}"
    records.plan(plan_row("bad", own, mos_warning=5, codecs='["PCMA"]'))
    settings = {"VOICE_RECORDINGS": str(tmp_path / "recordings"), "VOICE_RECORDINGS_UPLOAD": "off"}
    with application(environment | settings, tmp_path / "log"):
        records.wait(f"{RECORDED} AND {OWN}", 4, LIMIT_S)
    assert records.all(STORED) == []
    with closing(Spool(Path(environment["VOICE_SPOOL"]))) as spool:
        assert spool.recordings_waiting() == 0


# --- what can go wrong


class Host:
    """The disk of a SIP host: its spool, its recordings, and what sends both."""

    def __init__(self, folder: Path, database: Database, name: str = "dialers-host") -> None:
        self.spool = Spool(folder / f"{name}.spool")
        self.recordings = Recordings(folder / name, 1000, 30)
        self.writer = Writer(self.spool, database, KEY)
        self.uploader = Uploader(self.spool, database, name, self.recordings.path)

    def heard(self, seconds: float = 2.0, *, started_at: datetime = NOW, **changes: Any) -> Cdr:
        """A bad call with its forward recording, both of which wait."""
        cdr = scoring.complete(a_call(started_at, **changes), scoring.NOBODY, scoring.NOBODY)
        samples = np.frombuffer(secrets.token_bytes(round(seconds * 8000) * 2), "<i2")
        name = self.recordings.keep(cdr.call.uuid, "forward", samples, 8000)
        streams = tuple(
            replace(stream, recording=name if stream.direction == "forward" else None) for stream in cdr.streams
        )
        self.spool.put(Cdr(cdr.call, streams))
        self.queue(name or "", started_at)
        return Cdr(cdr.call, streams)

    def queue(self, name: str, started_at: datetime = NOW) -> None:
        self.spool.put_recording(
            QueuedRecording(name=name, direction="forward", client=CLIENT, probe="p", started_at=started_at)
        )

    def path(self, cdr: Cdr) -> Path:
        return self.recordings.path(cdr.streams[0].recording or "")

    def close(self) -> None:
        self.writer._disconnect()
        self.spool.close()


@pytest.fixture
def host(server: Database, records: Records, tmp_path: Path) -> Iterator[Host]:
    with closing(Host(tmp_path, server)) as made:
        yield made


def test_a_recording_goes_after_every_record(host: Host, records: Records):
    cdr = host.heard()
    assert host.uploader.drain()
    assert (host.spool.recordings_waiting(), records.all(STORED)) == (1, []), "a record waits"
    assert host.writer.drain()
    assert host.uploader.drain()
    ((_, name, *_, content),) = records.all(STORED)
    assert (name, content) == (cdr.streams[0].recording, host.path(cdr).read_bytes())
    assert (host.spool.recordings_waiting(), host.uploader.sent, host.uploader.dropped) == (0, 1, 0)


def test_a_recording_that_is_sent_twice_is_there_once_as_it_was(server: Database, host: Host, records: Records):
    """With a right to add rows alone: nobody who has the SIP hosts' password can change or hear what was recorded."""
    cdr = host.heard()
    stream = cdr.streams[0]
    key = StreamKey(
        uuid=stream.uuid, direction="forward", started_at=odbc.utc_text(NOW), client=CLIENT, probe="p", sip_host="h"
    )
    first = row_of(key, host.path(cdr).read_bytes())
    with closing(odbc.connect(server, autocommit=True)) as connection:
        recordingstore.insert(connection, first)
        recordingstore.insert(connection, first)
        recordingstore.insert(connection, row_of(key, wav(np.ones(9000, np.int16), 8000)))
        for sql in (
            "SELECT content FROM voice_call_recording", "SELECT COUNT(*) FROM voice_call_recording",
            "UPDATE voice_call_recording SET client = 'x'", "DELETE FROM voice_call_recording",
            "INSERT INTO voice_call_recording (uuid) VALUES ('x') ON DUPLICATE KEY UPDATE client = 'x'",
        ):  # fmt: skip
            with closing(connection.cursor()) as cursor, pytest.raises(pyodbc.Error, match="denied"):
                cursor.execute(sql)
    assert host.writer.drain()
    assert host.uploader.drain()
    assert host.uploader.sent == 1, "what another try has stored is as good"
    ((*_, sha256, content),) = records.all(STORED)
    assert (sha256, content) == (first.sha256, first.content)


def test_what_a_receiver_heard_of_a_call_that_it_could_not_name_finds_its_call(
    server: Database, records: Records, host: Host, tmp_path: Path
):
    started_at = datetime.now(UTC).replace(microsecond=123_000)
    call = a_call(started_at)
    with closing(Host(tmp_path, server, "receivers-host")) as other:
        part: ReceiverPart = what_was_heard(call)
        samples = np.arange(9000, dtype=np.int16)
        name = other.recordings.keep(part.stream.uuid, "forward", samples, 8000)
        other.spool.put(replace(part, stream=replace(part.stream, recording=name)))
        other.queue(name or "", part.stream.started_at)
        assert not other.uploader.drain(), "its call is not there yet"
        host.spool.put(Cdr(call, ()))
        assert host.writer.drain()
        assert other.writer.drain()
        assert other.uploader.drain()
    query = "SELECT uuid, started_at, sip_host FROM voice_call_recording WHERE client = %s"
    assert records.all(query) == [(call.uuid.bytes, started_at.replace(tzinfo=None), "receivers-host")]


def test_a_huge_recording_arrives_with_its_beginning_and_its_length(host: Host, records: Records):
    cdr = host.heard(seconds=200)
    assert host.writer.drain()
    assert host.uploader.drain()
    ((_, _, _, duration_ms, whole_ms, octets, sha256, content),) = records.all(STORED)
    assert (duration_ms, whole_ms, octets) == (124_997, 200_000, 2 * MILLION)
    assert hashlib.sha256(content).digest() == sha256
    assert content[44:] == host.path(cdr).read_bytes()[44 : 2 * MILLION]


def test_a_server_that_takes_small_packets_gets_a_smaller_beginning(host: Host, records: Records, run: Run):
    run("SET GLOBAL max_allowed_packet = 262144")
    run.undo.append("SET GLOBAL max_allowed_packet = 16777216")
    host.heard(seconds=60)
    assert host.writer.drain()
    assert host.uploader.drain()
    ((_, _, _, duration_ms, whole_ms, octets, _, content),) = records.all(STORED)
    assert (whole_ms, octets) == (60_000, len(content))
    assert 10_000 < duration_ms < 10_200


def test_an_older_schema_takes_records_and_recordings_wait_for_the_newer(
    host: Host, records: Records, run: Run, caplog: pytest.LogCaptureFixture
):
    host.heard()
    run("RENAME TABLE voice_call_recording TO voice_call_recording_away")
    try:
        assert host.writer.drain()
        assert len(records.all("SELECT uuid FROM voice_call WHERE client = %s")) == 1
        assert not host.uploader.drain()
        assert not host.uploader.drain()
    finally:
        run("RENAME TABLE voice_call_recording_away TO voice_call_recording")
    told = [entry for entry in caplog.records if entry.name == uploader.log.name]
    assert [entry.levelno for entry in told] == [logging.WARNING], "said once"
    assert "the database has no table for them that this account may write" in told[0].message
    assert host.uploader.drain()
    assert len(records.all(STORED)) == 1


def test_a_database_that_is_away_gets_them_when_it_is_back(
    server: Database, host: Host, records: Records, caplog: pytest.LogCaptureFixture
):
    host.heard()
    assert host.writer.drain()
    away = Uploader(host.spool, replace(server, port=1), "dialers-host", host.recordings.path)
    for _ in range(uploader.TRIES + 2):
        assert not away.drain()
    assert (away.dropped, host.spool.recordings_waiting()) == (0, 1), "that is nothing against the recording"
    assert caplog.text.count("recordings wait: ") == 1
    assert server.password not in caplog.text
    assert host.uploader.drain()
    assert len(records.all(STORED)) == 1


def test_a_line_that_is_too_slow_for_them_is_given_up_in_the_end_and_records_pass(
    host: Host, records: Records, run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(uploader, "TIMEOUT_S", 1)
    monkeypatch.setattr(uploader, "TRIES", 2)
    host.heard()
    assert host.writer.drain()
    run("LOCK TABLES voice_call_recording WRITE")
    try:
        for _ in range(2):
            host.spool.put(Cdr(a_call(NOW + timedelta(seconds=host.uploader.dropped + 9)), ()))
            assert host.writer.drain(), "records have their own connection"
            began = time.monotonic()
            host.uploader.drain()
            assert time.monotonic() < began + 10
    finally:
        run("UNLOCK TABLES")
    assert (host.uploader.dropped, host.spool.recordings_waiting()) == (1, 0)
    assert "a recording is not in the database, and the portal can't play it" in caplog.text


def test_what_can_t_be_sent_stands_in_no_others_way(host: Host, records: Records, caplog: pytest.LogCaptureFixture):
    gone, torn, good = (host.heard(started_at=NOW + timedelta(seconds=number)) for number in range(3))
    host.path(gone).unlink()
    host.path(torn).write_bytes(b"RIFF")
    long_ago = datetime.now(UTC) - timedelta(hours=25)
    host.queue(f"{long_ago:%Y-%m-%d}/{uuid4()}-forward.wav", long_ago)
    host.queue(f"{datetime.now(UTC):%Y-%m-%d}/{uuid4()}-forward.wav", datetime.now(UTC))
    host.spool._db.execute("INSERT INTO recordings (name, body) VALUES ('x', '{}')")
    assert host.writer.drain()
    assert host.uploader.drain()
    assert [name for _, name, *_ in records.all(STORED)] == [good.streams[0].recording]
    assert host.spool.recordings_waiting() == 1, "one whose record may still come"
    assert (host.uploader.sent, host.uploader.dropped) == (1, 4)
    for why in (
        f"{gone.streams[0].recording} is gone", f"{torn.streams[0].recording}: it is no WAV file",
        "no record of its call came in", "its entry can't be read",
    ):  # fmt: skip
        assert caplog.text.count(why) == 1


def test_recordings_of_another_host_or_client_are_not_found(server: Database, host: Host, records: Records):
    cdr = host.heard()
    assert host.writer.drain()
    queued = QueuedRecording.from_json(host.spool.recordings(0, 1)[0][1])
    with closing(odbc.connect(server)) as connection:
        for asked, sip_host in (
            (queued, "receivers-host"), (replace(queued, client="acme"), "dialers-host"),
            (replace(queued, direction="reverse"), "dialers-host"), (replace(queued, name="%"), "dialers-host"),
            (replace(queued, started_at=NOW + timedelta(hours=1)), "dialers-host"),
        ):  # fmt: skip
            assert recordingstore.stream_of(connection, asked, sip_host) is None
        found = recordingstore.stream_of(connection, replace(queued, started_at=NOW + timedelta(seconds=40)),
                                         "dialers-host")  # fmt: skip
    assert found is not None
    assert (found.uuid, found.started_at) == (cdr.call.uuid, "2026-07-01 12:00:00.123")


@pytest.mark.parametrize(
    ("account", "sql"),
    [
        ("operator", "SELECT COUNT(*) FROM voice_call_recording"),
        ("sip", "SELECT COUNT(*) FROM voice_call_recording"),
        ("portal", "INSERT INTO voice_call_recording (uuid) VALUES ('x')"),
        ("portal", "DELETE FROM voice_call_recording"),
    ],
)
def test_nobody_but_the_portal_reads_recordings_and_it_can_do_no_more(own_database: Any, account: str, sql: str):
    with (
        closing(own_database.connect(account)) as connection,
        connection.cursor() as cursor,
        pytest.raises(pymysql.OperationalError, match="denied"),
    ):
        cursor.execute(sql)


def test_no_view_shows_recordings(own_database: Any):
    """Grafana, which sees views alone, never sees sound."""
    query = (
        "SELECT COUNT(*) FROM information_schema.views"
        " WHERE table_schema = DATABASE() AND view_definition LIKE '%voice_call_recording%'"
    )
    with closing(own_database.connect("owner")) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        assert cursor.fetchone() == (0,)
