"""Writing files and folders so that a reader, or a run after a crash, never finds half of one."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

LEAVING = ".leaving-"


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read; it appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    partial.write_text(text)
    partial.replace(path)


@contextmanager
def filling(target: Path) -> Iterator[Path]:
    """Give an empty folder to fill, which becomes `target` if nothing went wrong; what was there before goes."""
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    yield partial
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)


def clear_away(paths: Iterable[Path], beside: Path) -> None:
    """Take files and folders out of the way at once, and let them be removed behind the caller's back.

    A node has ten thousand files, and a disk that gives back its blocks at once (mounted with `discard`) takes
    milliseconds for each. They go into a new folder in `beside`, on the same file system; what an earlier removal that
    was interrupted left there goes with them.
    """
    going = Path(mkdtemp(prefix=LEAVING, dir=beside))
    for path in paths:
        path.rename(going / path.name)
    # Not of this run: it ends when it is done, whatever becomes of the caller.
    command = ["setsid", "--fork", "rm", "-rf", "--", *map(str, beside.glob(f"{LEAVING}*"))]
    environment = {"PATH": os.environ.get("PATH", os.defpath)}
    quiet = subprocess.DEVNULL
    subprocess.run(command, cwd="/", env=environment, stdin=quiet, stdout=quiet, stderr=quiet, check=False)
