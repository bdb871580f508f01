"""Versions of releases: Semantic Versioning 2.0.0, as far as Python's packages and image tags can say it too."""

from __future__ import annotations

import re
from dataclasses import dataclass

from voice_lab.errors import LabError

_NUMBER = r"(0|[1-9]\d*)"
_SHAPE = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-(alpha|beta|rc)\.{_NUMBER})?")
_SHORT = {"alpha": "a", "beta": "b", "rc": "rc"}


@dataclass(frozen=True)
class Version:
    """A version of the product: 1.2.3, or before it 1.2.3-rc.1.

    Attributes:
        numbers: major, minor, patch.
        stage: alpha, beta or rc, of a version before the one of these numbers; else "".
        trial: its number within that stage.
    """

    numbers: tuple[int, int, int]
    stage: str = ""
    trial: int = 0

    def __str__(self) -> str:
        text = ".".join(map(str, self.numbers))
        return f"{text}-{self.stage}.{self.trial}" if self.stage else text

    def is_above(self, other: Version) -> bool:
        """Tell whether it comes after another one (SemVer, section 11)."""
        return self._rank() > other._rank()

    @property
    def of_python(self) -> str:
        """The same in the form that Python's tools write (PEP 440)."""
        text = ".".join(map(str, self.numbers))
        return f"{text}{_SHORT[self.stage]}{self.trial}" if self.stage else text

    def _rank(self) -> tuple[tuple[int, int, int], bool, str, int]:
        return self.numbers, not self.stage, self.stage, self.trial


def parse(text: str) -> Version:
    """Read a version.

    Raises:
        LabError: it is none.
    """
    if not (match := _SHAPE.fullmatch(text)):
        raise LabError(
            f"{text!r} is no version that can be released: name one such as 1.2.3, or 1.2.3-rc.1 before it "
            "(Semantic Versioning, with alpha, beta or rc and a number)"
        )
    major, minor, patch, stage, trial = match.groups()
    return Version((int(major), int(minor), int(patch)), stage or "", int(trial or 0))
