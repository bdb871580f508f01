"""Room for hashing passwords: a hash takes a core for a fifth of a second or more, and a page must not wait for it.

A process hashes one password at a time, and a few more may wait. Whoever comes then is refused at once: so half
of the process' threads (`--threads` in the chart) always serves pages and health checks.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

AT_ONCE = 1
WAITING = 7
LONGEST_WAIT_SECONDS = 10.0


class NoRoom(Exception):
    """As many passwords as may wait are waiting already, or one waited too long."""


class Room:
    """Lets `at_once` in, and has `waiting` more wait for `seconds`."""

    def __init__(self, at_once: int, waiting: int, seconds: float) -> None:
        self._seconds = seconds
        self._inside = threading.BoundedSemaphore(at_once)
        self._door = threading.BoundedSemaphore(at_once + waiting)

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Hold a place for what is done inside; raises NoRoom."""
        if not self._door.acquire(blocking=False):
            raise NoRoom
        try:
            if not self._inside.acquire(timeout=self._seconds):
                raise NoRoom
            try:
                yield
            finally:
                self._inside.release()
        finally:
            self._door.release()


ROOM = Room(AT_ONCE, WAITING, LONGEST_WAIT_SECONDS)
