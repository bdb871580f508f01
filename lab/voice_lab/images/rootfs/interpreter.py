"""Python and what it stands on: the first layer, which all our images share."""

from __future__ import annotations

import os
import platform
import shutil
import ssl
import subprocess
import sys
import sysconfig
from pathlib import Path

from . import bytecode, debian, libraries
from .carrying import Tree

USER = 10001

# Parts of the standard library that no server uses.
NOT_NEEDED = frozenset({
    "__pycache__", "site-packages", "dist-packages", "test", "tests", "idlelib", "tkinter", "turtledemo", "turtle.py",
    "ensurepip", "lib2to3", "pydoc_data", "curses", "dbm", "sqlite3", "__phello__", "venv", "sitecustomize.py",
    "EXTERNALLY-MANAGED",
})  # fmt: skip
# Extensions that serve tests or terminals or those parts. Some draw in libraries whose licences bind more than ours
# does: GNU's readline and gdbm, Berkeley DB.
EXTENSIONS_NOT_NEEDED = (
    "_test", "_ctypes_test", "_xxtestfuzz", "xx", "_curses", "readline", "_gdbm", "_dbm", "_tkinter", "_sqlite3", "nis",
)  # fmt: skip
# glibc loads it when a thread ends, and programs written in Rust need it: nothing that we carry here names it.
LOADED_LATER = ("libgcc_s.so.1",)

USERS = "root:x:0:0:root:/:/nonexistent\nvoice:x:{user}:{user}:Voice Quality Reporting:/:/nonexistent\n"
GROUPS = "root:x:0:\nvoice:x:{user}:\n"
# glibc has both built in.
NSSWITCH = "passwd: files\ngroup: files\nhosts: files dns\n"


def assemble(root: Path) -> None:
    """Fill `root` with this system's Python, its libraries, certificates and time zones, and users."""
    tree = Tree(root)
    program = Path(os.path.realpath(sys.executable))
    tree.carry(program)
    tree.link("/usr/local/bin/python", str(program))
    _standard_library(tree)
    _libraries(tree, program)
    _certificates(tree)
    tree.carry(Path("/usr/share/zoneinfo"), leave=frozenset({"posix", "right", "localtime", "posixrules"}))
    tree.write("/etc/passwd", USERS.format(user=USER))
    tree.write("/etc/group", GROUPS.format(user=USER))
    tree.write("/etc/nsswitch.conf", NSSWITCH)
    (root / "tmp").mkdir()
    tree.write(f"{library()}/VERSION", f"{platform.python_version()}\n")
    # Its bundle of certificates was put together when it was installed, and is in no list.
    debian.record(tree, also=("ca-certificates",))


def library() -> Path:
    """Where the standard library is."""
    return Path(sysconfig.get_path("stdlib"))


def packages() -> Path:
    """Where packages that are installed beside the standard library are looked for."""
    return Path(sysconfig.get_path("purelib", "posix_local" if _of_debian() else sysconfig.get_default_scheme()))


def _of_debian() -> bool:
    return "posix_local" in sysconfig.get_scheme_names()


def _standard_library(tree: Tree) -> None:
    home = library()
    unwanted = {
        each.name
        for each in (home / "lib-dynload").iterdir()
        if each.name.startswith(EXTENSIONS_NOT_NEEDED) or not each.name.endswith(".so")
    }
    # The static library, and a makefile for building extensions.
    unwanted |= {each.name for each in home.glob("config-*")}
    tree.carry(home, leave=NOT_NEEDED | unwanted)
    bytecode.only(tree.place(home), home)


def _libraries(tree: Tree, program: Path) -> None:
    found = libraries.needed([program, *libraries.extensions(tree.place(library()))])
    (libc,) = (each for each in found if each.name.startswith("libc.so."))
    for path in sorted(found | {libc.parent / name for name in LOADED_LATER}):
        tree.carry(path)
    # How the dynamic linker finds those that stand in /usr/local/lib. The second file holds times of the build.
    for name in ("ld.so.conf", "ld.so.conf.d"):
        if Path("/etc", name).exists():
            tree.carry(Path("/etc", name))
    subprocess.run(["/sbin/ldconfig", "-X", "-r", str(tree.root)], check=True, timeout=60)
    shutil.rmtree(tree.root / "var" / "cache", ignore_errors=True)


def _certificates(tree: Tree) -> None:
    bundle = Path("/etc/ssl/certs/ca-certificates.crt")
    tree.carry(bundle)
    paths = ssl.get_default_verify_paths()
    tree.link(paths.openssl_cafile, str(bundle))
    settings = Path(paths.openssl_cafile).parent / "openssl.cnf"
    if settings.exists():
        tree.carry(settings)
