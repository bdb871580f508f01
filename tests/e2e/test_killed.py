"""Whatever is killed is cleaned up: commands are killed in the middle, and after `make down` nothing of them is left.

What is left is counted without the lab's own records: the test adopts every orphan of the command that it kills.

By default a few commands, each once while it works; `VOICE_TEST_CHAOS=full` kills all of them at several moments of
their whole life, which `VOICE_TEST_SEED` repeats.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from voice_lab import commands, context, guard, places
from voice_lab.errors import LabError
from voice_lab.services import network
from voice_lab.waiting import until

pytestmark = [pytest.mark.services, pytest.mark.long, pytest.mark.timeout(900)]

FULL = os.environ.get("VOICE_TEST_CHAOS") == "full"
ROUNDS = 5
WORKS_WITHIN_S = 300
DOWN_S = 20
"""How long `make down` may take: each program has 10 s to end by itself before it is killed, and most need none."""

PR_SET_CHILD_SUBREAPER = 36
OWN = ("COV", "MAKE", "MFLAGS", "PYTEST_", "VOICE_TEST_")
"""How variables begin that tell of this test run, and would change what a command started by hand does."""


class Command(NamedTuple):
    """What is killed: arguments of make, a program that runs while it works, how long its whole life takes.

    `lab` is the name of its lab where that is always the same.
    """

    words: tuple[str, ...]
    busy: str
    seconds: float
    lab: str = ""


NESTED = "--no-cov -p no:cacheprovider --basetemp={folder}/nested tests/integration/test_sip_host_install.py"
COMMANDS = {
    "truth": Command(("truth", "ARGS=--seconds 10 --rounds 1"), "capture", 40, "truth"),
    "bench-sip": Command(("bench-sip", "ARGS=--steps 1 --records 100"), "bench-sip-application", 120, "bench-sip"),
    "test": Command(("test", f"ARGS={NESTED}"), "machine", 60),
    "bench-state": Command(("bench-state", "ARGS=--calls 100"), "database", 25, "bench-state"),
    "bench-lab": Command(("bench-lab",), "sip-host", 60, "bench"),
    "bench-operator": Command(("bench-operator", "ARGS=20x2"), "voice-quality-operator.operator", 60),
    "demo": Command(("demo", "PORT=0"), "sip-host", 60, "demo"),
}
BY_DEFAULT = ("truth", "bench-sip", "test")


def stats() -> dict[int, tuple[int, str]]:
    """Parent and state of every process."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
            found[int(path.parent.name)] = (int(parent), state)
    return found


def descendants() -> dict[int, str]:
    """Every living process below this one, and its command line."""
    known, family = stats(), {os.getpid()}
    while more := {pid for pid, (parent, _) in known.items() if parent in family} - family:
        family |= more
    living = [pid for pid in family - {os.getpid()} if known[pid][1] not in "ZX"]
    found = {}
    for pid in living:
        with suppress(OSError):
            found[pid] = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    return found


@contextmanager
def adopting() -> Iterator[Callable[[], dict[int, str]]]:
    """Adopt the orphans of all that is started meanwhile; gives those that still run."""
    before, kernel = stats().keys(), ctypes.CDLL(None)
    assert kernel.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0

    def left() -> dict[int, str]:
        return {pid: told for pid, told in descendants().items() if pid not in before}

    try:
        yield left
    finally:
        for pid in left():
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.5)
        for pid, (parent, state) in stats().items():
            if parent == os.getpid() and state == "Z" and pid not in before:
                os.waitpid(pid, 0)
        kernel.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def labs_of(pids: Collection[int]) -> set[str]:
    """Names of the labs whose locks these processes took."""
    found = set()
    for path in (places.cache() / "run").glob("*.lock"):
        with suppress(FileNotFoundError, ValueError):  # another test run just looks after an earlier one
            if int(path.read_text()) in pids:
                found.add(path.stem)
    return found


def works(busy: str, pids: Collection[int]) -> bool:
    """Whether one of these processes is the program `busy`."""
    runs = places.cache() / "run"
    for place in ("*/processes", "*.elsewhere/*/processes"):
        for record in runs.glob(f"{place}/{busy}.json"):
            with suppress(FileNotFoundError):
                if json.loads(record.read_text())["pid"] in pids:
                    return True
    return False


def remains(labs: Collection[str], folder: Path) -> list[str]:
    """What of the labs is on the machine beside processes: namespaces, links, mounts."""
    spaces = [f"{network.NAMESPACES}/voice-{lab}-{end}" for lab in labs for end in ("sip", "sip2", "sbc")]
    indices = [context.Lab(lab, {}, {}).index for lab in labs]
    links = [f"/sys/class/net/voice{index:x}{end}" for index in indices for end in ("db", "db2")]
    mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    ours = (str(folder), *spaces, *(str(places.state(lab)) for lab in labs))
    return [path for path in (*spaces, *links) if Path(path).exists()] + [at for at in mounted if at.startswith(ours)]


def machine() -> tuple[str, bool]:
    """The packet filter of this machine itself, which no lab touches; whether the folder of namespaces is mounted for
    nobody.
    """
    spaces = network.NAMESPACES
    return commands.run(["nft", "list", "ruleset"]), spaces.is_mount() and not any(spaces.iterdir())


def make(*words: str, told: Path) -> subprocess.Popen[bytes]:
    """Start make, as from a shell of its own."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(OWN)}
    with told.open("ab") as output:
        return subprocess.Popen(
            ["make", *words], cwd=places.CHECKOUT, env=env, stdout=output, stderr=output, process_group=0
        )


def skip_if_somebody_uses(lab: str) -> None:
    try:
        with guard.only_one(lab):
            return
    except LabError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", [name for name in COMMANDS if FULL or name in BY_DEFAULT])
def test_nothing_is_left_of_what_was_killed(name: str, tmp_path: Path) -> None:
    command = COMMANDS[name]
    if command.lab:
        skip_if_somebody_uses(command.lab)
    seed = int(os.environ.get("VOICE_TEST_SEED", random.randrange(10**6)))
    sys.stdout.write(f"seed {seed}\n")
    dice = random.Random(seed)
    kill_and_clean_up(command, None, dice.uniform(0, 1), tmp_path)
    for _ in range(ROUNDS if FULL else 0):
        kill_and_clean_up(command, dice.uniform(0, command.seconds), 0, tmp_path)


def kill_and_clean_up(command: Command, at: float | None, later: float, folder: Path) -> None:
    """Kill it `at` a moment or, where that is not given, so much `later` than its work begins."""
    before, told = machine(), folder / "told"
    with adopting() as left:
        labs = kill(command, at, later, folder, left)
        orphans = left()
        assert orphans or at is not None, "there was something to clean up"
        began = time.monotonic()
        code = make("down", f"ARGS={' '.join(labs) or 'none'}", told=told).wait(120)
        took = time.monotonic() - began
        report = {"at": at, "labs": sorted(labs), "orphans": len(orphans), "down_s": round(took, 1)}
        sys.stdout.write(f"{json.dumps(report)}\n{told.read_text()[-3000:]}\n")
        assert left() == {}
        assert remains(labs, folder) == []
        until(lambda: machine() == before, what="the machine is as it was", seconds=5)  # other tests have labs, too
        assert (code, took < DOWN_S) == (0, True)
        assert make("down", f"ARGS={' '.join(labs) or 'none'}", told=told).wait(DOWN_S) == 0


def kill(
    command: Command, at: float | None, later: float, folder: Path, left: Callable[[], dict[int, str]]
) -> set[str]:
    """Start the command and kill its process group then; returns the names of its labs."""
    words = [word.format(folder=folder) for word in command.words]
    running = make(*words, told=folder / "told")
    began, labs = time.monotonic(), set()
    due = None if at is None else began + at
    while due is None or time.monotonic() < due:
        pids = left()
        labs |= labs_of(pids)
        if due is None and works(command.busy, pids):
            due = time.monotonic() + later
        if running.poll() is not None:
            assert at is not None, f"it ended before it did any work: {(folder / 'told').read_text()[-3000:]}"
            break
        assert time.monotonic() < began + WORKS_WITHIN_S + (at or 0), f"{command.busy} never ran"
        time.sleep(0.05)
    with suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    return labs
