"""Calls that somebody asked for ("call now"). Pure: the time comes in as an argument.

Whoever holds the probe claims the request, once, in the database: a call that was asked for is made at most once, even
if the host that claimed it dies before it makes it.
"""

from collections.abc import Callable
from dataclasses import dataclass

PLACE_AFTER_S = 3.0
"""A call is placed so long after it was asked for: by then every host has seen the request, the receiver's too, which
may be told nothing else about the call that reaches it.
"""

STALE_S = 120.0
"""A request that is older than this is not called any more: who asked has gone."""


@dataclass(frozen=True)
class Request:
    """A row of `voice_call_request` that was made `age_s` ago, by the database's clock. `open`: nobody claimed it."""

    id: int
    client: str
    probe: str
    age_s: float
    open: bool = True

    @property
    def key(self) -> tuple[str, str]:
        """What identifies the probe: client and name."""
        return self.client, self.probe

    @property
    def stale(self) -> bool:
        """Whether it is too old to be called."""
        return self.age_s > STALE_S


class Pending:
    """Requests that this host claimed and has not called yet."""

    def __init__(self) -> None:
        self._due: list[tuple[float, float, Request]] = []

    def add(self, request: Request, heard_at: float) -> None:
        """Take over `request`, whose age was that of the moment `heard_at` (seconds of the caller's clock)."""
        asked_at = heard_at - request.age_s
        self._due.append((asked_at + PLACE_AFTER_S, asked_at + STALE_S, request))

    def has(self, key: tuple[str, str]) -> bool:
        """Whether a call of the probe `key` is pending."""
        return any(request.key == key for *_, request in self._due)

    def take(
        self, now: float, busy: Callable[[tuple[str, str]], bool]
    ) -> tuple[list[tuple[Request, float]], list[Request]]:
        """The requests whose call starts now, each with the moment it becomes stale, and those that are stale.

        One whose probe is `busy` waits.
        """
        starting, stale, waiting = [], [], []
        taken: set[tuple[str, str]] = set()
        for due, stale_at, request in self._due:
            if now >= stale_at:
                stale.append(request)
            elif now >= due and request.key not in taken and not busy(request.key):
                starting.append((request, stale_at))
                taken.add(request.key)
            else:
                waiting.append((due, stale_at, request))
        self._due = waiting
        return starting, stale
