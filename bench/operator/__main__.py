"""Measure the operator on real servers: from nothing, at rest, after one change, after drift and after a loss."""

from __future__ import annotations

import argparse
import os
import random
import statistics
import time
from collections.abc import Sequence
from typing import Any

from bench.figures import figure
from bench.operator import bare, drift
from bench.operator.probes import API, probe_name
from bench.operator.proxy import Request
from bench.operator.scene import KUBE_READS, Scene, is_pulse, restart_grafana_empty, scene
from voice_lab import progress, root, stack
from voice_lab.services import registry

SIZES = ("200x1", "200x20", "1000x1", "1000x20")
WORKERS = (1, 2, 3)
CHANGES = 20
PATIENCE = 900
NEVER = "86400"
RESYNC = 30
REST_SECONDS = 4 * RESYNC
DASHBOARD = "/grafana/api/dashboards/uid/"


def main() -> None:
    """Measure at each size in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", default=SIZES, help="probes x clients, such as 200x20 (%(default)s)")
    sizes = parser.parse_args().sizes
    root.become(lambda: stack.install(registry()), "bench.operator", list(sizes))
    for size in sizes:
        probes, clients = map(int, size.split("x"))
        with scene(probes, clients) as at:
            _measure(at)


def _measure(at: Scene) -> None:
    writes = from_nothing(at)
    one_change(at)
    at.stop_operator()
    at_rest(at)
    drift.corrected(at, RESYNC)
    wiped(at)
    at.stop_operator()
    against_bare_writes(at, *writes)


def from_nothing(at: Scene) -> tuple[list[Request], float, dict[str, int]]:
    """From declared to Ready; the writes that it took, the seconds, and the organisations made."""
    with progress.step("from nothing", f"{at.probes} probes of {at.clients} clients"):
        before, began = at.cpu_s_of_each(), time.monotonic()
        at.start_operator(VOICE_RESYNC_SECONDS=NEVER)
        at.wait_until_ready()
        took = time.monotonic() - began
        cpu = {name: spent - before.get(name, 0) for name, spent in at.cpu_s_of_each().items()}
        at.wait_until_quiet()
    requests, asked, objects = list(at.proxy.requests), at.kube_requests(), at.objects()
    writes = [request for request in requests if request.is_write]
    kube_writes = sum(event["verb"] not in KUBE_READS for event in asked)
    figure("all_ready_s", took, "s", at=at.size)
    # What it takes a process to start, to become the leader and to list everything.
    figure("first_grafana_write_s", writes[0].began - began, "s", at=at.size)
    figure("grafana_objects", objects.total(), "objects", at=at.size)
    figure("grafana_writes", len(writes), "requests", at=at.size)
    figure("grafana_writes_per_object", len(writes) / objects.total(), "requests", at=at.size)
    figure("grafana_reads_total", len(requests) - len(writes), "requests", at=at.size)
    figure("grafana_read_mb", at.proxy.bytes_read / 1e6, "MB", at=at.size)
    figure("kube_requests", len(asked), "requests", at=at.size)
    figure("kube_writes_per_probe", kube_writes / at.probes, "requests", at=at.size)
    figure("cpu_s", at.cpu_s(), "s", at=at.size)
    figure("rss_mb", at.peak_rss_mb(), "MB", at=at.size)
    _by_program(at, cpu, took)
    return writes, took, at.organisations()


def _by_program(at: Scene, cpu: dict[str, float], took: float) -> None:
    """Who had the processors until all was Ready: no less time is possible than they all need together."""
    for name, seconds in sorted(cpu.items(), key=lambda each: -each[1]):
        if seconds >= 0.1:
            figure(f"cpu_s_of_{name}", seconds, "s", at=at.size)
    least = sum(cpu.values()) / len(os.sched_getaffinity(0))
    figure(
        "all_ready_vs_cpu", took, "s", against="CPU time of all programs, on all cores", ratio=took / least, at=at.size
    )


def one_change(at: Scene) -> None:
    """One probe after the other changed: how long until Grafana shows it, and what that took."""
    seconds, requests = [], []
    chooser = random.Random(5)  # noqa: S311 - which probe is no secret
    for turn in range(CHANGES):
        namespace, name = probe_name(chooser.randrange(at.probes), at.clients)
        before = len(at.proxy.requests)
        seconds.append(_change(at, namespace, name, f"Changed {turn}"))
        at.wait_until_quiet()
        requests.append(sum(not is_pulse(request.path) for request in at.proxy.since(before)))
    figure("one_change_grafana_requests", max(requests), "requests", at=at.size)
    figure("one_change_visible_s_median", statistics.median(seconds), "s", at=at.size)
    figure("one_change_visible_s_p95", statistics.quantiles(seconds, n=20)[-1], "s", at=at.size)


def _change(at: Scene, namespace: str, name: str, title: str) -> float:
    path = f"{API}/namespaces/{namespace}/voiceprobes/{name}"
    uid = at.cluster.get(path).raise_for_status().json()["metadata"]["uid"]
    org = at.organisations()[namespace]
    began = time.monotonic()
    headers = {"Content-Type": "application/merge-patch+json"}
    at.cluster.patch(path, json={"spec": {"displayName": title}}, headers=headers).raise_for_status()
    board = f"/api/dashboards/uid/vp-{uid.replace('-', '')}"
    while title not in at.in_org(org, board)["dashboard"]["title"]:
        if time.monotonic() - began > 60:
            raise RuntimeError(f"{namespace}/{name}: changed, and Grafana does not show it within 60 s")
        time.sleep(0.02)
    return time.monotonic() - began


def at_rest(at: Scene) -> None:
    """Start again with everything in place, then let some resyncs go by: nothing is written."""
    before, kube_before, sql_before = len(at.proxy.requests), len(at.kube_requests()), at.sql_writes()
    at.start_operator(VOICE_RESYNC_SECONDS=str(RESYNC))
    at.wait_until_quiet()
    asked = at.kube_requests()[kube_before:]
    figure("restart_writes", _writes(at.proxy.since(before), asked, at.sql_writes() - sql_before), "writes", at=at.size)
    before, kube_before, sql_before, cpu = len(at.proxy.requests), len(at.kube_requests()), at.sql_writes(), at.cpu_s()
    with progress.step("at rest", f"{REST_SECONDS} s"):
        time.sleep(REST_SECONDS)
    requests, asked = at.proxy.since(before), at.kube_requests()[kube_before:]
    resyncs = sum(_begins_resync(event) for event in asked)
    staff = at.of_the_staff(requests)
    of_clients = [request for request in requests if not is_pulse(request.path) and request not in staff]
    deep = sum(request.path.startswith(DASHBOARD) for request in of_clients)
    per_client = (len(of_clients) - deep) / resyncs / at.clients
    figure("resync_grafana_requests_per_client", per_client, "requests", at=at.size)
    figure("resync_grafana_requests_for_the_staff", len(staff) / resyncs, "requests", at=at.size)
    figure("resync_kube_requests", len(asked) / resyncs, "requests", at=at.size)
    figure("resync_cpu_s", (at.cpu_s() - cpu) / resyncs, "s", at=at.size)
    hours = REST_SECONDS / 3600
    figure("deep_compare_gets_per_dashboard_hour", deep / (at.probes + at.clients) / hours, "requests", at=at.size)
    figure("resync_writes", _writes(requests, asked, at.sql_writes() - sql_before), "writes", at=at.size)
    pulses = sum(is_pulse(request.path) for request in requests)
    figure("pulse_requests_per_minute", pulses * 60 / REST_SECONDS, "requests", at=at.size)


def _begins_resync(event: dict[str, Any]) -> bool:
    """Whether this is the first page of a list of all VoiceProbes, with which every resync begins."""
    of = event.get("objectRef", {})
    first = event["verb"] == "list" and "continue=" not in event["requestURI"]
    return first and of.get("resource") == "voiceprobes" and not of.get("namespace")


def _writes(requests: Sequence[Request], asked: Sequence[dict[str, object]], sql: int) -> int:
    return sum(r.is_write for r in requests) + sum(event["verb"] not in KUBE_READS for event in asked) + sql


def wiped(at: Scene) -> None:
    """Grafana loses everything: how long until that is noticed, and until all of it is back, without a person."""
    wanted = at.objects()
    restart_grafana_empty(at.lab)
    began, noticed = time.monotonic(), 0.0
    with progress.step("wiped Grafana", "waiting until all is back"):
        while (there := at.objects()) != wanted:
            seconds = time.monotonic() - began
            noticed = noticed or (seconds if there else 0.0)
            if seconds > PATIENCE:
                raise RuntimeError(f"not rebuilt within {PATIENCE} s: {there} instead of {wanted}")
            time.sleep(1)
    figure("wiped_grafana_noticed_s", noticed, "s", at=at.size)
    figure("wiped_grafana_rebuilt_s", time.monotonic() - began, "s", at=at.size)


def against_bare_writes(at: Scene, writes: Sequence[Request], took: float, orgs: dict[str, int]) -> None:
    """The same writes without an operator: the physical limit."""
    writes = bare.needed(writes)
    loops = {workers: bare.seconds(at.lab, writes, workers, orgs) for workers in WORKERS}
    for workers, seconds in loops.items():
        figure("bare_writes_s", seconds, "s", at={**at.size, "workers": workers})
    best = min(loops.values())
    figure("all_ready_vs_bare_writes", took, "s", against="the same writes bare", ratio=took / best, at=at.size)
    writing = writes[-1].began - writes[0].began
    figure("writing_vs_bare_writes", writing, "s", against="the same writes bare", ratio=writing / best, at=at.size)


if __name__ == "__main__":
    main()
