"""Which octets of a file a request asks for (RFC 9110, section 14): players ask for parts. Pure."""

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.IGNORECASE)


class UnsatisfiableRangeError(Exception):
    """The range begins behind the file's end."""


@dataclass(frozen=True)
class Span:
    """The octets from `first` to `last`, both included."""

    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first + 1


def span_of(header: str | None, size: int) -> Span | None:
    """What the header Range asks for of a file of `size` octets; None for all of it.

    What is no range, and several ranges at once, are answered with the whole file, as section 14.2 allows. Raises
    UnsatisfiableRangeError for one of which the file has nothing.
    """
    match = _RANGE.fullmatch(header or "")
    if match is None:
        return None
    first, last = (int(text) if text else None for text in match.groups())
    if first is None and last is None:
        return None
    if first is None:
        first, last = max(0, size - (last or 0)), size - 1
    elif last is not None and last < first:
        return None
    if first >= size:
        raise UnsatisfiableRangeError
    return Span(first, size - 1 if last is None else min(last, size - 1))
