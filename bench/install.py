"""Measure an installation: how long a cluster takes to start, how long the first record takes, how large pods are."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx
import yaml

from bench.figures import figure
from bench.install_memory import Container, containers
from bench.operator import probes as world
from bench.probestate import MAKE_CALLS, MAKE_STREAMS
from voice_lab import evidence, images, progress, root, stack, waiting
from voice_lab.context import Lab
from voice_lab.errors import LabError
from voice_lab.node import machine
from voice_lab.pods import NAMESPACE
from voice_lab.services import chart, cluster, database, examples, operator, portal, registry

INSTANCE = "bench-install"
SIZES = (100, 1000)
CLIENTS = 20
ROUNDS = 3
CALLS = 20
"""Calls of each probe that stand in the database when the portal is asked for its pages."""
AT_ONCE, TIMES = 16, 3
"""How many people at most ask for pages at the same time, as many as a worker has threads, and how often each asks for
all of them."""
FIRST_CALL_SECONDS = 180
THERE = "SELECT 1 FROM voice_call c WHERE c.client = p.client AND c.probe = p.probe"
CLUSTER = ("cluster", "node")
STAFF = "staff"


def main() -> None:
    """Measure one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES, help="numbers of probes, rising (%(default)s)")
    sizes = parser.parse_args().sizes
    root.become(lambda: stack.install(registry()), "bench.install", list(map(str, sizes)))
    if reason := machine.why_not():
        raise SystemExit(f"this machine cannot run pods, so there is nothing to measure: {reason}")
    measure(sizes, ROUNDS)


def measure(sizes: Iterable[int], rounds: int) -> None:
    """Print every figure; `sizes` rise."""
    for name, megabytes in images.figures().items():
        figure(name, megabytes, "MB")
    cluster_up(rounds)
    with stack.running(INSTANCE, pods=True) as lab:
        first_record(lab)
    with stack.running(INSTANCE, pods=True) as lab:
        memory(lab, sizes)


def cluster_up(rounds: int) -> None:
    """From nothing to a cluster that takes pods, everything being built: against etcd and the API server alone."""
    bare, whole = [], []
    for _ in range(rounds):
        bare.append(_seconds_up(("cluster",), pods=False))
        whole.append(_seconds_up(CLUSTER, pods=True))
    usual = statistics.median(whole)
    ratio = usual / statistics.median(bare)
    figure("cluster_up_s", usual, "s", against="etcd and kube-apiserver alone", ratio=ratio, at={"rounds": rounds})


def _seconds_up(services: tuple[str, ...], *, pods: bool) -> float:
    with stack.running(INSTANCE, pods=pods) as lab:
        began = time.monotonic()
        stack.up(lab, services)
        return time.monotonic() - began


def first_record(lab: Lab) -> None:
    """From `helm install` to the first row of voice_call, where all else is up: against the pods being Ready."""
    stack.up(lab, (*chart.REQUIRES, *CLUSTER, "sip_host"))
    began = time.monotonic()
    with progress.step("chart", "installing"):
        chart.start(lab)
    ready = time.monotonic() - began
    figure("install_to_ready_s", ready, "s")
    examples.start(lab)
    with progress.step("calls", "waiting for the first record"):
        waiting.until(lambda: _has_record(lab), what="a record is in voice_call", seconds=FIRST_CALL_SECONDS)
    took = time.monotonic() - began
    figure("install_to_first_cdr_s", took, "s", against="all pods Ready", ratio=took / ready)


def _has_record(lab: Lab) -> bool:
    with closing(database.connect(lab, "admin")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM voice_call LIMIT 1")
        return cursor.fetchone() is not None


def memory(lab: Lab, sizes: Iterable[int], clients: int = CLIENTS) -> None:
    """Memory of the pods with so many probes Ready, the portal's after its pages were asked for."""
    stack.up(lab, ("operator", "portal"))
    _as_installed(lab)
    logins = [STAFF, *(f"engineer@{world.client_name(number)}" for number in range(min(clients, AT_ONCE - 1)))]
    for login in logins:
        client = login.partition("@")[2]
        portal.add_user(lab, login, *([client] if client else []), staff=not client)
    with world.administrator(lab) as api:
        world.declare_clients(api, clients)
        there = 0
        for size in sizes:
            with progress.step("probes", f"waiting until {size} are Ready"):
                world.declare(api, range(there, size), clients)
                world.wait_until_ready(api)
            there = size
            _make_calls(lab)
            _ask_for_pages(lab, logins)
            _tell(lab, {"probes": size, "clients": clients})


def _as_installed(lab: Lab) -> None:
    """Give each of the portal's pods as many workers as the chart does: the lab has one."""
    usual = yaml.safe_load((chart.CHART / "values.yaml").read_text())["portal"]["workers"]
    values = ("--reuse-values", "--set", f"portal.workers={usual}")
    wait = ("--wait", f"--timeout={chart.READY_SECONDS}s")
    cluster.helm(lab, "upgrade", chart.RELEASE, str(chart.CHART), "--namespace", NAMESPACE, *values, *wait)


def _make_calls(lab: Lab) -> None:
    """Give those probes records that have none."""
    calls = MAKE_CALLS % (1, CALLS)
    with closing(database.connect(lab, "admin")) as connection, connection.cursor() as cursor:
        cursor.execute(f"{calls} WHERE NOT EXISTS ({THERE})")
        cursor.execute(MAKE_STREAMS % 0)


def _ask_for_pages(lab: Lab, logins: list[str]) -> None:
    """Have the people of these logins ask for the portal's pages at the same time."""
    with progress.step("portal", "asking for its pages"):
        browsers = [evidence.sign_in(lab, login) for login in logins]
        try:
            with ThreadPoolExecutor(len(browsers)) as pool:
                for _ in pool.map(_look_around, range(len(browsers)), browsers):
                    pass
        finally:
            for browser in browsers:
                browser.close()


def _look_around(number: int, browser: httpx.Client) -> None:
    """Ask for all pages: the first person for those of the staff, the others for those of a client."""
    pages: tuple[str, ...] = ("/c/", "/fleet/", "/hosts/")
    if number:
        # The probe of a number is of the client of that number.
        client, probe = world.probe_name(number - 1, CLIENTS)
        pages = (f"/c/{client}/", f"/c/{client}/trends/", f"/c/{client}/probes/{probe}/")
    for _ in range(TIMES):
        for page in pages:
            answer = browser.get(page)
            if answer.status_code != httpx.codes.OK:
                raise LabError(f"the portal answers {answer.status_code} for {page}")


def _tell(lab: Lab, at: dict[str, int]) -> None:
    """Print what the pods take now."""
    found = containers(lab, operator.NAME)
    leader = max(found, key=_working)
    (standby,) = (each for each in found if each is not leader)
    process = max(leader.processes, key=lambda each: each.rss_mb)
    figure("operator_rss_mb", process.rss_mb, "MB", at=at)
    figure("operator_pss_mb", process.pss_mb, "MB", at=at)
    figure("operator_standby_rss_mb", max(each.rss_mb for each in standby.processes), "MB", at=at)
    _container("operator", leader, at)
    found = containers(lab, portal.NAME)
    apps = [each for each in found if each.name == "portal"]
    workers = [worker for each in apps for worker in each.workers()]
    figure("portal_rss_mb", max(each.rss_mb for each in workers), "MB", at=at)
    figure("portal_pss_mb", max(each.pss_mb for each in workers), "MB", at=at)
    _container("portal", max(apps, key=_working), at)
    _container("proxy", max((each for each in found if each.name == "proxy"), key=_working), at)
    figure("portal_pod_mb", max(_by_pod(found).values()), "MB", at={**at, "workers": len(workers) // len(apps)})


def _working(container: Container) -> float:
    return container.working_mb


def _container(name: str, container: Container, at: dict[str, int]) -> None:
    limit = container.limit_mb
    for what, value in (("container", container.working_mb), ("container_peak", container.peak_mb)):
        ratio = value / limit if limit else None
        figure(f"{name}_{what}_mb", value, "MB", at=at, against="its memory limit" if limit else "", ratio=ratio)


def _by_pod(found: Iterable[Container]) -> dict[str, float]:
    total: dict[str, float] = {}
    for each in found:
        total[each.pod] = total.get(each.pod, 0.0) + each.working_mb
    return total


if __name__ == "__main__":
    main()
