"""Running a program to its end, with a time limit and an error that a person can read."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from voice_lab import processes
from voice_lab.errors import LabError


def run(
    command: Sequence[str | Path],
    *,
    seconds: float = 60,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> str:
    """Run `command` and return what it printed on stdout.

    Raises:
        LabError: it is not there, took longer than `seconds`, or failed; the text carries the end of its output.
    """
    words = [str(word) for word in command]
    marked = None if env is None else processes.marked(env)
    shown = " ".join(words[:6]) + (" …" if len(words) > 6 else "")
    try:
        done = subprocess.run(
            words,
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            env=marked,
            cwd=cwd,
            check=False,
        )
    except FileNotFoundError as error:
        raise LabError(f"the program {words[0]} is not there") from error
    except OSError as error:
        raise LabError(f"the program {words[0]} cannot be started: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"`{shown}` did not end within {seconds:.0f} s") from error
    if done.returncode:
        output = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise LabError(f"`{shown}` failed ({done.returncode}): {output}")
    return done.stdout
