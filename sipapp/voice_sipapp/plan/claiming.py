"""Claims the calls that somebody asked for: the one place where `requests` meets the database."""

import logging
import queue
import time
from collections.abc import Callable
from typing import Protocol
from uuid import UUID

import pyodbc

from voice_sipapp.plan import plandb
from voice_sipapp.plan.leases import Lease
from voice_sipapp.plan.requests import Request

log = logging.getLogger(__name__)


class Desk(Protocol):
    """Where claimed requests are called."""

    answered_requests: queue.SimpleQueue[tuple[int, UUID]]
    """Requests of which a call came, and the call."""

    def accepts(self, key: tuple[str, str]) -> bool:
        """Whether a call of the probe `key` could start soon."""

    def request(self, request: Request, heard_at: float) -> None:
        """Call `request`, whose age is that of the time.monotonic() `heard_at`."""


class Claims:
    """The requests of the probes that the host `sip_host` holds, for its `desk`. `seen` gets the probes (client and
    name) of which some host may be placing a call that was asked for.
    """

    def __init__(self, sip_host: str, desk: Desk, seen: Callable[[frozenset[tuple[str, str]]], None]) -> None:
        self._sip_host = sip_host
        self._desk = desk
        self._seen = seen

    def exchange(self, connection: pyodbc.Connection, held: frozenset[Lease]) -> None:
        """Write down which calls came of earlier requests, and claim new ones. Raises pyodbc.Error."""
        self._note_calls(connection)
        requests = plandb.requests(connection)
        heard_at = time.monotonic()
        self._seen(frozenset(request.key for request in requests if not request.stale))
        for request in requests:
            mine = Lease(*request.key, "dialer") in held and self._desk.accepts(request.key)
            if not request.open or not (request.stale or mine):
                continue
            if not plandb.claim(connection, self._sip_host, request.id):
                continue  # another host was faster
            if request.stale:
                log.warning("a call of %s/%s was asked for %.0f s ago and is not made any more", *request.key,
                            request.age_s)  # fmt: skip
            else:
                log.info("a call of %s/%s was asked for", *request.key)
                self._desk.request(request, heard_at)

    def _note_calls(self, connection: pyodbc.Connection) -> None:
        while True:
            try:
                number, uuid = self._desk.answered_requests.get_nowait()
            except queue.Empty:
                return
            # Where this fails, the call's record says it too: whoever writes that one down writes this.
            plandb.note_call(connection, number, uuid)
