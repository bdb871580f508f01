"""Starting programs so that they can be found and ended again, even after whoever started them was killed.

Each program gets a session of its own, and a small record of its process id and start time. Everything in
that session is ours: the kernel gives a session's number to nobody else while one of its processes lives.

What leaves its session, or is started by others than `start`, is known by a mark: a variable in its environment, which
every process passes on to those that it starts. A mark stands for a folder; `stop_all` ends all that carries it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from voice_lab import files
from voice_lab.errors import LabError
from voice_lab.waiting import EVERY_SECONDS

STOP_SECONDS = 10.0
MARK = "VOICE_LAB_RUN_"
"""How the names of all marks begin. What follows tells folders and worlds apart, so that a process carries one for each
folder that it was started for: a lab within a test run can be ended alone, and with that run.
"""

_WHEN_RECORDED = ("/bin/sh", "-c", 'read -r go && unset go PWD && exec "$@" </dev/null', "lab")
"""Becomes the program once it is told to. A lab that is killed before it could record the program tells it nothing, and
then it ends: nobody would ever find it.
"""


class Record(NamedTuple):
    """A started program: its process id, when it started in clock ticks since boot, and in which world.

    A process id says nothing after a reboot, nor in another container.
    """

    pid: int
    started: int
    world: str


class _Stat(NamedTuple):
    session: int
    state: str
    started: int


@contextmanager
def marking(folder: Path) -> Iterator[None]:
    """Have all that this process starts meanwhile belong to the run whose folder is `folder`.

    A lab within a run that is marked already is no run of its own: whatever else that run starts meanwhile must outlive
    the lab.
    """
    global _marks_a_run  # noqa: PLW0603 - the environment, which it tells about, is the process's own, too
    if _marks_a_run:
        yield
        return
    name, value = _mark(folder)
    os.environ[name], _marks_a_run = value, True
    try:
        yield
    finally:
        _marks_a_run = False
        del os.environ[name]


def marked(env: Mapping[str, str]) -> dict[str, str]:
    """Return `env` with the marks that a process which we start must carry."""
    return {**env, **{name: value for name, value in os.environ.items() if name.startswith(MARK)}}


def start(
    folder: Path,
    name: str,
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    log: Path | None = None,
) -> Record:
    """Start `command` in a session of its own, its output in `log` or `folder`/logs/`name`.log, and record it.

    `env` is the program's whole environment, marks aside; without it, the program gets ours.

    Raises:
        LabError: the program is not there, or may not be run.
    """
    stop(folder, name)  # a second one would take the first one's record, and nobody would ever stop that
    log = log or folder / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    _check_program(name, command[0], env, cwd)
    _tell_runs(folder)
    with log.open("ab") as out:
        process = subprocess.Popen(
            [*_WHEN_RECORDED, *command],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=dict([*marked(os.environ if env is None else env).items(), _mark(folder)]),
            cwd=cwd,
            start_new_session=True,
        )
    record = Record(process.pid, _stat(process.pid).started, _world())
    _children[record] = process
    files.write_private(_record_path(folder, name), json.dumps(record._asdict()))
    if process.stdin is not None:
        with process.stdin as gate:
            gate.write(b"go\n")
    return record


def _check_program(name: str, program: str, env: Mapping[str, str] | None, cwd: Path | None) -> None:
    """Raise LabError if there is no `program`: what waits for its record could not tell us."""
    path = (os.environ if env is None else env).get("PATH", os.defpath)
    found = shutil.which(program, path=path) if "/" not in program else shutil.which(Path(cwd or ".", program))
    if found is None:
        reason = "Permission denied" if Path(cwd or ".", program).is_file() else "No such file or directory"
        raise LabError(f"{name}: the program {program} cannot be started: {reason}")


def running(folder: Path, name: str) -> bool:
    """Tell whether the program started under `name` still runs."""
    record = _read(_record_path(folder, name))
    return record is not None and _is(record)


def check(folder: Path, name: str) -> None:
    """Raise LabError with the end of its log if the program started under `name` has ended."""
    if not running(folder, name):
        raise LabError(f"{name} ended by itself. The end of its log:\n{log_tail(folder, name)}")


def log_tail(folder: Path, name: str, lines: int = 15) -> str:
    """Return the last lines that a program printed."""
    path = folder / "logs" / f"{name}.log"
    text = path.read_text(errors="replace") if path.exists() else "(no log)"
    return "\n".join(text.splitlines()[-lines:])


def child(record: Record) -> subprocess.Popen[bytes]:
    """Return the process of a program that we started and did not stop: to signal it, or to wait for its end."""
    return _children[record]


def stop(folder: Path, name: str, seconds: float = STOP_SECONDS) -> None:
    """End the program started under `name` with all its children; quiet if there is none.

    What does not end by itself within `seconds` is killed.

    Raises:
        LabError: it lives on even then.
    """
    path = _record_path(folder, name)
    if record := _read(path):
        _end([record], lambda: _members([record]), seconds)
    path.unlink(missing_ok=True)


def stop_all(folder: Path, seconds: float = STOP_SECONDS) -> None:
    """End all that was started for `folder` or, if that is a run's, anywhere in that run; quiet if there is nothing.

    Raises:
        LabError: something lives on even when it is killed.
    """
    paths = [*_records(folder), *_elsewhere(folder).glob("*/processes/*.json")]
    records = [record for path in paths if (record := _read(path))]
    _end(records, lambda: sorted({*_members(records), *_carriers(folder)}), seconds)
    for path in paths:
        path.unlink(missing_ok=True)
    shutil.rmtree(_elsewhere(folder), ignore_errors=True)


def names(folder: Path) -> list[str]:
    """Names of all programs recorded and not yet stopped."""
    return sorted(path.stem for path in _records(folder))


def members(folder: Path, name: str) -> list[int]:
    """Process ids of the program started under `name` and of all its children."""
    record = _read(_record_path(folder, name))
    return [] if record is None else _members([record])


_children: dict[Record, subprocess.Popen[bytes]] = {}
_marks_a_run = False


def _mark(folder: Path) -> tuple[str, str]:
    """Name and value of the variable that marks what is started for `folder`."""
    return MARK + sha256(f"{_world()} {folder}".encode()).hexdigest()[:16], str(folder)


def _tell_runs(folder: Path) -> None:
    """Let each run that we are part of know that there are records in `folder`: not all programs keep their mark."""
    for name, run in os.environ.items():
        if name.startswith(MARK) and Path(run) != folder:
            link = _elsewhere(Path(run)) / sha256(str(folder).encode()).hexdigest()[:16]
            link.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                link.symlink_to(folder)


def _elsewhere(folder: Path) -> Path:
    """Where links to other folders with records of a run are; not in its own, which is made anew with the lab."""
    return folder.with_name(f"{folder.name}.elsewhere")


def _record_path(folder: Path, name: str) -> Path:
    return folder / "processes" / f"{name}.json"


def _records(folder: Path) -> list[Path]:
    return list((folder / "processes").glob("*.json"))


def _read(path: Path) -> Record | None:
    if not path.exists():
        return None
    record = Record(**json.loads(path.read_text()))
    return record if record.world == _world() else None


def _world() -> str:
    """Tell this boot and this process id namespace from all others."""
    return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {os.readlink('/proc/self/ns/pid')}"


def _stat(pid: int) -> _Stat:
    try:
        # The command name, in parentheses, may itself hold spaces and parentheses.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return _Stat(0, "X", 0)
    return _Stat(session=int(fields[3]), state=fields[0], started=int(fields[19]))


def _is(record: Record) -> bool:
    stat = _stat(record.pid)
    return stat.started == record.started and stat.state not in "ZX"


def _pids() -> list[int]:
    """Every process but ourselves."""
    return [pid for path in Path("/proc").glob("[0-9]*") if (pid := int(path.name)) != os.getpid()]


def _members(records: Collection[Record]) -> list[int]:
    leaders = {record.pid: _stat(record.pid) for record in records}
    # Where the leader is neither gone nor the one that was recorded, somebody else got its number since.
    sessions = {each.pid for each in records if leaders[each.pid].started in (0, each.started)}
    if not sessions:
        return []
    return [pid for pid in _pids() if (stat := _stat(pid)).session in sessions and stat.state not in "ZX"]


def _carriers(folder: Path) -> list[int]:
    """Processes that carry the mark of `folder`; one that has ended has no environment."""
    variable = "=".join(_mark(folder)).encode()
    return [pid for pid in _pids() if variable in _environment(pid)]


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # it has ended, or is none of ours
        return []


def _end(records: Collection[Record], found: Callable[[], list[int]], seconds: float) -> None:
    """Ask the processes that are `found` to end, then kill them. Raises LabError."""
    pids = found()
    _signal(pids, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while pids and time.monotonic() < deadline:
        time.sleep(EVERY_SECONDS / 2)
        pids = found()
    deadline = time.monotonic() + STOP_SECONDS
    while pids:
        if time.monotonic() > deadline:
            raise LabError(f"these live on even when they are killed: {', '.join(map(_describe, pids))}")
        _signal(pids, signal.SIGKILL)  # again and again, as they may start others meanwhile
        time.sleep(EVERY_SECONDS / 2)
        pids = found()
    for record in records:
        if process := _children.pop(record, None):
            process.wait()  # it is a zombie of ours now: let the kernel forget it


def _signal(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _describe(pid: int) -> str:
    """Number and name of a process, for a person to look for."""
    try:
        return f"{pid} ({Path(f'/proc/{pid}/comm').read_text().strip()})"
    except OSError:
        return str(pid)
