"""Makes jitter: holds the packets of netfilter queues back for a random time each. The kernel's own netem is not in
every kernel; this needs only the NFQUEUE target of ip6tables.

Run it as `python -m bench.delayer NUMBER:MEAN_MS:SPREAD_MS:reorder|in-order …` in the namespace whose packets it holds;
it prints `ready` when it listens. Delays are drawn from a normal distribution, cut off at 0; `in-order` lets
no packet of a queue overtake another.
"""

from __future__ import annotations

import heapq
import itertools
import random
import select
import socket
import struct
import sys
import time
from dataclasses import dataclass

NETLINK_NETFILTER = 12
SOL_NETLINK, NETLINK_NO_ENOBUFS = 270, 5
# linux/netfilter/nfnetlink.h and nfnetlink_queue.h
_SUBSYSTEM_QUEUE = 3 << 8
_PACKET, _VERDICT, _CONFIG = 0, 1, 2
_ATTRIBUTE_COMMAND, _ATTRIBUTE_PARAMETERS = 1, 2
_BIND = struct.pack("!BBH", 1, 0, 0)
_COPY_HEADERS_ONLY = struct.pack("!IB", 0, 1)
_ACCEPT = 1


@dataclass
class Queue:
    """One netfilter queue and how long its packets are held, in ms."""

    number: int
    mean_ms: float
    spread_ms: float
    in_order: bool
    last: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Queue:
        """The queue described by NUMBER:MEAN_MS:SPREAD_MS:reorder|in-order."""
        number, mean, spread, order = text.split(":")
        return cls(int(number), float(mean), float(spread), order == "in-order")

    def release(self, arrived: float) -> float:
        """When a packet that `arrived` then may go on."""
        due = arrived + max(0.0, random.gauss(self.mean_ms, self.spread_ms)) / 1000
        if self.in_order:
            due = self.last = max(due, self.last)
        return due


class Delayer:
    """Holds the packets of all its `queues`; ends with the process."""

    def __init__(self, queues: list[Queue]) -> None:
        self._held: list[tuple[float, int, socket.socket, int, int]] = []
        self._order = itertools.count()
        self._links = {self._bind(queue): queue for queue in queues}

    @staticmethod
    def _bind(queue: Queue) -> socket.socket:
        link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        link.bind((0, 0))
        link.setsockopt(SOL_NETLINK, NETLINK_NO_ENOBUFS, 1)
        link.send(_message(_CONFIG, queue.number, _attribute(_ATTRIBUTE_COMMAND, _BIND), acknowledge=True))
        if error := struct.unpack_from("i", link.recv(4096), 16)[0]:
            raise OSError(-error, f"netfilter queue {queue.number} can't be had")
        link.send(_message(_CONFIG, queue.number, _attribute(_ATTRIBUTE_PARAMETERS, _COPY_HEADERS_ONLY)))
        link.setblocking(False)
        return link

    def serve(self) -> None:
        """Go on for ever."""
        while True:
            wait = max(0.0, self._held[0][0] - time.monotonic()) if self._held else None
            for link in select.select(list(self._links), [], [], wait)[0]:
                self._take(link, self._links[link])
            now = time.monotonic()
            while self._held and self._held[0][0] <= now:
                _, _, link, number, packet = heapq.heappop(self._held)
                verdict = struct.pack("!II", _ACCEPT, packet)
                link.send(_message(_VERDICT, number, _attribute(_ATTRIBUTE_PARAMETERS, verdict)))

    def _take(self, link: socket.socket, queue: Queue) -> None:
        """Take in every packet that waits; only its number in the queue matters."""
        while True:
            try:
                data = link.recv(65536)
            except BlockingIOError:
                return
            for packet in _packet_numbers(data):
                due = queue.release(time.monotonic())
                heapq.heappush(self._held, (due, next(self._order), link, queue.number, packet))


def _message(kind: int, queue: int, body: bytes, *, acknowledge: bool = False) -> bytes:
    flags = 5 if acknowledge else 1
    header = struct.pack("IHHII", 20 + len(body), _SUBSYSTEM_QUEUE | kind, flags, 0, 0)
    return header + struct.pack("!BBH", socket.AF_UNSPEC, 0, queue) + body


def _attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("HH", 4 + len(data), kind) + data + b"\0" * (-len(data) % 4)


def _packet_numbers(data: bytes) -> list[int]:
    """The numbers of the packets in one netlink datagram: the first attribute, the packet's header, begins with it."""
    numbers = []
    at = 0
    while at + 20 <= len(data):
        length, kind = struct.unpack_from("IH", data, at)
        if length < 20:
            break
        if kind == _SUBSYSTEM_QUEUE | _PACKET:
            numbers += _first_number(data[at + 20 : at + length])
        at += (length + 3) & ~3
    return numbers


def _first_number(attributes: bytes) -> list[int]:
    at = 0
    while at + 4 <= len(attributes):
        size, kind = struct.unpack_from("HH", attributes, at)
        if kind == 1:  # NFQA_PACKET_HDR: packet's number, protocol, hook
            return [struct.unpack_from("!I", attributes, at + 4)[0]]
        at += max(4, (size + 3) & ~3)
    return []


def main() -> None:
    """Serve the queues that the command line names."""
    delayer = Delayer([Queue.parse(text) for text in sys.argv[1:]])
    print("ready", flush=True)  # noqa: T201 - whoever started this waits for it
    delayer.serve()


if __name__ == "__main__":
    main()
