"""The two ways in which the outside world says no.

Both carry a sentence that can stand in a condition as it is: no stack trace, no secret.
"""


class OutsideError(Exception):
    """Something outside this process did not do what was asked of it."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence


class Transient(OutsideError):
    """Not now: the same request may well succeed later, so it is tried again with back-off."""


class Rejected(OutsideError):
    """Not like this: the same request can never succeed, so only a change brings it back."""


def explain(error: Exception) -> str:
    """What went wrong, for people: some errors of the network carry no words of their own."""
    return str(error) or type(error).__name__
