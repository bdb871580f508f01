"""Programs that the lab starts can be found and ended again, whatever became of the lab itself."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from voice_lab import processes, waiting
from voice_lab.errors import LabError

SLEEP = ["sleep", "300"]
# A program that starts another one, as kamailio, nginx and gunicorn do, and ignores polite requests.
STUBBORN = [sys.executable, "-c", "import signal, subprocess; signal.signal(15, 1); subprocess.run(['sleep', '300'])"]


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] not in "ZX"


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def test_a_started_program_runs_until_it_is_stopped(tmp_path: Path) -> None:
    record = processes.start(tmp_path, "sleeper", SLEEP)
    assert processes.running(tmp_path, "sleeper")
    assert processes.names(tmp_path) == ["sleeper"]
    processes.stop(tmp_path, "sleeper")
    assert not alive(record.pid)
    assert processes.names(tmp_path) == []


def test_stopping_ends_the_children_too_even_stubborn_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "STOP_SECONDS", 0.5)
    record = processes.start(tmp_path, "parent", STUBBORN)
    waiting.until(lambda: bool(children(record.pid)), what="the child runs", seconds=10)
    (child,) = children(record.pid)
    processes.stop(tmp_path, "parent")
    assert not alive(record.pid)
    assert not alive(child)


def test_what_a_killed_lab_left_behind_is_stopped_by_the_next(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from voice_lab import processes;"
        f"print(processes.start(Path({str(tmp_path)!r}), 'orphan', {SLEEP!r}).pid, flush=True);"
        "os.kill(os.getpid(), 9)"
    )
    lab = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    pid = int(lab.stdout)
    assert alive(pid)
    processes.stop(tmp_path, "orphan")
    assert not alive(pid)


def test_a_process_that_only_has_the_same_number_is_left_alone(tmp_path: Path) -> None:
    record = processes.start(tmp_path, "sleeper", SLEEP)
    path = tmp_path / "processes" / "sleeper.json"
    path.write_text(json.dumps(record._replace(started=record.started - 1)._asdict()))
    processes.stop(tmp_path, "sleeper")
    try:
        assert alive(record.pid)
    finally:
        path.write_text(json.dumps(record._asdict()))
        processes.stop(tmp_path, "sleeper")


def test_a_program_that_ended_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    processes.start(tmp_path, "failing", [sys.executable, "-c", "raise SystemExit('the disk is full')"])
    waiting.until(lambda: not processes.running(tmp_path, "failing"), what="it ends", seconds=10)
    with pytest.raises(LabError, match="the disk is full"):
        processes.check(tmp_path, "failing")
    processes.stop(tmp_path, "failing")


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no-such-program cannot be started: No such file"):
        processes.start(tmp_path, "x", ["no-such-program"])


def test_a_number_from_before_a_reboot_means_nothing(tmp_path: Path) -> None:
    record = processes.start(tmp_path, "sleeper", SLEEP)
    path = tmp_path / "processes" / "sleeper.json"
    path.write_text(json.dumps(record._replace(world="an earlier boot")._asdict()))
    assert not processes.running(tmp_path, "sleeper")
    processes.stop(tmp_path, "sleeper")
    assert alive(record.pid)
    assert processes.names(tmp_path) == []
    path.write_text(json.dumps(record._asdict()))
    processes.stop(tmp_path, "sleeper")


def test_starting_a_program_again_ends_the_first(tmp_path: Path) -> None:
    first = processes.start(tmp_path, "sleeper", SLEEP)
    second = processes.start(tmp_path, "sleeper", SLEEP)
    assert not alive(first.pid)
    assert alive(second.pid)
    processes.stop(tmp_path, "sleeper")


def test_a_program_that_nobody_recorded_ends_with_its_starter(tmp_path: Path) -> None:
    """The lab is killed after it made the process and before it wrote down which."""
    ran = tmp_path / "ran"
    starter = (
        "import os, pathlib, sys\n"
        "from voice_lab import files, processes\n"
        "files.write_private = lambda *_: os._exit(9)\n"
        "processes.start(pathlib.Path(sys.argv[1]), 'x', ['sh', '-c', 'touch ran; exec sleep 1000'],"
        " cwd=pathlib.Path(sys.argv[1]))\n"
    )
    done = subprocess.run([sys.executable, "-c", starter, tmp_path], check=False, timeout=30)
    assert done.returncode == 9
    waiting.until(lambda: not working_in(tmp_path), what="the process ends", seconds=10)
    assert not ran.exists()


def working_in(folder: Path) -> list[str]:
    """Processes whose working directory is `folder`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == folder:
                found.append(process.name)
        except OSError:
            continue
    return found
