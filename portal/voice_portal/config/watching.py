"""The look at what the portal needs, again and again, by one of gunicorn's workers; its first process answers /readyz.

Not by the first process itself: it makes workers by fork(2) at any time, and a thread of it that is in the middle of a
login may hold a lock then. Which worker looks is decided by a lock on a file, that the next one gets when it ends.
"""

import fcntl
import random
import time
from pathlib import Path

from voice_portal.config import readiness, readyz

LOOK_SECONDS = 15


def look_for_ever(folder: Path) -> None:
    """Wait until no other worker looks; then look until this process ends."""
    with (folder / "looking").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        failures = 0
        while True:
            found = readiness.look()
            readyz.write(folder, [one.sentence for one in found.refusals], found.note)
            failures = failures + 1 if found.refusals else 0
            time.sleep(pause(failures))


def pause(failures: int) -> float:
    """Seconds until the next look after so many that failed: doubling up to the usual, and spread by a quarter."""
    seconds = min(LOOK_SECONDS, 2.0 ** min(failures - 1, 10)) if failures else LOOK_SECONDS
    return seconds * random.uniform(0.75, 1.25)  # noqa: S311 - not a secret
