"""A node's control groups: the one thing of it that outlives its processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from voice_lab import waiting

ROOT = Path("/sys/fs/cgroup")
NEEDED = ("cpu", "cpuset", "memory", "pids")
"""Controllers without which a kubelet does not start."""
GONE_SECONDS = 20.0


def hierarchies(root: Path = ROOT) -> list[Path]:
    """Where control groups are made: one place (cgroup v2), or one for each controller (v1)."""
    if is_unified(root):
        return [root]
    return sorted(path for path in root.glob("*") if path.is_dir() and not path.is_symlink())


def is_unified(root: Path = ROOT) -> bool:
    """Tell whether this is cgroup v2 alone."""
    return (root / "cgroup.controllers").exists()


def make(name: str, root: Path = ROOT) -> None:
    """Make the group `name` in every hierarchy, with all controllers that pods need.

    Raises:
        OSError: this machine does not allow it.
    """
    if is_unified(root):
        for controller in NEEDED:
            with suppress(OSError):  # `lacking` tells what is not there in the end
                (root / "cgroup.subtree_control").write_text(f"+{controller}")
    for place in hierarchies(root):
        group = place / name
        group.mkdir(exist_ok=True)
        # A new group of this controller is empty, and takes no process until it is told which processors it has.
        for file in ("cpuset.cpus", "cpuset.mems"):
            if not is_unified(root) and (group / file).exists():
                (group / file).write_text((place / file).read_text())


def lacking(name: str, root: Path = ROOT) -> list[str]:
    """Controllers that pods need and that the group `name`, once made, does not have."""
    if is_unified(root):
        there = (root / name / "cgroup.controllers").read_text().split()
    else:
        there = [path.name for path in hierarchies(root)]
        there = [each for names in there for each in names.split(",")]
    return [each for each in NEEDED if each not in there]


def remove(name: str, root: Path = ROOT) -> None:
    """Remove the group `name` and all below it, as soon as what ran in it has ended; quiet if there is none.

    Raises:
        LabError: something goes on in it.
    """
    groups = [place / name for place in hierarchies(root)]
    waiting.until(lambda: not _left(groups), what=f"the control groups {name} are empty", seconds=GONE_SECONDS)


def _left(groups: list[Path]) -> list[Path]:
    """Remove what can be removed; return what is left."""
    for group in groups:
        for folder in _below(group):
            with suppress(OSError):
                folder.rmdir()
    return [group for group in groups if group.exists()]


def _below(group: Path) -> Iterator[Path]:
    """Every group below this one, and itself, each after those that are in it."""
    with suppress(FileNotFoundError):
        for path in group.iterdir():
            if path.is_dir():
                yield from _below(path)
    yield group
