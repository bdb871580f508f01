"""One lab of a name at a time, and files that belong to whoever asked for them."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from voice_lab import places, progress
from voice_lab.errors import LabError


@contextmanager
def only_one(instance: str) -> Iterator[None]:
    """Hold the lab's lock; the kernel lets go of it even when we are killed.

    Raises:
        LabError: another process holds it.
    """
    folder = places.cache() / "run"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{instance}.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise LabError(
                f"a lab named {instance} is running already (process {lock.read().strip() or 'unknown'}): "
                "end it there with Ctrl-C first"
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


@contextmanager
def one_after_another(what: str) -> Iterator[None]:
    """Wait until no other process does `what`, and keep others waiting meanwhile."""
    places.cache().mkdir(parents=True, exist_ok=True)
    with (places.cache() / f"{what}.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.say(f"waiting for another {what} to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def give_back(folder: Path) -> None:
    """Under sudo, make `folder` belong to the user who called sudo, so that they can read and delete it."""
    if not (user := os.environ.get("SUDO_UID")):
        return
    group = int(os.environ.get("SUDO_GID", "-1"))
    for path in (folder, *folder.rglob("*")) if folder.exists() else ():
        with suppress(FileNotFoundError):  # a file of another run may come and go
            os.chown(path, int(user), group, follow_symlinks=False)
