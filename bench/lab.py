"""What the lab costs, and what a panel's query costs on its way through portal and Grafana."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import httpx

from bench.figures import figure, median_ms
from voice_lab import demo, evidence, processes, progress, root, stack
from voice_lab.context import Lab
from voice_lab.services import database, grafana, registry

DATASOURCE = {"uid": "voice-client"}


def main() -> None:
    """Start a lab, let it make its first calls, measure, stop it."""
    root.become(lambda: stack.install(registry()), "bench.lab", [])
    with stack.running("bench") as lab:
        began = progress.elapsed()
        stack.up(lab)
        _starting(progress.elapsed() - began)
        demo.first_calls(lab, evidence.engineer)
        _memory(lab)
        _panel_query(lab)


def _starting(seconds: float) -> None:
    """Print how long the start took, and each service of it.

    The physical limit is the longest chain of services that must wait for one another.
    """
    took = {name.partition(":")[0]: value for name, value in progress.durations().items() if name.endswith("starting")}
    longest: dict[str, float] = {}
    for name, service in ((name, service) for name, service in registry().items() if name in took):
        longest[name] = took[name] + max((longest[each] for each in service.REQUIRES), default=0.0)
        figure(f"start_{name}_s", took[name], "s")
    limit = max(longest.values())
    figure("start_all_s", seconds, "s", against="longest chain of services", ratio=seconds / limit)


def _memory(lab: Lab) -> None:
    """Print the memory of everything that runs: proportional set size, so that shared pages count once."""
    total = 0.0
    for name in processes.names(lab.folder):
        size = sum(map(_pss_mb, processes.members(lab.folder, name)))
        figure(f"memory_{name.rpartition('.')[2]}_mb", size, "MB")
        total += size
    figure("memory_all_mb", total, "MB")


def _pss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _panel_query(lab: Lab) -> None:
    """Print what a panel's query takes: in MySQL alone, through Grafana, and through the portal's proxy and token."""

    def in_mysql() -> None:
        with connection.cursor() as cursor:
            cursor.execute(evidence.CALLS.replace("client_call", "voice_call"))
            cursor.fetchall()

    def through_grafana() -> None:
        question = {"refId": "A", "datasource": DATASOURCE, "rawSql": evidence.CALLS, "format": "table"}
        body = {"queries": [question], "from": "now-1h", "to": "now"}
        direct.post("/api/ds/query", json=body).raise_for_status()

    with (
        closing(database.connect(lab, "admin")) as connection,
        closing(evidence.engineer(lab, "acme")) as browser,
        httpx.Client(base_url=lab.grafana_url, auth=grafana.administrator(lab), timeout=20) as direct,
    ):
        organisation = direct.get("/api/orgs/name/acme").raise_for_status().json()["id"]
        direct.headers["X-Grafana-Org-Id"] = str(organisation)
        mysql, plain = median_ms(in_mysql), median_ms(through_grafana)
        portal = median_ms(lambda: evidence.calls(browser))
    figure("query_mysql_ms", mysql, "ms")
    figure("query_grafana_ms", plain, "ms", against="MySQL alone", ratio=plain / mysql)
    figure("query_portal_ms", portal, "ms", against="Grafana alone", ratio=portal / plain)


if __name__ == "__main__":
    main()
