"""What gunicorn's first process answers at /readyz, from what a worker wrote down. It needs no Django."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# A worker's look may take as long as connecting and asking may; then a new worker's.
STALE_SECONDS = 90
STARTING = "starting: nobody has looked at the database yet"
STALE = "no worker has looked at the database for a while: the portal's log says what became of them"


def write(folder: Path, waiting: Sequence[str], note: str) -> None:
    """Write down for `Answers` what is waited for, a sentence each, and what is worth knowing."""
    fresh = folder / "readiness.new"
    fresh.write_text(json.dumps({"at": time.time(), "waitingFor": list(waiting), "note": note}))
    fresh.rename(folder / "readiness")


def forget(folder: Path) -> None:
    """Nothing is known any more."""
    (folder / "readiness").unlink(missing_ok=True)


class Answers:
    """What /readyz says. Once the portal could work, it is ready for good.

    If the database goes away later, whoever asks for a page is to see the one that says so: with no pod ready, the load
    balancer would answer instead. A portal that could never work must not replace one that can.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._was_ready = False

    def now(self) -> tuple[bool, dict[str, Any]]:
        """Whether this pod is ready, and what to tell who asks."""
        waiting, note = self._read()
        self._was_ready = self._was_ready or not waiting
        body: dict[str, Any] = {"ready": self._was_ready, "waitingFor": waiting}
        return self._was_ready, body | ({"note": note} if note else {})

    def _read(self) -> tuple[list[str], str]:
        try:
            found = json.loads((self._folder / "readiness").read_text())
        except FileNotFoundError:
            return [STARTING], ""
        is_stale = time.time() - found["at"] > STALE_SECONDS
        return ([STALE] if is_stale else found["waitingFor"]), found["note"]
