"""How many calls a host may have up, and how fast it may start them. Pure: the time comes in as an argument."""

import math
from collections import deque
from dataclasses import dataclass

from voice_sipapp.plan.probe import Probe

BURST_S = 0.2
"""Calls of so much time may start at once: the loop that starts them comes by only every so often."""


@dataclass(frozen=True)
class Turn:
    """A call that is due. It is left out if its turn has not come by `deadline` (seconds of the caller's clock): the
    next one is due then. `request_id`: the request that asked for it; None where the schedule did.
    """

    probe: Probe
    deadline: float
    request_id: int | None = None


class Turns:
    """Calls that wait until the host may start them, in the order in which they became due.

    At most `max_calls` are up at once, and no more than `per_second` start in a second, evenly (a token bucket).
    """

    def __init__(self, max_calls: float = math.inf, per_second: float = math.inf) -> None:
        self._max_calls = max_calls
        self._per_second = per_second
        self._most_tokens = max(1.0, per_second * BURST_S)
        self._tokens = self._most_tokens
        self._filled_at: float | None = None
        self._waiting: deque[Turn] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, turn: Turn) -> None:
        """A call is due. A probe has one scheduled call waiting at most, so that their number is limited."""
        self._waiting.append(turn)

    def take(self, now: float, active: int) -> tuple[list[Turn], list[Turn]]:
        """Of the calls that wait, those that start now, where `active` are up; and those that are left out."""
        self._fill(now)
        late = [turn for turn in self._waiting if turn.deadline <= now]
        if late:
            self._waiting = deque(turn for turn in self._waiting if turn.deadline > now)
        starting: list[Turn] = []
        while self._waiting and self._tokens >= 1 and active + len(starting) < self._max_calls:
            self._tokens -= 1
            starting.append(self._waiting.popleft())
        return starting, late

    def _fill(self, now: float) -> None:
        if math.isinf(self._per_second):
            return
        elapsed = 0.0 if self._filled_at is None else max(0.0, now - self._filled_at)
        self._filled_at = now
        self._tokens = min(self._most_tokens, self._tokens + elapsed * self._per_second)
