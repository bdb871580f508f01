"""A far end that the SIP application has no part in: it counts the calls that reach it, and refuses or passes them on.

What it saw is what was called, whatever became of the caller's own records.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from dataclasses import dataclass

_HEADERS = ("via", "from", "call-id", "cseq")


@dataclass(frozen=True)
class Seen:
    """An INVITE: the call's identity that it carried, whom it was for, and when it came (seconds since 1970)."""

    uuid: str
    user: str
    at: float


class FarEnd(threading.Thread):
    """A UDP port that answers each INVITE with 486, or passes what comes from `dialer` to `receiver` and back."""

    def __init__(self, relay: tuple[int, int] | None = None, *, strips: bool = False) -> None:
        """`relay`: the ports, on the same address, of a dialer and of the receiver that it should reach; `strips`: as
        many an SBC, it takes headers out that it does not know.
        """
        super().__init__(daemon=True)
        self._socket = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.bind(("::1", 0))
        self._socket.settimeout(0.2)
        self.port = int(self._socket.getsockname()[1])
        self._relay = relay
        self._strips = strips
        self._ending = threading.Event()
        self._seen: dict[str, Seen] = {}

    @property
    def seen(self) -> list[Seen]:
        """The calls that came, each once however often its INVITE was repeated."""
        return list(self._seen.values())

    def run(self) -> None:
        while not self._ending.is_set():
            try:
                data, source = self._socket.recvfrom(65535)
            except TimeoutError:
                continue
            except OSError:  # whoever this was sent to is not there (any more)
                continue
            self._note(data)
            if self._relay:
                dialer, receiver = self._relay
                if self._strips:
                    data = re.sub(rb"X-Voice-Call:[^\r]*\r\n", b"", data)
                self._send(data, dialer if source[1] == receiver else receiver)
            elif data.startswith(b"INVITE "):
                self._send(_busy(data), source[1])

    def _send(self, data: bytes, port: int) -> None:
        try:
            self._socket.sendto(data, ("::1", port))
        except OSError:
            return  # as on any network: who is not there does not hear it

    def _note(self, data: bytes) -> None:
        found = re.match(rb"INVITE sip:([^@]*)@.*?\r\nX-Voice-Call: *([-0-9a-f]+)", data, re.DOTALL | re.IGNORECASE)
        if found:
            uuid = found[2].decode().replace("-", "")
            self._seen.setdefault(uuid, Seen(uuid, found[1].decode(), time.time()))

    def close(self) -> None:
        self._ending.set()
        self.join(5)
        self._socket.close()


def _busy(invite: bytes) -> bytes:
    lines = invite.decode().split("\r\n\r\n")[0].split("\r\n")[1:]
    kept = [line for line in lines if line.split(":")[0].strip().lower() in _HEADERS]
    to = next(line for line in lines if line.lower().startswith("to:"))
    return "\r\n".join(["SIP/2.0 486 Busy Here", *kept, f"{to};tag=far-end", "Content-Length: 0", "", ""]).encode()
