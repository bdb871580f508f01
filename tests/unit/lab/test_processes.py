"""Programs that the lab starts can be found and ended again, whatever became of the lab itself."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from voice_lab import places, processes, waiting
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


def test_stopping_ends_the_children_too_even_stubborn_ones(tmp_path: Path) -> None:
    record = processes.start(tmp_path, "parent", STUBBORN)
    waiting.until(lambda: bool(children(record.pid)), what="the child runs", seconds=10)
    (child,) = children(record.pid)
    processes.stop(tmp_path, "parent", seconds=0.5)
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


@pytest.fixture(autouse=True)
def no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test of this file may begin a run, although it is itself part of one."""
    monkeypatch.setattr(processes, "_marks_a_run", False)


@pytest.fixture
def strangers() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that the test started in no lab's name, ended with it."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for each in started:
        each.kill()
        each.wait()


def pid_in(file: Path) -> int:
    waiting.until(lambda: file.exists() and file.read_text().endswith("\n"), what="the process runs", seconds=10)
    return int(file.read_text())


def test_all_that_was_started_for_a_folder_is_ended_even_what_left_its_session(tmp_path: Path) -> None:
    """As a browser's driver does, whose browser has a session of its own and outlives it."""
    away = f"setsid sh -c 'echo $$ > {tmp_path}/pid; exec sleep 300' & wait"
    records = [processes.start(tmp_path, "sleeper", SLEEP), processes.start(tmp_path, "driver", ["sh", "-c", away])]
    pids = [pid_in(tmp_path / "pid"), *(record.pid for record in records)]
    os.kill(records[1].pid, signal.SIGKILL)
    processes.stop_all(tmp_path)
    assert not any(map(alive, pids))
    assert processes.names(tmp_path) == []


def test_what_is_started_with_an_environment_of_its_own_is_marked_too(tmp_path: Path) -> None:
    away = f"setsid sh -c 'echo $$ > {tmp_path}/pid; exec sleep 300' & wait"
    record = processes.start(tmp_path, "driver", ["sh", "-c", away], env={"PATH": os.environ["PATH"]})
    pid = pid_in(tmp_path / "pid")
    os.kill(record.pid, signal.SIGKILL)
    processes.stop_all(tmp_path)
    assert not alive(pid)


def test_a_run_ends_what_was_recorded_elsewhere_even_without_a_mark(tmp_path: Path) -> None:
    """nginx wipes its environment out, `env -i` does not pass it on: what a test starts in a folder of its own."""
    run, elsewhere = tmp_path / "run" / "one", tmp_path / "elsewhere"
    with processes.marking(run):
        record = processes.start(elsewhere, "bare", ["env", "-i", *SLEEP])
    waiting.until(lambda: not Path(f"/proc/{record.pid}/environ").read_bytes(), what="it runs bare", seconds=10)
    processes.stop_all(run)
    assert not alive(record.pid)
    assert processes.names(elsewhere) == []


def test_a_lab_within_a_run_ends_its_own_programs_only(
    tmp_path: Path, strangers: list[subprocess.Popen[bytes]]
) -> None:
    run, inner, other = (tmp_path / name for name in ("run", "inner", "other"))
    with processes.marking(run):
        with processes.marking(inner):
            mine = processes.start(inner, "mine", SLEEP)
            of_the_run = processes.start(run, "theirs", SLEEP)
            strangers.append(subprocess.Popen(SLEEP))
        processes.stop_all(inner)
        assert not alive(mine.pid)
        assert alive(of_the_run.pid)
        assert alive(strangers[0].pid)
        processes.stop_all(other)
        assert alive(of_the_run.pid)
    processes.stop_all(run)
    assert not alive(of_the_run.pid)
    assert not alive(strangers[0].pid)


def test_nothing_is_marked_once_the_run_is_over(tmp_path: Path, strangers: list[subprocess.Popen[bytes]]) -> None:
    with processes.marking(tmp_path):
        pass
    strangers.append(subprocess.Popen(SLEEP))
    processes.stop_all(tmp_path)
    assert alive(strangers[0].pid)


def test_a_process_in_another_world_is_no_business_of_ours(
    tmp_path: Path, strangers: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container whose lab has a folder of the same name, seen from the machine that it runs on."""
    monkeypatch.setattr(processes, "_world", lambda: "a container")
    with processes.marking(tmp_path):
        strangers.append(subprocess.Popen(SLEEP))
    monkeypatch.undo()
    processes.stop_all(tmp_path)
    assert alive(strangers[0].pid)


def test_what_cannot_be_ended_is_told_and_stays_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = processes.start(tmp_path, "stuck", SLEEP)
    monkeypatch.setattr(processes, "STOP_SECONDS", 0.1)
    with monkeypatch.context() as patched:
        patched.setattr(processes, "_signal", lambda *_: None)
        with pytest.raises(LabError, match=f"{record.pid} \\(sleep\\)"):
            processes.stop_all(tmp_path, seconds=0.1)
    assert processes.names(tmp_path) == ["stuck"]
    processes.stop_all(tmp_path)
    assert not alive(record.pid)


def test_nothing_starts_a_program_in_another_way() -> None:
    """Then `down` finds it, except where a test means to start somebody else's, or a command as a person would; and
    but for one that is read to its end, or ended, by whoever started it, and is no server.
    """
    allowed = {
        "lab/voice_lab/processes.py", "tests/integration/test_lab_network.py",
        "bench/captures/reading.py", "tests/integration/test_captures.py", "tests/integration/portal/test_start_up.py",
        "tests/integration/cdk/kept.py",
    }  # fmt: skip
    folders = ("lab", "bench", "scripts", "tests/integration")
    sources = [path for folder in folders for path in (places.CHECKOUT / folder).rglob("*.py")]
    others = re.compile(r"\b(Popen|fork|p?spawn\w*|create_subprocess_\w+)\(")
    found = {str(path.relative_to(places.CHECKOUT)) for path in sources if others.search(path.read_text())}
    assert found <= allowed


def test_whoever_started_a_program_can_wait_for_its_end(tmp_path: Path) -> None:
    log = tmp_path / "told"
    record = processes.start(tmp_path, "short", ["sh", "-c", "echo done; exit 3"], log=log)
    assert processes.child(record).wait(10) == 3
    assert log.read_text() == "done\n"
