"""The sections of CHANGELOG.md (https://keepachangelog.com)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from voice_lab.errors import LabError
from voice_lab.release import versions
from voice_lab.release.versions import Version

FILE = "CHANGELOG.md"
UNRELEASED = "Unreleased"
_HEADING = re.compile(r"^## \[([^\]]+)\].*$", re.MULTILINE)
# Where links are defined, the last section has ended.
_LINK = re.compile(r"^\[[^\]]+\]: ", re.MULTILINE)


@dataclass(frozen=True)
class Section:
    """What changed in one version.

    Attributes:
        name: the version, or Unreleased.
        text: what stands below the heading.
    """

    name: str
    text: str

    @property
    def is_empty(self) -> bool:
        """Whether it has headings at most."""
        return all(not line.strip() or line.startswith("#") for line in self.text.splitlines())


def sections(text: str) -> list[Section]:
    """All sections, in the order in which they stand."""
    _, *found = _HEADING.split(text)
    return [
        Section(name, _LINK.split(body, maxsplit=1)[0].strip())
        for name, body in zip(found[::2], found[1::2], strict=True)
    ]


def unreleased(text: str) -> Section:
    """What changed since the last version.

    Raises:
        LabError: there is no such section.
    """
    for each in sections(text):
        if each.name == UNRELEASED:
            return each
    raise LabError(f"{FILE} has no section `## [{UNRELEASED}]`: write what changed since the last version into one")


def last(text: str) -> Version | None:
    """The highest version of all sections.

    Raises:
        LabError: a heading names what is no version.
    """
    found: Version | None = None
    for each in sections(text):
        if each.name != UNRELEASED:
            version = versions.parse(each.name)
            found = version if found is None or version.is_above(found) else found
    return found


def release(text: str, version: Version, day: str) -> str:
    """The changelog with what was not released as the section of `version`, of this day (2026-01-31).

    Raises:
        LabError: nothing changed, or the version is not above all that were.
    """
    if unreleased(text).is_empty:
        raise LabError(f"{FILE} says of nothing that it changed since the last version: there is nothing to release")
    if (before := last(text)) and not version.is_above(before):
        raise LabError(f"{version} is not above {before}, the last version in {FILE}: choose a higher one")
    heading = f"## [{UNRELEASED}]"
    return re.sub(rf"^{re.escape(heading)}.*$", f"{heading}\n\n## [{version}] - {day}", text, count=1, flags=re.M)


def notes(text: str, version: Version) -> str:
    """What changed in a version that is in the changelog."""
    (section,) = (each for each in sections(text) if each.name == str(version))
    return f"# Voice Quality Reporting {version}\n\n{section.text}\n"
