"""Whether this machine can run a node, and what has to be installed for it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from voice_lab import commands
from voice_lab.errors import LabError
from voice_lab.node import cgroups, texts
from voice_lab.node.plan import NodePlan

CNI_FOLDERS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))
PROGRAMS = {
    "containerd": "containerd",
    "containerd-shim-runc-v2": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "nft": "nftables",
    "ip": "iproute2",
    "ip6tables": "iptables",
    "catatonit": "catatonit",
    "unshare": "util-linux",
    "nsenter": "util-linux",
}
"""What a node needs of the machine: program, and Debian's package of it."""
PATHS = ("/usr/sbin", "/sbin")
NAMESPACES = ("--pid", "--fork", "--kill-child", "--mount", "--mount-proc", "--net", "--uts", "--ipc")
# What a node does at first, in namespaces as its own: cheap, and surer than to read what the machine should allow.
TRIAL = (
    "mount -t sysfs sysfs /sys && mount -t tmpfs tmpfs /run && ip link add one type veth peer name two && "
    "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding && nft add table ip6 trial"
)


def packages() -> tuple[str, ...]:
    """Debian packages of the programs that are not there.

    What is there stays: Docker's own containerd does as well, and Debian's would take its place, and Docker with it.
    """
    missing = {package for program, package in PROGRAMS.items() if not _found(program)}
    return tuple(sorted(missing if cni() else {*missing, "containernetworking-plugins"}))


def cni() -> Path | None:
    """Folder of the CNI plug-ins, if they are installed."""
    return next((folder for folder in CNI_FOLDERS if (folder / "ptp").exists()), None)


def why_not() -> str:
    """Return, in one line, why this machine cannot run a node; empty if it can."""
    if os.geteuid() != 0:
        return "a node needs root"
    if missing := packages():
        return f"programs of these Debian packages are missing: {' '.join(missing)}"
    return _no_ipv6() or _no_cgroups() or _no_namespaces()


def why_no_policies() -> str:
    """Return, in one line, why NetworkPolicies cannot be enforced here; empty if they can."""
    rules = " && ".join(f"ip6tables {rule}" for rule in texts.policy_rules(NodePlan(1)))
    try:
        commands.run(["unshare", "--net", "sh", "-c", rules])
    except LabError as error:
        return f"the kernel's packet filter lacks something ({str(error).splitlines()[-1]})"
    return ""


def snapshotter(folder: Path) -> str:
    """How containerd puts layers together in this folder: an overlay on another one is impossible, so it copies."""
    kind = commands.run(["stat", "--file-system", "--format=%T", folder]).strip()
    return "native" if kind == "overlayfs" else "overlayfs"


def _found(program: str) -> bool:
    return shutil.which(program, path=os.pathsep.join((os.environ.get("PATH", os.defpath), *PATHS))) is not None


def _no_ipv6() -> str:
    switch = Path("/proc/sys/net/ipv6/conf/lo/disable_ipv6")
    if not switch.exists():
        return "the kernel has no IPv6"
    if switch.read_text().strip() != "0":
        return "IPv6 is switched off here: `sysctl net.ipv6.conf.lo.disable_ipv6=0` switches it on"
    return ""


def _no_cgroups() -> str:
    name = f"voice-lab-trial-{os.getpid()}"
    try:
        cgroups.make(name)
        lacking = cgroups.lacking(name)
    except OSError as error:
        return (
            f"no control groups can be made here ({error.strerror}: {error.filename}); a container needs --privileged"
        )
    finally:
        cgroups.remove(name)
    if lacking:
        return f"pods get no control groups here for: {', '.join(lacking)}; a container needs --cgroupns=host"
    return ""


def _no_namespaces() -> str:
    try:
        commands.run(["unshare", *NAMESPACES, "--propagation", "private", "sh", "-c", TRIAL])
    except LabError as error:
        last = str(error).splitlines()[-1]
        return f"a node's namespaces cannot be made here ({last}); a container needs --privileged"
    return ""
