"""A release from its first check to its tag."""

from __future__ import annotations

import datetime
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from voice_lab import progress
from voice_lab.errors import LabError
from voice_lab.images import licences
from voice_lab.images.making import Built
from voice_lab.release import changelog, parts, standing, versions
from voice_lab.release.repository import Repository
from voice_lab.release.versions import Version

Images = Callable[[], Mapping[str, Built]]
WRITTEN = (*standing.FILES, changelog.FILE)


def make(checkout: Path, named: str, images: Images) -> Path:
    """Release the version `named`: commit what says so, unless that was done, build, write `dist/VERSION`, tag.

    The tag comes last, so that there is none of a release that was not built. Nothing is pushed.

    Args:
        images: builds both.

    Returns:
        The folder.

    Raises:
        LabError: it cannot be released; one sentence why.
    """
    if not named:
        raise LabError("no version is named: make release VERSION=1.2.3")
    if checkout.stat().st_uid != os.geteuid():
        raise LabError(f"{checkout} belongs to somebody else, and a release commits: say it as they, and without sudo")
    version, repository = versions.parse(named), Repository(checkout)
    repository.refuse_unfit()
    repository.refuse_unnamed()
    tag_of = repository.tagged(tag(version))
    if tag_of and tag_of != repository.head():
        raise LabError(
            f"{version} is released, as the commit {tag_of[:12]}: check out {tag(version)} to build it again, "
            "or choose a higher version"
        )
    parts.refuse(licences.installed())
    if not is_release(checkout, version):
        prepare(checkout, repository, version, datetime.datetime.now(datetime.UTC).date().isoformat())
    folder = _written(checkout, version, images(), repository.seconds())
    if not tag_of:
        repository.tag(tag(version), f"Voice Quality Reporting {version}")
    return folder


def tag(version: Version | str) -> str:
    """What git calls it."""
    return f"v{version}"


def is_release(checkout: Path, version: Version) -> bool:
    """Whether the checkout is this version and nothing else: everything says so, and nothing changed since."""
    texts = _read(checkout)
    text = texts.pop(changelog.FILE)
    return (
        standing.said(texts, version)
        and [each.name for each in changelog.sections(text)[:2]] == [changelog.UNRELEASED, str(version)]
        and changelog.unreleased(text).is_empty
    )


def prepare(checkout: Path, repository: Repository, version: Version, day: str) -> None:
    """Have every file say this version, and commit that.

    Raises:
        LabError: the changelog does not allow it, or git refuses; then all is as it was.
    """
    before = _read(checkout)
    text = changelog.release(before[changelog.FILE], version, day)
    after = {**standing.written({name: before[name] for name in standing.FILES}, version), changelog.FILE: text}
    try:
        _write(checkout, after)
        repository.commit(f"Release {version}", WRITTEN)
    except BaseException:
        _write(checkout, before)
        raise
    progress.say(f"release: committed {version}")


def _written(checkout: Path, version: Version, built: Mapping[str, Built], seconds: int) -> Path:
    """Write the files beside their place, and put them there once they are whole."""
    folder = checkout / "dist" / str(version)
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    with progress.step("release", f"writing {folder}"):
        parts.write(partial, checkout, version, built, seconds)
    shutil.rmtree(folder, ignore_errors=True)
    return partial.rename(folder)


def _read(checkout: Path) -> dict[str, str]:
    return {name: (checkout / name).read_text() for name in WRITTEN}


def _write(checkout: Path, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        (checkout / name).write_text(text)
