"""A file of calls on its way to a browser: a bound on how many there are at once, and on how long each takes."""

import logging
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

from voice_portal.probes.calls.columns import Row

log = logging.getLogger(__name__)

AT_ONCE = 2
"""Files that a process writes at once; the rest of its threads serve pages."""

LONGEST_SECONDS = 1800.0
"""After that a file is cut off: whoever reads more slowly holds a thread."""

BATCH = 500
"""Calls that are held in memory at once."""


class NoRoom(Exception):
    """As many files as may be are being written already, or one for the same client is."""


class TookTooLong(Exception):
    """A file was not whole in LONGEST_SECONDS."""


class Places:
    """The files that are being written by this process: `at_once` at most, and one a client."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._clients: set[str] = set()
        self._lock = threading.Lock()

    def take(self, client: str) -> Callable[[], None]:
        """Take a place for a file of `client`; what is returned gives it back, once however often it is called.

        Raises NoRoom.
        """
        with self._lock:
            if client in self._clients or len(self._clients) >= self._at_once:
                raise NoRoom
            self._clients.add(client)
        is_ours = [client]

        def give_back() -> None:
            with self._lock:
                while is_ours:
                    self._clients.discard(is_ours.pop())

        return give_back


PLACES = Places(AT_ONCE)


class Export:
    """The parts of a file, for an answer that is streamed. Whatever becomes of it, the place is given back."""

    def __init__(self, parts: Generator[bytes, None, None], give_back: Callable[[], None], name: str) -> None:
        self._parts, self._give_back, self._name = parts, give_back, name

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._parts)
        except StopIteration:
            self.close()
            raise
        except Exception:
            # The browser sees a download that failed: the connection is cut before the file's end.
            log.warning("the file %s was cut off", self._name, exc_info=True)
            self.close()
            raise

    def close(self) -> None:
        """The answer is over, or nobody reads it any more."""
        try:
            self._parts.close()
        finally:
            self._give_back()


def in_time(batches: Iterable[Sequence[Row]], seconds: float = LONGEST_SECONDS) -> Iterator[Sequence[Row]]:
    """The same batches; raises TookTooLong where they take longer, with whoever reads them, than `seconds`."""
    end = time.monotonic() + seconds
    for batch in batches:
        if time.monotonic() > end:
            raise TookTooLong(f"it was not whole after {seconds:.0f} s")
        yield batch
