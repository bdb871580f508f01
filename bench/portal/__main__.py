"""Measure the portal with a million calls: how fast pages, searches and files come, beside another checkout's."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx

from bench.figures import figure
from bench.portal import asking, rows
from bench.portal.checkout import Served, serving
from voice_lab import root, stack
from voice_lab.services import database
from voice_lab.tools import kubectl

CALLS, TIMES, SECONDS, PEOPLE = 1_000_000, 100, 10.0, 8
PAGE, DEEP = 50, 10_000
LAST_BEFORE = """
SELECT started_at, uuid FROM voice_call WHERE client = %s ORDER BY started_at DESC, uuid DESC LIMIT 1 OFFSET %s
"""
SELECTS = "SHOW GLOBAL STATUS LIKE 'Com_select'"
CALLS_PAGE = f"/c/{rows.CLIENT}/calls/"
SEARCHES = {
    "last_day": "",
    "probe_and_outcome": "range=31d&probe=p-7&outcome=busy",
    "mos_below": "range=7d&mos_below=3",
    "rare_mos": "range=31d&mos_below=2.41",
    "number": "range=7d&number=%2B4420718387+42",
    "no_such_number": "range=31d&number=555",
    "worst_mos_of_a_day": "sort=mos",
    "worst_mos_of_a_week": "range=7d&sort=mos",
    "longest_delay_of_a_week": "range=7d&sort=pdd",
}
"""Queries of the calls' page: what is common, what is rare, what is not there, and what has to be sorted."""
EXPORTED, EXPORTED_CALLS = "range=7d", 7 * 24 * 3600 // rows.EVERY_S * rows.PROBES


@dataclass(frozen=True)
class Side:
    """A portal that is measured, and a browser that is signed in there. `has_calls`: it has a page that finds calls."""

    served: Served
    browser: httpx.Client
    has_calls: bool

    def get(self, path: str) -> Callable[[], httpx.Response]:
        """What asks for `path`, and takes nothing but a whole answer."""
        return lambda: self.browser.get(path).raise_for_status()


def main() -> None:
    """Serve one or two checkouts, and print every figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--baseline", type=Path, help="another checkout, to measure beside this one")
    parser.add_argument("--calls", type=int, default=CALLS, help="calls of the client (%(default)s)")
    parser.add_argument("--times", type=int, default=TIMES, help="how often each page is asked for (%(default)s)")
    asked = parser.parse_args()
    given = [f"--baseline={asked.baseline.resolve()}"] if asked.baseline else []
    given += [f"--calls={asked.calls}", f"--times={asked.times}"]
    root.become(_install, "bench.portal", given)
    checkouts = {"": Path(__file__).resolve().parents[2]}
    if asked.baseline:
        checkouts["-baseline"] = asked.baseline.resolve()
    with ExitStack() as held:
        sides = []
        for name, folder in checkouts.items():
            served = held.enter_context(serving(f"bench-portal{name}", folder, asked.calls))
            browser = held.enter_context(served.browser())
            sides.append(Side(served, browser, browser.get(CALLS_PAGE).is_success))
        measure(sides, asked.calls, asked.times)


def _install() -> None:
    stack.install(["database"], extra_packages=["nginx"])
    kubectl.program("helm")


def measure(sides: Sequence[Side], calls: int, times: int) -> None:
    """Print every figure; the first of `sides` is ours."""
    at = {"calls": calls}
    finding = [side for side in sides if side.has_calls]
    _beside("overview_p95_ms", [side.get(side.served.overview) for side in sides], times, at)
    _beside("auth_request_p95_ms", [_authorising(side) for side in sides], times, at)
    for page, place in _pages(sides[0], calls).items():
        works = [side.get(f"{CALLS_PAGE}?range=all{place}") for side in finding]
        _beside("calls_page_p95_ms", works, times, {**at, "page": page})
    all_searches: list[list[float]] = [[] for _ in finding]
    for name, query in SEARCHES.items():
        # Each is asked for less often, as there are many and some take long.
        found = _beside(
            f"search_{name}_p95_ms", [side.get(f"{CALLS_PAGE}?{query}") for side in finding], max(20, times // 5), at
        )
        for collected, samples in zip(all_searches, found, strict=True):
            collected.extend(samples)
    _compare("search_p95_ms", all_searches, at)
    _sizes(sides, at)
    _throughput(sides, at)
    _files(finding, at)


def _beside(name: str, works: Sequence[Callable[[], object]], times: int, at: Mapping[str, int]) -> list[list[float]]:
    samples = asking.taken_ms(works, times)
    _compare(name, samples, at)
    return samples


def _compare(name: str, samples: Sequence[Sequence[float]], at: Mapping[str, int]) -> None:
    """Print the 95th percentile of the first, and how it stands to the other's, from the same minutes."""
    _ratio(name, [asking.p95(one) for one in samples], "ms", at)


def _ratio(name: str, values: Sequence[float], unit: str, at: Mapping[str, int]) -> None:
    ours, *theirs = values
    against = "the baseline" if theirs else ""
    figure(name, ours, unit, at=at, against=against, ratio=ours / theirs[0] if theirs and theirs[0] else None)


def _pages(ours: Side, calls: int) -> dict[int, str]:
    """The first page of all calls and a very deep one: its number, and what its address has of its place."""
    deep = max(2, min(DEEP, calls // PAGE))
    lab = ours.served.lab
    with closing(database.connect(lab, "admin", patience_s=60)) as connection, connection.cursor() as cursor:
        cursor.execute(LAST_BEFORE, [rows.CLIENT, (deep - 1) * PAGE - 1])
        found = cursor.fetchone()
    if found is None:
        raise SystemExit(f"{calls} calls are no {deep} pages")
    return {1: "", deep: f"&after={found[0].isoformat(timespec='milliseconds')}~{UUID(bytes=found[1]).hex}"}


def _authorising(side: Side) -> Callable[[], object]:
    """What nginx asks before each answer of Grafana's: whether this person may see that."""
    host = side.served.url.rpartition("/")[2]
    headers = {"Host": host, "X-Original-URI": "/grafana/api/ds/query?orgId=7"}
    nginx = httpx.Client(base_url=side.served.app, headers=headers, cookies=side.browser.cookies, trust_env=False)
    return lambda: nginx.get("/auth/grafana").raise_for_status().headers["X-JWT-Assertion"]


def _sizes(sides: Sequence[Side], at: Mapping[str, int]) -> None:
    """What the pages weigh, and how many statements they take."""
    overviews = [(side, side.served.overview) for side in sides]
    calls = [(side, CALLS_PAGE) for side in sides if side.has_calls]
    for name, pages in (("page_kb", overviews), ("calls_page_kb", calls)):
        _ratio(name, [len(side.get(path)().content) / 1000 for side, path in pages], "kB", at)
    for name, pages in (("overview_queries", overviews), ("calls_page_queries", calls)):
        _ratio(name, [_statements(side, path) for side, path in pages], "statements", at)


def _statements(side: Side, path: str) -> float:
    lab = side.served.lab
    with closing(database.connect(lab, "admin")) as connection, connection.cursor() as cursor:

        def count() -> int:
            cursor.execute(SELECTS)
            return int((cursor.fetchone() or ("", 0))[1])

        return asking.statements(count, side.get(path))


def _throughput(sides: Sequence[Side], at: Mapping[str, int]) -> None:
    """How many overviews a second of a processor makes, and what a process holds after that."""
    found = [asking.per_cpu_second(side.served, side.served.overview, PEOPLE, SECONDS) for side in sides]
    for name, values, unit in zip(
        ("requests_per_s_per_core", "failed_pct"), zip(*found, strict=True), ("requests/s", "%"), strict=True
    ):
        _ratio(name, values, unit, {**at, "people": PEOPLE})
    _ratio("worker_rss_mb", [asking.worker_rss_mb(side.served) for side in sides], "MB", at)


def _files(sides: Sequence[Side], at: Mapping[str, int]) -> None:
    """How fast files of calls come, and what a process holds after that; the CSV first."""
    for kind in ("csv", "parquet"):
        took, sizes = [], []
        for side in sides:
            size, seconds = asking.read_all(side.browser, f"/c/{rows.CLIENT}/calls.{kind}?{EXPORTED}")
            took.append(min(EXPORTED_CALLS, at["calls"]) / seconds)
            sizes.append(size / 1e6)
        _ratio(f"{kind}_calls_per_s", took, "calls/s", at)
        _ratio(f"{kind}_mb", sizes, "MB", at)
        _ratio(f"worker_rss_mb_after_{kind}", [asking.worker_rss_mb(side.served) for side in sides], "MB", at)


if __name__ == "__main__":
    main()
