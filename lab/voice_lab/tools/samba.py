"""Samba as an Active Directory domain controller: a new domain takes seconds to make, so one is kept for copying."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from voice_lab import commands, files, guard, places, progress
from voice_lab.identity import people

PACKAGES = ("samba", "samba-ad-dc", "samba-ad-provision", "winbind")
CONTROLLER = "dc1"
HOST_NAME = f"{CONTROLLER}.{people.DOMAIN}"
LDAPS_PORT = 636

# What makes a domain. No name server, no file server: the lab's domain is asked by LDAP alone.
_PROVISION = (
    "--server-role=dc", "--dns-backend=NONE", f"--realm={people.DOMAIN.upper()}", "--domain=CORP",
    f"--host-name={CONTROLLER}", "--host-ip=127.0.0.1",
)  # fmt: skip


def template() -> Path:
    """Return a domain with nobody in it, made once; this takes root.

    Raises:
        LabError: Samba cannot make it.
    """
    version = commands.run(["samba", "--version"]).strip()
    made_of = hashlib.sha256(repr((version, _PROVISION)).encode()).hexdigest()[:12]
    target = places.cache() / "tools" / f"domain-{made_of}"
    with guard.one_after_another("making of a domain"):
        if not target.exists():
            with progress.step("directory", f"making the domain {people.DOMAIN} with {version}"):
                _provision(target)
            guard.give_back(target)
    return target


def copy(template: Path, folder: Path) -> None:
    """Make `folder` a domain of its own, that nobody but its owner can look into."""
    for name in ("private", "state"):
        shutil.copytree(template / name, folder / name)
    folder.chmod(0o700)


def configuration(folder: Path) -> Path:
    """Return the path of the configuration of the domain in `folder`."""
    return folder / "smb.conf"


def smb_conf(folder: Path, *, certificate: Path, key: Path, authority: Path) -> str:
    """Return the configuration of a controller whose domain is in `folder`: LDAP and LDAPS alone, no Windows names."""
    return f"""[global]
    server role = active directory domain controller
    realm = {people.DOMAIN.upper()}
    workgroup = CORP
    netbios name = {CONTROLLER.upper()}
    server services = ldap
    disable netbios = yes
    private dir = {folder}/private
    state directory = {folder}/state
    cache directory = {folder}
    lock directory = {folder}
    pid directory = {folder}
    binddns dir = {folder}
    ncalrpc dir = {folder}/ncalrpc
    winbindd socket directory = {folder}/winbindd
    ntp signd socket directory = {folder}/ntp
    usershare path =
    tls enabled = yes
    tls certfile = {certificate}
    tls keyfile = {key}
    tls cafile = {authority}
    log level = 1
"""


def command(folder: Path) -> list[str]:
    """Return what starts the controller of the domain in `folder`, as one process."""
    return ["samba", "--interactive", "--model=single", "--no-process-group", f"--configfile={configuration(folder)}"]


def _provision(target: Path) -> None:
    with files.filling(target) as partial:
        empty = partial / "empty.conf"
        empty.touch()  # otherwise the machine's own configuration is the base
        # It prints a password that it drew, which is kept nowhere: the lab changes domains as the machine's root does.
        command = ["samba-tool", "domain", "provision", f"--configfile={empty}", f"--targetdir={partial}", *_PROVISION]
        commands.run(command, env={"PATH": os.defpath}, seconds=300)
