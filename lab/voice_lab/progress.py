"""What the lab is doing, and for how long: one line a step, on stderr, so that stdout stays for results."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

STILL_EVERY_SECONDS = 15.0

# Make sets it when it starts, so that what happens before Python, and before sudo, counts too.
BEGAN = "VOICE_LAB_BEGAN"

_began = time.monotonic() - max(0.0, time.time() - float(os.environ.get(BEGAN) or time.time()))
_lock = threading.Lock()
_durations: dict[str, float] = {}


def say(text: str) -> None:
    """Print one line with the time since the lab began."""
    with _lock:
        print(f"[{time.monotonic() - _began:6.1f} s] {text}", file=sys.stderr, flush=True)  # noqa: T201


@contextmanager
def step(name: str, doing: str) -> Iterator[None]:
    """Announce a step, remind every 15 s that it is still going on, and say how long it took.

    A step that takes less than a tenth of a second and succeeds is told in one line.
    """
    began = time.monotonic()
    done = threading.Event()
    reminder = threading.Thread(target=_remind, args=(name, doing, began, done), daemon=True)
    reminder.start()
    try:
        yield
    except BaseException:
        say(f"{name}: {doing} - failed after {time.monotonic() - began:.1f} s")
        raise
    else:
        _durations[f"{name}: {doing}"] = seconds = time.monotonic() - began
        say(f"{name}: {doing} - {seconds:.1f} s")
    finally:
        done.set()
        reminder.join()


def durations() -> dict[str, float]:
    """Seconds that each finished step took, in the order they finished."""
    return dict(_durations)


def elapsed() -> float:
    """Seconds since the lab began."""
    return time.monotonic() - _began


def _remind(name: str, doing: str, began: float, done: threading.Event) -> None:
    while not done.wait(STILL_EVERY_SECONDS):
        say(f"{name}: {doing} ... {time.monotonic() - began:.0f} s so far")
