"""Free ports, for whatever a test starts or leaves unanswered."""

import socket

from voice_lab import ports


def free_port(address: str = "127.0.0.1", kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port that nobody uses, and that no other test is given meanwhile."""
    (port,) = ports.draw(1, address, kind)
    return port


def free_udp_port(address: str) -> int:
    """The same, for SIP over UDP or for media."""
    return free_port(address, socket.SOCK_DGRAM)
