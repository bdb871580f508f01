"""Which recordings go to the database, what is made of them, and how they wait: never in the way of a record."""

import hashlib
import io
import random
import sqlite3
import wave
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sipapp.test_records import cdr
from tests.unit.sipapp.test_scoring import SPEECH, call, party, received
from voice_sipapp.finishing import Finished, Finisher
from voice_sipapp.measurement.recording import Recordings
from voice_sipapp.measurement.uploads import HOUR_S, Uploads
from voice_sipapp.records import spool as spool_module
from voice_sipapp.records.cdr import Cdr
from voice_sipapp.records.recordings import (
    PAIRS,
    QueuedRecording,
    RecordingRow,
    StreamKey,
    UnusableRecordingError,
    peaks,
    row_of,
    wav,
)
from voice_sipapp.records.spool import Spool

MINUTE_S = 60.0
NOW = datetime(2026, 11, 23, 5, 40, 1, 123_000, UTC)
LOSSY = received(gone=frozenset(range(100, 200)))


class Sent:
    """Chooses among calls of one probe, by a clock that a test sets."""

    def __init__(self, per_hour: int = 1) -> None:
        self.now = 0.0
        self.queued: list[QueuedRecording] = []
        self._uploads = Uploads(self.queued.append, per_hour, lambda: self.now)

    def over(self, *, bad: bool, at: float | None = None, probe: str = "sales", mos: float = 3.0, **changes: object):
        """Whether the recordings of a call that ends `at` that time go to the database."""
        self.now = self.now if at is None else at
        record = cdr(disposition="answered", probe=probe, **changes)
        name = f"2026-11-23/{record.call.uuid}-forward.wav"
        forward = replace(record.streams[0], mos_cq=mos, recording=name if bad else None)
        before = len(self.queued)
        self._uploads.call_over(Cdr(record.call, (forward, record.streams[1])), is_bad=bad)
        return [one.name for one in self.queued[before:]] == [name]


def test_of_a_run_of_bad_calls_the_first_goes_and_then_one_an_hour():
    sent = Sent()
    went = [minute for minute in range(0, 200, 5) if sent.over(bad=True, at=minute * MINUTE_S)]
    assert went == [0, 60, 120, 180]


def test_the_first_of_another_run_goes_too_and_a_flapping_probe_gets_no_third():
    sent = Sent()
    times = {0: True, 10: False, 20: True, 25: True, 30: False, 40: True, 79: False, 80: True, 81: True}
    assert [minute for minute, bad in times.items() if sent.over(bad=bad, at=minute * MINUTE_S)] == [0, 20, 80]


def test_each_probe_has_its_own_hour():
    sent = Sent()
    assert [sent.over(bad=True, probe=name) for name in ("sales", "support", "sales")] == [True, True, False]


def test_a_call_that_does_not_count_neither_goes_nor_ends_a_run():
    sent = Sent()
    assert sent.over(bad=True)
    assert not sent.over(bad=True, at=2 * HOUR_S, valid=False)
    assert not sent.over(bad=False, valid=False)
    assert sent.over(bad=True)
    assert not sent.over(bad=True)


@given(
    st.integers(1, 4),
    st.lists(st.tuples(st.floats(0, HOUR_S), st.booleans()), max_size=60),
)
def test_however_calls_turn_out_no_hour_sees_more_than_twice_as_many(per_hour: int, calls: list[tuple[float, bool]]):
    sent, now, went = Sent(per_hour), 0.0, []
    for after, bad in calls:
        now += after
        if sent.over(bad=bad, at=now):
            went.append(now)
    for begin in went:
        assert sum(begin <= at < begin + HOUR_S for at in went) <= 2 * per_hour


def finish(folder: Path, uploads: Uploads, finished: Finished) -> Cdr:
    kept: list[Cdr] = []
    Finisher(kept.append, Recordings(folder, 10, 10), None, uploads).call(finished)  # type: ignore[arg-type]
    return kept[0]


def test_a_bad_call_sends_both_directions_and_a_good_one_none(tmp_path: Path):
    queued: list[QueuedRecording] = []
    uploads = Uploads(queued.append, 5)
    bad = Finished(call=call(), dialer=party(received()), receiver=party(LOSSY), sound=SPEECH, mos_warning=4.0)
    record = finish(tmp_path, uploads, bad)
    finish(tmp_path, uploads, replace(bad, call=call(), receiver=party(received())))
    assert [(one.name, one.direction, one.started_at) for one in queued] == [
        (stream.recording, stream.direction, stream.started_at) for stream in record.streams
    ]


def test_a_queue_that_takes_nothing_costs_the_recording_and_not_the_record(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    def full(_: QueuedRecording) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    bad = Finished(call=call(), dialer=party(received()), receiver=party(LOSSY), sound=SPEECH, mos_warning=4.0)
    record = finish(tmp_path, Uploads(full, 1), bad)
    assert all(stream.recording for stream in record.streams)
    assert f"the recordings of call {record.call.uuid} stay on this host" in caplog.text


# --- the row


def a_key() -> StreamKey:
    return StreamKey(
        uuid=uuid4(), direction="forward", started_at="2026-11-23 05:40:01.123", client="acme", probe="sales",
        sip_host="h",
    )  # fmt: skip


def speech(seconds: float, rate_hz: int = 16_000) -> np.ndarray:
    return np.random.default_rng(7).normal(0, 3000, round(seconds * rate_hz)).astype(np.int16)


def sound_in(row: RecordingRow) -> np.ndarray:
    with wave.open(io.BytesIO(row.content)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, row.rate_hz)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def test_a_row_holds_the_file_as_it_is():
    key, file = a_key(), wav(speech(30.1), 16_000)
    row = row_of(key, file)
    assert (row.content, row.octets, row.sha256) == (file, len(file), hashlib.sha256(file).digest())
    assert (row.rate_hz, row.duration_ms, row.whole_ms, len(row.peaks)) == (16_000, 30_100, 30_100, 2 * PAIRS)
    assert (row.uuid, row.started_at, row.parameters()[0]) == (key.uuid, key.started_at, key.uuid.bytes)


def test_of_a_huge_one_the_beginning_is_kept_and_its_length_told():
    samples = speech(100)
    row = row_of(a_key(), wav(samples, 16_000))
    assert row.octets == len(row.content) <= 2_000_000
    assert (row.duration_ms, row.whole_ms) == (62_499, 100_000)
    assert (sound_in(row) == samples[: round(62.4986 * 16_000)]).all()


@pytest.mark.parametrize(
    "file",
    [b"", b"RIFF", b"\x00" * 5000, wav(np.zeros(0, np.int16), 8000), wav(speech(1), 8000)[:20]],
    ids=["empty", "a word", "noughts", "no sound", "torn in its head"],
)
def test_what_is_no_recording_is_told(file: bytes):
    with pytest.raises(UnusableRecordingError):
        row_of(a_key(), file)


def test_a_server_that_takes_next_to_nothing_gets_nothing():
    with pytest.raises(UnusableRecordingError, match="not even 1 s of it fits into 31072 octets"):
        row_of(a_key(), wav(speech(5), 16_000), 31_072)


@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=3000), st.integers(1, 50))
def test_peaks_bound_every_sample_of_their_stretch(values: list[int], pairs: int):
    samples = np.array(values, np.int16)
    found = np.frombuffer(peaks(samples, pairs), np.int8).reshape(-1, 2).astype(int) * 256
    assert len(found) == min(pairs, samples.size)
    for at, sample in enumerate(values):
        stretch = max(number for number in range(len(found)) if number * samples.size // len(found) <= at)
        low, high = found[stretch]
        assert low - 128 <= sample <= high + 255
    assert abs(found[:, 1].max() - samples.max()) <= 256
    assert abs(found[:, 0].min() - samples.min()) <= 256


# --- waiting


def queued(number: int = 0) -> QueuedRecording:
    return QueuedRecording(
        name=f"2026-11-23/{number}-forward.wav", direction="forward", client="acme", probe="sales", started_at=NOW
    )


def test_recordings_wait_across_a_restart_apart_from_records(tmp_path: Path):
    first = Spool(tmp_path / "spool")
    for number in (0, 1, 2, 0):
        first.put_recording(queued(number))
    assert (first.depth(), first.recordings_waiting(), first.has_records()) == (0, 3, False)
    first.put(cdr())
    assert first.has_records()
    first.close()
    second = Spool(tmp_path / "spool")
    waiting = second.recordings(0, 10)
    assert [QueuedRecording.from_json(body) for _, body in waiting] == [queued(number) for number in range(3)]
    assert second.recordings(waiting[0][0], 1) == [waiting[1]]
    second.recording_done(waiting[1][0])
    assert [number for number, _ in second.recordings(0, 10)] == [waiting[0][0], waiting[2][0]]
    second.close()


def test_of_too_many_that_wait_the_newest_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(spool_module, "MOST_RECORDINGS", 3)
    spool = Spool(tmp_path / "spool")
    for number in range(10):
        spool.put_recording(queued(number))
    names = [QueuedRecording.from_json(body).name for _, body in spool.recordings(0, 99)]
    assert names == [queued(number).name for number in (7, 8, 9)]
    spool.close()


def test_a_spool_of_the_version_before_gets_the_queue(tmp_path: Path):
    """And that version, put back, does not mind it."""
    old = Spool(tmp_path / "spool")
    record = cdr()
    old.put(record)
    old._db.execute("DROP TABLE recordings")
    old.close()
    spool = Spool(tmp_path / "spool")
    spool.put_recording(queued())
    assert [Cdr.from_json(body) for _, body in spool.take(9)] == [record]
    spool.close()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": 5}', '{"started_at": "soon"}', "null", '"x"'])
def test_an_entry_of_another_version_is_none(text: str):
    with pytest.raises((ValueError, TypeError, KeyError)):
        QueuedRecording.from_json(text)


def test_entries_are_texts_that_come_back():
    for _ in range(20):
        entry = replace(queued(random.randrange(10**6)), probe="é☎", started_at=datetime.now(UTC))
        assert QueuedRecording.from_json(entry.to_json()) == entry
