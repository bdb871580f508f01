"""What happened to the packets of one direction of a call, from the packets as they arrived.

Everything is worked out after the call from every packet that came in, stamped by the kernel on arrival, so that a
busy measuring process changes nothing. Formulas: RFC 3550 (expected, lost, jitter), RFC 3611 (bursts and gaps),
RFC 5481 (delay variation), ITU-T G.107 (BurstR).
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voice_sipapp.measurement import playout, seconds
from voice_sipapp.measurement.clockrates import in_one_clock
from voice_sipapp.measurement.due import ALWAYS, Due
from voice_sipapp.measurement.gaps import adjusted, died_ms
from voice_sipapp.measurement.holds import due_time
from voice_sipapp.measurement.received import Received, base_ns, columns
from voice_sipapp.measurement.seconds import Second
from voice_sipapp.measurement.skew import skew
from voice_sipapp.measurement.sources import PTIME_MS, SHORTEST_MS, single_stream
from voice_sipapp.measurement.timeline import TimeLine, time_line
from voice_sipapp.media.codecs import CODECS
from voice_sipapp.media.rtppacket import Packet

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

STATIC = {codec.payload_type: name for name, codec in CODECS.items() if codec.payload_type < 96}
"""Codecs whose payload type every sender knows (RFC 3551, table 4)."""

COMFORT_NOISE = frozenset({13})
"""Its static payload type (RFC 3389, section 4)."""

GMIN = 16
"""Packets received in a row that end a burst (RFC 3611, section 4.7.2, recommended value)."""


@dataclass(frozen=True)
class Burstiness:
    """How losses cluster (RFC 3611, section 4.7.2). Lengths are means over all bursts or gaps of the call."""

    burst_loss_pct: float
    burst_ms: float
    gap_loss_pct: float
    gap_ms: float


@dataclass(frozen=True)
class StreamStats:
    """Counts, percentages and jitter of one stream. `codec` and `ptime_ms`, the sound in one packet, are what most of
    its sound had, `payload_type` what most packets of that codec came under; all None where nothing was sound.

    `payloads` is what a listener heard: None is missing, empty is a packet that is no sound. `line` tells where each of
    them belongs and its payload type, `codecs` the codec of that; `on_hold` counts packets that came while nothing was
    due: they are received, and no sound of the call. `concealed_pct` is the share of the sound, by its time, that had
    to be made up.
    """

    codec: str | None
    payload_type: int | None
    ptime_ms: int
    received: int
    on_hold: int
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
    line: TimeLine
    codecs: Mapping[int, str]
    seconds: tuple[Second, ...]

    @property
    def pauses(self) -> tuple[tuple[int, int], ...]:
        """Before which packets nothing was sent although it was due, and for how many ms."""
        return tuple((at, round(pause_ms)) for at, pause_ms in self.line.pauses)


def analyse(
    packets: Sequence[Packet], codecs: Mapping[int, str] = STATIC, noise: Collection[int] = COMFORT_NOISE,
    due: Due = ALWAYS,
) -> StreamStats | None:  # fmt: skip
    """Statistics of `packets` (in order of arrival), or None where nothing was received.

    `codecs` is the codec of each payload type, `noise` are the payload types of comfort noise. What is expected spans
    from the lowest to the highest sequence number seen (RFC 3550, section 6.4.1), as far as it was `due`: a packet lost
    before the first or after the last one received can't be told from one never sent. But a stream that died long
    before its listener hung up was expected until then.
    """
    in_one, clock_hz = in_one_clock(packets, codecs)
    stream = single_stream(in_one, clock_hz, codecs, noise)
    if not stream:
        return None
    base = base_ns(stream)
    holds = due_time(due, base)
    raw = columns(stream, clock_hz, codecs, noise, holds)
    received = adjusted(raw, holds)
    dead_ms = 0.0 if due.until_ns is None else died_ms(received, holds, (due.until_ns - base) / 1e6)
    line = time_line(received, holds, dead_ms)
    late = _late(received, line)
    return _figures(stream, received, line, late, codecs)


def _figures(
    stream: list[Packet], received: Received, line: TimeLine, late: Bools, codecs: Mapping[int, str]
) -> StreamStats:
    expected, unique = line.came.size, int(line.came.sum())
    gone = line.sounding & (~line.came | late)
    made_up = gone.tolist()
    jitter = _jitter_ms(received)
    codec, payload_type = _most_used(received, codecs)
    total_ms = float(line.length_ms.sum())
    return StreamStats(
        codec=codec,
        payload_type=payload_type,
        ptime_ms=_ptime_ms(received),
        received=len(stream),
        on_hold=int(received.held.sum()),
        expected=expected,
        lost=expected - unique,
        duplicates=len(stream) - unique,
        out_of_order=_out_of_order(received.number.tolist()),
        discarded=int(late.sum()),
        loss_pct=100 * (expected - unique) / expected,
        discard_pct=100 * float(late.sum()) / expected,
        concealed_pct=100 * float(line.length_ms[gone].sum()) / total_ms if total_ms else 0.0,
        max_loss_run=max(_runs(made_up), default=0),
        burst_ratio=burst_ratio(made_up),
        burstiness=burstiness(made_up, line.length_ms),
        jitter_ms=float(jitter.sum()) / max(1, jitter.size),
        jitter_max_ms=float(jitter.max(initial=0)),
        pdv_p95_ms=_pdv_p95_ms(received),
        payloads=_payloads(stream, line, gone),
        line=line,
        codecs=codecs,
        seconds=seconds.split(line, late, gone, _jitter_by_number(received, jitter)),
    )


def _late(received: Received, line: TimeLine) -> Bools:
    """Which packets only came too late to be played, by number. A second copy is no help if the first came in time and
    may save it if not.
    """
    own = np.flatnonzero(received.sound)
    number = received.number[own]
    begun = np.zeros(line.came.size, bool)
    begun[[at for at, _ in line.pauses]] = True
    begins = begun[number]
    begins |= np.diff(received.source[own], prepend=received.source[own][:1]) != 0
    too_late = playout.late(received.came_ms[own], received.sent_ms[own], received.length_ms[own], begins)
    in_time = np.zeros(line.came.size, bool)
    in_time[number[~too_late]] = True
    late = np.zeros(line.came.size, bool)
    late[number] = True
    found: Bools = late & ~in_time
    return found


def _payloads(stream: list[Packet], line: TimeLine, gone: Bools) -> tuple[bytes | None, ...]:
    return tuple(
        None if missing else stream[at].payload if sounding else b""
        for at, missing, sounding in zip(line.first.tolist(), gone.tolist(), line.sounding.tolist(), strict=True)
    )


def _most_used(received: Received, codecs: Mapping[int, str]) -> tuple[str | None, int | None]:
    """The codec that most of the sound came in, and the number under which most packets of it came. Music on hold is
    only asked where there was nothing else.
    """
    sound = Counter[str]()
    packets = Counter[int]()
    sounding = _telling(received)
    for kind in sorted(set(received.kind[sounding].tolist())):
        own = sounding & (received.kind == kind)
        sound[codecs[kind]] += round(1000 * float(received.length_ms[own].sum()))
        packets[kind] = int(own.sum())
    if not sound:
        return None, None
    codec = max(sound, key=lambda name: sound[name])
    return codec, max((kind for kind in packets if codecs[kind] == codec), key=lambda kind: packets[kind])


def _ptime_ms(received: Received) -> int:
    """The length of the packets that hold most of the sound; the usual one where nothing can be told."""
    told = received.length_ms[_telling(received)]
    lengths, counts = np.unique(np.round(told[told >= SHORTEST_MS]), return_counts=True)
    return int(lengths[(lengths * counts).argmax()]) if lengths.size else PTIME_MS


def _telling(received: Received) -> Bools:
    """The packets that tell what the call was in: those of sound that was due, if there are any."""
    return received.sound if received.sound.any() else received.sounding


def _out_of_order(numbers: list[int]) -> int:
    """Packets that arrived after one with a higher sequence number, copies not counted."""
    highest = numbers[0]
    seen = {highest}
    count = 0
    for number in numbers[1:]:
        if number < highest and number not in seen:
            count += 1
        seen.add(number)
        highest = max(highest, number)
    return count


def _transit_ms(received: Received) -> Floats:
    """How much later than its timestamp each packet of sound came, but for a constant."""
    return received.came_ms[received.sound] - received.sent_ms[received.sound]


def _jitter_ms(received: Received) -> Floats:
    """Interarrival jitter after each packet of sound but the first (RFC 3550, section 6.4.1 and A.8). From one source
    to the next there is none.
    """
    jitter, course = 0.0, []
    same_source = np.diff(received.source[received.sound]) == 0
    for deviation in (np.abs(np.diff(_transit_ms(received))) * same_source).tolist():
        jitter += (deviation - jitter) / 16
        course.append(jitter)
    return np.array(course)


def _jitter_by_number(received: Received, jitter: Floats) -> Floats:
    """The jitter at each packet of sound that came, by number; -1 where there is none."""
    peaks = np.full(int(received.number.max()) + 1, -1.0)
    np.maximum.at(peaks, received.number[received.sound][1:], jitter)
    return peaks


def _pdv_p95_ms(received: Received) -> float:
    """95th percentile of the delay above the stream's smallest (RFC 5481, section 4.2); the smallest sample that at
    least 95 % do not exceed. What a clock that is off adds up to is no delay.
    """
    transit, came_ms = _transit_ms(received), received.came_ms[received.sound]
    transit = transit - skew(came_ms, transit) * came_ms
    if not transit.size:
        return 0.0
    enough = -(-95 * transit.size // 100) - 1
    return float(np.partition(transit, enough)[enough] - transit.min())


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


def burstiness(missing: Sequence[bool], length_ms: Floats | None = None) -> Burstiness:
    """Bursts and gaps (RFC 3611, section 4.7.2): losses fewer than Gmin received packets apart make one burst.

    A lone loss with at least Gmin packets received on both sides belongs to the gap around it. `length_ms` is the sound
    in each packet; 20 ms unless given.
    """
    reach_ms = np.concatenate(([0.0], np.cumsum(np.full(len(missing), PTIME_MS) if length_ms is None else length_ms)))
    bursts = _bursts([at for at, lost in enumerate(missing) if lost])
    in_bursts = sum(last - first + 1 for first, last in bursts)
    burst_losses = sum(sum(missing[first : last + 1]) for first, last in bursts)
    edges = [-1, *(edge for burst in bursts for edge in burst), len(missing)]
    gaps = [(start + 1, stop) for start, stop in zip(edges[::2], edges[1::2], strict=True) if stop - start > 1]
    in_gaps = sum(stop - start for start, stop in gaps)
    return Burstiness(
        burst_loss_pct=100 * burst_losses / max(1, in_bursts),
        burst_ms=float(sum(reach_ms[last + 1] - reach_ms[first] for first, last in bursts)) / max(1, len(bursts)),
        gap_loss_pct=100 * (sum(missing) - burst_losses) / max(1, in_gaps),
        gap_ms=float(sum(reach_ms[stop] - reach_ms[start] for start, stop in gaps)) / max(1, len(gaps)),
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
