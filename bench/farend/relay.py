"""The media of one call at the far end: two sides, two sockets each, and a way for each direction."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.farend.ways import COMFORT_NOISE, HEADER, Rtp, Way

DIRECTIONS = ("forward", "reverse")
"""From the caller to the called, and back. A direction comes in at one side and goes out at the other."""


@dataclass
class Sent:
    """What left in one direction: packets, of them comfort noise, when the first and the last left (ns since 1970),
    sources, and the longest that a packet was held back.
    """

    packets: int = 0
    comfort_noise: int = 0
    came: int = 0
    first_ns: int = 0
    last_ns: int = 0
    held_back_ms: float = 0.0
    late_ms: float = 0.0
    sources: set[int] = field(default_factory=set)

    def told(self) -> dict[str, object]:
        """As JSON."""
        return {**vars(self), "sources": len(self.sources)}


class Side:
    """Sockets for RTP and RTCP at `address`, and where its party wants its sound (None until that is known)."""

    def __init__(self, address: str, ports: tuple[int, int]) -> None:
        self.address = address
        self.rtp, self.rtcp, self.port = _pair(address, ports)
        self.party: tuple[str, int] | None = None

    def close(self) -> None:
        """Give the ports back."""
        self.rtp.close()
        self.rtcp.close()


def _pair(address: str, ports: tuple[int, int]) -> tuple[socket.socket, socket.socket, int]:
    """Two sockets on neighbouring ports, the first even."""
    for port in range(ports[0], ports[1], 2):
        made = [socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) for _ in range(2)]
        try:
            for at, one in enumerate(made):
                one.setblocking(False)
                one.bind((address, port + at))
        except OSError:
            for one in made:
                one.close()
            continue
        return made[0], made[1], port
    raise OSError(f"no port for media is free at {address}")


class Media:
    """The sound of one call, which passes through the `ways` of its directions. `later(due, action)` runs an action
    at a time of the monotonic clock. RTCP ends here.
    """

    def __init__(self, sides: dict[str, Side], ways: dict[str, Way],
                 later: Callable[[float, Callable[[], None]], None]) -> None:  # fmt: skip
        self.sides, self._ways, self._later = sides, ways, later
        self.sent = {direction: Sent() for direction in DIRECTIONS}
        self.answered_at = time.monotonic()
        self._over = False

    def answered(self) -> None:
        """The call is answered: from now on time counts."""
        self.answered_at = time.monotonic()

    def take(self, direction: str) -> None:
        """Read what came in `direction`, and send what follows from it, now or later."""
        while True:
            try:
                data = self.sides[direction].rtp.recv(2048)
            except BlockingIOError:
                return
            except OSError:
                continue  # the party has gone: its system says so once for each packet
            if len(data) < HEADER.size or self._over:
                continue
            now = time.monotonic()
            self.sent[direction].came += 1
            self._send_all(direction, self._ways[direction].take(data, now - self.answered_at), now)

    def hold(self, at: float, until: float) -> None:
        """The far end holds the call for so long; times count from the answer."""
        for direction in DIRECTIONS:
            self._send_all(direction, self._ways[direction].hold(at, until), time.monotonic())

    def _send_all(self, direction: str, out: list[tuple[float, bytes]], now: float) -> None:
        for at, packet in out:
            due = self.answered_at + at
            if due <= now:
                self._send(direction, packet, now, now)
            else:
                self._later(due, lambda packet=packet, due=due: self._send(direction, packet, due, now))  # type: ignore[misc]

    def _send(self, direction: str, packet: bytes, due: float, came: float) -> None:
        out = self.sides["reverse" if direction == "forward" else "forward"]
        if self._over or out.party is None:
            return
        with contextlib.suppress(OSError):
            out.rtp.sendto(packet, out.party)
        sent, read = self.sent[direction], Rtp.parse(packet)
        sent.last_ns = time.time_ns()
        sent.first_ns = sent.first_ns or sent.last_ns
        sent.packets += 1
        sent.comfort_noise += read.kind == COMFORT_NOISE
        sent.sources.add(read.ssrc)
        now = time.monotonic()
        sent.held_back_ms = max(sent.held_back_ms, 1000 * (now - came))
        sent.late_ms = max(sent.late_ms, 1000 * (now - due))

    def drop_reports(self) -> None:
        """RTCP ends here: what the parties report of each other's sound is not what was sent on."""
        for side in self.sides.values():
            with contextlib.suppress(OSError):
                while side.rtcp.recv(2048):
                    pass

    def close(self) -> None:
        """Send no more."""
        self._over = True
        for side in self.sides.values():
            side.close()
