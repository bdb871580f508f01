"""Keeps recordings of what was heard, as WAV files, for as long as there is room for them.

One folder a day: `<YYYY-MM-DD>/<uuid>-<direction>.wav`. The oldest go first: when they are too many or too old, and
when the disk is nearly full, for then it belongs to the records of the calls.
"""

import logging
import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from voice_sipapp.records.recordings import wav

MIN_FREE_BYTES = 500_000_000
"""With less than this free on the disk nothing is recorded, and what was recorded is removed."""

_MODE, _FOLDER_MODE = 0o640, 0o750
_NAME = re.compile(r"\d{4}-\d\d-\d\d/[0-9a-f-]{36}-(forward|reverse)\.wav")
_PART = ".part"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Kept:
    """A recording that there is: path below the folder, size, and when it was written (seconds since 1970)."""

    name: str
    octets: int
    written: float


def free_octets(folder: Path) -> int:
    """How much of the disk under `folder` can still be written. Raises OSError."""
    return shutil.disk_usage(folder).free


class Recordings:
    """The recordings of one host. Used by one thread; no method raises: a recording must never cost a call's record."""

    def __init__(self, folder: Path, max_mb: int, max_days: int, free: Callable[[Path], int] = free_octets) -> None:
        self._folder = folder
        self._max_octets = max_mb * 1_000_000
        self._max_age = timedelta(days=max_days)
        self._free = free
        self._kept: list[_Kept] | None = None
        self._told = False

    def path(self, name: str) -> Path:
        """Where the recording that `keep` called `name` is."""
        return self._folder / name

    def keep(self, uuid: UUID, direction: str, samples: NDArray[np.int16], rate_hz: int) -> str | None:
        """Write `samples`; returns the path below the folder, or None where it can't be or there is no room (the log
        says so, once). The file is there whole or not at all.
        """
        now = datetime.now(UTC)
        name = f"{now:%Y-%m-%d}/{uuid}-{direction}.wav"
        content = wav(samples, rate_hz)
        try:
            if not self._make_room(len(content), now):
                self._tell(f"the disk is nearly full, or the recording of {len(content)} octets larger than all may be")
                return None
            _write(self._folder / name, content)
        except OSError as error:
            self._tell(str(error))
            return None
        self._told = False
        self._all().append(_Kept(name, len(content), now.timestamp()))
        return name

    def tidy(self) -> None:
        """Remove what is too old or too much, or stands in the way of the records of calls."""
        try:
            self._make_room(0, datetime.now(UTC))
        except OSError as error:
            self._tell(str(error))

    def _tell(self, why: str) -> None:
        if not self._told:
            log.warning("calls are not recorded: %s", why)
        self._told = True

    def _make_room(self, octets: int, now: datetime) -> bool:
        """Remove the oldest until `octets` more are allowed; whether they are."""
        self._folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        kept = self._all()
        oldest = (now - self._max_age).timestamp()
        total = sum(recording.octets for recording in kept)
        while kept and (
            kept[0].written < oldest
            or total + octets > self._max_octets
            or self._free(self._folder) < self._needed(octets)
        ):
            gone = kept.pop(0)
            total -= gone.octets
            self._remove(gone.name)
        return total + octets <= self._max_octets and self._free(self._folder) >= self._needed(octets)

    def _needed(self, octets: int) -> int:
        return MIN_FREE_BYTES + octets

    def _remove(self, name: str) -> None:
        path = self._folder / name
        path.unlink(missing_ok=True)
        with suppress(OSError):  # others of that day are still there
            path.parent.rmdir()

    def _all(self) -> list[_Kept]:
        """What there is, oldest first. Read once; what a process that was killed left half written is removed."""
        if self._kept is None:
            found = []
            for path in self._folder.glob("*/*"):
                name = f"{path.parent.name}/{path.name}"
                if _NAME.fullmatch(name):
                    status = path.stat()
                    found.append(_Kept(name, status.st_size, status.st_mtime))
                elif _NAME.fullmatch(name.removesuffix(_PART)):
                    path.unlink(missing_ok=True)
            self._kept = sorted(found, key=lambda recording: recording.written)
        return self._kept


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=_FOLDER_MODE, exist_ok=True)
    part = path.with_name(path.name + _PART)
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, _MODE)
        with open(descriptor, "wb") as file:
            os.fchmod(descriptor, _MODE)  # whatever the umask takes away
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
