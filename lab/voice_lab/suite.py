"""The test suite as a whole: all tests at once, then alone what failed among them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from voice_lab import progress

# More than a few is no accident of a busy machine.
FEW = 5
ALONE = ("--last-failed", "--last-failed-no-failures=none", "--numprocesses=0")
_TESTS_FAILED = 1  # pytest's exit code where all ran, and some failed; others mean that not all did


def run(arguments: Sequence[str], checkout: Path, *, again_alone: bool) -> int:
    """Run pytest with `arguments` in `checkout`; its exit code.

    Calls are made in real time, so that a test may fail since many run at once on a machine that is busy. With
    `again_alone` a few that failed are run once more, one at a time. What passes then is told as flaky; what does not
    is broken.
    """
    code = _pytest(arguments, checkout)
    failed = _failed(checkout) if again_alone and code == _TESTS_FAILED else []
    if not 0 < len(failed) <= FEW:
        return code
    progress.say(f"{len(failed)} failed while others ran at the same time, and run again, alone: {', '.join(failed)}")
    code = _pytest([*arguments, *ALONE], checkout)
    if code == 0:
        progress.say(f"FLAKY: failed among others, passed alone: {', '.join(failed)}")
    return code


def _pytest(arguments: Sequence[str], checkout: Path) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=checkout, check=False).returncode


def _failed(checkout: Path) -> list[str]:
    """The tests that failed last, as pytest's cache has them; none without a cache."""
    path = checkout / ".pytest_cache" / "v" / "cache" / "lastfailed"
    return sorted(json.loads(path.read_text())) if path.is_file() else []
