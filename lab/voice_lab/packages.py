"""System packages, from the machine's own package manager."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from voice_lab import progress
from voice_lab.errors import LabError

POLICY = Path("/usr/sbin/policy-rc.d")
# Debian starts a service as soon as its package is installed, unless this file says no. The lab wants the programs,
# not their services.
POLICY_TEXT = "#!/bin/sh\nexit 101\n"


def missing(wanted: Iterable[str]) -> list[str]:
    """Names out of `wanted` that are not installed, sorted."""
    return sorted(name for name in set(wanted) if not _installed(name))


def install(wanted: Iterable[str]) -> None:
    """Install what is missing of `wanted`.

    Raises:
        LabError: this is no Debian or Ubuntu, there is no way to become root, or apt-get failed.
    """
    names = missing(wanted)
    if not names:
        return
    command = f"apt-get install -y --no-install-recommends {' '.join(names)}"
    if not shutil.which("apt-get"):
        raise LabError(f"these Debian packages are missing and there is no apt-get here: {' '.join(names)}")
    with progress.step("packages", f"installing {', '.join(names)}"):
        asleep = _put_policy()
        try:
            _apt(["update"], names)
            _apt(command.split()[1:], names)
        finally:
            if asleep:
                _as_root(["rm", "-f", str(POLICY)])


def _installed(name: str) -> bool:
    # The list file is there for an installed package and costs no process to look at. A removed package that left its
    # configuration behind keeps one of a single line or so, without programs.
    found = [*Path("/var/lib/dpkg/info").glob(f"{name}.list"), *Path("/var/lib/dpkg/info").glob(f"{name}:*.list")]
    return any("/usr/" in path.read_text() for path in found)


def _put_policy() -> bool:
    if POLICY.exists():
        return False
    _as_root(["tee", str(POLICY)], stdin=POLICY_TEXT)
    _as_root(["chmod", "+x", str(POLICY)])
    return True


def _apt(arguments: list[str], names: list[str]) -> None:
    env = ["env", "DEBIAN_FRONTEND=noninteractive"]
    done = _as_root([*env, "apt-get", "-q", "-o", "DPkg::Lock::Timeout=120", *arguments])
    if done.returncode:
        raise LabError(
            f"apt-get {arguments[0]} failed: {done.stderr.strip()[-600:]}\n"
            f"Mend it (no network? another package manager at work?) or install by hand: {' '.join(names)}"
        )


def _as_root(command: list[str], *, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    prefix = []
    if os.geteuid() != 0:
        if not shutil.which("sudo"):
            raise LabError(f"root is needed for `{' '.join(command)}`: install sudo, or run this as root")
        prefix = ["sudo"]
    return subprocess.run([*prefix, *command], input=stdin, capture_output=True, text=True, timeout=1800, check=False)
