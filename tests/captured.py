"""Capture files made octet by octet, in every format and with every link layer that a test wants."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from ipaddress import ip_address

Frame = tuple[int, bytes]
"""When it was captured (ns since 1970), and its octets from the link layer on."""

BEGAN_NS = 1_700_000_000_123_456_789
IPV4, IPV6 = ("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2")
ETHERNET, NULL, RAW, COOKED, COOKED_2 = 1, 0, 101, 113, 276
"""Link layers by the numbers that files know them by (LINKTYPE_…)."""


def rtp(number: int, *, kind: int = 8, ssrc: int = 7, ticks: int = 160, payload: bytes = b"\xd5" * 160) -> bytes:
    return struct.pack("!BBHII", 0x80, kind, number & 0xFFFF, number * ticks & 0xFFFFFFFF, ssrc) + payload


def udp(data: bytes, ports: tuple[int, int] = (4000, 5000)) -> bytes:
    return struct.pack("!HHHH", *ports, 8 + len(data), 0) + data


def ip(data: bytes, ends: tuple[str, str] = IPV4, *, part: tuple[int, bool] | None = None) -> bytes:
    """An IP packet with UDP, or with `part` of it: where the part begins, and whether more follows."""
    source, to = (ip_address(end).packed for end in ends)
    if len(source) == 16:
        return struct.pack("!IHBB", 0x60000000, len(data), 17, 64) + source + to + data
    place = 0 if part is None else part[0] // 8 | (0x2000 if part[1] else 0)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(data), 77, place, 64, 17, 0) + source + to
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    return head[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + head[12:] + data


def ethernet(packet: bytes, *tags: int) -> bytes:
    """A frame, with VLAN `tags` (802.1Q; the outer of two as in 802.1ad)."""
    kinds = [0x88A8, 0x8100][-len(tags) :] if tags else []
    marks = b"".join(struct.pack("!HH", kind, tag) for kind, tag in zip(kinds, tags, strict=True))
    return bytes(12) + marks + struct.pack("!H", _ethertype(packet)) + packet


def cooked(packet: bytes) -> bytes:
    """Linux "any", as `tcpdump -i any` wrote it for long."""
    return struct.pack("!HHH8sH", 0, 1, 6, bytes(8), _ethertype(packet)) + packet


def cooked_2(packet: bytes) -> bytes:
    """Linux "any", as it writes it now."""
    return struct.pack("!HHIHBB8s", _ethertype(packet), 0, 1, 1, 0, 6, bytes(8)) + packet


def null(packet: bytes) -> bytes:
    """BSD's loopback: the address family in the writer's order."""
    return struct.pack("<I", 2 if packet[0] >> 4 == 4 else 30) + packet


def _ethertype(packet: bytes) -> int:
    return 0x0800 if packet[0] >> 4 == 4 else 0x86DD


def pcap(frames: Iterable[Frame], link: int = ETHERNET, *, order: str = "<", nanoseconds: bool = False,
         snap: int = 65_535) -> bytes:  # fmt: skip
    """A file of the old format."""
    magic, unit = (0xA1B23C4D, 1) if nanoseconds else (0xA1B2C3D4, 1000)
    out = [struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, snap, link)]
    for at, octets in frames:
        kept = octets[:snap]
        seconds, rest = divmod(at, 1_000_000_000)
        out.append(struct.pack(f"{order}IIII", seconds, rest // unit, len(kept), len(octets)) + kept)
    return b"".join(out)


def pcapng(frames: Iterable[Frame], link: int = ETHERNET, **_: object) -> bytes:
    """A file of the new format, with times in ns."""

    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        length = 12 + len(body)
        return struct.pack("<II", kind, length) + body + struct.pack("<I", length)

    resolution = struct.pack("<HHB3xHH", 9, 1, 9, 0, 0)
    out = [
        block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)),
        block(1, struct.pack("<HHI", link, 0, 0) + resolution),
    ]
    for at, octets in frames:
        out.append(block(6, struct.pack("<IIIII", 0, at >> 32, at & 0xFFFFFFFF, len(octets), len(octets)) + octets))
    return b"".join(out)


def stream(wrap: Callable[[bytes], bytes], numbers: Iterable[int], packet: Callable[[int], bytes] = rtp) -> list[Frame]:
    """A packet every 20 ms, every other one 3 ms later, each as `wrap` puts it into a frame."""
    return [(BEGAN_NS + 20_000_000 * at + 3_000_000 * (at % 2), wrap(packet(at))) for at in numbers]
