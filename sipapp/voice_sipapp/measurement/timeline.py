"""The media time line of a stream: each packet that came or was due, where its sound belongs, and how long that is.

What was lost lies between what came. How long it was follows from the timestamps around it, so a stream whose packets
change their length in mid-call is as long as it was sent.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voice_sipapp.measurement.holds import DueTime
from voice_sipapp.measurement.playout import JITTER_BUFFER_MS
from voice_sipapp.measurement.received import Received
from voice_sipapp.measurement.sources import PTIME_MS, SHORTEST_MS

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_NONE = -1


@dataclass(frozen=True)
class TimeLine:
    """A column each, an entry a packet, by number.

    `begin_ms` is where its sound belongs, from the stream's begin, and `length_ms` how much it is: of one that came and
    is no sound to the listener (comfort noise, DTMF, whatever came on hold) 0. `came` is whether it came at all, and
    `kind` the payload type of the sound, that of the last one for one that is missing (-1: none came before). `pauses`
    are the times in which nothing was sent (RFC 3551, section 4.1), although it was due: before which packet, how many
    ms. Of `first` each entry is the position among the packets received, -1 for one that is missing.
    """

    begin_ms: Floats
    length_ms: Floats
    came: Bools
    kind: Ints
    pauses: tuple[tuple[int, float], ...]
    first: Ints

    @property
    def sounding(self) -> Bools:
        """Which packets hold, or held, sound that was due."""
        return self.length_ms > 0


@dataclass(frozen=True)
class _Sound:
    """The packets of sound of a stream, each once, by number: columns as in `Received`."""

    at: Ints
    begin_ms: Floats
    length_ms: Floats
    came_ms: Floats
    kind: Ints


def time_line(received: Received, holds: DueTime, dead_ms: float) -> TimeLine:
    """Of `received`, whose numbers count what was due; `dead_ms` is how much was due after its last packet."""
    number, first = np.unique(received.number, return_index=True)
    size = int(number[-1]) + 1
    of = np.full(size, _NONE)
    of[number] = first
    heard = received.sound[first]
    own = first[heard]
    sound = _Sound(number[heard], received.sent_ms[own], received.length_ms[own], received.came_ms[own],
                   received.kind[own])  # fmt: skip
    if not own.size:
        return _without_sound(received, number, first, of)
    begin, length = np.full(size, np.nan), np.zeros(size)
    begin[sound.at], length[sound.at] = sound.begin_ms, sound.length_ms
    _place_others(begin, sound, received, number[~heard], first[~heard])
    pauses = _fill(begin, length, sound, of, holds)
    if not _believed(sound, length):
        begin = np.cumsum(length) - length
    begin = np.maximum.accumulate(begin)
    kind = np.full(size, _NONE)
    kind[sound.at] = sound.kind
    line = TimeLine(begin - begin[0], length, of != _NONE, _filled(kind), pauses, of)
    return _with_dead(line, received, holds, dead_ms) if dead_ms else line


def _without_sound(received: Received, number: Ints, first: Ints, of: Ints) -> TimeLine:
    """Of a stream in which nothing is sound to its listener: only when its packets came is known."""
    at = np.arange(of.size)
    begin = np.maximum.accumulate(np.interp(at, number, received.came_ms[first]))
    if received.noise.all():
        begin = np.zeros(of.size)
    return TimeLine(begin - begin[0], np.zeros(of.size), of != _NONE, np.full(of.size, _NONE), (), of)


def _place_others(begin: Floats, sound: _Sound, received: Received, number: Ints, first: Ints) -> None:
    """Where packets belong that are no sound: when they came, after the sound before them; comfort noise, which is not
    of one moment, to the end of that sound.
    """
    before = np.searchsorted(sound.at, number) - 1
    last = np.maximum(before, 0)
    passed = np.maximum(received.came_ms[first] - sound.came_ms[last], 0)
    placed = sound.begin_ms[last] + np.where(received.noise[first], 0, passed)
    following = np.minimum(before + 1, sound.at.size - 1)
    # Before all sound, music on hold is the longer before it.
    ahead = np.where(received.noise[first], 0, np.maximum(sound.came_ms[0] - received.came_ms[first], 0))
    within = np.minimum(placed, np.maximum(sound.begin_ms[following], sound.begin_ms[last]))
    begin[number] = np.where(
        before < 0, sound.begin_ms[0] - ahead, np.where(before + 1 < sound.at.size, within, placed)
    )


def _fill(begin: Floats, length: Floats, sound: _Sound, of: Ints, holds: DueTime) -> tuple[tuple[int, float], ...]:
    """Put what is missing between the packets of sound where it belongs; the pauses between them."""
    ends = sound.begin_ms + sound.length_ms
    between = np.diff(sound.at) - 1
    absent = np.concatenate(([0], np.cumsum(of == _NONE)))
    missing = absent[sound.at[1:]] - absent[sound.at[:-1]]
    passed_ms, due_ms = np.diff(sound.came_ms), np.diff(holds.by(sound.came_ms))
    over_hold = due_ms < passed_ms - 1
    open_ms = sound.begin_ms[1:] - ends[:-1]
    open_ms = np.where(over_hold, np.minimum(open_ms, due_ms - sound.length_ms[1:]), open_ms)
    each_ms = _each(open_ms, missing, sound.length_ms)
    plain = (missing > 0) & (missing == between) & ~over_hold
    _fill_plain(begin, length, sound, np.flatnonzero(plain), each_ms)
    for at in np.flatnonzero((missing > 0) & ~plain).tolist():
        _fill_mixed(begin, length, sound, at, of, float(each_ms[at]), holds if over_hold[at] else None)
    _fill_ends(begin, length, sound, of)
    pause_ms = np.minimum(open_ms - missing * each_ms, passed_ms + JITTER_BUFFER_MS)
    pausing = np.flatnonzero(pause_ms >= np.maximum(sound.length_ms[:-1], SHORTEST_MS))
    return tuple((int(sound.at[at + 1]), float(pause_ms[at])) for at in pausing.tolist())


def _each(open_ms: Floats, missing: Ints, length_ms: Floats) -> Floats:
    """The sound in each missing packet of a gap: what is open between its ends, shared out, if that is no more than a
    packet holds at either end; else as much as in the packet before it, and the rest is a pause.
    """
    shared = open_ms / np.maximum(missing, 1)
    usual = np.where(length_ms >= SHORTEST_MS, length_ms, PTIME_MS)
    longest = np.maximum(usual[:-1], usual[1:])
    return np.where((shared >= SHORTEST_MS) & (shared <= longest + 0.5), shared, usual[:-1])


def _fill_plain(begin: Floats, length: Floats, sound: _Sound, gaps: Ints, each_ms: Floats) -> None:
    """Gaps in which nothing came at all: one after the other, from the end of the sound before."""
    count = sound.at[gaps + 1] - sound.at[gaps] - 1
    order = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    at = np.repeat(sound.at[gaps] + 1, count) + order
    own_ms = np.repeat(each_ms[gaps], count)
    begin[at] = np.repeat(sound.begin_ms[gaps] + sound.length_ms[gaps], count) + order * own_ms
    length[at] = own_ms


def _fill_mixed(
    begin: Floats, length: Floats, sound: _Sound, gap: int, of: Ints, each_ms: float, holds: DueTime | None
) -> None:
    """A gap in which something else came, after which the next spurt may have begun; or one over a hold."""
    first, stop = int(sound.at[gap]) + 1, int(sound.at[gap + 1])
    at = np.flatnonzero(of[first:stop] == _NONE) + first
    length[at] = each_ms
    end = float(sound.begin_ms[gap] + sound.length_ms[gap])
    if holds is not None:
        by = float(holds.by(sound.came_ms[gap : gap + 1])[0])
        passed = holds.when(by + each_ms * np.arange(at.size, dtype=np.float64)) - sound.came_ms[gap]
        begin[at] = end + np.maximum(passed, 0)
        return
    other = np.flatnonzero(of[first:stop] != _NONE) + first
    before = at < other[0]
    begin[at[before]] = end + np.arange(before.sum()) * each_ms
    behind = at[~before]
    begin[behind] = np.maximum(begin[other[0]], sound.begin_ms[gap + 1] - np.arange(behind.size, 0, -1) * each_ms)


def _fill_ends(begin: Floats, length: Floats, sound: _Sound, of: Ints) -> None:
    """What is missing before the first and after the last packet of sound, among others that came."""
    lead = np.flatnonzero(of[: sound.at[0]] == _NONE)
    begin[lead], length[lead] = sound.begin_ms[0], max(float(sound.length_ms[0]), SHORTEST_MS)
    last = int(sound.at[-1])
    tail = np.flatnonzero(of[last + 1 :] == _NONE) + last + 1
    each_ms = max(float(sound.length_ms[-1]), SHORTEST_MS)
    begin[tail], length[tail] = sound.begin_ms[-1] + (1 + np.arange(tail.size)) * each_ms, each_ms


def _believed(sound: _Sound, length: Floats) -> bool:
    """Whether the timestamps make sense: they never go back, and tell of no less than half of the sound."""
    told = float(sound.begin_ms[-1] - sound.begin_ms[0])
    held = float(length[sound.at[0] : sound.at[-1]].sum())
    return bool((np.diff(sound.begin_ms) >= 0).all()) and told >= held / 2


def _filled(kind: Ints) -> Ints:
    """`kind` with that of the last packet of sound where there is none."""
    last = np.maximum.accumulate(np.where(kind == _NONE, _NONE, np.arange(kind.size)))
    return np.where(last == _NONE, _NONE, kind[last])


def _with_dead(line: TimeLine, received: Received, holds: DueTime, dead_ms: float) -> TimeLine:
    """`line` with what did not come any more at its end."""
    sounding = line.length_ms[line.length_ms >= SHORTEST_MS]
    each_ms = float(sounding[-1]) if sounding.size else float(PTIME_MS)
    count = round(dead_ms / each_ms)
    last = np.array([received.came_ms.max()])
    passed = holds.when(holds.by(last) + np.arange(1, count + 1) * each_ms) - last
    return TimeLine(
        np.concatenate((line.begin_ms, line.begin_ms[-1] + passed)),
        np.concatenate((line.length_ms, np.full(count, each_ms))),
        np.concatenate((line.came, np.zeros(count, bool))),
        np.concatenate((line.kind, np.full(count, line.kind[-1]))),
        line.pauses,
        np.concatenate((line.first, np.full(count, _NONE))),
    )
