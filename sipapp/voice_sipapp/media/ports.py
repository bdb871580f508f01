"""UDP ports for media: pairs out of the range that the firewall lets through."""

import random
import socket

SO_TIMESTAMPNS = 35
"""Socket option (Linux): every datagram comes with the time, in ns, at which the kernel got it."""

DSCP_EF = 0xB8
"""Traffic class of expedited forwarding, as voice is marked (RFC 3246, RFC 4594)."""

_BUFFER = 1 << 20


class PortsExhaustedError(OSError):
    """No free pair of ports is left in the range."""


class Ports:
    """Even UDP ports for RTP, each with the odd one above it for RTCP (RFC 3550, section 11)."""

    def __init__(self, address: str, first: int, last: int) -> None:
        self._address = address
        self._even = list(range(first + first % 2, last, 2))
        # Not from the start: packets of a call that was up before a restart must not reach a new one.
        self._at = random.randrange(len(self._even))  # noqa: S311
        self._family = socket.AF_INET6 if ":" in address else socket.AF_INET

    def open(self) -> tuple[socket.socket, socket.socket, int]:
        """Sockets for RTP and RTCP, bound and non-blocking, and the RTP port. Raises PortsExhaustedError."""
        problem: OSError | None = None
        for _ in self._even:
            port = self._even[self._at]
            self._at = (self._at + 1) % len(self._even)
            try:
                rtp = self._bound(port)
            except OSError as error:
                problem = error
                continue
            try:
                return rtp, self._bound(port + 1), port
            except OSError as error:
                problem = error
                rtp.close()
        raise PortsExhaustedError(f"no free pair of media ports: {problem}")

    def _bound(self, port: int) -> socket.socket:
        endpoint = socket.socket(self._family, socket.SOCK_DGRAM)
        try:
            endpoint.bind((self._address, port))
            endpoint.setblocking(False)
            endpoint.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            if self._family == socket.AF_INET6:
                endpoint.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, DSCP_EF)
            else:
                endpoint.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, DSCP_EF)
        except OSError:
            endpoint.close()
            raise
        return endpoint
