"""Templates of a configuration, made once: the next worker or run finds them, until a source of theirs changes."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from tests.integration.cdk.synthesised import CHECKOUT, Assembly, python
from voice_lab import places

SOURCES = ("app.py", "cdk.json", "voice_cdk/synthesis.py", "voice_cdk/node.py", "voice_cdk/config", "voice_cdk/stacks",
           "voice_cdk/kubernetes")  # fmt: skip
"""Below cdk/. What else is there judges templates: an import contract keeps it out of their making."""
SUFFIXES = {".py", ".json", ".guard"}
UNUSED_SECONDS = 3 * 24 * 3600
"""After so long without use, templates are deleted."""

_SYNTHESISE = """
import json, sys
sys.path.insert(0, "cdk")
from voice_cdk.synthesis import main
for line in sys.stdin:
    print("ended with", main(json.loads(line)), flush=True)
"""


def synthesised(configurations: Mapping[str, str]) -> dict[str, Assembly]:
    """The templates of several configurations, given as texts."""
    synthesis = _Synthesis()
    found: dict[str, Assembly] = {}
    try:
        for wait in (False, True):  # those first that no other worker is at
            for name in [each for each in configurations if each not in found]:
                assembly = synthesis.templates(configurations[name], wait=wait)
                if assembly:
                    found[name] = assembly
    finally:
        synthesis.close()
    return found


class _Synthesis:
    """A process that makes templates of one configuration after the other: to start AWS CDK takes seconds.

    It is started when the first is not there, and keeps a hundred megabytes of each that it made.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._sources = _sources()

    def templates(self, text: str, *, wait: bool) -> Assembly | None:
        """Those of a configuration's text; None if another worker is at them, unless one is to `wait` for it."""
        digest = hashlib.sha256(f"{self._sources}{text}".encode()).hexdigest()
        folder = _folder() / digest[:32]
        with _alone(folder, wait=wait) as alone:
            kept = folder / "cdk.out"
            if not alone:
                return None
            if not kept.exists():
                made = self._make(text, folder)
                if _sources() != self._sources:
                    return Assembly(made)  # somebody is working on them: for nobody else
                made.rename(kept)
        return Assembly(kept)

    def close(self) -> None:
        """End the process."""
        if self._process:
            self._process.communicate()

    def _make(self, text: str, folder: Path) -> Path:
        """In a folder of another name first: what a killed run left half made is not taken for the whole."""
        source, made = folder / "config.toml", Path(tempfile.mkdtemp(dir=folder))
        source.write_text(text)
        told = self._ask([str(source), str(made)])
        assert told.endswith("ended with 0\n"), told
        return made

    def _ask(self, arguments: list[str]) -> str:
        """What the command with these arguments says, the last line with what it returns."""
        if self._process is None:
            command, pipe = [python(), "-c", _SYNTHESISE], subprocess.PIPE
            self._process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True, cwd=CHECKOUT
            )
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        told = ""
        for line in self._process.stdout:
            told += line
            if line.startswith("ended with"):
                break
        return told


@contextmanager
def _alone(folder: Path, *, wait: bool) -> Iterator[bool]:
    """Hold a folder, which is made if it isn't there; tell whether it is held, for others may hold it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            os.utime(folder / "lock")
            yield True


@cache
def _folder() -> Path:
    """Where they are; what nobody used for long goes."""
    folder = places.cache() / "templates"
    for lock in folder.glob("*/lock"):
        with suppress(FileNotFoundError):  # another worker does the same
            if lock.stat().st_mtime < time.time() - UNUSED_SECONDS:
                shutil.rmtree(lock.parent, ignore_errors=True)
    return folder


def _sources() -> str:
    """A digest of all that templates follow from, but for their configuration."""
    named = [CHECKOUT / "cdk" / name for name in SOURCES]
    files = [path for each in named for path in (sorted(each.rglob("*")) if each.is_dir() else [each])]
    digest = hashlib.sha256((CHECKOUT / "uv.lock").read_bytes())
    for path in files:
        if path.suffix in SUFFIXES:
            digest.update(f"{path.relative_to(CHECKOUT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()
