"""How punctually a program sends its RTP packets, from a capture: the same yardstick for every program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PTIME_NS = 20_000_000
LATE_NS = 20_000_000
"""A packet that leaves a whole packet time after it was due is late."""

FILTER = "udp and ip6[4:2] = 180"
"""Capture filter: 20 ms of G.711 over IPv6, which is 8 bytes of UDP, 12 of RTP and 160 of sound."""


def sample(one_in: int) -> str:
    """Capture filter for one packet in so many (a power of two) of every stream, by its number."""
    return f"{FILTER} and ip6[51] & {one_in - 1} = 0"


SNAP_BYTES = 74
"""Ethernet, IPv6, UDP and RTP header."""

_NANOSECOND_MAGIC, _MICROSECOND_MAGIC = 0xA1B23C4D, 0xA1B2C3D4
_RECORD = np.dtype(
    [("s", "<u4"), ("fraction", "<u4"), ("kept", "<u4"), ("length", "<u4"), ("headers", "u1", 54), ("port", ">u2"),
     ("rest", "u1", 8), ("sequence", ">u2"),
     ("timestamp", ">u4"), ("ssrc", ">u4")]
)  # fmt: skip
"""Of a packet record: the headers of pcap, Ethernet and IPv6, then UDP (its source port) and RTP."""


@dataclass(frozen=True)
class Packets:
    """Packets of many streams: when each was sent (ns since 1970), its number, and its stream (port and SSRC)."""

    sent_ns: NDArray[np.int64]
    sequence: NDArray[np.int64]
    stream: NDArray[np.int64]


@dataclass(frozen=True)
class Window:
    """Some seconds of a run: how many two-party calls sent, what share of packets was late, and the latest by how much.

    Both parties' packets are in the capture, so a call is two streams.
    """

    calls: float
    packets: int
    late_pct: float
    worst_lag_ms: float


def read(file: Path) -> Packets:
    """The packets of a pcap file that was captured with `FILTER` and `SNAP_BYTES`.

    Raises:
        ValueError: it is no such file.
    """
    data = file.read_bytes()
    magic = int.from_bytes(data[:4], "little")
    if magic not in (_NANOSECOND_MAGIC, _MICROSECOND_MAGIC):
        raise ValueError(f"{file} is no pcap file of this machine")
    whole = (len(data) - 24) // _RECORD.itemsize
    records = np.frombuffer(data, _RECORD, whole, offset=24)
    if whole and int(records["kept"].max()) != SNAP_BYTES:
        raise ValueError(f"{file} holds packets of another kind")
    scale = 1 if magic == _NANOSECOND_MAGIC else 1000
    sent = records["s"].astype(np.int64) * 1_000_000_000 + records["fraction"].astype(np.int64) * scale
    stream = records["ssrc"].astype(np.int64) << 16 | records["port"].astype(np.int64)
    return Packets(sent, records["sequence"].astype(np.int64), stream)


def window(packets: Packets, begin_ns: int, end_ns: int, one_in: int = 1) -> Window:
    """What was sent between two moments, by one in so many streams.

    A packet is due 20 ms after the one before it. Each stream's clock is set by its median packet of the window, so
    a program is blamed neither for a first packet that came early nor for a clock that runs a little fast or slow.
    """
    inside = (packets.sent_ns >= begin_ns) & (packets.sent_ns < end_ns)
    sent, sequence, stream = (each[inside] for each in (packets.sent_ns, packets.sequence, packets.stream))
    if not sent.size:
        return Window(0.0, 0, 0.0, 0.0)
    lags = _lags_ns(sent, sequence, stream)
    return Window(
        calls=one_in * sent.size * PTIME_NS / (end_ns - begin_ns) / 2,
        packets=int(sent.size),
        late_pct=100 * float((lags > LATE_NS).mean()),
        worst_lag_ms=float(lags.max()) / 1e6,
    )


def _lags_ns(sent: NDArray[np.int64], sequence: NDArray[np.int64], stream: NDArray[np.int64]) -> NDArray[np.int64]:
    """How long after it was due each packet was sent, stream by stream."""
    order = np.argsort(stream, kind="stable")
    sent, sequence, stream = sent[order], sequence[order], stream[order]
    starts = np.flatnonzero(np.concatenate(([True], stream[1:] != stream[:-1])))
    counts = np.diff(np.concatenate((starts, [sent.size])))
    # Numbers of 16 bits, counted from each stream's first packet in the window.
    steps = ((sequence - np.repeat(sequence[starts], counts) + 0x8000) & 0xFFFF) - 0x8000
    shift = sent - steps * PTIME_NS
    usual = shift[np.lexsort((shift, stream))][starts + (counts - 1) // 2]
    return np.asarray(np.maximum(0, shift - np.repeat(usual, counts)))
