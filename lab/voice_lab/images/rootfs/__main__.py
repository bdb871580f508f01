"""The commands of the Dockerfile.

python3 -m rootfs python ROOT                               Python and what it stands on
python3 -m rootfs packages TARGET SITE OWN BASE ROOT        the packages of TARGET, tried on BASE, which ROOT comes on
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

from . import interpreter, packages
from .carrying import settle
from .targets import TARGETS


def main(arguments: list[str]) -> None:
    """Run one of the commands."""
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH") or 0)
    if arguments[0] == "python":
        root = Path(arguments[1])
        interpreter.assemble(root)
    else:
        target = TARGETS[arguments[1]]
        site, own, base, root = map(Path, arguments[2:])
        packages.note(own, tomllib.loads(Path("pyproject.toml").read_text())["project"], Path("LICENSE"))
        packages.trim(target, site, own)
        packages.assemble(target, site, own, base, root)
        # Over what is there, links included, which shutil cannot.
        subprocess.run(["cp", "--archive", f"{root}/.", base], check=True, timeout=300)
        settle(base, seconds)
        packages.prove(target, base)
    settle(root, seconds)


if __name__ == "__main__":
    main(sys.argv[1:])
