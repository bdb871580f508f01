"""Lengths of time as Grafana's settings, policies and queries have them: 1m30s."""

from __future__ import annotations

import re

UNITS = {"y": 31_536_000_000, "w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
"""Milliseconds."""
_PART = re.compile(r"(\d+)(ms|[smhdwy])", re.ASCII)
_WHOLE = re.compile(rf"(?:{_PART.pattern})+", re.ASCII)


def is_duration(text: str) -> bool:
    """Whether it is one or more numbers with units."""
    return _WHOLE.fullmatch(text) is not None


def milliseconds(text: str) -> int:
    """How long a duration is."""
    return sum(int(number) * UNITS[unit] for number, unit in _PART.findall(text))


def seconds(text: str) -> float:
    """The same in seconds."""
    return milliseconds(text) / 1000


def normal(text: str) -> str:
    """A duration as Grafana writes it: 90s is 1m30s."""
    left = milliseconds(text)
    words = []
    for unit, length in UNITS.items():
        # A year or a week is only written where nothing is left over.
        if left >= length and (unit not in "yw" or left % length == 0):
            words.append(f"{left // length}{unit}")
            left %= length
    return "".join(words) or "0s"
