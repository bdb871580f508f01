"""What an image is made of, and how that is known again."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

ROOTFS = "lab/voice_lab/images/rootfs"
COMMON = ("Dockerfile", ".dockerignore", "LICENSE", "pyproject.toml", "uv.lock", ROOTFS)


@dataclass(frozen=True)
class Origin:
    """Where sources come from.

    Attributes:
        revision: the last commit that changed any of them, with `-dirty` if they changed since; "" without git.
        seconds: that commit's time, in seconds since 1970: the time of all files of the image.
        address: where the repository is published; "" if that is not known.
    """

    revision: str
    seconds: int
    address: str


def paths(target: str) -> tuple[str, ...]:
    """What the image `target` is made of, in the checkout."""
    return (*COMMON, target)


def fingerprint(checkout: Path, target: str, settings: Mapping[str, str]) -> str:
    """A text that changes with any file of the image, and with `settings`."""
    digest = sha256()
    for path in _files(checkout, paths(target)):
        content = (checkout / path).read_bytes()
        digest.update(f"{path}\0{len(content)}\0".encode() + content)
    for key in sorted(settings):
        digest.update(f"{key}={settings[key]}\0".encode())
    return digest.hexdigest()[:16]


def _files(checkout: Path, names: Iterable[str]) -> list[str]:
    found = []
    for name in names:
        top = checkout / name
        each = top.rglob("*") if top.is_dir() else [top]
        found += [path for path in each if path.is_file() and "__pycache__" not in path.parts]
    return sorted(path.relative_to(checkout).as_posix() for path in found)


def origin(checkout: Path, target: str) -> Origin:
    """Ask git. $SOURCE_DATE_EPOCH is taken for the time if it is set, as everywhere in reproducible builds."""
    commit, _, time = _git(checkout, "log", "-1", "--format=%H %ct", "--", *paths(target)).partition(" ")
    dirty = commit and _git(checkout, "status", "--porcelain", "--", *paths(target))
    seconds = os.environ.get("SOURCE_DATE_EPOCH") or time or "0"
    address = public(_git(checkout, "remote", "get-url", "origin"))
    return Origin(f"{commit}-dirty" if dirty else commit, int(seconds), address)


def public(remote: str) -> str:
    """A repository's address as anybody may read it: https, without a user or password; "" if it has none such."""
    if match := re.fullmatch(r"[\w.-]+@([\w.-]+):(?!/)(.+)", remote):
        return f"https://{match[1]}/{match[2].removesuffix('.git')}"
    parts = urlsplit(remote)
    if parts.scheme not in {"https", "http", "ssh"} or not parts.hostname:
        return ""
    return f"https://{parts.hostname}{parts.path.removesuffix('.git')}"


def _git(checkout: Path, *arguments: str) -> str:
    # Another user's checkout, such as that of whoever called sudo, git reads only if told so.
    command = ["git", "-c", f"safe.directory={checkout}", "-C", str(checkout), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        return ""
    return "" if done.returncode else done.stdout.strip()
