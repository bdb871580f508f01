"""Numbers and choices."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from voice_cdk.config.faults import shown
from voice_cdk.config.keys import Unfit, text

Choice = TypeVar("Choice", bound=StrEnum)

LARGEST_CAPACITY = 256
"""ACU of Aurora Serverless v2 (RDS API, ServerlessV2ScalingConfiguration)."""

VERSIONS = ("1.33", "1.34", "1.35", "1.36")
"""Versions of Kubernetes that EKS supports for half a year and more from November 2026 on (EKS guide, calendar)."""
_LISTED = ", ".join(VERSIONS)


def whole(least: int, most: int, what: str) -> Callable[[object], int]:
    """Return what makes whole numbers within bounds; `what` says of what."""

    def make(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise Unfit(f"{shown(value)} is no whole number; write {least} to {most} {what}, without quotes")
        if not least <= value <= most:
            raise Unfit(f"{shown(value)} is out of bounds; write {least} to {most} {what}")
        return value

    return make


def capacity(least: float, why: str) -> Callable[[object], float]:
    """Return what makes capacities of Aurora in ACU, in steps of 0.5; `why` tells of the least one."""

    def make(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Unfit(f"{shown(value)} is no number; write the ACU, such as 0.5 or 4, without quotes")
        if not least <= value <= LARGEST_CAPACITY:  # nor is a NaN within them
            raise Unfit(f"{shown(value)} ACU are out of bounds; AWS takes {least:g} to {LARGEST_CAPACITY} ({why})")
        if value * 2 != int(value * 2):
            raise Unfit(f"AWS takes steps of 0.5 ACU, not {shown(value)}; write {math.ceil(value * 2) / 2:g}")
        return float(value)

    return make


def version(value: object) -> str:
    """Return a version of Kubernetes that EKS has.

    Raises:
        Unfit: it has not.
    """
    if isinstance(value, float):
        raise Unfit('this is a number, in which 1.40 is 1.4; write the version between quotes, such as "1.36"')
    written = text(value, f'a version between quotes, such as "{VERSIONS[-1]}"')
    if written not in VERSIONS:
        raise Unfit(f"EKS has no version {shown(written)} that is supported for long; write one of {_LISTED}")
    return written


def choice(of: type[Choice]) -> Callable[[object], Choice]:
    """Return what makes one of several words."""
    words = [each.value for each in of]
    listed = " or ".join(f'"{each}"' for each in words)

    def make(value: object) -> Choice:
        written = text(value, listed)
        if written in words:
            return of(written)
        near = difflib.get_close_matches(written.lower()[:40], words, 1, 0.6)
        mend = f"write {shown(near[0])}, if that is meant" if near else f"write {listed}"
        raise Unfit(f"{shown(written)} is not known; {mend}")

    return make
