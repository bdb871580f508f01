"""Where the version stands: in `pyproject.toml`, and in what cannot ask there, which a release keeps alike."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from voice_lab.errors import LabError
from voice_lab.release.versions import Version


@dataclass(frozen=True)
class Place:
    """A line of a file.

    Attributes:
        before: the pattern of what stands before the version, and `after` of what comes after it.
        of_python: whether it is written in the form of Python's tools.
    """

    file: str
    before: str
    after: str
    of_python: bool = False

    def read(self, text: str) -> str:
        """The version that stands there.

        Raises:
            LabError: there is no such line, or more than one.
        """
        return self._found(text)[2]

    def written(self, text: str, version: Version) -> str:
        """The file's text with another version."""
        found = self._found(text)
        return text[: found.start(2)] + (version.of_python if self.of_python else str(version)) + text[found.end(2) :]

    def _found(self, text: str) -> re.Match[str]:
        found = list(re.finditer(rf"({self.before})([^\s\"']+)(?={self.after})", text, re.MULTILINE))
        if len(found) != 1:
            raise LabError(f"{self.file} has {len(found)} lines with the version, and not one: see voice_lab.release")
        return found[0]


PLACES = (
    Place("pyproject.toml", r'^\[project\]\nname = "[^"]+"\nversion = "', '"'),
    Place("uv.lock", r'^name = "voice-quality-reporting"\nversion = "', '"', of_python=True),
    Place("charts/voice-quality/Chart.yaml", r"^version: ", r"$"),
    Place("charts/voice-quality/Chart.yaml", r"^appVersion: ", r"$"),
    Place("sipapp/voice_sipapp/__init__.py", r'^__version__ = "', '"'),
)
FILES = tuple(dict.fromkeys(place.file for place in PLACES))


def written(texts: Mapping[str, str], version: Version) -> dict[str, str]:
    """The texts of `FILES`, by name, with this version.

    Raises:
        LabError: one of them has no line for it.
    """
    changed = dict(texts)
    for place in PLACES:
        changed[place.file] = place.written(changed[place.file], version)
    return changed


def said(texts: Mapping[str, str], version: Version) -> bool:
    """Whether they all say this version."""
    return written(texts, version) == dict(texts)
