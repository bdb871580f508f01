"""Lets the kernel drop what is of no interest before it takes room in a socket's buffer, and our time.

A classic BPF program (linux/filter.h) at the socket, which needs no privilege. What it drops the kernel counts. Without
it strangers could fill a buffer, and the far end's packets that find no room would look like the network's loss.
"""

import contextlib
import ctypes
import logging
import socket
import struct
from collections.abc import Iterable

from voice_sipapp.media.latching import Endpoint

_SO_ATTACH_FILTER, _SO_DETACH_FILTER, _SO_MEMINFO = 26, 27, 55
_MEMINFO = struct.Struct("=9I")
_DROPS = 8
"""Which of them are packets that the kernel had no room for, or that a filter dropped."""

_INSTRUCTION = struct.Struct("=HBBI")
_LOAD_HALF, _LOAD_WORD, _IF_EQUAL, _RETURN = 0x28, 0x20, 0x15, 0x06
_NETWORK = 0xFFF00000
"""SKF_NET_OFF: offsets from here on are into the IP header; others into that of UDP."""

_SOURCE_AT = {4: 12, 16: 8}
"""Where an IP header has the source's address, by the address's length."""


log = logging.getLogger(__name__)


def attach(endpoint: socket.socket, sources: Iterable[Endpoint]) -> bool:
    """Let only packets from `sources` into the buffer of `endpoint`; whether this kernel does so."""
    program = b"".join(_INSTRUCTION.pack(*each) for each in instructions(sources))
    held = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("@HP", len(program) // _INSTRUCTION.size, ctypes.addressof(held))
    try:
        endpoint.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, described)
    except OSError as error:  # then nothing is gained, and whoever reads the socket sorts it out
        log.debug("the kernel takes no filter: %s", error)
        return False
    return True


def detach(endpoint: socket.socket) -> bool:
    """Let everything in again. Returns False: there is no filter."""
    with contextlib.suppress(FileNotFoundError):  # there was none
        endpoint.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
    return False


def dropped(endpoint: socket.socket) -> int:
    """How many packets were dropped at `endpoint` so far, by its filter or for want of room; 0 where the kernel does
    not tell.
    """
    try:
        told = endpoint.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
    except OSError:  # before Linux 4.12
        return 0
    return int(_MEMINFO.unpack(told)[_DROPS])


def instructions(sources: Iterable[Endpoint]) -> list[tuple[int, int, int, int]]:
    """The program: operation, jumps if equal and if not, operand."""
    made: list[tuple[int, int, int, int]] = []
    for address, port in sources:
        at = _NETWORK + _SOURCE_AT[len(address)]
        words = struct.unpack(f"!{len(address) // 4}I", address)
        checks = [(_LOAD_HALF, 0, int.from_bytes(port, "big"))]
        checks += [(_LOAD_WORD, at + 4 * number, word) for number, word in enumerate(words)]
        for left, (load, offset, value) in zip(range(2 * len(checks) - 2, -1, -2), checks, strict=True):
            made += [(load, 0, 0, offset), (_IF_EQUAL, 0, left + 1, value)]  # else on to the next source
        made.append((_RETURN, 0, 0, 0xFFFF))
    return [*made, (_RETURN, 0, 0, 0)]
