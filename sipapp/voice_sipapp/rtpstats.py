"""What happened to the packets of one direction of a call, from the packets as they arrived.

Everything is worked out after the call from every packet that came in, stamped by the kernel on arrival, so that a
busy measuring process changes nothing. Formulas: RFC 3550 (expected, lost, jitter), RFC 3611 (bursts and gaps),
ITU-T G.107 (BurstR).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median_low

PTIME_MS = 20
"""Sound in one packet as we offer it and send it; a far end may choose otherwise (a=ptime is a wish)."""

_PTIMES_MS = range(5, 201)
"""What is believed of a far end's timestamps."""

CLOCK_HZ = 8000
JITTER_BUFFER_MS = 60
GMIN = 16
"""Packets received in a row that end a burst (RFC 3611, section 4.7.2, recommended value)."""

LONGEST_OUTAGE_MS = 3_600_000
"""Longer is no outage but a wall clock that was set; every packet that is missing takes memory."""

STRAY_PACKETS = 25
"""A source that sent fewer packets than this (half a second) is a stray and not part of the call's media."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One RTP packet as received: arrival in ns (kernel clock), extended sequence number, RTP timestamp unwrapped.

    One that is no sound (comfort noise, DTMF) has a number and no payload. `restarts` is how often its source had begun
    its numbers anew.
    """

    arrival_ns: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    is_sound: bool = True
    restarts: int = 0


@dataclass(frozen=True)
class Burstiness:
    """How losses cluster (RFC 3611, section 4.7.2). Lengths are means over all bursts or gaps of the call."""

    burst_loss_pct: float
    burst_ms: float
    gap_loss_pct: float
    gap_ms: float


@dataclass(frozen=True)
class StreamStats:
    """Counts, percentages and jitter of one stream; `ptime_ms` is the sound in one packet.

    `payloads` is what a listener heard: None is missing, empty is a packet that is no sound.
    """

    ptime_ms: int
    received: int
    expected: int
    lost: int
    duplicates: int
    out_of_order: int
    discarded: int
    loss_pct: float
    discard_pct: float
    max_loss_run: int
    burst_ratio: float
    burstiness: Burstiness
    jitter_ms: float
    jitter_max_ms: float
    payloads: tuple[bytes | None, ...]


def analyse(packets: Sequence[Packet]) -> StreamStats | None:
    """Statistics of `packets` (in order of arrival), or None where nothing was received.

    What is expected spans from the lowest to the highest sequence number seen (RFC 3550, section 6.4.1): a packet
    lost before the first or after the last one received can't be told from one never sent.
    """
    stream = single_stream(packets)
    if not stream:
        return None
    first = min(packet.sequence for packet in stream)
    expected = max(packet.sequence for packet in stream) - first + 1
    played, discarded = _play_out(stream, first, expected)
    unique = len({packet.sequence for packet in stream})
    missing = [payload is None for payload in played]
    ptime_ms = packet_ms(stream)
    mean, peak = _jitter([packet for packet in stream if packet.is_sound])
    return StreamStats(
        ptime_ms=ptime_ms,
        received=len(stream),
        expected=expected,
        lost=expected - unique,
        duplicates=len(stream) - unique,
        out_of_order=_out_of_order(stream),
        discarded=discarded,
        loss_pct=100 * (expected - unique) / expected,
        discard_pct=100 * discarded / expected,
        max_loss_run=max(_runs(missing), default=0),
        burst_ratio=burst_ratio(missing),
        burstiness=burstiness(missing, ptime_ms),
        jitter_ms=mean,
        jitter_max_ms=peak,
        payloads=tuple(played),
    )


def single_stream(packets: Sequence[Packet]) -> list[Packet]:
    """`packets` of the sources that belong to the call, numbered on as one stream; strays are left out.

    A gateway may change the source (SSRC) in mid-call when it re-routes media, or begin its numbers anew. The listener
    hears one call, so what follows continues where the one before it ended, by as many packets as the time between.
    """
    counts = Counter(packet.ssrc for packet in packets if packet.is_sound)
    threshold = min(STRAY_PACKETS, max(counts.values(), default=0))
    sections: dict[tuple[int, int], list[Packet]] = {}
    for packet in packets:
        if threshold and counts[packet.ssrc] >= threshold:
            sections.setdefault((packet.ssrc, packet.restarts), []).append(packet)
    stream: list[Packet] = []
    for own in sections.values():
        stream += _continued(stream, own) if stream else own
    return stream


def _continued(stream: list[Packet], own: list[Packet]) -> list[Packet]:
    """`own`, the packets of the next section, numbered on from the end of `stream`."""
    last, head = max(stream, key=_number), min(own, key=_number)
    elapsed_ms = (head.arrival_ns - last.arrival_ns) / 1e6
    missed = round(min(elapsed_ms, LONGEST_OUTAGE_MS) / packet_ms(stream))
    sequence_shift = last.sequence + max(1, missed) - head.sequence
    # Timestamps only of sound: those of DTMF stand still.
    last, head = max(_sound(stream), key=_number), min(_sound(own), key=_number)
    elapsed = (head.arrival_ns - last.arrival_ns) * CLOCK_HZ // 1_000_000_000
    timestamp_shift = last.timestamp + max(elapsed, 1) - head.timestamp
    return [
        replace(packet, sequence=packet.sequence + sequence_shift, timestamp=packet.timestamp + timestamp_shift)
        for packet in own
    ]


def _number(packet: Packet) -> int:
    return packet.sequence


def _sound(packets: list[Packet]) -> list[Packet]:
    """Those of `packets` that are sound; all of them where none is."""
    return [packet for packet in packets if packet.is_sound] or packets


def packet_ms(stream: Sequence[Packet]) -> int:
    """Sound in one packet of `stream` in ms: the median step of its timestamps for one step of its numbers."""
    numbers = {packet.sequence: packet.timestamp for packet in stream if packet.is_sound}
    steps = [(after[1] - before[1]) / (after[0] - before[0]) for before, after in pairwise(sorted(numbers.items()))]
    found = round(median_low(steps) * 1000 / CLOCK_HZ) if steps else PTIME_MS
    return found if found in _PTIMES_MS else PTIME_MS


def _play_out(stream: list[Packet], first: int, expected: int) -> tuple[list[bytes | None], int]:
    """Payloads by sequence number as a fixed jitter buffer plays them, and how many packets came too late for it.

    The buffer starts to play 60 ms after its first packet arrives; every later packet's time follows from its RTP
    timestamp. A second copy of a packet is no help if the first came in time and may save it if not.
    """
    start = next(packet for packet in stream if packet.is_sound)
    played: list[bytes | None] = [None] * expected
    late: set[int] = set()
    for packet in stream:
        due_ns = (packet.timestamp - start.timestamp) * 1_000_000_000 // CLOCK_HZ + JITTER_BUFFER_MS * 1_000_000
        at = packet.sequence - first
        if not packet.is_sound:
            played[at] = b""
        elif packet.arrival_ns - start.arrival_ns > due_ns:
            late.add(at)
        elif played[at] is None:
            played[at] = packet.payload
    return played, sum(1 for at in late if played[at] is None)


def _out_of_order(stream: list[Packet]) -> int:
    """Packets that arrived after one with a higher sequence number, copies not counted."""
    highest = stream[0].sequence
    seen = {highest}
    count = 0
    for packet in stream[1:]:
        if packet.sequence < highest and packet.sequence not in seen:
            count += 1
        seen.add(packet.sequence)
        highest = max(highest, packet.sequence)
    return count


def _jitter(stream: list[Packet]) -> tuple[float, float]:
    """Mean and maximum of the interarrival jitter in ms (RFC 3550, section 6.4.1 and A.8), sampled at each packet."""
    jitter, total, peak = 0.0, 0.0, 0.0
    for before, packet in pairwise(stream):
        spacing_ms = (packet.timestamp - before.timestamp) * 1000 / CLOCK_HZ
        deviation = abs((packet.arrival_ns - before.arrival_ns) / 1e6 - spacing_ms)
        jitter += (deviation - jitter) / 16
        total += jitter
        peak = max(peak, jitter)
    return total / max(1, len(stream) - 1), peak


def _runs(missing: Sequence[bool]) -> list[int]:
    """Lengths of the runs of True in `missing`."""
    runs: list[int] = []
    length = 0
    for lost in [*missing, False]:
        if lost:
            length += 1
        elif length:
            runs.append(length)
            length = 0
    return runs


def burst_ratio(missing: Sequence[bool]) -> float:
    """BurstR: mean length of the observed loss runs over that expected of random loss (G.107, clause 7.6).

    Never below 1: losses spaced more evenly than chance aren't worse than chance, and the model has no room for them.
    """
    runs = _runs(missing)
    if not runs or len(missing) == sum(runs):
        return 1.0
    mean = sum(runs) / len(runs)
    return max(1.0, mean * (1 - sum(runs) / len(missing)))


def burstiness(missing: Sequence[bool], ptime_ms: int = PTIME_MS) -> Burstiness:
    """Bursts and gaps (RFC 3611, section 4.7.2): losses fewer than Gmin received packets apart make one burst.

    A lone loss with at least Gmin packets received on both sides belongs to the gap around it.
    """
    bursts = _bursts([at for at, lost in enumerate(missing) if lost])
    in_bursts = sum(last - first + 1 for first, last in bursts)
    burst_losses = sum(sum(missing[first : last + 1]) for first, last in bursts)
    edges = [-1, *(edge for burst in bursts for edge in burst), len(missing)]
    gaps = [stop - start - 1 for start, stop in zip(edges[::2], edges[1::2], strict=True) if stop - start > 1]
    return Burstiness(
        burst_loss_pct=100 * burst_losses / max(1, in_bursts),
        burst_ms=ptime_ms * in_bursts / max(1, len(bursts)),
        gap_loss_pct=100 * (sum(missing) - burst_losses) / max(1, sum(gaps)),
        gap_ms=ptime_ms * sum(gaps) / max(1, len(gaps)),
    )


def _bursts(losses: list[int]) -> list[tuple[int, int]]:
    """First and last position of each burst among the positions of the `losses`."""
    groups: list[list[int]] = []
    for at in losses:
        if groups and at - groups[-1][-1] - 1 < GMIN:
            groups[-1].append(at)
        else:
            groups.append([at])
    return [(group[0], group[-1]) for group in groups if len(group) > 1]
