"""Official binaries from where their makers publish them, checked against the published checksum."""

from __future__ import annotations

import hashlib
from pathlib import Path

import httpx

from voice_lab import commands, files
from voice_lab.errors import LabError

TIMEOUT = httpx.Timeout(60, connect=4)


class Unreachable(Exception):
    """The publisher cannot be reached from here."""


def text(url: str) -> str:
    """Return a small text file.

    Raises:
        Unreachable: no answer, or an answer other than 200.
    """
    try:
        answer = httpx.get(url, timeout=TIMEOUT, follow_redirects=True).raise_for_status()
    except httpx.HTTPError as error:
        raise Unreachable(f"{url}: {_why(error)}") from error
    return answer.text


def _why(error: httpx.HTTPError) -> str:
    return f"the answer is {error.response.status_code}" if isinstance(error, httpx.HTTPStatusError) else str(error)


def file(url: str, target: Path, *, sha256: str) -> None:
    """Download `url` to `target`, which appears only when it is whole and its checksum is right.

    Raises:
        Unreachable: no answer, or an answer other than 200.
        LabError: the file has another checksum.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    digest = hashlib.sha256()
    try:
        with httpx.stream("GET", url, timeout=TIMEOUT, follow_redirects=True) as answer, partial.open("wb") as out:
            answer.raise_for_status()
            for chunk in answer.iter_bytes():
                digest.update(chunk)
                out.write(chunk)
    except httpx.HTTPError as error:
        partial.unlink(missing_ok=True)
        raise Unreachable(f"{url}: {_why(error)}") from error
    if digest.hexdigest() != sha256:
        partial.unlink()
        raise LabError(
            f"what came from {url} has the checksum {digest.hexdigest()}, not the published {sha256}: "
            "it was damaged or changed on its way; try again, or from another network"
        )
    partial.rename(target)


def unpack(archive: Path, target: Path) -> None:
    """Unpack a tar archive whose single top folder becomes `target`."""
    options = ["--extract", "--no-same-owner", "--strip-components=1", f"--file={archive}"]
    with files.filling(target) as partial:
        commands.run(["tar", *options, f"--directory={partial}"], seconds=300)
