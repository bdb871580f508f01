"""Grafana: the one that is there, or the official release. Nothing of it is built here.

Where there is none, the lab's own stand-in answers in its place (`voice_lab.grafana_stand_in`).
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import time
from pathlib import Path

from voice_lab import commands, fetch, places, progress
from voice_lab.errors import LabError
from voice_lab.tools import go

RELEASE, _BUILD = "13.2.3", "36482603486"
_SHA256 = {
    "amd64": "6107ad27016296aac38e0d7ffa8753ab540b5541ad27e94790f771289d733235",
    "arm64": "a2a41b960ba4c25e83140484e48813730d3c81891a128439a2a9d2df6eb3840e",
}
"""Of the release's archives, as published beside them."""
OLDEST = 12
"""The oldest major version with a line that still gets security fixes: docs/operator.md has them all."""

CHOICE = "VOICE_LAB_GRAFANA"
STAND_IN = "stand-in"
_PACKAGED = Path("/usr/share/grafana")
"""The home of a Grafana that a package of Debian or Red Hat installed."""
_TRIED_AGAIN_S = 3600


def install() -> None:
    """Have a Grafana, if one can be had; say so in one line if not.

    Raises:
        LabError: a Grafana that the user named cannot be used, or the release that came is not what was published.
    """
    if home() is not None or os.environ.get(CHOICE) == STAND_IN:
        return
    failed = _released().with_name("grafana-unreachable")
    if not failed.exists() or time.time() - failed.stat().st_mtime > _TRIED_AGAIN_S:
        try:
            with progress.step("grafana", f"fetching Grafana {RELEASE}"):
                _download(_released())
        except fetch.Unreachable as error:
            failed.parent.mkdir(parents=True, exist_ok=True)
            failed.write_text(str(error))
    if home() is None:
        progress.say(
            f"grafana: none is here ({failed.read_text()}), so the lab's stand-in answers in its place; "
            f"looked for again in an hour, or once {failed} is removed"
        )


def home() -> Path | None:
    """Grafana's home folder (`bin/grafana`, `conf/`, `public/`); None where the stand-in takes its place.

    Looked for in $GRAFANA_HOME, beside the `grafana` on PATH, then in our cache. VOICE_LAB_GRAFANA=stand-in: nowhere.

    Raises:
        LabError: the user's own is no Grafana, or too old.
    """
    chosen = os.environ.get(CHOICE, "")
    if chosen not in {"", STAND_IN}:
        raise LabError(f'{CHOICE} is "{chosen}": the one thing that it can say is "{STAND_IN}"')
    if chosen == STAND_IN:
        return None
    if named := os.environ.get("GRAFANA_HOME"):
        return _new_enough(_complete(Path(named).absolute(), "GRAFANA_HOME"), "GRAFANA_HOME")
    if program := shutil.which("grafana"):
        return _new_enough(_home_of(Path(program)), "the grafana on PATH")
    return _released() if _released().exists() else None


def _released() -> Path:
    return places.cache() / "tools" / f"grafana-{RELEASE}"


def _complete(path: Path, name: str) -> Path:
    try:
        is_there = (path / "bin" / "grafana").is_file()
    except OSError as error:
        raise LabError(
            f"{name} is {path}, which cannot be looked into ({error.strerror}): name another, or unset it"
        ) from error
    if not is_there:
        raise LabError(
            f"{name} is {path}, but there is no bin/grafana in it: "
            "name the folder that a release of Grafana was unpacked to, or unset it"
        )
    return path


def _home_of(program: Path) -> Path:
    """The home folder of a program on PATH: its own, or the one of a package."""
    places_of_home = (program.resolve().parent.parent, _PACKAGED)
    found = next((place for place in places_of_home if (place / "conf" / "defaults.ini").is_file()), None)
    if found is None:
        raise LabError(f"{program} is on PATH, but not its conf/defaults.ini: set GRAFANA_HOME to its home folder")
    return _complete(found, "Grafana's home")


@functools.cache
def _new_enough(place: Path, name: str) -> Path:
    instead = f"Is it Grafana? If not, name another, or set {CHOICE}={STAND_IN}"
    try:
        text = commands.run([place / "bin" / "grafana", "--version"], seconds=10)
    except LabError as error:
        raise LabError(
            f"{name} ({place}) does not tell its version: {error}. Is it Grafana? If not, {instead}"
        ) from error
    found = re.search(r"(\d+)\.\d+\.\d+\S*", text)
    if found is None:
        raise LabError(
            f"{name} ({place}) does not tell its version, but: {text.strip()[:100]}. Is it Grafana? If not, {instead}"
        )
    if int(found[1]) < OLDEST:
        raise LabError(
            f"{name} ({place}) is Grafana {found[0]}, which gets no security releases any more: "
            f"install {OLDEST} or newer, or set {CHOICE}={STAND_IN}"
        )
    return place


def _download(target: Path) -> None:
    """Fetch and unpack the release; `target` appears only when it is whole."""
    architecture = go.architecture()
    if architecture not in _SHA256:
        raise fetch.Unreachable(f"there is no release for {architecture}")
    name = f"grafana_{RELEASE}_{_BUILD}_linux_{architecture}.tar.gz"
    archive = target.with_suffix(".tar.gz")
    try:
        fetch.file(f"https://dl.grafana.com/grafana/release/{RELEASE}/{name}", archive, sha256=_SHA256[architecture])
        fetch.unpack(archive, target)
    except LabError as error:
        raise LabError(f"{error}. Or go on without Grafana: {CHOICE}={STAND_IN}") from error
    finally:
        archive.unlink(missing_ok=True)
