"""Packets as they arrived, kept without an object for each. Pure.

A host with 100 calls up holds some 300,000 packets. Were each an object, Python's garbage collector would visit all of
them again and again: it stopped every thread for 40 ms (measured), and packets left late.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import overload

Arrival = tuple[int, bytes]

OVERTOOK_NS = 100_000_000
"""Sound that came so shortly before the answer only overtook it on its way; what came earlier is early media."""


class Arrivals(Sequence[Arrival]):
    """When each packet arrived (ns) and the packet, in the order they came; to be read like a list of pairs."""

    __slots__ = ("_bounds", "_bytes", "_times")

    def __init__(self, arrivals: Iterable[Arrival] = ()) -> None:
        self._times = array("q")
        self._bounds = array("q", [0])
        self._bytes = bytearray()
        for arrival in arrivals:
            self.append(arrival)

    def append(self, arrival: Arrival) -> None:
        """Add one that came after all others."""
        arrived_ns, packet = arrival
        self._times.append(arrived_ns)
        self._bytes += packet
        self._bounds.append(len(self._bytes))

    def __len__(self) -> int:
        return len(self._times)

    @overload
    def __getitem__(self, at: int) -> Arrival: ...

    @overload
    def __getitem__(self, at: slice) -> "Arrivals": ...

    def __getitem__(self, at: int | slice) -> "Arrival | Arrivals":
        if isinstance(at, slice):
            return Arrivals(self[index] for index in range(*at.indices(len(self))))
        index = range(len(self))[at]
        return self._times[index], bytes(self._bytes[self._bounds[index] : self._bounds[index + 1]])

    def __iter__(self) -> Iterator[Arrival]:
        for arrived_ns, (begin, end) in zip(self._times, pairwise(self._bounds), strict=True):
            yield arrived_ns, bytes(self._bytes[begin:end])
