"""Ports for servers that are started a moment later, each given to one asker."""

from __future__ import annotations

import secrets
import socket
from pathlib import Path

from voice_lab import files, guard, places
from voice_lab.errors import LabError

# Below the ports that Linux gives to outgoing connections and to sockets bound to port 0: one of those could be taken
# between the moment in which it is found free and the start of its server.
FIRST, LAST = 10_000, 19_999
# Some servers take ports above theirs too (SIPp's media, RTCP): those are given to nobody.
APART = 4


def draw(count: int, address: str = "127.0.0.1", kind: socket.SocketKind = socket.SOCK_STREAM) -> list[int]:
    """Return `count` ports that nobody uses now, and that no other lab or test is given before all others were.

    Raises:
        LabError: there are not as many.
    """
    found: list[int] = []
    with guard.one_after_another("drawing of ports"):
        last = _last_given()
        for step in range(APART, LAST - FIRST + 2, APART):
            port = FIRST + (last - FIRST + step) % (LAST - FIRST + 1)
            if _is_free(address, port, kind):
                found.append(port)
            if len(found) == count:
                files.write_private(_given(), str(port))
                return found
    raise LabError(f"{address} has no {count} free ports from {FIRST} to {LAST}: end what uses them")


def _given() -> Path:
    return places.cache() / "run" / "last-port"


def _last_given() -> int:
    """Return the port given last; a random one where none is known."""
    try:
        return int(_given().read_text())
    except (FileNotFoundError, ValueError):
        return FIRST + secrets.randbelow(LAST - FIRST)


def _is_free(address: str, port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind) as probe:
        if kind is socket.SOCK_STREAM:  # a connection that ended lately is no hindrance to a server
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True
