"""How long to wait before trying something again that failed."""

import random


class Backoff:
    """Waiting times that double from `first` to `longest` seconds, each drawn at random from its upper half, so that
    many hosts don't come back to a recovering server all at once.
    """

    def __init__(self, first: float = 0.5, longest: float = 15.0) -> None:
        self._first = first
        self._longest = longest
        self._next = first

    def wait(self) -> float:
        """Seconds to wait after this failure."""
        limit = self._next
        self._next = min(self._longest, limit * 2)
        return limit * random.uniform(0.5, 1)  # noqa: S311 - spreads load, keeps no secret

    def reset(self) -> None:
        """It worked: the next failure starts anew."""
        self._next = self._first
