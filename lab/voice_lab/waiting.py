"""Waiting for a condition, with a limit and a reason when it does not come."""

from __future__ import annotations

import time
from collections.abc import Callable

from voice_lab.errors import LabError

EVERY_SECONDS = 0.1


def until(condition: Callable[[], bool], *, what: str, seconds: float, hint: str | Callable[[], str] = "") -> None:
    """Return as soon as `condition` holds.

    Raises:
        LabError: it does not hold within `seconds`; the text names `what` was waited for, and `hint`, which may be
            worked out at that moment.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            told = hint if isinstance(hint, str) else hint()
            raise LabError(f"{what}: not within {seconds:.0f} s. {told}".rstrip())
        time.sleep(EVERY_SECONDS)
