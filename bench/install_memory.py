"""What pods take of memory: their processes by /proc, their containers by the kernel's control groups."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voice_lab import pods
from voice_lab.context import Lab
from voice_lab.node import cgroups
from voice_lab.services import cluster

MB = 1e6
_UNITS = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 1024.0, "Mi": 1024.0**2, "Gi": 1024.0**3}


@dataclass(frozen=True)
class Process:
    """A process of a container.

    Attributes:
        parent: the number of the process that started it.
        rss_mb: resident set size: all pages that it has in memory, those that it shares with others too.
        pss_mb: proportional set size: a page that n processes have counts as an nth for each.
    """

    pid: int
    parent: int
    rss_mb: float
    pss_mb: float


@dataclass(frozen=True)
class Container:
    """A container of a pod.

    Attributes:
        limit_mb: its memory limit in the pod's spec; 0 without one.
        working_mb: what counts against the limit, without files that the kernel could forget at once: what a kubelet
            and `kubectl top` tell.
        peak_mb: the most that it ever had, such files included.
    """

    pod: str
    name: str
    processes: tuple[Process, ...]
    limit_mb: float
    working_mb: float
    peak_mb: float

    def workers(self) -> list[Process]:
        """The processes that its first process started."""
        numbers = {each.pid for each in self.processes}
        (first,) = (each for each in self.processes if each.parent not in numbers)
        return [each for each in self.processes if each.parent == first.pid]


def containers(lab: Lab, app: str) -> list[Container]:
    """The running containers of the Deployment `app`."""
    selector = ("-l", f"app.kubernetes.io/name={app}")
    listed = json.loads(cluster.kubectl(lab, "get", "pods", "-n", pods.NAMESPACE, *selector, "-o", "json"))["items"]
    return [each for pod in listed if "deletionTimestamp" not in pod["metadata"] for each in _of_pod(pod)]


def bytes_of(quantity: str) -> float:
    """Kubernetes' way to write a number of bytes, such as 256Mi.

    Raises:
        ValueError: it is none.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(\w*)", quantity)
    if not match or match[2] not in _UNITS:
        raise ValueError(f"{quantity!r} is no number of bytes")
    return float(match[1]) * _UNITS[match[2]]


def group_of(text: str, root: Path = cgroups.ROOT) -> Path:
    """The folder of the control group that counts a process's memory, by the text of its /proc/PID/cgroup."""
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return root / "memory" / path.lstrip("/")
    return root / text.splitlines()[-1].split(":", 2)[2].lstrip("/")


def counted(group: Path) -> tuple[float, float]:
    """Working set and peak of a control group, in bytes: of cgroup v2, or of v1."""
    unified = (group / "memory.current").exists()
    usage, peak = ("current", "peak") if unified else ("usage_in_bytes", "max_usage_in_bytes")
    inactive = "inactive_file" if unified else "total_inactive_file"
    stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    now = int((group / f"memory.{usage}").read_text())
    highest = group / f"memory.{peak}"  # kernels before 5.19 do not tell it in v2
    return max(now - int(stat[inactive]), 0), int(highest.read_text()) if highest.exists() else now


def process(pid: int, proc: Path = Path("/proc")) -> Process:
    """Read one process.

    Raises:
        OSError: it ended.
    """
    rollup = (proc / str(pid) / "smaps_rollup").read_text()
    parent = re.search(r"^PPid:\s+(\d+)$", (proc / str(pid) / "status").read_text(), re.MULTILINE)
    sizes = {name: int(kilobytes) * 1024 / MB for name, kilobytes in re.findall(r"^(\w+):\s+(\d+) kB$", rollup, re.M)}
    return Process(pid, int(parent[1]) if parent else 0, sizes["Rss"], sizes["Pss"])


def _of_pod(pod: dict[str, Any]) -> Iterator[Container]:
    resources = {each["name"]: each.get("resources", {}) for each in pod["spec"]["containers"]}
    for status in pod["status"]["containerStatuses"]:
        found = _members(status["containerID"].rpartition("/")[2])
        groups = {group_of(Path(f"/proc/{each.pid}/cgroup").read_text()) for each in found}
        (group,) = groups
        working, peak = counted(group)
        name = status["name"]
        limit = bytes_of(resources[name].get("limits", {}).get("memory", "0"))
        yield Container(pod["metadata"]["name"], name, tuple(found), limit / MB, working / MB, peak / MB)


def _members(container: str) -> list[Process]:
    """The processes of a container: those whose control groups bear its id."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile
            if container in (folder / "cgroup").read_text():
                found.append(process(int(folder.name)))
    return found
