"""What other threads want done in the event loop's."""

import logging
import queue
from collections.abc import Callable

log = logging.getLogger(__name__)


class Inbox:
    """Actions that wait for the event loop's thread, in the order in which they came."""

    def __init__(self) -> None:
        self._actions: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def submit(self, action: Callable[[], None]) -> None:
        """Run `action` soon in the event loop's thread; may be called from any."""
        self._actions.put(action)

    def work(self) -> None:
        """Do what was submitted. For the event loop's thread."""
        while True:
            try:
                action = self._actions.get_nowait()
            except queue.Empty:
                return
            try:
                action()
            except Exception:
                log.exception("what another thread asked for could not be done")
