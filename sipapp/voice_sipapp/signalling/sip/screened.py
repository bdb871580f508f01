"""sippy's transaction manager on a port where anybody may call: what is not admitted costs next to nothing."""

from collections.abc import Callable
from typing import Any

from voice_sipapp.signalling.ladder import call_id
from voice_sipapp.signalling.sip.transactions import Transactions

Admits = Callable[[bytes, str, str | None], bool]
"""Whether a datagram is to be handled at all: what it holds, the address that it came from, and the Call-ID of the
dialog that it belongs to (None: it belongs to none).
"""


class Screened(Transactions):
    """Drops what is not admitted before any work is spent on it."""

    def __init__(self, config: dict[str, Any], on_request: Callable[[Any, Any], Any], admits: Admits) -> None:
        self._admits = admits
        super().__init__(config, on_request)

    def handleIncoming(self, data_in: bytes, ra: Any, server: Any, rtime: Any) -> None:  # noqa: ANN401
        """Take in one datagram."""
        if self.req_consumers is None:
            return  # closed while it was on its way
        name = call_id(data_in.decode("latin-1"))
        dialog = name if name in self.req_consumers else None
        if dialog is None and data_in.startswith(b"ACK "):
            return  # of an INVITE that was refused without state: nobody waits for it
        if self._admits(data_in, ra.address[0], dialog):
            super().handleIncoming(data_in, ra, server, rtime)
