"""A node of the lab's own cluster, for labs with pods: what `voice_lab.node` describes, started and ended."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

import httpx

from voice_lab import commands, files, pki, processes, progress, waiting
from voice_lab.context import Lab
from voice_lab.errors import LabError
from voice_lab.node import archive, cgroups, controllers, link, machine, texts
from voice_lab.node import plan as names
from voice_lab.node.plan import NodePlan
from voice_lab.services import cluster
from voice_lab.tools import go, kubernetes

REQUIRES = ("cluster",)
# Where there is no package manager that we know, pods are not to be had, and the rest of the lab is.
PACKAGES = machine.packages() if shutil.which("apt-get") else ()
NAME = "node"
AWAKE_SECONDS = 30.0
IMPORT_SECONDS = 300.0
# Who they are for the API server is in their certificates: name, and Kubernetes' group.
ACCOUNTS = {
    "kubelet": (f"system:node:{names.NODE_NAME}", "system:nodes"),
    "proxy": ("system:kube-proxy", None),
    "coredns": ("system:coredns", None),
    "policies": ("system:kube-network-policies", None),
}


def install() -> None:
    """Find, fetch or build the node's programs, unless it is known that this machine cannot run a node."""
    if os.geteuid() == 0 and (reason := machine.why_not()):
        progress.say(f"node: pods cannot run on this machine: {reason}")
        return
    kubernetes.node_programs()


def start(lab: Lab) -> None:
    """Start the node, the scheduler and the controllers; nothing in a lab without pods.

    Raises:
        LabError: this machine cannot run a node.
    """
    if not lab.pods:
        return
    stop(lab)
    if reason := machine.why_not():
        raise LabError(f"this machine cannot run pods: {reason}")
    plan = _plan(lab)
    _write_files(lab, plan)
    cluster.apply(lab, texts.rights())
    _start_controllers(lab)
    cgroups.make(plan.cgroup)
    unshare = ["unshare", *machine.NAMESPACES, "--propagation", "private"]
    supervisor = [sys.executable, "-m", "voice_lab.node.supervisor", str(lab.folder), str(kubernetes.node_programs())]
    processes.start(lab.folder, NAME, [*unshare, *supervisor], env=_environment())
    link.join(plan, _await_process_1(lab))
    _load_pause(lab, plan)


def healthy(lab: Lab) -> bool:
    """Tell whether pods can be had: the node takes them, Services are routed, and names are known."""
    if not lab.pods:
        return True
    for name in (NAME, *controllers.NAMES):
        processes.check(lab.folder, name)
    return is_ready(lab) and _judges(lab) and _is_routed(lab) and _dns_is_ready(lab) and _has_default_account(lab)


def stop(lab: Lab) -> None:
    """End the node with all pods, the scheduler and the controllers; nothing of them is left."""
    if lab.never_had_pods:
        return  # a lab of the same number may have them
    plan = NodePlan(lab.index)
    with suppress(LabError, ProcessLookupError):
        os.kill(process_1(lab), signal.SIGKILL)
    processes.stop(lab.folder, NAME)
    for name in controllers.NAMES:
        processes.stop(lab.folder, name)
    link.leave(plan)
    cgroups.remove(plan.cgroup)


def load(lab: Lab, image: Path) -> None:
    """Put the images of an archive (of `docker save`, or OCI) where the node's pods find them.

    Raises:
        LabError: it is no such archive.
    """
    importing = ["ctr", f"--address={names.SOCKET}", "--namespace=k8s.io", "images", "import", "-"]
    # The archive may be where the node has a folder of its own.
    fed = ["sh", "-c", 'archive=$1; shift; exec "$@" < "$archive"', "sh", str(image)]
    commands.run([*fed, *_entered(lab, "--mount"), *importing], seconds=IMPORT_SECONDS)


def restart(lab: Lab, program: str) -> None:
    """Kill one of the node's programs, and wait until it was started again.

    Raises:
        LabError: the node does not run.
    """
    if before := program_pid(lab, program):
        os.kill(before, signal.SIGKILL)
    waiting.until(
        lambda: program_pid(lab, program) not in (0, before), what=f"{program} runs again", seconds=AWAKE_SECONDS
    )


def inside(lab: Lab, *command: str) -> list[str]:
    """Return the command line that runs `command` in the node's namespaces."""
    return [*_entered(lab, "--mount", "--net", "--pid", "--uts", "--ipc"), *command]


def process_1(lab: Lab) -> int:
    """Return the number that the node's process 1 has on this machine.

    Raises:
        LabError: the node does not run.
    """
    for pid in processes.members(lab.folder, NAME):
        if _numbers(pid)[1:] == ["1"]:
            return pid
    raise LabError(f"the node of the lab {lab.instance} does not run")


def program_pid(lab: Lab, program: str) -> int:
    """Return the number that one of the node's programs has on this machine; 0 if it does not run."""
    parent = str(process_1(lab))
    for pid in processes.members(lab.folder, NAME):
        with suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if Path(os.fsdecode(words[0])).name == program and _status(pid, "PPid") == [parent]:
                return pid
    return 0


def is_ready(lab: Lab) -> bool:
    """Tell whether the node takes pods: it is ready, and nothing keeps pods away."""
    with suppress(cluster.NotFound):
        node = cluster.get(lab, f"/api/v1/nodes/{names.NODE_NAME}")
        conditions = {each["type"]: each["status"] for each in node["status"].get("conditions", [])}
        return conditions.get("Ready") == "True" and not node["spec"].get("taints")
    return False


def _plan(lab: Lab) -> NodePlan:
    why_not = machine.why_no_policies()
    if not (kubernetes.node_programs() / kubernetes.POLICIES).exists():
        why_not = f"there is no {kubernetes.POLICIES}"
    if why_not:
        progress.say(f"node: NetworkPolicies are not enforced: {why_not}")
    return NodePlan(
        lab.index, cni=str(machine.cni()), snapshotter=machine.snapshotter(lab.folder), policies=not why_not
    )


def _write_files(lab: Lab, plan: NodePlan) -> None:
    keys, folder = lab.folder / "pki", lab.folder / "node"
    for name, text in texts.files(plan).items():
        files.write_private(folder / name, text)
    pki.issue(keys, "kubelet", hosts=(plan.address, names.NODE_NAME))
    for account, (user, group) in ACCOUNTS.items():
        cluster.write_user_kubeconfig(lab, folder / f"{account}.kubeconfig", user, group)


def _start_controllers(lab: Lab) -> None:
    """Start what makes pods of Deployments, and gives them a node; both are the machine's, as the API server is."""
    keys, folder = lab.folder / "pki", lab.folder / "cluster"
    for name in controllers.NAMES:
        cluster.write_user_kubeconfig(lab, folder / f"{name}.kubeconfig", f"system:{name}")
    for name, command in controllers.programs(kubernetes.node_programs(), folder, keys).items():
        processes.start(lab.folder, name, command, env=_environment())


def _environment() -> dict[str, str]:
    """What the cluster's programs get of ours: no proxy stands between them."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *machine.PATHS))
    return {"PATH": path, "HOME": "/root", "PYTHONDONTWRITEBYTECODE": "1"}


def _await_process_1(lab: Lab) -> int:
    """Return the number of the node's process 1 once it is in its own network."""
    ours = os.readlink("/proc/self/ns/net")

    def awake() -> bool:
        processes.check(lab.folder, NAME)
        with suppress(LabError, OSError):
            return os.readlink(f"/proc/{process_1(lab)}/ns/net") != ours
        return False

    waiting.until(awake, what="the node's namespaces are made", seconds=AWAKE_SECONDS)
    return process_1(lab)


def _load_pause(lab: Lab, plan: NodePlan) -> None:
    """Give the node the image of the container that holds a pod's namespaces, as soon as it can take one."""
    program = Path(plan.pause).read_bytes()
    path = lab.folder / "node" / "pause.tar"
    path.write_bytes(
        archive.image(names.PAUSE_IMAGE, {"pause": program}, ["/pause", "-P"], architecture=go.architecture())
    )

    def taken() -> bool:
        processes.check(lab.folder, NAME)
        with suppress(LabError):
            load(lab, path)
            return True
        return False

    waiting.until(taken, what="containerd answers", seconds=AWAKE_SECONDS, hint=f"Its log is in {lab.folder / 'logs'}")


def enforces_policies(lab: Lab) -> bool:
    """Tell whether NetworkPolicies mean something on the lab's node."""
    return NodePlan.from_json((lab.folder / "node" / "plan.json").read_text()).policies


def _judges(lab: Lab) -> bool:
    """Tell whether somebody takes the packets that wait to be judged."""
    queues = Path(f"/proc/{process_1(lab)}/net/netfilter/nfnetlink_queue")
    return not enforces_policies(lab) or bool(queues.read_text().strip())


def _is_routed(lab: Lab) -> bool:
    with suppress(OSError), socket.create_connection((names.api_service(lab.index), 443), timeout=1):
        return True
    return False


def _dns_is_ready(lab: Lab) -> bool:
    try:
        return httpx.get(f"http://{texts.dns_ready(NodePlan(lab.index))}/ready", timeout=1, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _has_default_account(lab: Lab) -> bool:
    with suppress(cluster.NotFound):
        cluster.get(lab, "/api/v1/namespaces/default/serviceaccounts/default")
        return True
    return False


def _entered(lab: Lab, *namespaces: str) -> list[str]:
    return ["nsenter", f"--target={process_1(lab)}", *namespaces, "--"]


def _numbers(pid: int) -> list[str]:
    """Numbers of a process in every namespace of process numbers that it is in, outermost first."""
    return _status(pid, "NSpid")


def _status(pid: int, name: str) -> list[str]:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return line.split()[1:]
    return []
