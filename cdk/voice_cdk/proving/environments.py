"""Where tools are, and what they cost: environments of Python that scripts/environment makes, and processor time."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


@cache
def programs(name: str) -> Path:
    """The folder of an environment's programs.

    Raises:
        subprocess.CalledProcessError: it can't be made; why was told on stderr.
    """
    made = subprocess.run([ROOT / "scripts" / "environment", name], check=True, stdout=subprocess.PIPE, text=True)
    return Path(made.stdout.strip())


def spent() -> float:
    """Seconds of processor time of this process and of those that it started and that ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
