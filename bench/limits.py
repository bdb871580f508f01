"""How many calls a program keeps up with, from windows and trials: the same rule for every program. Pure.

First the load rises in coarse windows. Where that ends is only a hint: a window also holds the setting up of what was
added, and may be bad because of the machine. So the first number that was bad is tried by itself, from a fresh start
and settled; then the search goes on up from it, or halves the distance down to what was good.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

FINENESS = 20
"""The search ends where what was good and what was bad are no further apart than one in so many."""

MAX_TRIALS = 6
ALL_UP = 0.9
"""A program of which fewer of the calls that were asked for are up has not kept up either."""


class Window(Protocol):
    """Some seconds of a run, such as `load.Step`: how many calls were up, and whether the program kept up."""

    @property
    def calls(self) -> float:
        """Calls that were up."""

    @property
    def good(self) -> bool:
        """Whether hardly anything was late or lost."""


@dataclass(frozen=True)
class Trial:
    """So many calls were asked for; `calls` were up, and the program kept up with them."""

    asked: int
    calls: float
    kept_up: bool


def limit(windows: Sequence[Window]) -> float:
    """The most calls that were up in a window before the first of two in a row in which the program did not keep up.

    One bad window alone may be the machine's fault; a program that has too much to do does not recover.
    """
    best = 0.0
    for at, window in enumerate(windows):
        if not window.good and (at + 1 == len(windows) or not windows[at + 1].good):
            break
        if window.good:
            best = max(best, window.calls)
    return best


def trial(asked: int, windows: Sequence[Window]) -> Trial:
    """What a trial of `asked` calls showed: it kept up unless all of its `windows` were bad, or calls were missing."""
    best = max((window.calls for window in windows if window.good), default=0.0)
    return Trial(asked, best, best >= ALL_UP * asked)


def search(rising: Sequence[Window], step: int, attempt: Callable[[int], Trial]) -> float:
    """The most calls that a program keeps up with: its `rising` windows first, then trials by `attempt`.

    `step` is by how many calls more the search goes up where nothing bad is known. Returns calls that were up in the
    best of all; 0 only where not even a single call was kept up with, or after `MAX_TRIALS` that all were bad.
    """
    best = limit(rising)
    low = round(best)
    high = min((round(window.calls) for window in rising if not window.good and window.calls > best), default=None)
    sure = False
    for _ in range(MAX_TRIALS):
        asked = _next(low, high, step, sure=sure)
        if asked is None:
            break
        found = attempt(asked)
        if found.kept_up:
            best, low = max(best, found.calls), asked
            high = None if high is not None and asked >= high else high
        else:
            high, sure = asked, True
    return best


def _next(low: int, high: int | None, step: int, *, sure: bool) -> int | None:
    """How many calls to try next, between `low`, which was good, and `high`, which was bad (`sure`: in a trial); None
    where they are close enough.
    """
    if high is None:
        return low + step
    if not sure:
        return high
    middle = (low + high) // 2
    return None if high - low <= max(1, high // FINENESS) or middle == low else middle
