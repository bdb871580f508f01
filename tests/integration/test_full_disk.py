"""A disk that fills up, a real one: recordings go first, records last."""

from __future__ import annotations

import shutil
import sqlite3
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from tests.unit.sipapp.test_records import cdr
from voice_lab import processes
from voice_lab.waiting import until
from voice_sipapp.measurement import recording
from voice_sipapp.measurement.recording import Recordings
from voice_sipapp.records.cdr import Cdr
from voice_sipapp.records.keeper import Keeper
from voice_sipapp.records.recordings import QueuedRecording
from voice_sipapp.records.spool import owned

pytestmark = pytest.mark.services  # not for its services: mounting needs root as they do

DISK, RESERVE, FLOOR = 80_000_000, 16_000_000, 20_000_000
SOUND = np.zeros(500_000, np.int16)  # a recording of 1 MB


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Mounted by a program that takes it away at its end, so that no disk is left when the tests are killed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    holds = (
        f"trap 'umount --lazy {folder}; exit' TERM; mount -t tmpfs -o size={DISK} none {folder}; sleep infinity & wait"
    )
    processes.start(tmp_path, "disk-holder", ["sh", "-c", holds])
    until(folder.is_mount, what="the disk is mounted", seconds=10)
    yield folder
    processes.stop(tmp_path, "disk-holder")
    assert not folder.is_mount()


def free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def fill(folder: Path, leave: int = 0) -> None:
    """Some other program takes what is free."""
    with (folder / "other").open("ab", buffering=0) as file:
        try:
            while (room := free(folder) - leave) > 0:
                file.write(b"x" * min(room, 1_000_000))
        except OSError:
            return


def test_recordings_make_way_and_records_still_find_room_on_a_full_disk(disk: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(recording, "MIN_FREE_BYTES", FLOOR)
    spool = owned(disk / "spool", RESERVE)
    recordings = Recordings(disk / "recordings", 1000, 30)
    names = [recordings.keep(uuid4(), "forward", SOUND, 8000) for _ in range(80)]
    assert all(names), "the oldest made way for the new"
    assert free(disk) >= FLOOR, "recordings stop well before records suffer"
    kept = list((disk / "recordings").glob("*/*"))
    assert 10 < len(kept) < 79

    while list((disk / "recordings").glob("*/*")):
        fill(disk)
        recordings.tidy()
        assert free(disk) >= FLOOR or not list((disk / "recordings").glob("*/*")), "recordings go first"
    fill(disk)
    assert free(disk) == 0
    assert recordings.keep(uuid4(), "forward", SOUND, 8000) is None

    records = [cdr(sip_reason="x" * 5000, started_at=datetime.now(UTC)) for _ in range(200)]
    for record in records:
        spool.begin(record.call)
        spool.put(record)
    assert (disk / "spool.reserve").stat().st_size == RESERVE / 4, "they took the room that was kept for them"
    assert [Cdr.from_json(body) for _, body in spool.take(1000)] == records

    keeper = Keeper(spool.put)
    more = [cdr(sip_reason="x" * 50_000) for _ in range(300)]
    for record in more:
        keeper.keep(record)
    assert keeper.waiting > 0, "now there is room for nothing: the rest stays in memory"
    for _ in range(10):  # the database took some: that works on a full disk too
        spool.done([number for number, _ in spool.take(10)])
    keeper.retry()
    (disk / "other").unlink()
    keeper.retry()
    assert keeper.waiting == 0
    found = [Cdr.from_json(body) for _, body in spool.take(1000)]
    assert found == records[100:] + more, "none is lost, none is there twice"
    spool.hold_reserve()
    assert (disk / "spool.reserve").stat().st_size == RESERVE
    spool.close()


def test_the_room_that_is_kept_for_records_is_not_for_recordings_to_be_sent(disk: Path):
    spool = owned(disk / "spool", RESERVE)
    fill(disk)
    entries = (
        QueuedRecording(
            name=f"{number:0>500}", direction="forward", client="c", probe="p", started_at=datetime.now(UTC)
        )
        for number in range(10_000)
    )
    with pytest.raises(sqlite3.OperationalError):
        deque(map(spool.put_recording, entries))
    assert (disk / "spool.reserve").stat().st_size == RESERVE
    record = cdr()
    spool.put(record)
    for _ in range(200):
        spool.put(cdr(sip_reason="x" * 5000))
    assert Cdr.from_json(spool.take(1)[0][1]) == record
    assert (disk / "spool.reserve").stat().st_size == RESERVE / 4, "records find it"
    spool.close()


def test_a_spool_on_a_full_disk_can_be_opened_again_and_emptied(disk: Path):
    spool = owned(disk / "spool", RESERVE)
    records = [cdr(sip_reason="x" * 5000) for _ in range(50)]
    for record in records:
        spool.begin(record.call)
    for record in records[:-1]:
        spool.put(record)
    spool._db.close()  # as a process that is killed leaves it
    assert spool._owned is not None
    spool._owned.close()
    fill(disk)
    again = owned(disk / "spool", RESERVE)
    assert again.recover() == 1
    while waiting := again.take(20):
        again.done([number for number, _ in waiting])
    assert again.depth() == 0
    again.close()


def test_a_disk_too_small_for_the_reserve_costs_no_record(disk: Path, caplog: pytest.LogCaptureFixture):
    spool = owned(disk / "spool", DISK)
    spool.hold_reserve()
    assert caplog.text.count("no room on the disk is kept for records") == 1
    spool.put(cdr())
    fill(disk)
    records = [cdr(sip_reason="x" * 5000) for _ in range(2000)]
    with pytest.raises(sqlite3.OperationalError):
        deque(map(spool.put, records))
    spool.close()
