"""Recordings: whole files of what was heard, and never in the way of anything else."""

import os
import stat
import wave
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import pytest

from voice_sipapp.measurement import recording
from voice_sipapp.measurement.recording import MIN_FREE_BYTES, Recordings

SECOND = np.arange(8000, dtype=np.int16)
SIZE = len(recording.wav(SECOND, 8000))
PLENTY = MIN_FREE_BYTES * 10


@pytest.fixture
def umask() -> Iterator[None]:
    """A umask that takes more away than the files should lose."""
    before = os.umask(0o077)
    yield
    os.umask(before)


def kept(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def aged(path: Path, days: float) -> None:
    then = datetime.now(UTC).timestamp() - days * 86_400
    os.utime(path, (then, then))


@pytest.mark.usefixtures("umask")
def test_a_recording_is_a_wav_file_for_its_owner_and_group(tmp_path: Path):
    uuid = uuid4()
    name = Recordings(tmp_path / "new", 1, 1).keep(uuid, "forward", SECOND, 16_000)
    assert name == f"{datetime.now(UTC):%Y-%m-%d}/{uuid}-forward.wav"
    path = tmp_path / "new" / name
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
        assert (np.frombuffer(file.readframes(8000), "<i2") == SECOND).all()
    assert kept(tmp_path / "new") == {name}


def test_the_oldest_go_when_there_are_too_many(tmp_path: Path):
    recordings = Recordings(tmp_path, 1, 30)
    long = np.zeros(150_000, np.int16)  # 0.3 MB each
    names = [recordings.keep(uuid4(), "reverse", long, 8000) for _ in range(5)]
    assert kept(tmp_path) == set(names[2:])


def test_what_an_earlier_run_left_counts_and_is_oldest(tmp_path: Path):
    long = np.zeros(200_000, np.int16)
    before = [Recordings(tmp_path, 1, 30).keep(uuid4(), "forward", long, 8000) for _ in range(2)]
    aged(tmp_path / str(before[1]), 1)
    new = Recordings(tmp_path, 1, 30).keep(uuid4(), "forward", long, 8000)
    assert kept(tmp_path) == {before[0], new}


def test_what_is_too_old_goes_without_a_new_one(tmp_path: Path):
    names = [Recordings(tmp_path, 10, 30).keep(uuid4(), "forward", SECOND, 8000) for _ in range(2)]
    aged(tmp_path / str(names[0]), 30.5)
    Recordings(tmp_path, 10, 30).tidy()
    assert kept(tmp_path) == {names[1]}


def test_a_folder_of_a_day_goes_with_its_last_recording(tmp_path: Path):
    old = tmp_path / "2026-01-02" / f"{uuid4()}-forward.wav"
    old.parent.mkdir()
    old.write_bytes(b"x")
    aged(old, 100)
    Recordings(tmp_path, 10, 30).tidy()
    assert not old.parent.exists()


def test_on_a_nearly_full_disk_recordings_make_way_and_none_are_made(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    free = [PLENTY]
    recordings = Recordings(tmp_path, 10, 30, lambda _: free[0])
    assert recordings.keep(uuid4(), "forward", SECOND, 8000)
    free[0] = MIN_FREE_BYTES - 1
    assert recordings.keep(uuid4(), "forward", SECOND, 8000) is None
    assert recordings.keep(uuid4(), "forward", SECOND, 8000) is None
    assert kept(tmp_path) == set()
    assert len([line for line in caplog.messages if "nearly full" in line]) == 1
    free[0] = PLENTY
    assert recordings.keep(uuid4(), "forward", SECOND, 8000)


def test_no_more_recordings_go_than_the_disk_needs(tmp_path: Path):
    names = [Recordings(tmp_path, 10, 30).keep(uuid4(), "forward", SECOND, 8000) for _ in range(4)]
    for age, name in enumerate(reversed(names)):
        aged(tmp_path / str(name), age + 1)

    def free(_: Path) -> int:
        return MIN_FREE_BYTES - 2 * SIZE + SIZE * (4 - len(kept(tmp_path)))

    Recordings(tmp_path, 10, 30, free).tidy()
    assert kept(tmp_path) == set(names[2:])


def test_a_recording_larger_than_all_may_be_is_not_made(tmp_path: Path):
    assert Recordings(tmp_path, 1, 30).keep(uuid4(), "forward", np.zeros(600_000, np.int16), 8000) is None
    assert kept(tmp_path) == set()


def test_a_file_that_could_not_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recording.os, "fsync", full)
    assert Recordings(tmp_path, 10, 30).keep(uuid4(), "forward", SECOND, 8000) is None
    assert kept(tmp_path) == set()


def test_a_half_written_file_of_a_killed_process_goes_and_a_stranger_s_stays(tmp_path: Path):
    (tmp_path / "2026-11-23").mkdir()
    half = tmp_path / "2026-11-23" / f"{UUID(int=7)}-forward.wav.part"
    other = tmp_path / "2026-11-23" / "notes.txt"
    for path in (half, other):
        path.write_bytes(b"x")
        aged(path, 400)
    Recordings(tmp_path, 10, 30).tidy()
    assert kept(tmp_path) == {"2026-11-23/notes.txt"}


def test_a_folder_that_can_t_be_made_costs_no_more_than_the_recording(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")
    recordings = Recordings(tmp_path / "file" / "folder", 10, 30)
    recordings.tidy()
    assert recordings.keep(uuid4(), "forward", SECOND, 8000) is None
