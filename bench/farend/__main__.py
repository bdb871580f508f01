"""Serves calls as a far end: `python -m bench.farend FILE`, a JSON file that says where, and what to which number.

`address` and `port` of its SIP, `callee` (address and port) that calls are passed on to, `seconds` that a call lasts,
`media_ports`, `trunks` (see `calls.Trunk`) and `log`, the file that gets a line of JSON when a call begins and one when
it is over. Prints `ready` when it listens.
"""

from __future__ import annotations

import contextlib
import heapq
import json
import logging
import os
import selectors
import socket
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from bench.farend import message
from bench.farend.calls import Call, Trunk
from bench.farend.message import Message
from bench.farend.relay import DIRECTIONS, Media, Side

log = logging.getLogger("farend")


class Server:
    """See the module, and `calls.Host`."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.address, self.port = settings["address"], int(settings["port"])
        self.callee = (settings["callee"][0], int(settings["callee"][1]))
        self.seconds = float(settings["seconds"])
        self._ports = (int(settings["media_ports"][0]), int(settings["media_ports"][1]))
        self._trunks = {trunk["number"]: Trunk(**trunk) for trunk in settings["trunks"]}
        self._log = Path(settings["log"])
        self._log.touch()
        self._sip = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self._sip.bind((self.address, self.port))
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._sip, selectors.EVENT_READ, self._read)
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._calls: dict[str, Call] = {}

    def send(self, datagram: bytes, to: tuple[str, int]) -> None:
        """Send a SIP message."""
        self._sip.sendto(datagram, to)

    def later(self, due: float, action: Callable[[], None]) -> None:
        """Run `action` at a time of the monotonic clock."""
        heapq.heappush(self._due, (due, next(self._order), action))

    def side(self, address: str) -> Side:
        """Sockets for media."""
        return Side(address, self._ports)

    def watch(self, media: Media) -> None:
        """Read what comes for `media`."""
        for direction in DIRECTIONS:
            side = media.sides[direction]
            self._selector.register(side.rtp, selectors.EVENT_READ, lambda d=direction: media.take(d))
            self._selector.register(side.rtcp, selectors.EVENT_READ, media.drop_reports)

    def unwatch(self, media: Media) -> None:
        """Read no more of `media`."""
        for side in media.sides.values():
            self._selector.unregister(side.rtp)
            self._selector.unregister(side.rtcp)

    def log(self, told: str) -> None:
        """Add a line to the log."""
        with self._log.open("a") as file:
            file.write(told + "\n")

    def run(self) -> None:
        """Serve until the process is ended."""
        while True:
            now = time.monotonic()
            while self._due and self._due[0][0] <= now:
                heapq.heappop(self._due)[2]()
            wait = max(0.0, self._due[0][0] - time.monotonic()) if self._due else None
            for key, _ in self._selector.select(wait):
                key.data()

    def _read(self) -> None:
        data, source = self._sip.recvfrom(65535)[:2]
        try:
            self._take(Message.parse(data), (source[0], source[1]))
        except ValueError:
            log.exception("not understood, from %s", source)

    def _take(self, told: Message, source: tuple[str, int]) -> None:
        call = self._calls.get(told.get("call-id"))
        if told.code:
            if call:
                call.told(told)
        elif call:
            if told.method != "INVITE":  # else it is the first one, once more
                call.asked(told, source)
        elif told.method == "INVITE":
            self._invited(told, source)
        elif told.method != "ACK":
            self.send(message.answer(told, 481, "Call/Transaction Does Not Exist").render(), source)

    def _invited(self, invite: Message, source: tuple[str, int]) -> None:
        user = invite.first.partition("sip:")[2].partition("@")[0]
        if user not in self._trunks:
            self.send(message.answer(invite, 404, "Not Found", tag="none").render(), source)
            return
        call = Call(self, self._trunks[user], invite)
        self._calls |= {call.near.call_id: call, call.far.call_id: call}
        call.start()


def main() -> None:
    """Serve."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    server = Server(json.loads(Path(sys.argv[1]).read_text()))
    with contextlib.suppress(PermissionError):  # late packets of ours would look like the path's
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(10))
    print("ready", flush=True)  # noqa: T201 - whoever started this waits for it
    server.run()


if __name__ == "__main__":
    main()
