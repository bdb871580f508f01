"""Which shared libraries programs need, by the dynamic linker."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

_LINE = re.compile(r"^\s+(?:(?P<name>\S+) => )?(?P<path>/\S+|not found)(?: \(0x[0-9a-f]+\))?$")


class LibraryMissing(Exception):
    """A program needs a library that is not there."""


def needed(programs: Iterable[Path]) -> set[Path]:
    """The paths of all shared libraries that `programs` load, and of the dynamic linker.

    Raises:
        LibraryMissing: one of them is nowhere.
    """
    names = [str(each) for each in sorted(programs)]
    if not names:
        return set()
    # It returns 1 where one of many is linked with nothing; what it says is right all the same.
    said = subprocess.run(["ldd", *names], capture_output=True, text=True, timeout=300, check=False).stdout
    return parse(said)


def parse(said: str) -> set[Path]:
    """The paths in the output of `ldd`.

    Raises:
        LibraryMissing: it could not find one.
    """
    found: set[Path] = set()
    for line in said.splitlines():
        if not (match := _LINE.match(line)):
            continue
        if match["path"] == "not found":
            raise LibraryMissing(f"{match['name']} is needed and is nowhere in this system")
        # It may be told by way of the program: /usr/local/bin/../lib.
        found.add(Path(os.path.normpath(match["path"])))
    return found


def extensions(folder: Path) -> list[Path]:
    """The shared objects below `folder`, sorted."""
    return sorted(path for path in folder.rglob("*") if ".so" in path.suffixes and path.is_file())
