"""Copying parts of this system to the same places below another root."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


class Tree:
    """A root file system in the making, filled from the one that we run in.

    Attributes:
        root: where it is.
        carried: the files that were copied, by their real paths in the system that we run in.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.carried: set[Path] = set()
        root.mkdir(parents=True, exist_ok=True)

    def carry(self, path: Path, *, leave: frozenset[str] = frozenset()) -> None:
        """Copy a file, or a folder with all in it but names in `leave`, to the same place.

        A link, be it on the way there, stays a link, and what it leads to comes along.
        """
        for step in (*reversed(path.parents), path):
            if step.is_symlink():
                self._link(step)
                aim = Path(os.path.normpath(step.parent / os.readlink(step)))
                self.carry(aim / path.relative_to(step), leave=leave)
                return
        if path.is_dir():
            self.place(path).mkdir(parents=True, exist_ok=True)
            for each in sorted(path.iterdir()):
                if each.name not in leave and each.exists():
                    self.carry(each, leave=leave)
        elif path not in self.carried:
            target = self.place(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
            self.carried.add(path)

    def write(self, path: str, text: str) -> None:
        """Make a file of our own."""
        target = self.place(Path(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def link(self, path: str, aim: str) -> None:
        """Make a link of our own, unless something is there."""
        target = self.place(Path(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() and not target.is_symlink():
            target.symlink_to(aim)

    def place(self, path: Path) -> Path:
        """Where the absolute `path` of the system that we run in is below the root."""
        return self.root / path.relative_to("/")

    def _link(self, link: Path) -> None:
        target = self.place(link)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.is_symlink():
            target.symlink_to(os.readlink(link))


def settle(root: Path, seconds: int) -> None:
    """Give all below `root` one owner, plain modes and one time, so that the same files make the same image."""
    for path in (root, *root.rglob("*")):
        os.chown(path, 0, 0, follow_symlinks=False)
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o111 else 0o644)
    if (tmp := root / "tmp").is_dir():
        tmp.chmod(0o1777)
    # What is inside first: it would change the time of the folder around it.
    for path in (*sorted(root.rglob("*"), reverse=True), root):
        os.utime(path, (seconds, seconds), follow_symlinks=False)
