"""A lab whose pods reach MySQL and Grafana by doors, and what a platform engineer looks at there."""

from __future__ import annotations

import base64
import itertools
import json
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chart import helm
from tests.pods import running
from tests.pods.told_doors import Door, doors, leads_to
from voice_lab import pki, waiting
from voice_lab.context import Lab
from voice_lab.node import plan
from voice_lab.pods import NAMESPACE
from voice_lab.services import chart, cluster, database
from voice_lab.tools import kubectl

OPERATOR, PORTAL = "voice-quality-operator", "voice-quality-portal"
GRAFANA_CA = "voice-grafana-ca"
SECONDS = 90
_TURNS = itertools.count()
Body = dict[str, Any]


@dataclass(frozen=True)
class World:
    """The lab, and the doors by which pods reach its servers."""

    lab: Lab
    mysql: Door
    grafana: Door
    strangers: Path

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl in the release's namespace."""
        return cluster.kubectl(self.lab, "-n", NAMESPACE, *arguments, stdin=stdin)

    def mend(self) -> None:
        """Let both doors lead where they should."""
        self.mysql.open(leads_to(self.lab.ports["mysql"]))
        self.grafana.open(leads_to(self.lab.ports["grafana"]), self.certificate())

    def certificate(self, folder: Path | None = None) -> ssl.SSLContext:
        """What Grafana's door shows: signed by the lab's authority, or by that in `folder`."""
        keys = folder or self.lab.folder / "pki"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(keys / "told.pem", keys / "told.key")
        return context

    def values(self) -> Body:
        """The lab's values, by way of the doors, with one pod of each."""
        host = plan.HOST_NAME
        own: Body = {
            "mysql": {"host": host, "port": self.mysql.port},
            "grafana": {"url": f"https://{host}:{self.grafana.port}/grafana", "caConfigMap": GRAFANA_CA},
            "operator": {"replicas": 1, "resyncSeconds": 4, "statusSeconds": 2},
            "portal": {"replicas": 1},
        }
        values = chart.values(self.lab)
        return {**values, **{part: {**values.get(part, {}), **more} for part, more in own.items()}}

    def helm(self, line: str, *arguments: str, values: Mapping[str, Any] | None = None, patience: int = 120) -> Any:
        """Install or upgrade the release by the helm of a line; what it said."""
        where = (f"--kubeconfig={self.lab.admin_kubeconfig}", "--namespace", NAMESPACE, "--skip-crds")
        words = ("upgrade", "--install", chart.RELEASE, str(chart.CHART), *where, "--wait", f"--timeout={patience}s")
        return helm(line, *words, *arguments, values=self.values() if values is None else values)

    def put(self, kind: str, name: str, **content: str | None) -> None:
        """Set keys of a Secret or a ConfigMap, or remove those that are None; `_` in a key is written for `-`."""
        data = {key.replace("_", "-").replace("--", "_"): value for key, value in content.items()}
        if kind == "secret":
            data = {key: value and base64.b64encode(value.encode()).decode() for key, value in data.items()}
        self.kubectl("patch", kind, name, "--type=merge", "-p", json.dumps({"data": data}))

    def hasten(self) -> None:
        """Have the kubelet look at all volumes now, as it does by itself within a minute or two."""
        self.kubectl("annotate", "pods", "--all", "--overwrite", f"told={next(_TURNS)}")

    def pods(self, name: str) -> list[Body]:
        """Pods of a Deployment that are not on their way out."""
        text = self.kubectl("get", "pods", "-l", f"app.kubernetes.io/name={name}", "-o", "json")
        return [pod for pod in json.loads(text)["items"] if "deletionTimestamp" not in pod["metadata"]]

    def is_ready(self, name: str) -> bool:
        """Whether the newest pod of a Deployment is."""
        pods = self.pods(name)
        return bool(pods) and _condition(pods[-1], "Ready") == "True"

    def restarts(self) -> list[int]:
        """Restarts of each container of the pods that there are."""
        statuses = [
            pod["status"].get("containerStatuses", []) for name in (OPERATOR, PORTAL) for pod in self.pods(name)
        ]
        return [status["restartCount"] for each in statuses for status in each]

    def renew(self, *names: str) -> None:
        """Put new pods in the place of a Deployment's."""
        for name in names:
            self.kubectl("delete", "pods", "-l", f"app.kubernetes.io/name={name}", "--grace-period=1", "--wait=true")

    def log(self, name: str, container: str = "") -> str:
        """What the newest pod of a Deployment says."""
        which = [f"--container={container}"] if container else []
        pods = sorted(self.pods(name), key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
        if not pods or not pods[-1]["status"].get("containerStatuses"):
            return ""
        return self.kubectl("logs", pods[-1]["metadata"]["name"], *which, "--tail=-1")

    def events(self) -> str:
        """What has been told of the namespace's objects."""
        return self.kubectl("get", "events", "-o", "custom-columns=:.message")

    def ask_portal(self) -> None:
        """Have the portal look at its database now, as a monitor does at `/healthz/database`; it tells its log."""
        code = "import urllib.request as r;r.urlopen('http://127.0.0.1:8000/healthz/database', timeout=30)"
        command = [str(kubectl.program("kubectl")), f"--kubeconfig={self.lab.admin_kubeconfig}", "-n", NAMESPACE]
        command += ["exec", f"deploy/{PORTAL}", "-c", "portal", "--", "python", "-c", code]
        subprocess.run(command, capture_output=True, check=False, timeout=60)

    def sql(self, *statements: str) -> None:
        """Do something as the database's administrator."""
        with closing(database.connect(self.lab, "admin")) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


def until(condition: Callable[[], bool], what: str, seconds: int = SECONDS) -> None:
    """Wait for a condition."""
    waiting.until(condition, what=what, seconds=seconds)


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """A lab with a node, servers and images, and everything that the chart refers to, but without the chart."""
    with running("told", ("schema", "grafana", "doors", "images")) as lab:
        chart.prepare(lab)
        keys = lab.folder / "pki"
        pki.create_authority(folder)
        for place in (keys, folder):
            pki.issue(place, "told", hosts=(plan.HOST_NAME,))
        ca = {"kind": "ConfigMap", "metadata": {"name": GRAFANA_CA, "namespace": NAMESPACE}}
        cluster.apply(lab, json.dumps({"apiVersion": "v1", **ca, "data": {"ca.pem": (keys / "ca.pem").read_text()}}))
        bring_up_crds(lab)
        with doors(plan.host_address(lab.index), 2) as (mysql, grafana):
            found = World(lab, mysql, grafana, folder)
            found.mend()
            yield found


def bring_up_crds(lab: Lab) -> None:
    """What an install begins with."""
    text = "\n".join(path.read_text() for path in sorted(chart.CRDS.glob("*.yaml")))
    cluster.kubectl(lab, "apply", "--server-side", "--field-manager=helm", "--force-conflicts", "-f", "-", stdin=text)


def _condition(pod: Body, kind: str) -> str:
    found = {each["type"]: each["status"] for each in pod["status"].get("conditions", [])}
    return str(found.get(kind, "Unknown"))
