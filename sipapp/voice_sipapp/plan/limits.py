"""How many calls a host may have up, how fast it may start them, and whose turn it is. Pure: the time comes in as an
argument.
"""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush, heapreplace

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


@dataclass
class _Line:
    """Calls of one client that wait, by number: first those that somebody asked for and waits for."""

    asked: deque[int] = field(default_factory=deque)
    scheduled: deque[int] = field(default_factory=deque)


class Turns:
    """Calls that wait until the host may start them.

    At most `max_calls` are up at once, and no more than `per_second` start in a second, evenly (a token bucket). What
    there is is shared equally (max-min fairness) among the clients that want it, so that the probes of one take
    nothing from another who asks for less than its share:

    - slots: who has as many calls up as an equal share of `max_calls`, or more, waits for those below; above it, the
      fewest calls go first. No call is ended for another: the next slot that gets free is who waits for it.
    - starts: among those below their share, whoever was served longest ago is next (round robin).

    Within a client the order is that in which calls became due; those that somebody asked for go first.
    """

    def __init__(self, max_calls: float = math.inf, per_second: float = math.inf) -> None:
        self._max_calls = max_calls
        self._per_second = per_second
        self._most_tokens = max(1.0, per_second * BURST_S)
        self._tokens = self._most_tokens
        self._filled_at: float | None = None
        self._waiting: dict[int, Turn] = {}
        self._lines: dict[str, _Line] = {}  # may name calls that wait no more, until they come to the front
        self._deadlines: list[tuple[float, int]] = []  # a heap; the same holds for it
        self._served: dict[str, int] = {}
        self._added = self._started = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, turn: Turn) -> None:
        """A call is due. A probe has one scheduled call waiting at most, so that their number is limited."""
        self._added += 1
        line = self._lines.setdefault(turn.probe.client, _Line())
        (line.scheduled if turn.request_id is None else line.asked).append(self._added)
        self._waiting[self._added] = turn
        heappush(self._deadlines, (turn.deadline, self._added))

    def take(self, now: float, active: int, up: Mapping[str, int]) -> tuple[list[Turn], list[Turn]]:
        """Of the calls that wait, those that start now, where `active` are up, of them `up` of each client; and those
        that are left out.
        """
        self._fill(now)
        late = self._late(now)
        starting: list[Turn] = []
        if self._waiting and self._tokens >= 1 and active < self._max_calls:
            most = min(self._max_calls - active, self._tokens)
            starting = self._next(len(self._waiting) if math.isinf(most) else int(most), up)
            self._tokens -= len(starting)
        return starting, late

    def _late(self, now: float) -> list[Turn]:
        late: list[Turn] = []
        while self._deadlines and self._deadlines[0][0] <= now:
            _, number = heappop(self._deadlines)
            if (turn := self._waiting.pop(number, None)) is not None:
                late.append(turn)
                self._front(turn.probe.client)
        return late

    def _next(self, most: int, up: Mapping[str, int]) -> list[Turn]:
        """The next calls, `most` at most."""
        share = self._max_calls / len(self._lines.keys() | {client for client, calls in up.items() if calls})
        calls = {client: up.get(client, 0) for client in self._lines}

        def rank(client: str) -> tuple[int, int, str]:
            above = calls[client] if calls[client] >= share else -1
            return above, self._served.get(client, 0), client

        order = [rank(client) for client in self._lines]
        heapify(order)
        starting: list[Turn] = []
        while order and len(starting) < most:
            client = order[0][-1]
            number = self._front(client)
            if number is None:
                heappop(order)
                continue
            starting.append(self._waiting.pop(number))
            self._started += 1
            self._served[client] = self._started
            calls[client] += 1
            heapreplace(order, rank(client))
            self._front(client)
        return starting

    def _front(self, client: str) -> int | None:
        """The call of `client` that is next; None where it has none."""
        line = self._lines.get(client)
        if line is None:
            return None
        for calls in (line.asked, line.scheduled):
            while calls and calls[0] not in self._waiting:
                calls.popleft()
            if calls:
                return calls[0]
        del self._lines[client]
        return None

    def _fill(self, now: float) -> None:
        if math.isinf(self._per_second):
            return
        elapsed = 0.0 if self._filled_at is None else max(0.0, now - self._filled_at)
        self._filled_at = now
        self._tokens = min(self._most_tokens, self._tokens + elapsed * self._per_second)
