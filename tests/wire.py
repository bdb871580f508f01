"""A wire to the database that a test can cut, as a firewall, a lost route or a frozen server does."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading


class Wire(threading.Thread):
    """Carries TCP connections to the database at `port`; `own` is the port where they come in."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.own = int(self._listener.getsockname()[1])
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._ways = selectors.DefaultSelector()
        self._ending = threading.Event()
        self.silent = threading.Event()
        """While it is set nothing comes through, either way, and nobody is told: packets are just lost."""

    def run(self) -> None:
        self._ways.register(self._listener, selectors.EVENT_READ)
        while not self._ending.is_set():
            if self.silent.is_set():
                self._ending.wait(0.05)
                continue
            for key, _ in self._ways.select(0.05):
                if key.fileobj is self._listener:
                    self._join(self._listener.accept()[0])
                elif isinstance(key.fileobj, socket.socket):
                    self._carry(key.fileobj)

    def _join(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(self._target, 2)
        except OSError:
            near.close()
            return
        self._pairs |= {near: far, far: near}
        for end in (near, far):
            self._ways.register(end, selectors.EVENT_READ)

    def _carry(self, end: socket.socket) -> None:
        if end not in self._pairs:
            return  # its other end was closed a moment ago
        try:
            data = end.recv(65536)
            if data:
                self._pairs[end].sendall(data)
                return
        except OSError:
            pass  # as on any network: gone is gone
        other = self._pairs.pop(end)
        del self._pairs[other]
        for each in (end, other):
            self._ways.unregister(each)
            each.close()

    def close(self) -> None:
        self._ending.set()
        self.join(5)
        for each in (self._listener, *self._pairs):
            with contextlib.suppress(OSError):
                each.close()
        self._ways.close()
