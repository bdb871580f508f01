"""Starting programs so that they can be found and ended again, even after the lab itself was killed.

Each program gets a session of its own, and a small record of its process id and start time. Everything in
that session is ours: the kernel gives a session's number to nobody else while one of its processes lives.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from voice_lab import files
from voice_lab.errors import LabError
from voice_lab.waiting import EVERY_SECONDS

STOP_SECONDS = 10.0
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


def start(
    folder: Path, name: str, command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Record:
    """Start `command` in a session of its own, its output in `folder`/logs/`name`.log, and record it.

    `env` is the program's whole environment; without it, the program gets ours.

    Raises:
        LabError: the program is not there, or may not be run.
    """
    stop(folder, name)  # a second one would take the first one's record, and nobody would ever stop that
    log = folder / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    _check_program(name, command[0], env, cwd)
    with log.open("ab") as out:
        process = subprocess.Popen(
            [*_WHEN_RECORDED, *command],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=dict(env) if env is not None else None,
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
    record = _read(folder, name)
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


def stop(folder: Path, name: str, seconds: float = STOP_SECONDS) -> None:
    """End the program started under `name` with all its children; quiet if there is none.

    What does not end by itself within `seconds` is killed.
    """
    record = _read(folder, name)
    if record is None:
        _record_path(folder, name).unlink(missing_ok=True)
        return
    for number, limit in ((signal.SIGTERM, seconds), (signal.SIGKILL, STOP_SECONDS)):
        _signal(_members(record), number)
        if _ended(record, limit):
            break
    _record_path(folder, name).unlink(missing_ok=True)


def names(folder: Path) -> list[str]:
    """Names of all programs recorded and not yet stopped."""
    return sorted(path.stem for path in (folder / "processes").glob("*.json"))


def members(folder: Path, name: str) -> list[int]:
    """Process ids of the program started under `name` and of all its children."""
    record = _read(folder, name)
    return [] if record is None else _members(record)


_children: dict[Record, subprocess.Popen[bytes]] = {}


def _record_path(folder: Path, name: str) -> Path:
    return folder / "processes" / f"{name}.json"


def _read(folder: Path, name: str) -> Record | None:
    path = _record_path(folder, name)
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


def _members(record: Record) -> list[int]:
    leader = _stat(record.pid)
    if leader.state != "X" and leader.started != record.started:
        return []  # the number was given to somebody else since
    pids = (int(path.name) for path in Path("/proc").glob("[0-9]*"))
    return [pid for pid in pids if (stat := _stat(pid)).session == record.pid and stat.state not in "ZX"]


def _signal(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _ended(record: Record, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while _members(record):
        if time.monotonic() > deadline:
            return False
        time.sleep(EVERY_SECONDS / 2)
    if child := _children.pop(record, None):
        child.wait()  # it is a zombie of ours now: let the kernel forget it
    return True
