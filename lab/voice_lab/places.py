"""Where the lab keeps things."""

from __future__ import annotations

import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def cache() -> Path:
    """The folder for what is fetched or built once: $VOICE_LAB_CACHE, else the user's cache directory."""
    if chosen := os.environ.get("VOICE_LAB_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "voice-quality"


def state(instance: str) -> Path:
    """The folder of one running lab: data, logs and records. Made anew at each start."""
    return cache() / "run" / instance
