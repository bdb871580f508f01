"""The lab's own node: pods run in it as they do elsewhere, and nothing of it outlives it."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.labs import own_name
from voice_lab import commands, context, places, processes, stack, waiting
from voice_lab.clusters import SERVICES
from voice_lab.context import Lab
from voice_lab.node import archive, cgroups, machine, plan
from voice_lab.node.plan import NodePlan
from voice_lab.services import cluster, node
from voice_lab.tools import go
from voice_lab.tools import kubectl as kubectl_tool

pytestmark = [pytest.mark.services, pytest.mark.long, pytest.mark.timeout(400)]

IMAGE = "localhost/busybox:1"
BUSYBOX = Path("/bin/busybox")
COMMANDS = (
    "awk",
    "cat",
    "echo",
    "head",
    "httpd",
    "id",
    "mkdir",
    "nc",
    "nslookup",
    "sh",
    "sleep",
    "tail",
    "touch",
    "rm",
)
SECONDS = 60
SERVE = "mkdir /tmp/www; echo page > /tmp/www/index.html; echo serving; exec httpd -f -p '[::]:8080' -h /tmp/www"
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "seccompProfile": {"type": "RuntimeDefault"},
}


@dataclass(frozen=True)
class World:
    """A lab with a node, and a namespace of the test's own in it."""

    lab: Lab
    namespace: str

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return cluster.kubectl(self.lab, "-n", self.namespace, *arguments, stdin=stdin)

    def apply(self, kind: str, name: str, version: str = "v1", **more: Any) -> None:
        metadata = {"name": name, "namespace": self.namespace, "labels": {"app": name}}
        cluster.apply(self.lab, json.dumps({"apiVersion": version, "kind": kind, "metadata": metadata, **more}))

    def pod(self, name: str, command: str, *, ready: bool = True, **container: Any) -> None:
        """Make a pod that runs a shell's command line; wait until it is ready."""
        spec = {
            "terminationGracePeriodSeconds": 1,
            "containers": [
                {
                    "name": "c",
                    "image": IMAGE,
                    "command": ["sh", "-c", command],
                    "securityContext": RESTRICTED,
                    "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
                    **container,
                }
            ],
            "volumes": [{"name": "tmp", "emptyDir": {}}],
        }
        self.apply("Pod", name, spec=spec)
        if ready:
            self.kubectl("wait", f"pod/{name}", "--for=condition=Ready", f"--timeout={SECONDS}s")

    def web(self, name: str = "web") -> None:
        """Make a pod that serves a page, and a Service of it."""
        probe = {"httpGet": {"path": "/index.html", "port": 8080}, "periodSeconds": 1}
        self.pod(name, SERVE, readinessProbe=probe)
        self.apply("Service", name, spec={"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]})

    def run(self, pod: str, command: str) -> str:
        """Run a command line in a pod and return what it printed."""
        return self.kubectl("exec", pod, "--", "sh", "-c", command)

    def fetch(self, pod: str, host: str, port: int = 80) -> str:
        """Return what a server answers that is asked from within a pod; empty if it does not answer."""
        return self.run(pod, f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 2 {host} {port} | tail -n 1 || true").strip()

    def status(self, pod: str) -> dict[str, Any]:
        """Return the status of a pod's container, with its restarts and states."""
        found = json.loads(self.kubectl("get", "pod", pod, "-o", "json"))["status"].get("containerStatuses", [{}])
        status: dict[str, Any] = found[0]
        return status

    def address(self, kind: str, name: str, path: str) -> str:
        return self.kubectl("get", kind, name, "-o", f"jsonpath={{{path}}}")


def until(condition: Callable[[], bool], what: str) -> None:
    waiting.until(condition, what=what, seconds=SECONDS)


def up(name: str) -> Lab:
    """Bring up a lab with a node that has an image to run."""
    lab = stack.create(name, portal_port=0, pods=True)
    stack.up(lab, SERVICES)
    image = lab.folder / "busybox.tar"
    links = {f"bin/{name}": "busybox" for name in COMMANDS}
    files = {"bin/busybox": BUSYBOX.read_bytes()}
    image.write_bytes(archive.image(IMAGE, files, ["/bin/sh"], architecture=go.architecture(), links=links))
    node.load(lab, image)
    return lab


def claimed(lab: Lab, namespace: str) -> World:
    """Make a namespace in which pods must be restricted, and wait until pods can be made in it."""
    enforced = {"pod-security.kubernetes.io/enforce": "restricted"}
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": enforced}}
    cluster.apply(lab, json.dumps(body))
    world = World(lab, namespace)
    until(lambda: bool(world.kubectl("get", "serviceaccount", "default", "--ignore-not-found")), "an account is there")
    return world


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    if reason := machine.why_not():
        pytest.skip(f"this machine cannot run pods: {reason}")
    name = own_name("node")
    try:
        yield up(name)
    finally:
        assert stack.clear(name) == []


@pytest.fixture
def world(lab: Lab, request: pytest.FixtureRequest) -> World:
    return claimed(lab, re.sub("[^a-z]+", "-", request.node.name)[:60].strip("-"))


def fetched(address: str, port: int) -> str:
    """Return what a server answers that is asked from this machine; empty if it does not answer."""
    try:
        with socket.create_connection((address, port), timeout=2) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return connection.makefile().read().splitlines()[-1]
    except OSError:
        return ""


def answers(world: World, service: str) -> bool:
    return world.fetch("web", service) == "page"


def test_the_node_is_ready_and_takes_pods(lab: Lab) -> None:
    assert node.is_ready(lab)
    told = cluster.get(lab, f"/api/v1/nodes/{plan.NODE_NAME}")["status"]
    assert {"type": "InternalIP", "address": NodePlan(lab.index).address} in told["addresses"]


def test_a_pod_runs_restricted_and_only_so(world: World) -> None:
    world.pod("one", "echo hello; exec sleep 600")
    assert world.run("one", "id -u").strip() == "10001"
    assert world.kubectl("logs", "one").strip() == "hello"
    with pytest.raises(Exception, match="violates PodSecurity"):
        world.pod("two", "exec sleep 600", securityContext={})


def test_a_pod_knows_who_it_is(world: World) -> None:
    world.pod("one", "exec sleep 600")
    token = world.run("one", "cat /var/run/secrets/kubernetes.io/serviceaccount/token").split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(token + "=="))
    assert claims["sub"] == f"system:serviceaccount:{world.namespace}:default"
    assert claims["kubernetes.io"]["pod"]["name"] == "one"


def test_pods_services_and_this_machine_reach_each_other(world: World) -> None:
    world.web()
    world.pod("one", "exec sleep 600")
    until(lambda: world.fetch("one", "web") == "page", "the Service is known")
    full = f"web.{world.namespace}.svc.{plan.DOMAIN}"
    assert world.fetch("one", full) == "page"
    assert world.fetch("web", full) == "page"  # itself, through its Service
    assert fetched(world.address("pod", "web", ".status.podIP"), 8080) == "page"
    assert fetched(world.address("service", "web", ".spec.clusterIP"), 80) == "page"


@pytest.mark.parametrize("name", [plan.HOST_NAME, plan.IDENTITY_NAME])
def test_a_pod_reaches_servers_of_this_machine_and_is_seen_with_its_own_address(world: World, name: str) -> None:
    world.pod("one", "exec sleep 600")
    seen: list[str] = []
    host = NodePlan(world.lab.index).host_address
    with socket.create_server((host, 0), family=socket.AF_INET6) as server:

        def serve() -> None:
            connection, (address, *_) = server.accept()
            seen.append(address)
            with connection:
                connection.sendall(b"welcome\n")

        thread = threading.Thread(target=serve)
        thread.start()
        assert world.run("one", f"nc -w 5 {name} {server.getsockname()[1]} </dev/null").strip() == "welcome"
        thread.join()
    assert seen == [world.address("pod", "one", ".status.podIP")]


def test_names_of_elsewhere_do_not_exist(world: World) -> None:
    world.pod("one", "exec sleep 600")
    assert "NXDOMAIN" in world.run("one", "nslookup -type=aaaa www.example.org. 2>&1 || true")


def test_a_port_is_forwarded_to_a_pod(world: World) -> None:
    world.web()
    forwarding = "port-forward"
    program, kubeconfig = str(kubectl_tool.program("kubectl")), f"--kubeconfig={world.lab.admin_kubeconfig}"
    words = ["-n", world.namespace, "port-forward", "service/web", ":80", "--address=127.0.0.1"]
    processes.start(world.lab.folder, forwarding, [program, kubeconfig, *words])
    log = world.lab.folder / "logs" / f"{forwarding}.log"
    until(lambda: "Forwarding from" in log.read_text(), "a port is forwarded")
    port = int(log.read_text().partition("127.0.0.1:")[2].split()[0])
    assert fetched("127.0.0.1", port) == "page"
    processes.stop(world.lab.folder, forwarding)


def test_no_proxy_stands_between_the_lab_and_its_cluster(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert world.kubectl("get", "serviceaccounts", "-o", "name").strip() == "serviceaccount/default"
    assert node.is_ready(world.lab)


def test_who_takes_more_memory_than_its_limit_is_killed(world: World) -> None:
    hungry = "exec awk 'BEGIN { x = \"0123456789abcdef\"; while (1) x = x x }'"
    world.pod("hungry", hungry, ready=False, resources={"limits": {"memory": "32Mi"}})

    def reasons() -> set[str]:
        status = world.status("hungry")
        ended = [status.get(when, {}).get("terminated", {}) for when in ("state", "lastState")]
        return {each.get("reason", "") for each in ended}

    until(lambda: "OOMKilled" in reasons(), "the pod is killed for its memory")


def test_a_container_that_does_not_answer_its_probe_is_started_again(world: World) -> None:
    probe = {"exec": {"command": ["cat", "/tmp/well"]}, "periodSeconds": 1, "failureThreshold": 1}
    world.pod("one", "touch /tmp/well; exec sleep 600", livenessProbe={**probe, "initialDelaySeconds": 1})
    world.run("one", "rm /tmp/well")
    until(lambda: world.status("one").get("restartCount", 0) >= 1, "the container is started again")


@pytest.mark.parametrize("program", ["kubelet", "containerd"])
def test_pods_outlive_the_programs_of_their_node(world: World, program: str) -> None:
    world.web()
    before = world.status("web")
    node.restart(world.lab, program)
    assert fetched(world.address("pod", "web", ".status.podIP"), 8080) == "page"
    world.pod("new", "exec sleep 600")  # it works again
    after = world.status("web")
    assert (after["containerID"], after["restartCount"]) == (before["containerID"], before["restartCount"])


def test_policies_are_enforced(world: World) -> None:
    if not node.enforces_policies(world.lab):
        pytest.skip("NetworkPolicies are not enforced on this machine")
    world.web()
    world.pod("friend", "exec sleep 600")
    world.pod("other", "exec sleep 600")
    until(lambda: world.fetch("other", "web") == "page", "the Service is known")
    dns = {"ports": [{"port": 53, "protocol": "UDP"}]}
    to_web = {"to": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": [{"port": 8080}]}
    friends = {"from": [{"podSelector": {"matchLabels": {"app": "friend"}}}], "ports": [{"port": 8080}]}
    policy = {"kind": "NetworkPolicy", "version": "networking.k8s.io/v1"}
    world.apply(name="deny", spec={"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}, **policy)
    until(lambda: world.fetch("friend", "web") == "", "everything is denied")
    world.apply(
        name="allow",
        spec={"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [friends], "egress": [dns, to_web]},
        **policy,
    )
    until(lambda: world.fetch("friend", "web") == "page", "what is allowed goes through")
    assert world.fetch("other", "web") == ""
    assert fetched(world.address("pod", "web", ".status.podIP"), 8080) == ""
    world.kubectl("wait", "pod/web", "--for=condition=Ready", f"--timeout={SECONDS}s")  # its kubelet may still ask


NOTHING: dict[str, set[str]] = {"links": set(), "addresses": set(), "routes": set(), "groups": set()}


def traces() -> dict[str, set[str]]:
    """What a node could leave on this machine: links, addresses, routes, mounts, groups, rules, kernel settings."""
    groups = {str(path) for place in cgroups.hierarchies() for path in place.glob("voice-lab-*")}
    kernel = {f"/proc/sys/{name}" for name in ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops")}
    return {
        "links": {path.name for path in Path("/sys/class/net").iterdir()},
        "addresses": {line.split()[0] for line in Path("/proc/net/if_inet6").read_text().splitlines()},
        "routes": set(commands.run(["ip", "-6", "route", "show", "table", "all"]).splitlines()),
        "mounts": {line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()},
        "groups": groups,
        "rules": set(commands.run(["nft", "list", "ruleset"]).splitlines()),
        "kernel": {f"{path}={Path(path).read_text()}" for path in kernel},
        "folders": {str(path) for path in map(Path, ("/var/lib/kubelet", "/var/lib/cni")) if path.exists()},
    }


def ours(found: dict[str, set[str]], index: int) -> dict[str, set[str]]:
    """What of it is that of the lab with this number: other tests have nodes and networks meanwhile."""
    node_plan, number = NodePlan(index), f"{index:x}"
    address = f"fd77000c{index:04x}"
    words = {
        "links": node_plan.link, "addresses": address, "routes": f"fd77:c:{number}:", "groups": node_plan.cgroup,
    }  # fmt: skip
    return {what: {each for each in found[what] if word in each} for what, word in words.items()}


@pytest.mark.usefixtures("lab")
def test_two_nodes_do_not_touch_each_other_and_leave_nothing() -> None:
    names = [own_name(which) for which in ("first", "second")]
    before = traces()
    service = f"web.pods.svc.{plan.DOMAIN}"
    try:
        worlds = [claimed(up(name), "pods") for name in names]
        for world in worlds:
            world.web()
            until(partial(answers, world, service), "the Service is known")
            assert ours(traces(), world.lab.index)["links"]
        assert stack.down(worlds[0].lab) == []
        assert ours(traces(), worlds[0].lab.index) == NOTHING
        assert answers(worlds[1], service)
    finally:
        faults = [fault for name in names for fault in stack.clear(name)]
    assert faults == []
    after = traces()
    for index in (world.lab.index for world in worlds):
        assert ours(after, index) == NOTHING
    for what in ("rules", "kernel", "folders"):
        assert after[what] == before[what]
    assert not [
        at for at in after["mounts"] - before["mounts"] if at.startswith(tuple(str(places.state(n)) for n in names))
    ]


@pytest.mark.usefixtures("lab")
def test_a_node_that_was_killed_is_cleared_and_the_api_server_goes_on_without_it() -> None:
    name = own_name("killed")
    try:
        lab = up(name)
        claimed(lab, "pods").web()
        os.kill(node.process_1(lab), signal.SIGKILL)
        until(lambda: not Path("/sys/class/net", NodePlan(lab.index).link).exists(), "the link went with the node")
        assert cluster.get(lab, "/api/v1/namespaces/pods")["metadata"]["name"] == "pods"
    finally:
        faults = stack.clear(name)
    assert faults == []
    assert ours(traces(), lab.index) == NOTHING
    assert context.load(name) is None
