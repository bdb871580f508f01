"""What happened to the packets of one direction of a call, from the packets as they arrived.

Everything is worked out after the call from every packet that came in, stamped by the kernel on arrival, so that a
busy measuring process changes nothing. Formulas: RFC 3550 (expected, lost, jitter), RFC 3611 (bursts and gaps),
RFC 5481 (delay variation), ITU-T G.107 (BurstR).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voice_sipapp.measurement import seconds
from voice_sipapp.measurement.seconds import Second
from voice_sipapp.measurement.sources import LONGEST_OUTAGE_MS, PTIME_MS, packet_ms, single_stream
from voice_sipapp.media.rtppacket import Packet

CLOCK_HZ = 8000
"""Ticks of a timestamp in a second, of every codec but Opus (RFC 3551; RFC 7587: 48,000)."""

JITTER_BUFFER_MS = 60
GMIN = 16
"""Packets received in a row that end a burst (RFC 3611, section 4.7.2, recommended value)."""

DEAD_MS = 2000
"""Where nothing came for longer before the end of a call, the stream had died. Both ends do not hang up at once."""

RESTART_NS = 500_000_000
"""When all that came for so long was too late, a listener's jitter buffer starts anew, as phones' do."""


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

    `payloads` is what a listener heard: None is missing, empty is a packet that is no sound. `second_of` says which
    second of the stream each of them belongs to. `pauses` are the times in which nothing was sent (RFC 3551, section
    4.1): before which of the payloads, and how many ms.
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
    concealed_pct: float
    max_loss_run: int
    burst_ratio: float
    burstiness: Burstiness
    jitter_ms: float
    jitter_max_ms: float
    pdv_p95_ms: float
    payloads: tuple[bytes | None, ...]
    pauses: tuple[tuple[int, int], ...]
    second_of: NDArray[np.int64]
    seconds: tuple[Second, ...]


def analyse(packets: Sequence[Packet], clock_hz: int = CLOCK_HZ, until_ns: int | None = None) -> StreamStats | None:
    """Statistics of `packets` (in order of arrival), or None where nothing was received.

    What is expected spans from the lowest to the highest sequence number seen (RFC 3550, section 6.4.1): a packet
    lost before the first or after the last one received can't be told from one never sent. But a stream that died long
    before `until_ns`, when the listener hung up (None: not known, or on hold), was expected until then. `clock_hz` is
    the rate of the timestamps.
    """
    stream = single_stream(packets, clock_hz)
    if not stream:
        return None
    first = min(packet.sequence for packet in stream)
    expected = max(packet.sequence for packet in stream) - first + 1
    played, late = _play_out(stream, first, expected, clock_hz)
    ptime_ms = packet_ms(stream, clock_hz)
    sound = _Sound(stream, first, clock_hz)
    pauses = sound.pauses(np.array([payload is None for payload in played]), ptime_ms)
    dead = _dead(stream, until_ns, pauses, ptime_ms)
    expected += dead
    played += [None] * dead
    late = np.pad(late, (0, dead))
    came = np.zeros(expected, bool)
    came[np.fromiter((packet.sequence - first for packet in stream), np.int64, len(stream))] = True
    unique = int(came.sum())
    missing = [payload is None for payload in played]
    concealed = sum(missing)
    jitter = sound.jitter_ms()
    second_of = sound.second_of(expected, ptime_ms)
    return StreamStats(
        ptime_ms=ptime_ms,
        received=len(stream),
        expected=expected,
        lost=expected - unique,
        duplicates=len(stream) - unique,
        out_of_order=_out_of_order(stream),
        discarded=int(late.sum()),
        loss_pct=100 * (expected - unique) / expected,
        discard_pct=100 * float(late.sum()) / expected,
        concealed_pct=100 * concealed / max(1, concealed + sum(1 for payload in played if payload)),
        max_loss_run=max(_runs(missing), default=0),
        burst_ratio=burst_ratio(missing),
        burstiness=burstiness(missing, ptime_ms),
        jitter_ms=float(jitter.sum()) / max(1, jitter.size),
        jitter_max_ms=float(jitter.max(initial=0)),
        pdv_p95_ms=sound.pdv_p95_ms(),
        payloads=tuple(played),
        pauses=pauses,
        second_of=second_of,
        seconds=seconds.split(
            second_of, came, late, np.array(missing), (sound.at[1:], jitter), _end_s(second_of, ptime_ms)
        ),
    )


def _dead(stream: list[Packet], until_ns: int | None, pauses: Sequence[tuple[int, int]], ptime_ms: int) -> int:
    """How many packets are missing at the end of a stream that died; where it pauses, only a much longer end tells."""
    if until_ns is None:
        return 0
    quiet_ms = min((until_ns - max(packet.arrival_ns for packet in stream)) / 1e6, LONGEST_OUTAGE_MS)
    return round(quiet_ms / ptime_ms) if quiet_ms > max([DEAD_MS, *(2 * pause_ms for _, pause_ms in pauses)]) else 0


def _end_s(second_of: NDArray[np.int64], ptime_ms: int) -> float:
    """When the sound ends, in seconds from its start: the last second counts as far as its packets reach."""
    last = int(second_of[-1])
    return last + int((second_of == last).sum()) * ptime_ms / 1000


def _play_out(
    stream: list[Packet], first: int, expected: int, clock_hz: int
) -> tuple[list[bytes | None], NDArray[np.bool_]]:
    """Payloads by sequence number as a fixed jitter buffer plays them, and which of them only came too late for it.

    The buffer starts to play 60 ms after its first packet arrives; every later packet's time follows from its RTP
    timestamp. Where the path has become longer for good it starts anew, after `RESTART_NS`. A second copy of a
    packet is no help if the first came in time and may save it if not.
    """
    start = next(packet for packet in stream if packet.is_sound)
    late_since: int | None = None
    played: list[bytes | None] = [None] * expected
    late = np.zeros(expected, bool)
    for packet in stream:
        at = packet.sequence - first
        if not packet.is_sound:
            played[at] = b""
            continue
        due_ns = (packet.timestamp - start.timestamp) * 1_000_000_000 // clock_hz + JITTER_BUFFER_MS * 1_000_000
        if packet.arrival_ns - start.arrival_ns <= due_ns:
            late_since = None
        elif late_since is None or packet.arrival_ns - late_since < RESTART_NS:
            late_since = packet.arrival_ns if late_since is None else late_since
            late[at] = True
            continue
        else:
            start, late_since = packet, None
        if played[at] is None:
            played[at] = packet.payload
    late &= np.array([payload is None for payload in played])
    return played, late


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


class _Sound:
    """The packets of sound of a stream in their order of arrival: when each came, and when it was due.

    `at` is the position of each from the lowest number of the stream.
    """

    def __init__(self, stream: list[Packet], first: int, clock_hz: int) -> None:
        sound = [packet for packet in stream if packet.is_sound]
        self._clock_hz = clock_hz
        self.at = np.array([packet.sequence - first for packet in sound], np.int64)
        self._timestamps = np.array([packet.timestamp for packet in sound], np.int64)
        # From the first on: the time since 1970 in ns does not fit the precision that milliseconds as floats have.
        came_ns = np.array([packet.arrival_ns - sound[0].arrival_ns for packet in sound], np.int64)
        due_ms = (self._timestamps - self._timestamps[0]) * 1000 / clock_hz
        self._came_ms, self._due_ms = came_ns / 1e6, due_ms
        self._transit_ms = self._came_ms - due_ms

    def jitter_ms(self) -> NDArray[np.float64]:
        """Interarrival jitter after each packet but the first (RFC 3550, section 6.4.1 and A.8)."""
        jitter, course = 0.0, []
        for deviation in np.abs(np.diff(self._transit_ms)).tolist():
            jitter += (deviation - jitter) / 16
            course.append(jitter)
        return np.array(course)

    def pdv_p95_ms(self) -> float:
        """95th percentile of the delay above the stream's smallest (RFC 5481, section 4.2); the smallest sample that
        at least 95 % do not exceed.
        """
        return float(np.quantile(self._transit_ms - self._transit_ms.min(), 0.95, method="inverted_cdf"))

    def pauses(self, missing: NDArray[np.bool_], ptime_ms: int) -> tuple[tuple[int, int], ...]:
        """Before which packets nothing was sent, and for how many ms: where timestamps go on by more than the packets
        in between account for. No longer than it was quiet, for a timestamp may be wrong.
        """
        numbers, places = np.unique(self.at, return_index=True)
        before = np.cumsum(missing)
        made_up_ms = (before[numbers[1:] - 1] - before[numbers[:-1]]) * ptime_ms
        pause_ms = np.diff(self._due_ms[places]) - ptime_ms - made_up_ms
        pause_ms = np.minimum(pause_ms, np.diff(self._came_ms[places]) + JITTER_BUFFER_MS)
        return tuple(
            (int(numbers[at + 1]), round(pause_ms[at])) for at in np.flatnonzero(pause_ms >= ptime_ms).tolist()
        )

    def second_of(self, expected: int, ptime_ms: int) -> NDArray[np.int64]:
        """For each of `expected` packets the second that it belongs to."""
        numbers, places = np.unique(self.at, return_index=True)
        return seconds.of_packets(numbers, self._timestamps[places], expected, ptime_ms, self._clock_hz)


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
