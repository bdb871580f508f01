"""The two ways in which the outside world says no, and what to do when it says so to one of many.

Both carry a sentence that can stand in a condition as it is: no stack trace, no secret.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class OutsideError(Exception):
    """Something outside this process did not do what was asked of it."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence


class Transient(OutsideError):
    """Not now: the same request may well succeed later, so it is tried again with back-off."""


class NotYet(Transient):
    """Not yet, and nobody is to blame: whatever else is known of the outside still holds."""


class Taken(Transient):
    """Not again: there is one already, so what was known is not so any more."""


class Denied(Transient):
    """Not by this account: somebody has to give it the right first."""


class Rejected(OutsideError):
    """Not like this: the same request can never succeed, so only a change brings it back."""


class Faults:
    """Lets a loop go on when one of its turns fails, and remembers that, for the end.

    >>> with faults.kept():
    ...     await patch(one)
    """

    def __init__(self) -> None:
        self._last: OutsideError | None = None

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep an OutsideError of what is done inside."""
        try:
            yield
        except OutsideError as error:
            self._last = error

    def tell(self) -> None:
        """Raise the last error that was kept, if there was one."""
        if self._last is not None:
            raise self._last


def explain(error: Exception) -> str:
    """What went wrong, for people: some errors of the network carry no words of their own."""
    return str(error) or type(error).__name__
