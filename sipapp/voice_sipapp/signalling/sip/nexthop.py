"""Where requests of a dialog leave to."""

from dataclasses import dataclass

from voice_sipapp.signalling.credentials import Credential


@dataclass(frozen=True, kw_only=True)
class NextHop:
    """Where a party's requests leave to: `address`, an IPv6 literal in brackets or an IPv4 literal and a port, over
    `transport`. This stack speaks UDP; for anything else `edge` is the proxy of this host that sends them on.
    `credential` is what challenges are met with.
    """

    address: tuple[str, int]
    transport: str = "udp"
    edge: tuple[str, int] | None = None
    credential: Credential | None = None

    @property
    def first(self) -> tuple[str, int]:
        """Where datagrams are sent to: the edge, where there is one."""
        return self.edge or self.address

    @property
    def route(self) -> str:
        """What tells the edge where to send a request on to."""
        host, port = self.address
        return f"sip:{host}:{port};transport={self.transport};lr"
