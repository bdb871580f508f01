"""Counts what came to a port and is not understood, or not looked at."""

import logging
import re
import time

GARBAGE_EVERY_S = 60.0
"""At most one line in the log about messages of one kind in this time."""

MOST_KINDS = 64
"""How many kinds are told apart: whoever makes up more is told of as one."""

log = logging.getLogger(__name__)


class Garbage:
    """Counts such messages, and says so once in a while: anybody may send any number of them."""

    def __init__(self) -> None:
        self.count = 0
        self._next_line: dict[str, float] = {}

    def seen(self, what: str) -> None:
        """One more, for the reason `what`; what stands in it in quotation marks, and its numbers, make no kind."""
        self.count += 1
        now = time.monotonic()
        kind = re.sub(r"""'[^']*'|"[^"]*"|\[[0-9a-f:.]*\]|[0-9][0-9.:]*""", "", what[:400])
        if kind not in self._next_line and len(self._next_line) >= MOST_KINDS:
            self._next_line = {each: at for each, at in self._next_line.items() if at > now}
            kind = kind if len(self._next_line) < MOST_KINDS else ""
        if now >= self._next_line.get(kind, 0.0):
            self._next_line[kind] = now + GARBAGE_EVERY_S
            log.warning("%s (%d messages so far that are not understood, or not looked at)", what[:400], self.count)


garbage = Garbage()
"""That of this process, over all of its ports."""
