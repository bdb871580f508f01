"""Python packages: ours with their sources, others' without what is never imported."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from . import bytecode, debian, interpreter, libraries
from .carrying import Tree
from .targets import Target

# Of any package: sources of compiled modules, types, tests, what installers note.
NOT_NEEDED = (
    "bin", "**/__pycache__", "**/*.pyi", "**/*.pyx", "**/*.pxd", "**/*.c", "**/*.h", "**/*.in", "**/tests",
    "*.dist-info/RECORD", "*.dist-info/REQUESTED", "*.dist-info/direct_url.json", "*.dist-info/uv_cache.json", ".lock",
)  # fmt: skip

_IMPORT_ALL = """
import importlib, json, os, pkgutil, sys
sys.path[:0] = sys.argv[2:]
if os.environ.get("DJANGO_SETTINGS_MODULE"):
    import django
    django.setup()
package = importlib.import_module(sys.argv[1])
for each in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not each.name.endswith("__main__"):
        importlib.import_module(each.name)
print(json.dumps(sorted(sys.modules)))
"""


def trim(target: Target, site: Path, own: Path) -> None:
    """Take out of the folder of packages `site` what `target`, whose own packages are in `own`, never imports."""
    for pattern in (*NOT_NEEDED, *target.not_needed):
        for path in sorted(site.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    said = _run([sys.executable, "-c", _IMPORT_ALL, target.package, str(site), str(own)], target)
    imported = set(json.loads(said))
    for folder in target.generated:
        for module in unused(folder, [each.name for each in (site / folder).glob("*.py")], imported):
            (site / module).unlink()


def unused(folder: str, names: Collection[str], imported: Collection[str]) -> list[str]:
    """Which of the modules in the files `names` of `folder` are not among those `imported`; paths of their files."""
    package = folder.replace("/", ".")
    known = {f"{each.removeprefix(package + '.')}.py" for each in imported if each.startswith(package + ".")}
    kept = known | ({"__init__.py"} if package in imported else set())
    return sorted(f"{folder}/{name}" for name in names if name not in kept)


def assemble(target: Target, site: Path, own: Path, base: Path, root: Path) -> None:
    """Put both folders of packages below `root`, where Python looks for them, and the libraries that `base` lacks."""
    where = interpreter.packages()
    tree = Tree(root)
    place = tree.place(where)
    shutil.copytree(site, place, symlinks=True)
    bytecode.only(place, where)
    shutil.copytree(own, place, dirs_exist_ok=True)
    bytecode.beside(place / target.package, where / target.package)
    for path in place.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.chmod(0o644)  # modules to import, and none a program
    for path in sorted(libraries.needed(libraries.extensions(place))):
        # What a package brings itself is below it already.
        if not path.is_relative_to(root) and not (base / path.relative_to("/")).exists():
            tree.carry(path)
    debian.record(tree)


def note(own: Path, project: dict[str, object], licence: Path) -> None:
    """Write in the folder of our own packages what they are called, as installers do."""
    folder = own / f"{str(project['name']).replace('-', '_')}-{project['version']}.dist-info"
    (folder / "licenses").mkdir(parents=True)
    shutil.copy(licence, folder / "licenses" / "LICENSE")
    (folder / "METADATA").write_text(
        f"Metadata-Version: 2.4\nName: {project['name']}\nVersion: {project['version']}\n"
        f"Summary: {project['description']}\nLicense-Expression: {project['license']}\nLicense-File: LICENSE\n"
    )


def prove(target: Target, root: Path) -> None:
    """See that all of our package can be imported, and that it starts, in `root` alone.

    Raises:
        subprocess.CalledProcessError: something does not start; it has said why.
    """
    python = "/usr/local/bin/python"
    _run([python, "-c", _IMPORT_ALL, target.package], target, root)
    for arguments in target.starts:
        _run([python, *arguments], target, root)


def _run(command: list[str], target: Target, root: Path | None = None) -> str:
    """What `command` prints; with `root`, in it alone and as the image's user."""

    def enter() -> None:
        if root is not None:
            os.chroot(root)
            os.chdir("/")
            os.setgroups([])
            os.setgid(interpreter.USER)
            os.setuid(interpreter.USER)

    # Nothing but what an image sets, and made-up settings.
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", **target.settings}
    done = subprocess.run(
        command, env=env, preexec_fn=enter, stdout=subprocess.PIPE, text=True, timeout=300, check=True
    )  # fmt: skip
    return done.stdout
