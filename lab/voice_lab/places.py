"""Where the lab keeps things."""

from __future__ import annotations

import os
from pathlib import Path

from voice_lab.errors import LabError

CHECKOUT = Path(__file__).resolve().parents[2]


def cache() -> Path:
    """The folder for what is fetched or built once: $VOICE_LAB_CACHE, else the user's cache directory.

    Raises:
        LabError: its path has a space in it.
    """
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "voice-quality"
    chosen = Path(os.environ.get("VOICE_LAB_CACHE") or user)
    if any(character.isspace() for character in str(chosen)):
        # Configuration files of several servers have no way to write such a path.
        raise LabError(f"the cache folder {chosen} has a space in its path: choose another with VOICE_LAB_CACHE")
    return chosen


def state(instance: str) -> Path:
    """The folder of one running lab: data, logs and records. Made anew at each start."""
    return cache() / "run" / instance
