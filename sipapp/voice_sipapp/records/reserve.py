"""Room on the disk that is kept for records, however full others make it: recordings go first, records last."""

import logging
import os
import shutil
from pathlib import Path

OCTETS = 32_000_000
LAST = 1 / 4
"""The part of it that records can't have: taking out of the spool what the database has got needs room too."""

log = logging.getLogger(__name__)


class Reserve:
    """The file `path` of so many `octets`, whose room is given to the spool beside it when the disk is full."""

    def __init__(self, path: Path, octets: int = OCTETS) -> None:
        self._path = path
        self._octets = octets
        self._told = False

    def hold(self) -> None:
        """Take the room, if it is not taken and the disk has twice as much. Never raises: calls go on without it."""
        try:
            if self._path.exists() and self._path.stat().st_size == self._octets:
                return
            if shutil.disk_usage(self._path.parent).free < 2 * self._octets:
                self._tell(f"fewer than {2 * self._octets // 1_000_000} MB are free")
                return
            with self._path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self._octets)
            self._told = False
        except OSError as error:
            self._path.unlink(missing_ok=True)
            self._tell(str(error))

    def _tell(self, why: str) -> None:
        if not self._told:
            log.warning("no room on the disk is kept for records: %s", why)
        self._told = True

    def release(self, *, wholly: bool) -> bool:
        """Give the room, or all of it but the last part, to whoever writes next; False if there was none to give."""
        rest = 0 if wholly else round(self._octets * LAST)
        try:
            if self._path.stat().st_size <= rest:
                return False
            os.truncate(self._path, rest)
        except OSError:
            return False
        self._told = True
        log.error("the disk is full: records take the %d MB that were kept for them", (self._octets - rest) // 10**6)
        return True
