"""Which numbers the provider allotted to which client: all NumberAllotments as one. Nothing here does I/O."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from voiceprobe_operator import numbers
from voiceprobe_operator.model import Allotment, Reference

Standing = Literal["own", "other", "nobody"]


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One number, or range of numbers, that is a client's."""

    text: str
    client: str
    allotment: str


class Allotments:
    """The numbers that count. Of two allotments that overlap the elder's does, and `conflicts` tells of the other's.

    Two numbers overlap if a SIP host cannot tell them apart, a range and anything else if one begins like the other.
    """

    def __init__(self, allotments: Iterable[Allotment] = ()) -> None:
        self.entries: set[Entry] = set()
        self.conflicts: dict[Reference, list[tuple[str, Entry]]] = {}
        self._single: dict[str, list[Entry]] = defaultdict(list)
        self._ranges: dict[str, list[Entry]] = defaultdict(list)
        # Ranges by their national beginnings.
        self._at_home: dict[str, list[Entry]] = defaultdict(list)
        # All that begins so, of numbers and ranges.
        self._beginnings: dict[str, set[Entry]] = defaultdict(set)
        for allotment in sorted(allotments, key=lambda one: (one.created, one.ref.uid)):
            self._take(allotment)

    def _take(self, allotment: Allotment) -> None:
        for text in dict.fromkeys(allotment.numbers):
            entry = Entry(text, allotment.client, allotment.ref.name)
            if (rival := next(self._rivals(entry), None)) is not None:
                self.conflicts.setdefault(allotment.ref, []).append((text, rival))
                continue
            self._add(entry)

    def _add(self, entry: Entry) -> None:
        self.entries.add(entry)
        number = numbers.digits(entry.text.removesuffix(numbers.RANGE))
        if numbers.is_range(entry.text):
            self._ranges[number].append(entry)
            if home := numbers.national(number):
                self._at_home[home].append(entry)
        else:
            self._single[numbers.key(entry.text)].append(entry)
        if entry.text.startswith("+"):
            for end in range(1, len(number) + 1):
                self._beginnings[number[:end]].add(entry)

    def _rivals(self, entry: Entry) -> Iterator[Entry]:
        """Entries of other clients that `entry` overlaps."""
        number = numbers.digits(entry.text.removesuffix(numbers.RANGE))
        found: list[Entry] = []
        if entry.text.startswith("+"):
            found += [one for end in range(1, len(number) + 1) for one in self._ranges.get(number[:end], ())]
        if numbers.is_range(entry.text):
            found += self._beginnings.get(number, ())
        else:
            alike = self._single.get(numbers.key(entry.text), ())
            found += [one for one in alike if numbers.same_number(one.text, entry.text)]
        return (one for one in sorted(found) if one.client != entry.client)

    def standing(self, client: str, user: str) -> Standing:
        """Whose `user` is: this client's own alone, perhaps another's, or nobody's.

        A national number that two clients' numbers end with is neither's own: written in full it would be.
        """
        found = list(self._covering(user))
        if any(entry.client != client for entry in found):
            return "other"
        return "own" if any(numbers.grants(entry.text, user) for entry in found) else "nobody"

    def _covering(self, user: str) -> Iterator[Entry]:
        number = numbers.digits(user)
        yield from (one for one in self._single.get(numbers.key(user), ()) if numbers.may_mean(one.text, user))
        for end in range(1, len(number) + 1):
            for found in (self._ranges.get(number[:end], ()), self._at_home.get(number[:end], ())):
                yield from (one for one in found if numbers.may_mean(one.text, user))
