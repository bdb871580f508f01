"""A cluster in which the chart's pods run, and what a platform engineer looks at and breaks there."""

from __future__ import annotations

import base64
import json
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pymysql

from voice_lab import commands, insider, waiting
from voice_lab.context import Lab
from voice_lab.node import plan
from voice_lab.pods import NAMESPACE
from voice_lab.services import cluster, database, grafana, node, operator, portal

OPERATOR, PORTAL = operator.NAME, portal.NAME
SECONDS = 90
NAME = "app.kubernetes.io/name"
CTR = ("ctr", f"--address={plan.SOCKET}", "--namespace=k8s.io")
Body = dict[str, Any]


class Container(NamedTuple):
    """One container of one pod, which may be started anew in the pod's life."""

    pod: str
    uid: str
    name: str


@dataclass(frozen=True)
class World:
    """A lab with pods, and the client `client` in it."""

    lab: Lab
    client: str

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl in the chart's namespace."""
        return cluster.kubectl(self.lab, "-n", NAMESPACE, *arguments, stdin=stdin)

    def pods(self, deployment: str) -> list[Body]:
        """The Deployment's pods that are not about to go."""
        found = json.loads(self.kubectl("get", "pods", "-l", f"{NAME}={deployment}", "-o", "json"))["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def names(self, deployment: str) -> set[str]:
        """Names of these pods."""
        return {pod["metadata"]["name"] for pod in self.pods(deployment)}

    def restarts(self) -> dict[Container, int]:
        """How often each container of the chart's pods was started again."""
        return {
            Container(pod["metadata"]["name"], pod["metadata"]["uid"], status["name"]): status["restartCount"]
            for deployment in (OPERATOR, PORTAL)
            for pod in self.pods(deployment)
            for status in pod["status"].get("containerStatuses", ())
        }

    def are_ready(self) -> bool:
        """Whether both Deployments have all their pods, ready, and none besides."""
        return all(
            len(pods := self.pods(deployment)) == 2 and all(map(is_ready, pods)) for deployment in (OPERATOR, PORTAL)
        )

    def until_ready(self) -> None:
        """Wait until all is as after an installation."""
        waiting.until(self.are_ready, what="all pods are ready", seconds=SECONDS)

    def kill(self, pod: str, *containers: str) -> None:
        """End process 1 of these containers (default: all, and the sandbox too), as kill -9 does."""
        (found,) = (each for each in json.loads(self.kubectl("get", "pods", "-o", "json"))["items"] if _is(each, pod))
        for status in found["status"]["containerStatuses"]:
            if not containers or status["name"] in containers:
                self.kill_tasks(status["containerID"].rpartition("/")[2])

    def tasks(self) -> list[str]:
        """Every container that runs on the node, with the sandboxes of pods."""
        return commands.run(node.inside(self.lab, *CTR, "tasks", "ls", "-q")).split()

    def kill_tasks(self, *ids: str) -> None:
        """End these containers of the node."""
        for each in ids:
            commands.run(node.inside(self.lab, *CTR, "tasks", "kill", "--signal", "SIGKILL", each))

    def leader(self) -> str:
        """The pod that holds the operator's Lease; empty: none does."""
        return self.holder().rpartition("_")[0]

    def holder(self) -> str:
        """Who holds the operator's Lease: a pod's name, and what tells one of its processes from the next."""
        return self.kubectl("get", "lease", OPERATOR, "-o", "jsonpath={.spec.holderIdentity}")

    def lease(self) -> Body:
        """What the operator's Lease says."""
        return dict(json.loads(self.kubectl("get", "lease", OPERATOR, "-o", "json"))["spec"])

    def until_led(self, *, not_by: str = "") -> str:
        """Wait until somebody else than the holder `not_by` leads; return the pod's name."""
        waiting.until(lambda: self.holder() not in ("", not_by), what="another one leads", seconds=SECONDS)
        return self.leader()

    def declare(self, *probes: str) -> None:
        """Apply VoiceProbes of the client."""
        cluster.apply(self.lab, json.dumps({"apiVersion": "v1", "kind": "List", "items": [*map(self._probe, probes)]}))

    def wait_for(self, *probes: str, seconds: int = SECONDS) -> None:
        """Wait until VoiceProbes are Ready, as a person would."""
        names = [f"vp/{probe}" for probe in probes]
        words = ("wait", *names, "--for=condition=Ready", f"--timeout={seconds}s")
        cluster.kubectl(self.lab, "-n", self.client, *words)

    def works(self, probe: str) -> None:
        """See that a probe that is applied now becomes Ready."""
        self.declare(probe)
        self.wait_for(probe)

    def open_to_its_engineers(self) -> None:
        """Declare that the client's engineers may see it in the portal."""
        access = {"provider": insider.PROVIDER, "groups": [insider.group(self.client, "engineer")], "role": "Engineer"}
        body = {"apiVersion": "voicequality.io/v1alpha1", "kind": "VoiceClient", "spec": {"access": [access]}}
        metadata = {"name": "client", "namespace": self.client}
        cluster.apply(self.lab, json.dumps({**body, "metadata": metadata}))

    def _probe(self, name: str) -> Body:
        spec = {
            "destination": "sip:+442071838750@sbc.acme.example",
            "dialer": {"address": "sip:probe-1@voice.example.net"},
            "receiver": {"address": f"sip:{name}@voice.example.net"},
            "suspend": True,
        }
        metadata = {"name": name, "namespace": self.client}
        return {"apiVersion": "voicequality.io/v1alpha1", "kind": "VoiceProbe", "metadata": metadata, "spec": spec}

    def assert_written_once(self) -> None:
        """See that each of the client's probes was published once, and has one row and one dashboard."""
        found = json.loads(cluster.kubectl(self.lab, "-n", self.client, "get", "voiceprobes", "-o", "json"))["items"]
        probes = {probe["metadata"]["name"] for probe in found}
        events = json.loads(cluster.kubectl(self.lab, "-n", self.client, "get", "events", "-o", "json"))["items"]
        published = [event["involvedObject"]["name"] for event in events if event["reason"] == "Published"]
        assert sorted(published) == sorted(probes)
        with closing(database.connect(self.lab, "admin")) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT probe FROM voice_probe WHERE client = %s", (self.client,))
            assert {row[0] for row in cursor.fetchall()} == probes
        boards = [hit for hit in self.grafana("/api/search?type=dash-db") if hit["uid"].startswith("vp-")]
        assert len(boards) == len({hit["title"] for hit in boards}) == len(probes)

    def grafana(self, path: str) -> Any:
        """Ask Grafana for something of the client's organisation, as its administrator."""
        with httpx.Client(base_url=self.lab.grafana_url, auth=grafana.administrator(self.lab), timeout=30) as server:
            org = server.get(f"/api/orgs/name/{self.client}").raise_for_status().json()["id"]
            return server.get(path, headers={"X-Grafana-Org-Id": str(org)}).raise_for_status().json()

    def datasource(self) -> Body:
        """The client's datasource."""
        return dict(self.grafana("/api/datasources/uid/voice-client"))

    def secret(self, name: str, key: str) -> str:
        """What a Secret holds; empty: there is none."""
        found = self.kubectl("get", "secret", name, "--ignore-not-found", "-o", "json")
        return base64.b64decode(json.loads(found)["data"][key]).decode() if found.strip() else ""

    def reads(self, password: str) -> bool:
        """Whether the client's account has this password."""
        try:
            pymysql.connect(
                host="127.0.0.1",
                port=self.lab.ports["mysql"],
                user=self.secret(f"voice-client-{self.client}", "username"),
                password=password,
                ssl_ca=str(database.authority(self.lab)),
                connect_timeout=5,
            ).close()
        except pymysql.MySQLError:
            return False
        return True

    def evict(self, pod: str) -> None:
        """Ask for a pod's eviction; raises LabError with the API server's words if it is refused."""
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": NAMESPACE}}
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}/eviction"
        self.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(body))

    def leads_to(self, pod: Body) -> bool:
        """Whether the node's routes may lead to this pod what is asked of the portal's Service."""
        rules = commands.run(node.inside(self.lab, "nft", "list", "table", "ip6", "kube-proxy"))
        # A Service's chain draws one of its pods' addresses.
        address = pod["status"]["podIP"]
        return any(f" {address} . " in line or f"[{address}]:" in line for line in rules.splitlines() if "dnat" in line)

    def proxy_workers(self) -> set[tuple[str, str]]:
        """The processes of the portal's nginx that answer, by pod: others once it has read its configuration anew."""
        script = 'for p in /proc/[0-9]*; do read -r t < $p/cmdline; case $t in *"worker process") echo $p;; esac; done'
        return {
            (pod, process)
            for pod in self.names(PORTAL)
            for process in self.kubectl("exec", pod, "-c", "proxy", "--", "sh", "-c", script).split()
        }

    def heartbeat(self) -> str:
        """When the kubelet last told that its node is ready."""
        found = cluster.get(self.lab, f"/api/v1/nodes/{plan.NODE_NAME}")["status"]["conditions"]
        (told,) = (each["lastHeartbeatTime"] for each in found if each["type"] == "Ready")
        return str(told)

    def ends(self, deployment: str) -> set[str]:
        """Why containers of the Deployment's pods ended, as `kubectl describe pod` tells it."""
        states = [
            status.get(which, {}).get("terminated", {}).get("reason", "")
            for pod in self.pods(deployment)
            for status in pod["status"].get("containerStatuses", ())
            for which in ("state", "lastState")
        ]
        return set(states) - {""}

    def log_file(self, pod: str) -> Path:
        """The file in which the kubelet keeps what the operator's container of a pod has said since it was started."""
        (found,) = (each for each in self.pods(OPERATOR) if _is(each, pod))
        uid, restarts = found["metadata"]["uid"], found["status"]["containerStatuses"][0]["restartCount"]
        logs = f"/proc/{node.process_1(self.lab)}/root/var/log/pods"
        return Path(logs, f"{NAMESPACE}_{pod}_{uid}", "operator", f"{restarts}.log")

    def logs(self, deployment: str) -> str:
        """What all containers of a Deployment's pods have said since they were last started."""
        words = ("--all-containers", "--ignore-errors", "--tail=-1", "--max-log-requests=20")
        return self.kubectl("logs", "-l", f"{NAME}={deployment}", *words)

    def mounted(self, pod: Body, volume: str, kind: str = "secret") -> Path:
        """The folder, as this machine sees it, in which the kubelet keeps a pod's volume."""
        volumes = f"{plan.KUBELET}/pods/{pod['metadata']['uid']}/volumes/kubernetes.io~{kind}"
        return Path(f"/proc/{node.process_1(self.lab)}/root{volumes}/{volume}")


def is_ready(pod: Body) -> bool:
    """Whether a pod is ready."""
    return any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", ()))


def _is(pod: Body, name: str) -> bool:
    return bool(pod["metadata"]["name"] == name)
