"""When streams send: a wheel of 20 slots, one for each millisecond of a packet's time. Pure.

A stream stays in its slot for good, so there is nothing to sort, and the streams of a slot are served together.
"""

import math
from typing import Generic, TypeVar

SLOTS = 20
SLOT_S = 0.001

Member = TypeVar("Member")


class Wheel(Generic[Member]):
    """Members that are due every 20 ms each, from the time `begins` (s) on."""

    def __init__(self, begins: float) -> None:
        self._begins = begins
        self._turned = 0
        """How many slots have passed since then."""
        self._slots: list[list[Member]] = [[] for _ in range(SLOTS)]
        self._of: dict[Member, int] = {}

    def add(self, member: Member, now: float) -> None:
        """Let `member` be due every 20 ms from `now` on, in the slot with the fewest others; again changes nothing."""
        if member in self._of:
            return
        if not self._of:  # nobody was served meanwhile
            self._turned = max(self._turned, math.floor((now - self._begins) / SLOT_S))
        slot = min(range(SLOTS), key=lambda at: (len(self._slots[at]), (at - self._turned) % SLOTS))
        self._slots[slot].append(member)
        self._of[member] = slot

    def discard(self, member: Member) -> None:
        """`member` is not due any more."""
        slot = self._of.pop(member, None)
        if slot is not None:
            self._slots[slot].remove(member)

    def due(self, now: float) -> list[tuple[float, list[Member]]]:
        """What has become due by `now` since the last time: the moment and its members, the oldest first."""
        if not self._of:
            return []
        passed = math.floor((now - self._begins) / SLOT_S) + 1
        found = [
            (self._begins + at * SLOT_S, members)
            for at in range(self._turned, passed)
            if (members := self._slots[at % SLOTS])
        ]
        self._turned = max(self._turned, passed)
        return found

    def wait(self, now: float) -> float | None:
        """Seconds until somebody is due; None while there is nobody."""
        if not self._of:
            return None
        at = next(at for at in range(self._turned, self._turned + SLOTS) if self._slots[at % SLOTS])
        return max(0.0, self._begins + at * SLOT_S - now)
