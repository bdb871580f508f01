"""Datagrams out and in, without letting go of Python's lock.

A socket of Python's gives the lock away around each call. While another thread computes (a call is scored), getting it
back may take as long as the switch interval, a millisecond, and there are 20,000 such calls a second with 100 calls up.
None of them waits for anything, so they are made straight at the C library, with the lock held. An address is
translated once, too, and not for each packet.
"""

import ctypes
import errno
import os
import socket
import struct
import time
from ipaddress import ip_address

from voice_sipapp.media import latching
from voice_sipapp.media.ports import SO_TIMESTAMPNS

_MAX_OCTETS = 2048
_NAME_OCTETS = 28
"""struct sockaddr_in6, the longer one."""
_CONTROL = struct.Struct("@Niiqq")
"""struct cmsghdr and, in it, struct timespec (64-bit Linux)."""


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Message(ctypes.Structure):
    """struct msghdr."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint),
        ("vectors", ctypes.c_void_p),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


_c = ctypes.PyDLL(None, use_errno=True)
_sendto, _recvmsg = _c.sendto, _c.recvmsg
_sendto.argtypes = (
    ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint,
)  # fmt: skip
_recvmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
_sendto.restype = _recvmsg.restype = ctypes.c_ssize_t
_get_errno = ctypes.get_errno
_DONTWAIT, _LEVEL = int(socket.MSG_DONTWAIT), int(socket.SOL_SOCKET)


def destination(address: str, port: int) -> bytes:
    """`address` (an IPv6 or IPv4 literal) and `port` as the kernel takes them. Raises ValueError."""
    if not 0 < port < 65536:
        raise ValueError(f"there is no port {port}")
    found = ip_address(address)
    if found.version == 6:
        return struct.pack("=H", socket.AF_INET6) + struct.pack("!HI16sI", port, 0, found.packed, 0)
    return struct.pack("=H", socket.AF_INET) + struct.pack("!H4s8x", port, found.packed)


def text(source: bytes) -> str:
    """`source`, an address as the kernel gives it, for people."""
    address, port = latching.endpoint(source)
    return f"{ip_address(address)} port {int.from_bytes(port, 'big')}"


def send(descriptor: int, packet: bytes, to: bytes) -> None:
    """Send `packet` from the socket `descriptor` to the `destination` `to`. Raises OSError."""
    if _sendto(descriptor, packet, len(packet), _DONTWAIT, to, len(to)) < 0:
        number = _get_errno()
        raise OSError(number, os.strerror(number))


class Reader:
    """Reads datagrams into one buffer; not for two threads at once."""

    def __init__(self) -> None:
        self._data = ctypes.create_string_buffer(_MAX_OCTETS)
        self._control = ctypes.create_string_buffer(64)
        self._vector = _Vector(ctypes.addressof(self._data), _MAX_OCTETS)
        self._name = ctypes.create_string_buffer(_NAME_OCTETS)
        self._message = _Message(
            name=ctypes.addressof(self._name), name_length=_NAME_OCTETS,
            vectors=ctypes.addressof(self._vector), vector_count=1, control=ctypes.addressof(self._control),
        )  # fmt: skip
        self._at = ctypes.addressof(self._message)
        self._view = memoryview(self._data)
        self._source = memoryview(self._name)

    def read(self, descriptor: int) -> tuple[int, bytes, bytes] | None:
        """The next datagram that waits at `descriptor`: when the kernel got it, in ns of the wall clock, what it holds,
        and where it came from (an address as the kernel gives it). None where none waits.
        """
        message = self._message
        while True:
            message.control_length = 64
            message.name_length = _NAME_OCTETS
            size = _recvmsg(descriptor, self._at, _DONTWAIT)
            if size >= 0:
                # The source whole, whatever its length: after a shorter one comes the same each time.
                return self._arrival_ns(), self._view[:size].tobytes(), self._source.tobytes()
            if _get_errno() != errno.ECONNREFUSED:  # that is an ICMP error about something sent before
                return None

    def _arrival_ns(self) -> int:
        # A socket that has the option gives the time with every datagram, so none is left over from the one before.
        _, level, kind, seconds, nanoseconds = _CONTROL.unpack_from(self._control)
        if level == _LEVEL and kind == SO_TIMESTAMPNS:
            stamped: int = seconds * 1_000_000_000 + nanoseconds
            return stamped
        return time.time_ns()
