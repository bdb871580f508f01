"""How long answers take, how many there are for a second of a processor, and what a process holds."""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import httpx

from bench.portal.checkout import Served

WARM = 5
_TICKS = os.sysconf("SC_CLK_TCK")


def taken_ms(works: Sequence[Callable[[], object]], times: int) -> list[list[float]]:
    """How long each of `works` takes, again and again; in turn, so that other load meets all of them."""
    for work in works:
        for _ in range(WARM):
            work()
    samples: list[list[float]] = [[] for _ in works]
    for _ in range(times):
        for taken, work in zip(samples, works, strict=True):
            began = time.perf_counter()
            work()
            taken.append((time.perf_counter() - began) * 1000)
    return samples


def p95(samples: Sequence[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(samples, n=20)[-1]


def per_cpu_second(served: Served, path: str, people: int, seconds: float) -> tuple[float, float]:
    """How many answers of `path` there are for each second of a processor that nginx and gunicorn take, with so many
    people asking at once; and which share of all answers, in percent, was another one.
    """
    ended = threading.Event()
    counts, failed = [0] * people, [0] * people

    def ask(person: int) -> None:
        with served.browser() as browser:
            while not ended.is_set():
                found = counts if browser.get(path).is_success else failed
                found[person] += 1

    threads = [threading.Thread(target=ask, args=(person,)) for person in range(people)]
    before = cpu_s(served)
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    ended.set()
    for thread in threads:
        thread.join()
    return sum(counts) / (cpu_s(served) - before), 100 * sum(failed) / max(1, sum(counts) + sum(failed))


def cpu_s(served: Served) -> float:
    """Processor time of nginx and gunicorn so far."""
    return sum(_cpu_s(pid) for members in served.processes().values() for pid in members)


def worker_rss_mb(served: Served) -> float:
    """What the largest of gunicorn's processes holds."""
    return max(_rss_mb(pid) for pid in served.processes()["gunicorn"])


def read_all(browser: httpx.Client, path: str) -> tuple[int, float]:
    """How large the file at `path` is, and how many seconds it took."""
    began = time.perf_counter()
    size = 0
    with browser.stream("GET", path, timeout=600) as answer:
        answer.raise_for_status()
        for part in answer.iter_raw():
            size += len(part)
    return size, time.perf_counter() - began


def statements(count: Callable[[], int], work: Callable[[], object], times: int = 9) -> float:
    """How many statements `work` has the server read with: the usual number, as others may ask meanwhile."""
    counts = []
    for _ in range(times):
        before = count()
        work()
        counts.append(count() - before)
    return statistics.median(counts)


def _cpu_s(pid: int) -> float:
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS
    return 0.0


def _rss_mb(pid: int) -> float:
    with suppress(OSError):
        lines: Iterable[str] = Path(f"/proc/{pid}/status").read_text().splitlines()
        return next((int(line.split()[1]) / 1000 for line in lines if line.startswith("VmRSS:")), 0.0)
    return 0.0
