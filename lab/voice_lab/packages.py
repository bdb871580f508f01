"""System packages, from the machine's own package manager."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from voice_lab import commands, guard, progress
from voice_lab.errors import LabError

POLICY = Path("/usr/sbin/policy-rc.d")
# Debian starts a service as soon as its package is installed, unless this file says no. The lab wants the programs,
# not their services.
POLICY_TEXT = "#!/bin/sh\n# voice lab: packages are installed without starting their services\nexit 101\n"
UNITS = {
    "mariadb-server": ("mariadb",),
    "kamailio": ("kamailio",),
    "rtpengine-daemon": ("rtpengine-daemon",),
    "nginx": ("nginx",),
    "containerd": ("containerd",),
    "samba": ("smbd", "nmbd"),
    "winbind": ("winbind",),
}


def missing(wanted: Iterable[str]) -> list[str]:
    """Names out of `wanted` that are not installed, sorted."""
    names = set(wanted)
    return sorted(names - _installed(names)) if names else []


def install(wanted: Iterable[str]) -> None:
    """Install what is missing of `wanted`.

    Raises:
        LabError: this is no Debian or Ubuntu, there is no way to become root, or apt-get failed.
    """
    names = missing(wanted)
    if not names:
        return
    if not shutil.which("apt-get"):
        raise LabError(f"these Debian packages are missing and there is no apt-get here: {' '.join(names)}")
    with progress.step("packages", f"installing {', '.join(names)}"):
        asleep = _put_policy()
        try:
            _apt(["update"], names)
            _apt(["install", "-y", "--no-install-recommends", *names], names)
            _disable(names)
        finally:
            if asleep:
                _as_root(["rm", "-f", str(POLICY)])


def tidy() -> None:
    """Let services of packages start again, if an installation of ours was killed meanwhile."""
    if POLICY.exists() and POLICY.read_text() == POLICY_TEXT:
        with guard.one_after_another("install"):
            POLICY.unlink(missing_ok=True)


def _installed(names: Iterable[str]) -> set[str]:
    query = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *names]
    # It fails when it does not know one of them, and still tells about the others.
    told = subprocess.run(query, capture_output=True, text=True, timeout=60, check=False).stdout
    return {line.split()[0] for line in told.splitlines() if line.endswith(" installed")}


def _put_policy() -> bool:
    """Put our policy in place, or find the one that a killed run of ours left; False if there is somebody else's."""
    if POLICY.exists():
        return POLICY.read_text() == POLICY_TEXT
    _as_root(["tee", str(POLICY)], stdin=POLICY_TEXT)
    _as_root(["chmod", "+x", str(POLICY)])
    return True


def _disable(names: Iterable[str]) -> None:
    """Keep the services of packages that we installed from starting at the next boot."""
    units = [unit for name, units in UNITS.items() if name in names for unit in units]
    if units and Path("/run/systemd/system").exists():
        _as_root(["systemctl", "disable", "--quiet", *units])


def _apt(arguments: list[str], names: list[str]) -> None:
    env = ["env", "DEBIAN_FRONTEND=noninteractive"]
    try:
        _as_root([*env, "apt-get", "-q", "-o", "DPkg::Lock::Timeout=120", *arguments])
    except LabError as error:
        raise LabError(
            f"{error}\nMend it (no network? another package manager at work?) or install by hand: {' '.join(names)}"
        ) from error


def _as_root(command: list[str], *, stdin: str | None = None) -> None:
    if os.geteuid() != 0:
        if not shutil.which("sudo"):
            raise LabError(f"root is needed for `{' '.join(command)}`: install sudo, or run this as root")
        command = ["sudo", *command]
    commands.run(command, stdin=stdin, seconds=1800)
