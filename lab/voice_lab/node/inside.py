"""What a node's process 1 does to the world that it wakes up in: its own mounts, its own network."""

from __future__ import annotations

import socket
from pathlib import Path

from voice_lab import commands, waiting
from voice_lab.node import plan as names
from voice_lab.node import texts
from voice_lab.node.plan import NodePlan

LINK_SECONDS = 30.0
# A kubelet sets them, for the whole machine. It is shown files that say what it wants to read, and writes nothing.
KERNEL_SETTINGS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}


def settle(plan: NodePlan, folder: Path, programs: Path) -> None:
    """Make the namespaces that this process is in a node's.

    `folder` is the lab's, `programs` that of the node's programs.

    Raises:
        LabError: something is not allowed here.
    """
    socket.sethostname(names.NODE_NAME)
    _mount_own_system()
    _mount_folders(folder, programs)
    _show_kernel_settings()
    commands.run(["mount", "--make-rshared", "/"])
    _join_network(plan)


def _mount_own_system() -> None:
    """Put a /sys of this network namespace in place, with the machine's control groups; and an empty /run."""
    cgroups = Path("/sys/fs/cgroup")
    _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    kept = _made("/run/cgroup")
    _mount("--rbind", str(cgroups), kept)
    _mount("-t", "sysfs", "sysfs", "/sys")
    _mount("--rbind", kept, str(cgroups))
    commands.run(["umount", "--lazy", kept])


def _mount_folders(folder: Path, programs: Path) -> None:
    for path in ("/run/netns", "/run/lock"):
        _made(path)
    _mount("--bind", str(folder), _made(names.LAB))
    _mount("--bind", str(programs), _made("/run/programs"))
    _mount("--bind", _made(f"{names.LAB}/logs/node"), "/var/log")
    _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/var/lib")
    for path in (names.KUBELET, names.CONTAINERD, names.CNI):
        _mount("--bind", _made(f"{names.FOLDER}{path}"), _made(path))


def _show_kernel_settings() -> None:
    for name, value in KERNEL_SETTINGS.items():
        shown = Path(_made("/run/settings"), name.replace("/", "."))
        shown.write_text(value)
        _mount("--bind", str(shown), f"/proc/sys/{name}")


def _join_network(plan: NodePlan) -> None:
    link = names.LINK_IN_NODE
    waiting.until(Path("/sys/class/net", link).exists, what="the link to this machine is made", seconds=LINK_SECONDS)
    settings = Path("/proc/sys/net/ipv6/conf")
    for name, value in (("all/disable_ipv6", "0"), ("default/accept_dad", "0"), ("all/forwarding", "1")):
        (settings / name).write_text(value)
    for words in (
        "link set lo up",
        f"link set {link} addrgenmode none",
        f"address add {names.NEIGHBOUR}/64 dev {link} nodad",
        f"address add {plan.address}/128 dev {link} nodad",
        f"link set {link} up",
        f"route add default via {names.GATEWAY} dev {link} src {plan.address}",
        # What nobody has is not sent back to this machine, which would send it here again.
        f"route add unreachable {plan.network}",
        f"route add {plan.host_address} via {names.GATEWAY} dev {link} src {plan.address}",
    ):
        commands.run(["ip", *words.split()])
    for rule in texts.policy_rules(plan) if plan.policies else ():
        commands.run(["ip6tables", *rule.split()])


def _mount(*arguments: str) -> None:
    commands.run(["mount", *arguments])


def _made(path: str) -> str:
    Path(path).mkdir(parents=True, exist_ok=True)
    return path
