"""More and more calls on one core, until they are no longer sent in time."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Protocol

from bench import capture, sendtimes
from bench.sendtimes import Window
from voice_lab import commands, processes
from voice_lab.context import Lab
from voice_lab.services import network

CORE = 1
"""What is measured runs on this core alone; database, capture and this process on the others."""

WINDOW_S = 10.0
LIMIT_PCT = 0.1
"""Share of packets late or lost at which a program has too much to do."""

TRIAL_WINDOWS = 2
SATURATED = 0.985
TICKS = os.sysconf("SC_CLK_TCK")


class Subject(Protocol):
    """A program, both parties of its calls, that can be told to make more of them.

    Attributes:
        name: for the figures.
        pids: its processes.
        one_in: capture one in so many of its packets, a power of two: all are more than a capture keeps up with.
        listens: it reads what it receives; otherwise no loss counts against it.
    """

    name: str
    pids: list[int]
    one_in: int
    listens: bool

    def add(self, calls: int) -> None:
        """Have so many more calls up, from soon on."""

    def settles_s(self, calls: int) -> float:
        """How long it takes from the start until so many calls are up."""


@dataclass(frozen=True)
class Stage:
    """So many calls more at its beginning, then `seconds` of measurement."""

    calls: int
    seconds: float


@dataclass(frozen=True)
class Sample:
    """What a subject has used up to a moment (ns since 1970), and datagrams that the kernel threw away for it."""

    moment_ns: int
    cpu_s: float
    rss_mb: float
    received: int
    overflowed: int


@dataclass(frozen=True)
class Step:
    """One window of a run: what was sent, and what it took. `cpu` is the share of a core."""

    window: Window
    cpu: float
    rss_mb: float
    lost_pct: float

    @property
    def calls(self) -> float:
        """Calls that were up."""
        return self.window.calls

    @property
    def good(self) -> bool:
        """Whether the program kept up."""
        return self.window.late_pct <= LIMIT_PCT and self.lost_pct <= LIMIT_PCT


def reserve_core() -> None:
    """Keep this process, and all that it starts from now on, off the core of what is measured."""
    others = os.sched_getaffinity(0) - {CORE}
    if not others:
        raise SystemExit("two cores are needed: one for what is measured, one for what measures")
    os.sched_setaffinity(0, others)


def pinned(*command: str | Path) -> list[str]:
    """The command line that runs `command` on the reserved core, ahead of ordinary processes."""
    return ["taskset", "-c", str(CORE), "chrt", "-r", "10", *map(str, command)]


@contextmanager
def _sent(lab: Lab, file: Path, one_in: int) -> Iterator[None]:
    """Capture what is sent between the SIP host's own addresses: all of it passes its loopback interface."""
    with capture.running(lab, "lo", sendtimes.sample(one_in), file, snap_bytes=sendtimes.SNAP_BYTES, old_format=True):
        yield


def run(lab: Lab, subject: Subject, stages: Sequence[Stage]) -> list[Step]:
    """Go through the `stages` with a `subject` that has started; ends early where it has no time left.

    Returns one step for each window.
    """
    file = lab.folder / f"{subject.name}.pcap"
    samples = []
    with _sent(lab, file, subject.one_in):
        samples.append(_sample(lab, subject))
        for stage in stages:
            if stage.calls:
                subject.add(stage.calls)
            for _ in range(max(1, round(stage.seconds / WINDOW_S))):
                time.sleep(WINDOW_S)
                samples.append(_sample(lab, subject))
            if _cpu(samples[-2], samples[-1]) > SATURATED:
                break
    packets = sendtimes.read(file)
    file.unlink()
    return [
        Step(
            window=sendtimes.window(packets, before.moment_ns, after.moment_ns, subject.one_in),
            cpu=_cpu(before, after),
            rss_mb=after.rss_mb,
            lost_pct=_lost_pct(before, after) if subject.listens else 0.0,
        )
        for before, after in pairwise(samples)
    ]


def attempt(lab: Lab, running: Callable[[Lab], AbstractContextManager[Subject]], calls: int) -> list[Step]:
    """The last `TRIAL_WINDOWS` windows of a fresh subject with so many calls up, once they are."""
    with running(lab) as subject:
        seconds = subject.settles_s(calls) + TRIAL_WINDOWS * WINDOW_S
        return run(lab, subject, [Stage(calls, math.ceil(seconds / WINDOW_S) * WINDOW_S)])[-TRIAL_WINDOWS:]


def _cpu(before: Sample, after: Sample) -> float:
    return (after.cpu_s - before.cpu_s) / ((after.moment_ns - before.moment_ns) / 1e9)


def _lost_pct(before: Sample, after: Sample) -> float:
    overflowed, received = after.overflowed - before.overflowed, after.received - before.received
    return 100 * overflowed / max(1, overflowed + received)


def _sample(lab: Lab, subject: Subject) -> Sample:
    stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in subject.pids]
    memory = [Path(f"/proc/{pid}/statm").read_text().split() for pid in subject.pids]
    counters = _udp_counters(lab)
    return Sample(
        moment_ns=time.time_ns(),
        cpu_s=sum(int(fields[11]) + int(fields[12]) for fields in stats) / TICKS,
        rss_mb=sum(int(fields[1]) for fields in memory) * os.sysconf("SC_PAGE_SIZE") / 1e6,
        received=counters["Udp6InDatagrams"],
        overflowed=counters["Udp6RcvbufErrors"],
    )


def _udp_counters(lab: Lab) -> dict[str, int]:
    told = commands.run(network.inside(network.sip_namespace(lab), "cat", "/proc/net/snmp6"))
    return {name: int(value) for name, value in (line.split() for line in told.splitlines()) if name.startswith("Udp6")}


def start(lab: Lab, name: str, command: Sequence[str], **options: object) -> int:
    """Start a program in the SIP host's namespace; returns its process id. `options` are those of `processes.start`."""
    record = processes.start(lab.folder, name, network.inside(network.sip_namespace(lab), *command), **options)  # type: ignore[arg-type]
    return record.pid
