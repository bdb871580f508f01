"""Scores of recordings: the right stretch is compared, by a process that can neither hurt nor be hurt."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.sipapp.voices import noise, pcm, voice
from voice_sipapp.measurement import fullreference, recording
from voice_sipapp.measurement.fullreference import Judge, NoScoreError, aligned
from voice_sipapp.media import audio
from voice_sipapp.records.cdr import StreamRecord, StreamScore
from voice_sipapp.records.spool import Spool

SPEECH = voice(1, 12)
LIMIT_S = 30


@settings(max_examples=25, deadline=None)
@given(st.integers(0, SPEECH.size - 1), st.floats(3, 20))
def test_what_was_heard_is_laid_beside_what_was_sent_to_the_sample(start: int, seconds: float):
    heard = np.resize(np.roll(SPEECH, -start), int(seconds * 8000))
    sent, stretch = aligned(SPEECH, heard, 8000)
    assert stretch.size == min(heard.size, 64_000)
    assert (sent == stretch).all()


def test_another_sound_is_not_compared():
    with pytest.raises(NoScoreError, match="not in it"):
        aligned(SPEECH, noise(10, -26), 8000)


def stream() -> StreamRecord:
    return StreamRecord(
        uuid=uuid4(), direction="reverse", started_at=datetime(2026, 11, 23, 5, 40, tzinfo=UTC), client="acme",
        probe="sales", sip_host="h",
    )  # fmt: skip


class Desk:
    """A judge whose scoring process is a program of the test's, and what it delivered."""

    def __init__(self, folder: Path, program: str) -> None:
        self.scores: list[StreamScore] = []
        self.came = threading.Event()
        self.judge = Judge(folder, self._deliver, (sys.executable, "-c", program))

    def _deliver(self, score: StreamScore) -> None:
        self.scores.append(score)
        self.came.set()


@pytest.fixture
def desks(tmp_path: Path) -> Iterator[list[Desk]]:
    made: list[Desk] = []
    yield made
    for desk in made:
        desk.judge.close()


def test_a_score_is_delivered_with_its_stream_s_key(tmp_path: Path, desks: list[Desk]):
    told = tmp_path / "told"
    program = (
        f"import json, os, sys; json.dump([sys.argv[1:], sorted(os.environ)], open({str(told)!r}, 'w'));"
        "print(json.dumps({'mos_lqo': 3.5, 'algorithm': 'ViSQOL 3 speech'}))"
    )
    os.environ["VOICE_MYSQL_PASSWORD"] = "secret"
    try:
        desks.append(desk := Desk(tmp_path, program))
        of = stream()
        assert desk.judge.ask(of, "speech-en", tmp_path / "heard.wav")
        assert desk.came.wait(LIMIT_S)
    finally:
        del os.environ["VOICE_MYSQL_PASSWORD"]
    (score,) = desk.scores
    assert score == StreamScore(
        uuid=of.uuid, direction="reverse", started_at=of.started_at, mos_lqo=3.5, mos_lqo_algorithm="ViSQOL 3 speech"
    )
    arguments, environment = json.loads(told.read_text())
    assert arguments == [str(tmp_path / "speech-en.wav"), str(tmp_path / "heard.wav")]
    assert "VOICE_MYSQL_PASSWORD" not in environment


def test_the_process_runs_behind_everything_else():
    priority = "import os, sys; sys.exit(not (os.sched_getscheduler(0) == os.SCHED_IDLE and os.nice(0) == 19))"
    command = [*fullreference._BEHIND_ALL, sys.executable, "-c", priority]
    assert subprocess.run(command, check=False, timeout=LIMIT_S).returncode == 0


@pytest.mark.parametrize(
    "program", ['print(\'{"reason": "too short"}\')', "print('nonsense')", "raise SystemExit(3)", "print('[1]')"]
)
def test_no_score_is_no_harm(tmp_path: Path, desks: list[Desk], program: str, caplog: pytest.LogCaptureFixture):
    desks.append(desk := Desk(tmp_path, program))
    desk.judge.ask(stream(), "speech-en", tmp_path / "heard.wav")
    desk.judge._pool.shutdown(wait=True)
    assert desk.scores == []
    assert "has no score" in caplog.text


def test_a_process_that_hangs_is_ended(tmp_path: Path, desks: list[Desk], monkeypatch: pytest.MonkeyPatch,
                                       caplog: pytest.LogCaptureFixture):  # fmt: skip
    monkeypatch.setattr(fullreference, "TIMEOUT_S", 0.2)
    desks.append(desk := Desk(tmp_path, "import time; time.sleep(1000)"))
    desk.judge.ask(stream(), "speech-en", tmp_path / "heard.wav")
    desk.judge._pool.shutdown(wait=True)
    assert "timed out" in caplog.text


def test_only_so_many_wait_and_the_end_waits_for_none(tmp_path: Path):
    desk = Desk(tmp_path, "import time; time.sleep(1000)")
    taken = [desk.judge.ask(stream(), "speech-en", tmp_path / "heard.wav") for _ in range(fullreference.WAITING + 5)]
    assert taken.count(True) in (fullreference.WAITING, fullreference.WAITING + 1)
    desk.judge.close()
    assert desk.judge.ask(stream(), "speech-en", tmp_path / "heard.wav") is False
    assert desk.scores == []


def test_scores_wait_in_the_spool_for_their_streams(tmp_path: Path):
    spool = Spool(tmp_path / "spool")
    score = StreamScore(uuid=uuid4(), direction="forward", started_at=datetime.now(UTC), mos_lqo=4.1,
                        mos_lqo_algorithm="ViSQOL 3.8.0 speech")  # fmt: skip
    spool.put_score(score)
    spool.put_score(score)
    ((number, body),) = spool.scores(10)
    assert StreamScore.from_json(body) == score
    spool.score_done(number)
    assert spool.scores(10) == []
    spool.close()


def test_without_the_package_the_reason_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                capsys: pytest.CaptureFixture[str]):  # fmt: skip
    monkeypatch.setattr(fullreference, "missing", lambda: "the package visqol-python is not installed")
    assert fullreference.main([str(tmp_path / "a.wav"), str(tmp_path / "b.wav")]) == 0
    assert json.loads(capsys.readouterr().out) == {"reason": "the package visqol-python is not installed"}


@pytest.mark.skipif(fullreference.missing() is not None, reason="the extra [score] is not installed")
@pytest.mark.filterwarnings("ignore")
def test_losses_cost_points(tmp_path: Path):
    audio.save(tmp_path / "speech.wav", SPEECH)
    gone = np.repeat(np.random.default_rng(3).random(SPEECH.size // 160) < 0.2, 160)
    for name, heard in {"whole": SPEECH, "lossy": pcm(np.where(gone, 0, SPEECH[: gone.size]))}.items():
        (tmp_path / f"{name}.wav").write_bytes(recording.wav(heard, 8000))
    whole, lossy = (
        fullreference.score(tmp_path / "speech.wav", tmp_path / f"{name}.wav") for name in ("whole", "lossy")
    )
    assert whole.mos_lqo > 4
    assert lossy.mos_lqo < whole.mos_lqo - 0.3
    assert whole.algorithm.startswith("ViSQOL 3")
