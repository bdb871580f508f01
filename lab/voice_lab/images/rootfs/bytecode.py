"""Compiling, so that neither a first start nor the time of a file matters."""

from __future__ import annotations

import importlib.util
import os
import py_compile
import shutil
from pathlib import Path

# Never compared with a source's time: there is none, or it is the image's.
MODE = py_compile.PycInvalidationMode.UNCHECKED_HASH


def only(folder: Path, shown: Path) -> None:
    """Leave of the modules below `folder` the bytecode alone; tracebacks tell their places as below `shown`.

    What others wrote is not mended in a running container: file names and line numbers are enough of it, and it takes
    half the room.
    """
    for source in _sources(folder):
        if source.is_symlink():
            source.with_suffix(".pyc").symlink_to(Path(os.readlink(source)).with_suffix(".pyc"))
        else:
            _compile(source, source.with_suffix(".pyc"), shown / source.relative_to(folder))
    for source in _sources(folder):
        source.unlink()
    _forget_caches(folder)


def beside(folder: Path, shown: Path) -> None:
    """Give the modules below `folder` their bytecode, and leave the sources: tracebacks quote them."""
    _forget_caches(folder)
    for source in _sources(folder):
        target = Path(importlib.util.cache_from_source(str(source)))
        _compile(source, target, shown / source.relative_to(folder))


def _sources(folder: Path) -> list[Path]:
    # In one order: what comes before leaves its mark in the bytecode of what comes after.
    return sorted(folder.rglob("*.py"))


def _compile(source: Path, target: Path, shown: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    try:
        py_compile.compile(str(source), str(target), dfile=str(shown), doraise=True, invalidation_mode=MODE)
    except py_compile.PyCompileError:
        # Packages carry templates of modules, which nothing imports.
        target.unlink(missing_ok=True)


def _forget_caches(folder: Path) -> None:
    for cache in sorted(folder.rglob("__pycache__")):
        shutil.rmtree(cache)
