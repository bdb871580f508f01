"""What the build of an image takes of the system that it runs in, and what it leaves."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from voice_lab import places
from voice_lab.images.rootfs import bytecode, carrying, debian, libraries, packages
from voice_lab.images.rootfs.targets import TARGETS, Target

LDD = """/usr/bin/python3.13:
\tlinux-vdso.so.1 (0x00007ffd)
\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f)
\tlibpython3.13.so.1.0 => /usr/local/bin/../lib/libpython3.13.so.1.0 (0x00007f)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f)
/usr/lib/python3.13/lib-dynload/mmap.so:
\tstatically linked
"""


def test_libraries_are_those_that_the_dynamic_linker_finds_and_itself() -> None:
    assert libraries.parse(LDD) == {
        Path("/lib/x86_64-linux-gnu/libm.so.6"),
        Path("/usr/local/lib/libpython3.13.so.1.0"),
        Path("/lib64/ld-linux-x86-64.so.2"),
    }


def test_a_library_that_is_nowhere_is_named() -> None:
    with pytest.raises(libraries.LibraryMissing, match=r"libodbc\.so\.2 is needed"):
        libraries.parse("\tlibodbc.so.2 => not found\n")


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """A small system of files and links, as systems are whose /lib is a part of /usr."""
    root = tmp_path / "system"
    (root / "usr/lib/deep").mkdir(parents=True)
    (root / "usr/lib/libx.so.1.2").write_text("x")
    (root / "usr/lib/libx.so.1").symlink_to("libx.so.1.2")
    (root / "usr/lib/deep/file").write_text("deep")
    (root / "usr/lib/deep/unwanted").write_text("unwanted")
    (root / "usr/lib/deep/dangling").symlink_to("nowhere")
    (root / "lib").symlink_to("usr/lib")
    return root


def carried(tree: carrying.Tree, system: Path) -> set[str]:
    """What stands below the tree's root, by paths in the small system."""
    top = tree.place(system)
    return {path.relative_to(top).as_posix() for path in top.rglob("*") if not path.is_dir() or path.is_symlink()}


def test_a_link_stays_a_link_and_what_it_leads_to_comes_along(system: Path, tmp_path: Path) -> None:
    tree = carrying.Tree(tmp_path / "root")
    tree.carry(system / "lib/libx.so.1")
    assert carried(tree, system) == {"lib", "usr/lib/libx.so.1", "usr/lib/libx.so.1.2"}
    assert os.readlink(tree.place(system / "lib")) == "usr/lib"
    assert tree.carried == {system / "usr/lib/libx.so.1.2"}


def test_a_folder_comes_without_what_is_to_be_left(system: Path, tmp_path: Path) -> None:
    tree = carrying.Tree(tmp_path / "root")
    tree.carry(system / "usr/lib/deep", leave=frozenset({"unwanted"}))
    assert carried(tree, system) == {"usr/lib/deep/file"}


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to root")
def test_all_gets_one_owner_plain_modes_and_one_time(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir(mode=0o700)
    (tmp_path / "bin/program").touch(mode=0o777)
    (tmp_path / "bin/data").touch(mode=0o600)
    (tmp_path / "bin/link").symlink_to("program")
    (tmp_path / "tmp").mkdir()
    carrying.settle(tmp_path, 1700000000)
    found = {path.relative_to(tmp_path).as_posix(): path.lstat() for path in tmp_path.rglob("*")}
    assert {each.st_mtime for each in found.values()} == {1700000000}
    assert {(each.st_uid, each.st_gid) for each in found.values()} == {(0, 0)}
    modes = {name: each.st_mode & 0o7777 for name, each in found.items() if name != "bin/link"}
    assert modes == {"bin": 0o755, "bin/program": 0o755, "bin/data": 0o644, "tmp": 0o1777}


def run(folder: Path, code: str) -> str:
    """What a fresh Python says that finds modules in `folder`."""
    command = [sys.executable, "-c", code]
    env = {"PYTHONPATH": str(folder)}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False).stderr


def test_the_bytecode_of_others_tells_file_and_line_alone(tmp_path: Path) -> None:
    (tmp_path / "theirs.py").write_text("def f():\n    return 1 / 0\n")
    (tmp_path / "alias.py").symlink_to("theirs.py")
    bytecode.only(tmp_path, Path("/shown"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alias.pyc", "theirs.pyc"]
    said = run(tmp_path, "import alias; alias.f()")
    assert 'File "/shown/theirs.py", line 2, in f' in said
    assert "return 1 / 0" not in said


def test_ours_is_quoted_in_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "ours.py").write_text("def f():\n    return 1 / 0\n")
    bytecode.beside(tmp_path, tmp_path)
    assert "return 1 / 0" in run(tmp_path, "import ours; ours.f()")


def test_bytecode_is_taken_whatever_the_time_of_its_source_and_is_the_same_each_time(tmp_path: Path) -> None:
    found = []
    for name, seconds in (("a", 1), ("b", 2_000_000_000)):
        folder = tmp_path / name
        folder.mkdir()
        source = folder / "m.py"
        source.write_text("X = {'a', 'b', 'c'}\n")
        os.utime(source, (seconds, seconds))
        bytecode.beside(folder, Path("/shown"))
        found.append(Path(importlib.util.cache_from_source(str(source))).read_bytes())
    assert found[0] == found[1]
    assert int.from_bytes(found[0][4:8], "little") == 0b01, "hash-based, and never compared with the source (PEP 552)"


def test_a_template_of_a_module_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "template.py").write_text("class {{ name }}: ...\n")
    bytecode.only(tmp_path, Path("/shown"))
    assert list(tmp_path.iterdir()) == []


STATUS = """Package: libc6
Status: install ok installed
Architecture: amd64
Source: glibc
Version: 2.41-12
Depends: libgcc-s1
Description: GNU C Library: Shared libraries
 Contains the standard libraries.

Package: bash
Version: 5.2
"""


def test_a_package_is_noted_with_what_scanners_look_for() -> None:
    found = debian.parse(STATUS)
    assert set(found) == {"libc6", "bash"}
    assert debian.stanza(found["libc6"]) == (
        "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nSource: glibc\nVersion: 2.41-12\n"
        "Description: GNU C Library: Shared libraries\n"
    )


def test_a_file_is_of_the_package_that_lists_it_by_another_way(system: Path) -> None:
    found = debian.owners([("libx1:amd64.list", f"{system}/lib\n{system}/lib/libx.so.1.2\n")])
    assert found[system / "usr/lib/libx.so.1.2"] == "libx1"


def test_of_generated_modules_only_those_stay_that_are_imported() -> None:
    names = ["__init__.py", "v1_pod.py", "v1_object_meta.py"]
    imported = {"kubernetes", "kubernetes.client.models", "kubernetes.client.models.v1_object_meta"}
    assert packages.unused("kubernetes/client/models", names, imported) == ["kubernetes/client/models/v1_pod.py"]
    assert packages.unused("kubernetes/client/api", names, imported) == [
        f"kubernetes/client/api/{n}" for n in sorted(names)
    ]


def test_trimming_looks_at_what_the_package_imports(tmp_path: Path) -> None:
    site, own = tmp_path / "site", tmp_path / "own"
    for path, text in {
        site / "big/__init__.py": "",
        site / "big/models/__init__.py": "",
        site / "big/models/used.py": "",
        site / "big/models/unused.py": "",
        site / "big/fast.pyx": "",
        site / "big-1.dist-info/RECORD": "",
        site / "big-1.dist-info/METADATA": "Name: big\n",
        own / "small/__init__.py": "",
        own / "small/deep/__init__.py": "import big.models.used\n",
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    packages.trim(Target(package="small", starts=(), generated=("big/models",)), site, own)
    left = sorted(
        path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file() and path.suffix != ".pyc"
    )
    assert left == [
        "big-1.dist-info/METADATA", "big/__init__.py", "big/models/__init__.py", "big/models/used.py",
    ]  # fmt: skip


def test_each_target_is_started_in_its_finished_image() -> None:
    assert set(TARGETS) == {"operator", "portal"}
    assert all(target.starts for target in TARGETS.values())


def test_the_build_reads_the_lock_with_the_version_that_made_it() -> None:
    pinned = re.search(
        r"^uv==(\S+)", (places.CHECKOUT / "lab/voice_lab/images/rootfs/uv.txt").read_text(), re.MULTILINE
    )
    wanted = re.search(r"^UV_VERSION=(\S+)", (places.CHECKOUT / "scripts/environment").read_text(), re.MULTILINE)
    assert pinned
    assert wanted
    assert pinned[1] == wanted[1]


def test_the_build_sees_all_that_the_dockerfile_copies_and_nothing_else() -> None:
    lines = (places.CHECKOUT / "Dockerfile").read_text().splitlines()
    copied = {
        word.rstrip("/")
        for line in lines
        if line.startswith("COPY ") and "--from" not in line
        for word in line.split()[1:-1]
    }
    ignored = (places.CHECKOUT / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    # A folder is opened step by step, each with all else in it shut again.
    assert {each for each in allowed if f"{each}/*" not in ignored} == {
        each for each in copied if not any(each.startswith(f"{other}/") for other in copied)
    }
