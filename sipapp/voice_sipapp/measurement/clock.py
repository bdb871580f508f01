"""A sender's clock that jumped or stood still, told from a path that stalled: a queue comes back, a clock does not.

Timestamps say when a sound was made, and what listeners, jitter and pauses are reckoned by is that. A gateway that
switches to another leg passes on that leg's timestamps, and a far end that is silent for a while may stop its clock
meanwhile; but what a stalled path held up comes faster than it was sent, until nothing is held up any more.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from voice_sipapp.measurement.skew import Floats
from voice_sipapp.media.rtppacket import Packet

JUMP_MS = 500.0
"""No path becomes longer by more, and for good: two satellites up and down are less."""

_STEP_MS = 60.0
"""Where timestamps go back, or the transit grows by more than `JUMP_MS` in all, steps of this size are the clock's."""

_FEW_PACKETS = 25
"""Fewer than these (half a second) between two jumps are no clock to go by."""

_MOST_RUNS = 100
"""Timestamps that jump more often than this, and more than twice a second, make no sense."""

_SOME_PACKETS = 11
"""The median of so many is not moved by the few among them that come late."""

_DRAINS_MS = 30_000.0
"""A queue is shorter by then, at least."""

_FALLS_MS = 60.0
"""By so much at least a queue that drains is shorter, in each half of what is looked at; jitter and skew are less."""

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class _Sound:
    """The packets of sound of one numbering in the order of sending, which a path that disorders them does not change;
    of copies the first to come. `transit_ms` is how much later than its timestamp each came, `quiet_ms` how long
    nothing had come before it.
    """

    sequence: Ints
    came_ms: Floats
    transit_ms: Floats
    quiet_ms: Floats

    def of(self, where: slice | NDArray[np.bool_]) -> "_Sound":
        """Those of a part."""
        return _Sound(self.sequence[where], self.came_ms[where], self.transit_ms[where], self.quiet_ms[where])

    @property
    def sent_ms(self) -> Floats:
        """Their timestamps."""
        return self.came_ms - self.transit_ms

    @property
    def begin_ms(self) -> float:
        """The usual transit of the first packets."""
        return float(np.median(self.transit_ms[:_SOME_PACKETS]))

    @property
    def end_ms(self) -> float:
        """The usual transit of the last packets."""
        return float(np.median(self.transit_ms[-_SOME_PACKETS:]))

    @property
    def few(self) -> bool:
        """Whether these are too few to tell a clock by."""
        return self.sequence.size < _FEW_PACKETS

    @property
    def alone(self) -> bool:
        """Whether these are few after nothing had come for a while: a keep-alive while its sender is silent."""
        return self.few and bool(self.quiet_ms[0] > JUMP_MS)


def followed(own: list[Packet], clock_hz: int) -> list[Packet]:
    """`own`, the packets of one numbering in order of arrival, with timestamps that go on as time does where the clock
    of the source began anew or stood still. Those of a path that stalled stay as they were sent.
    """
    heard = [packet for packet in own if packet.is_sound]
    sound = _sound(heard, clock_hz)
    if not sound.sequence.size or np.ptp(sound.transit_ms) <= _STEP_MS:
        return own
    moved_ms = _jumped(sound)
    moved_ms += _stood_still(replace(sound, transit_ms=sound.transit_ms - moved_ms))
    own = _repeats_put_on(own, clock_hz) if len(heard) > sound.sequence.size else own
    if not moved_ms.any():
        return own
    ticks = np.round(moved_ms * clock_hz / 1000).astype(np.int64)
    numbers = np.fromiter((packet.sequence for packet in own), np.int64, len(own))
    places = np.maximum(np.searchsorted(sound.sequence, numbers, "right") - 1, 0)
    return [
        packet._replace(timestamp=packet.timestamp + moved) if moved else packet
        for packet, moved in zip(own, ticks[places].tolist(), strict=True)
    ]


def _repeats_put_on(own: list[Packet], clock_hz: int) -> list[Packet]:
    """`own` with the right time on packets that are sent again after a while, to keep the way open: no path keeps the
    copy of a packet for so long.
    """
    came_ns: dict[int, int] = {}
    late_ns = [packet.arrival_ns - came_ns.setdefault(packet.sequence, packet.arrival_ns) for packet in own]
    if not any(late > JUMP_MS * 1e6 for late in late_ns):
        return own
    return [
        packet._replace(timestamp=packet.timestamp + late * clock_hz // 1_000_000_000)
        if late > JUMP_MS * 1e6
        else packet
        for packet, late in zip(own, late_ns, strict=True)
    ]


def _sound(sound: Sequence[Packet], clock_hz: int) -> _Sound:
    count = len(sound)
    arrivals = np.fromiter((packet.arrival_ns for packet in sound), np.int64, count)
    ticks = np.fromiter((packet.timestamp for packet in sound), np.int64, count)
    came_ms = (arrivals - arrivals[:1]) / 1e6
    transit_ms = came_ms - (ticks - ticks[:1]) * 1000 / clock_hz
    quiet_ms = np.diff(came_ms, prepend=came_ms[:1])
    sequence, places = np.unique(np.fromiter((packet.sequence for packet in sound), np.int64, count), return_index=True)
    return _Sound(sequence, came_ms[places], transit_ms[places], quiet_ms[places])


def _jumped(sound: _Sound) -> Floats:
    """By how many ms the timestamp of each must be moved to go on where the clock was another one all at once."""
    runs = _runs(sound)
    if len(runs) > _MOST_RUNS + sound.sequence.size / _FEW_PACKETS:
        return np.zeros(sound.sequence.size)
    strays = [_is_stray(runs, at) for at in range(len(runs))]
    if any(strays):
        runs = _runs(sound.of(~np.repeat(strays, [run.sequence.size for run in runs])))
    begins = np.array([run.sequence[0] for run in runs[1:]], np.int64)
    return np.array(_shifts(runs))[np.searchsorted(begins, sound.sequence, "right")]


def _runs(sound: _Sound) -> list[_Sound]:
    """The packets from one jump to the next."""
    rises_ms = np.diff(sound.transit_ms)
    # No path turns timestamps back, be it by little.
    back = (np.diff(sound.sent_ms) < 0) & (rises_ms > _STEP_MS)
    jumps = np.flatnonzero(back | (np.abs(rises_ms) > JUMP_MS)) + 1
    return [sound.of(slice(start, stop)) for start, stop in pairwise([0, *jumps.tolist(), sound.sequence.size])]


def _is_stray(runs: list[_Sound], at: int) -> bool:
    """Whether these are a few packets in mid-stream that have a wrong timestamp or came very late: what follows is
    where it was before.
    """
    run = runs[at]
    if at == 0 or not run.few or run.alone:
        return False
    if at + 1 == len(runs):
        return run.sequence.size == 1
    return bool(abs(runs[at + 1].transit_ms[0] - runs[at - 1].transit_ms[-1]) <= JUMP_MS)


def _shifts(runs: list[_Sound]) -> list[float]:
    """By how many ms the timestamps of each run must be moved to go on from the runs before."""
    shifts = [0.0]
    level, settled = runs[0].end_ms, 0
    for at, run in enumerate(runs[1:], 1):
        shift = shifts[settled]
        rise = float(run.transit_ms[0]) - shift - level
        back = rise > _STEP_MS and run.sent_ms[0] < runs[settled].sent_ms[-1]
        if rise > JUMP_MS and not back and _is_queue(run, rise):
            # What came of it before, alone, is of the queue too.
            shifts[settled + 1 :] = [shift] * (at - settled - 1)
        elif back or abs(rise) > JUMP_MS:
            shift = run.begin_ms - level
        shifts.append(shift)
        if not (run.alone and shift != shifts[settled]):
            level, settled = min(level + JUMP_MS, run.end_ms - shift), at
    return shifts


def _is_queue(run: _Sound, rise_ms: float) -> bool:
    """Whether this run, which begins `rise_ms` late, is what a path held up: at least half of that is made up for soon,
    or it still becomes less as far as can be seen.
    """
    soon = int(np.searchsorted(run.came_ms, run.came_ms[0] + _DRAINS_MS + 10 * rise_ms, "right"))
    fallen_ms = float(run.transit_ms[0] - run.transit_ms[:soon].min())
    if fallen_ms >= rise_ms / 2 or fallen_ms >= max(_FALLS_MS, np.ptp(run.sent_ms) / 2):
        return True
    seen = int(np.searchsorted(run.came_ms, run.came_ms[0] + _DRAINS_MS, "right"))
    few, half = max(1, min(_SOME_PACKETS, seen // 5)), seen // 2
    ends_ms, middle = run.transit_ms[:seen], run.transit_ms[half - few // 2 : half + few // 2 + 1]
    first, then, last = (float(np.median(part)) for part in (ends_ms[:few], middle, ends_ms[-few:]))
    return first - then >= _FALLS_MS and then - last >= _FALLS_MS


def _stood_still(sound: _Sound) -> Floats:
    """By how many ms the timestamp of each must be moved on because the clock of a sender stands still whenever it
    sends nothing, be it for less than a jump: the path would become longer each time.
    """
    moved_ms = np.zeros(sound.sequence.size)
    if sound.end_ms - sound.begin_ms <= JUMP_MS:
        return moved_ms
    rises_ms = np.diff(sound.transit_ms, prepend=sound.transit_ms[:1])
    steps = (rises_ms > _STEP_MS) & (rises_ms <= JUMP_MS) & (sound.quiet_ms >= rises_ms)
    places = np.flatnonzero(steps).tolist()
    for before, at, after in zip([0, *places], places, [*places[1:], sound.sequence.size], strict=False):
        earlier, later = sound.of(slice(before, at)), sound.of(slice(at, after))
        if later.transit_ms.min() - earlier.end_ms >= rises_ms[at] / 2:
            moved_ms[at] = later.begin_ms - earlier.end_ms
    return np.cumsum(moved_ms)
