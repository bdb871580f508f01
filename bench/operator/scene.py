"""Where the operator is measured: a lab of real servers, a number of VoiceProbes, and the counting proxy."""

from __future__ import annotations

import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench.operator.probes import administrator, declare, declare_clients, wait_until_ready
from bench.operator.proxy import Proxy, Request, counting
from voice_lab import pods, processes, stack, waiting
from voice_lab.context import Lab
from voice_lab.services import cluster, database, grafana, operator
from voiceprobe_operator import names

# A rest this long says that the operator has done all that it was asked to.
QUIET_SECONDS = 4
KUBE_READS = frozenset({"get", "list", "watch"})


@dataclass(frozen=True)
class Scene:
    """A lab with `probes` VoiceProbes in `clients` namespaces."""

    lab: Lab
    proxy: Proxy
    cluster: httpx.Client
    grafana: httpx.Client
    probes: int
    clients: int

    @property
    def size(self) -> dict[str, int]:
        """What every figure says of where it was measured."""
        return {"probes": self.probes, "clients": self.clients}

    def start_operator(self, **settings: str) -> None:
        """Start it, with Grafana behind the proxy; `settings` go over the chart's."""
        kubeconfig = cluster.service_account_kubeconfig(self.lab, pods.NAMESPACE, operator.NAME)
        through = {"VOICE_GRAFANA_URL": f"http://127.0.0.1:{self.proxy.port}/grafana"}
        env = {"KUBECONFIG": str(kubeconfig), "HOME": str(self.lab.folder), **through, **settings}
        pods.start(self.lab, operator.NAME, env=env)

    def stop_operator(self) -> None:
        """End it as a kubelet would."""
        pods.stop(self.lab, operator.NAME)

    def process(self) -> Path:
        """The operator's own folder of /proc: of its session, the process that works."""
        found = processes.members(self.lab.folder, f"{operator.NAME}.operator")
        return max((Path(f"/proc/{pid}") for pid in found), key=_cpu_s)

    def cpu_s(self) -> float:
        """CPU time of the operator so far."""
        return _cpu_s(self.process())

    def cpu_s_of_each(self) -> dict[str, float]:
        """CPU time so far of each of the lab's programs, and of this one, in which the proxy runs."""
        spent = defaultdict(float, bench=time.process_time())
        for name in processes.names(self.lab.folder):
            for pid in processes.members(self.lab.folder, name):
                with suppress(FileNotFoundError):  # it ended meanwhile
                    spent[name] += _cpu_s(Path(f"/proc/{pid}"))
        return spent

    def peak_rss_mb(self) -> float:
        """The most memory that the operator held so far."""
        lines = (self.process() / "status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024

    def kube_requests(self, since: int = 0) -> list[dict[str, Any]]:
        """What the operator asked of the API server, after the first `since`; its lease aside."""
        asked = cluster.audited(self.lab, f"{pods.NAMESPACE}:{operator.NAME}")[since:]
        return [event for event in asked if event.get("objectRef", {}).get("resource") != "leases"]

    def sql_writes(self) -> int:
        """Rows' changes that the database was asked for so far, by anybody."""
        with closing(database.connect(self.lab, "admin")) as connection, connection.cursor() as cursor:
            names = ("insert", "update", "delete", "replace", "create_user", "alter_user", "drop_user", "grant")
            cursor.execute("SHOW GLOBAL STATUS WHERE Variable_name IN %s", (tuple(f"Com_{name}" for name in names),))
            return sum(int(row[1]) for row in cursor.fetchall())

    def wait_until_ready(self) -> None:
        """Return once every probe is Ready in its present generation."""
        wait_until_ready(self.cluster)

    def wait_until_quiet(self) -> None:
        """Return once Grafana has been asked nothing but what is asked at every pulse for a while."""
        seen, since = -1, time.monotonic()
        while time.monotonic() - since < QUIET_SECONDS:
            if (now := sum(not is_pulse(request.path) for request in self.proxy.requests)) != seen:
                seen, since = now, time.monotonic()
            time.sleep(0.2)

    def organisations(self) -> dict[str, int]:
        """Every organisation that the operator made, by name."""
        found = self.grafana.get("/api/orgs", params={"perpage": 1000}).raise_for_status().json()
        return {each["name"]: each["id"] for each in found if each["id"] != 1}

    def in_org(self, org: int, path: str, **params: str | int) -> Any:  # noqa: ANN401 - JSON of Grafana
        """What Grafana answers in an organisation, asked past the proxy."""
        headers = {"X-Grafana-Org-Id": str(org)}
        return self.grafana.get(path, params=params, headers=headers).raise_for_status().json()

    def objects(self) -> Counter[str]:
        """How many objects of each kind stand in Grafana."""
        counted: Counter[str] = Counter()
        for org in self.organisations().values():
            counted["organisation"] += 1
            counted["viewer"] += sum(user["login"] != "admin" for user in self.in_org(org, "/api/org/users"))
            counted["datasource"] += len(self.in_org(org, "/api/datasources"))
            counted["folder"] += len(self.in_org(org, "/api/folders"))
            counted["dashboard"] += len(self.in_org(org, "/api/search", type="dash-db", limit=5000))
            rules = self.in_org(org, "/api/v1/provisioning/alert-rules")
            counted["alert rule"] += len(rules)
            counted["rule group"] += len({rule["ruleGroup"] for rule in rules})
            counted["contact point"] += sum(bool(point["uid"]) for point in self._alerting(org, "contact-points"))
            counted["silence"] += len(self._alerting(org, "mute-timings"))
            counted["policy"] += bool(dict(self._alerting(org, "policies")).get("routes"))
        return counted

    def _alerting(self, org: int, what: str) -> Any:  # noqa: ANN401 - JSON of Grafana
        answer = self.grafana.get(f"/api/v1/provisioning/{what}", headers={"X-Grafana-Org-Id": str(org)})
        # Grafana fails where alerting has not begun in an organisation.
        if answer.status_code in {httpx.codes.INTERNAL_SERVER_ERROR, httpx.codes.NOT_FOUND}:
            return []
        return answer.raise_for_status().json()

    def of_the_staff(self, requests: Iterable[Request]) -> set[Request]:
        """Those that are about the staff's organisation or its viewer, and so about no client."""
        org = self.organisations()[names.FLEET]
        viewer = self.grafana.get("/api/users/lookup", params={"loginOrEmail": names.FLEET_VIEWER}).json()["id"]
        about = (f"/grafana/api/orgs/{org}/", f"/grafana/api/users/{viewer}/")
        return {one for one in requests if one.org == str(org) or one.path.startswith(about)}


def is_pulse(path: str) -> bool:
    """Whether a request is one of those that only ask whether Grafana is still the same, once for all clients."""
    return path.partition("?")[0] in {"/grafana/api/orgs", "/grafana/api/health"}


@contextmanager
def scene(probes: int, clients: int) -> Iterator[Scene]:
    """Servers with the VoiceProbes declared and nothing done about them yet."""
    with stack.running(f"bench-operator-{probes}-{clients}") as lab:
        stack.up(lab, ["chart"])
        with (
            counting(lab.ports["grafana"]) as proxy,
            administrator(lab) as api,
            httpx.Client(base_url=lab.grafana_url, auth=grafana.administrator(lab), timeout=60) as server,
        ):
            declare_clients(api, clients)
            declare(api, range(probes), clients)
            try:
                yield Scene(lab, proxy, api, server, probes, clients)
            finally:
                pods.stop(lab, operator.NAME)


def restart_grafana_empty(lab: Lab) -> None:
    """End Grafana, forget all that it knows, and start it again."""
    grafana.stop(lab)
    grafana.forget(lab)
    grafana.start(lab)
    waiting.until(lambda: grafana.healthy(lab), what="grafana is ready", seconds=60)


def _cpu_s(process: Path) -> float:
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
