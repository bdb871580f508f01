"""A node's process 1: `python -m voice_lab.node.supervisor LAB PROGRAMS`, started in namespaces of its own.

It keeps the node's programs running, each with its log in the lab's folder, and reaps every process of the node that
nobody else waits for. When it ends, the kernel ends the rest.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from voice_lab.node import inside, texts
from voice_lab.node import plan as names
from voice_lab.node.plan import NodePlan

PAUSE_SECONDS = 1.0
"""Before a program that has ended is started again."""
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Keeper:
    """Keeps programs running."""

    def __init__(self, programs: Mapping[str, Sequence[str]], logs: Path) -> None:
        self._programs = programs
        self._logs = logs
        self._running: dict[int, str] = {}
        self._due = dict.fromkeys(programs, 0.0)

    def start_due(self) -> None:
        """Start what does not run, once its pause is over."""
        for name in [name for name, when in self._due.items() if when <= time.monotonic()]:
            del self._due[name]
            self._running[self._start(name)] = name

    def reap(self) -> None:
        """Take notice of every process that has ended."""
        while pid := _ended():
            if name := self._running.pop(pid, None):
                self._due[name] = time.monotonic() + PAUSE_SECONDS

    def _start(self, name: str) -> int:
        command = self._programs[name]
        program = shutil.which(command[0]) or command[0]
        log = str(self._logs / f"{name}.log")
        output = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        # This process blocks signals, to wait for them; its programs must not.
        return os.posix_spawn(program, list(command), os.environ, file_actions=output, setsigmask=[])


def main() -> None:
    """Settle in, then keep the programs running until a signal says to end."""
    folder, programs = Path(sys.argv[1]), Path(sys.argv[2])
    plan = NodePlan.from_json((folder / "node" / "plan.json").read_text())
    signal.pthread_sigmask(signal.SIG_BLOCK, {*ENDING, signal.SIGCHLD})
    inside.settle(plan, folder, programs)
    os.chdir(names.FOLDER)
    keeper = Keeper(texts.programs(plan), Path(names.LAB, "logs"))
    while True:
        keeper.start_due()
        told = signal.sigtimedwait({*ENDING, signal.SIGCHLD}, PAUSE_SECONDS / 4)
        if told and told.si_signo in ENDING:
            return
        keeper.reap()


def _ended() -> int:
    """Return the number of a process that has ended, and forget it; 0 if there is none."""
    try:
        return os.waitpid(-1, os.WNOHANG)[0]
    except ChildProcessError:
        return 0


if __name__ == "__main__":
    main()
