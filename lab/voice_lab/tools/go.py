"""The Go tool chain, for what has to be built."""

from __future__ import annotations

import os
import platform
import re
import shutil
from pathlib import Path

from voice_lab import commands, places, progress
from voice_lab.errors import LabError

LEAST = (1, 26)
"""What `lab/kube/go.mod` asks for. An older one would fetch a newer tool chain by itself; ours is told not to."""
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def architecture() -> str:
    """Go's name for this machine's architecture."""
    return ARCHITECTURES.get(platform.machine(), platform.machine())


def program() -> str:
    """Return the path of a `go` that is new enough.

    Raises:
        LabError: there is none.
    """
    path = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    wanted = f"Go {LEAST[0]}.{LEAST[1]} or newer: install it from https://go.dev/dl/ and put it on PATH"
    if not path:
        raise LabError(f"building needs {wanted}")
    found = re.search(r"go(\d+)\.(\d+)", commands.run([path, "version"]))
    if not found or (int(found[1]), int(found[2])) < LEAST:
        raise LabError(f"building needs {wanted} (found: {found[0] if found else 'unknown'})")
    return path


def environment(**more: str) -> dict[str, str]:
    """Environment for a build: the caller's, without settings that would change the result, with our caches."""
    dropped = {"GOROOT", "GOTOOLDIR", "GOEXPERIMENT", "GOOS", "GOARCH", "GOAMD64", "GOWORK", "GOBIN", "CC", "CXX"}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    caches = {"GOMODCACHE": str(_cache() / "mod"), "GOCACHE": str(_cache() / "build")}
    # The tool chain that is there, and no other: what builds the programs is what the user installed.
    fixed = {"GOTOOLCHAIN": "local", "GOFLAGS": "-modcacherw -buildvcs=false", "GO111MODULE": "on", "GOWORK": "off"}
    return {**kept, **caches, **fixed, **more}


def forget() -> None:
    """Throw away sources and intermediate results of finished builds: gigabytes that nobody needs again."""
    if _cache().exists():
        with progress.step("go", "removing sources and intermediate results of the builds"):
            shutil.rmtree(_cache(), ignore_errors=True)


def _cache() -> Path:
    return places.cache() / "go"
