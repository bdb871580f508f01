"""How many packets are missing between two that came, where numbers alone can't tell: around holds, from one source to
the next, at the end.

Within a hold nothing was due. Who suppresses silence (comfort noise, RFC 3389; or pauses without any, RFC 3551,
section 4.1) sends nothing while nobody speaks, on whichever side of a hold. Who does not was to send all the time.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from voice_sipapp.measurement.holds import RESUMES_MS, UNDER_WAY_MS, DueTime
from voice_sipapp.measurement.playout import JITTER_BUFFER_MS
from voice_sipapp.measurement.received import Received
from voice_sipapp.measurement.sources import LONGEST_OUTAGE_MS, PTIME_MS, SHORTEST_MS

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

DEAD_MS = 2000.0
"""Where nothing came for longer before the end of a call, the stream had died. Both ends do not hang up at once."""

_STANDS_MS = 100.0
"""Timestamps that are further than this from the time that passed on hold did not follow it."""


@dataclass(frozen=True)
class _Gap:
    """Between two packets, neighbours by number: how many numbers are missing, how much time was due until the hold
    that lies between and from there on (all before, where there is none); the sound in the packet before it, and how
    many such packets there was room for. `in_silence`: that one was comfort noise; `noisy`: the sender sends such.
    `anew`: what follows is of another source, and numbers tell nothing.
    """

    missing: int
    before_ms: float
    after_ms: float
    last_ms: float
    room: int
    in_silence: bool
    noisy: bool
    anew: bool

    @property
    def due_ms(self) -> float:
        return self.before_ms + self.after_ms


def adjusted(received: Received, holds: DueTime) -> Received:
    """`received` with numbers that count what was due and nothing else, and with timestamps that go on as time does
    over holds.
    """
    number, first, inverse = np.unique(received.number, return_index=True, return_inverse=True)
    if number.size < 2:
        return received
    came_ms = received.came_ms[first]
    passed_ms, due_ms = np.diff(came_ms), np.diff(holds.by(came_ms))
    over_hold = due_ms < passed_ms - 1
    missing = np.diff(number) - 1
    seam = (np.diff(received.source[first]) != 0) & (missing > 0)
    doubtful = seam | (over_hold & ((missing > 0) | (due_ms > RESUMES_MS)))
    if not over_hold.any() and not doubtful.any() and received.sounding.all():
        return received
    steady = _steadied(received, holds)
    suppressed_ms = longest_pause_ms(steady, holds)
    counted = missing.copy()
    for at in np.flatnonzero(doubtful).tolist():
        gap = _gap(steady, holds, first[at], first[at + 1], int(missing[at]))
        counted[at] = _on_hold(gap, suppressed_ms) if over_hold[at] else _at_a_seam(gap, suppressed_ms)
    renumbered = np.concatenate(([0], np.cumsum(counted + 1)))
    return replace(steady, number=renumbered[inverse])


def _gap(received: Received, holds: DueTime, last: int, following: int, missing: int) -> _Gap:
    ends = received.came_ms[[last, following]]
    due_ms = float(np.diff(holds.by(ends))[0])
    before_ms = min(due_ms, float(holds.before_hold(ends[:1])[0])) if holds.edges.size else due_ms
    last_ms = _usual(received.length_ms, last, -1)
    # A packet leaves when the sound in it ends: so much of the time is its own, if it was due.
    next_ms = 0.0 if received.held[following] else _usual(received.length_ms, following, 1)
    return _Gap(
        missing=missing,
        before_ms=before_ms,
        after_ms=due_ms - before_ms,
        last_ms=last_ms,
        room=max(0, round((due_ms - next_ms) / last_ms)),
        in_silence=bool(received.noise[last]),
        noisy=bool(received.noise.any()),
        anew=bool(received.source[last] != received.source[following]),
    )


def _usual(lengths_ms: Floats, at: int, step: int) -> float:
    """The sound in the packet `at`, or in the next one with any, on this side of a gap."""
    side = lengths_ms[at::step]
    found = side[side >= SHORTEST_MS]
    return float(found[0]) if found.size else float(PTIME_MS)


def _at_a_seam(gap: _Gap, pause_ms: float) -> int:
    """How many packets count as lost where another source took over. `pause_ms` is the longest pause that the sender
    made elsewhere. Two arrivals tell no better than their jitter, and what a buffer bridges is no outage.
    """
    bridged = gap.missing * gap.last_ms <= JITTER_BUFFER_MS
    return 0 if bridged or gap.in_silence or gap.due_ms <= 2 * pause_ms else gap.missing


def _on_hold(gap: _Gap, pause_ms: float) -> int:
    """How many packets count as lost in a gap with a hold in it: what numbers tell of, if there was room for it in the
    time that was due; where there was more room, all of it, but for who is silent.
    """
    told = gap.missing if gap.missing <= gap.room and not gap.anew else 0
    if max(gap.before_ms, gap.after_ms) <= RESUMES_MS:
        return told
    if gap.in_silence or gap.due_ms <= 2 * pause_ms:
        return told
    if gap.noisy:  # after the hold it may have been silent without another packet that says so
        return max(told, round(gap.before_ms / gap.last_ms) if gap.before_ms > RESUMES_MS else 0)
    # Numbers tell best, where they tell of as much as the time; more of them went by on hold.
    close = -UNDER_WAY_MS <= (gap.missing - gap.room) * gap.last_ms <= JITTER_BUFFER_MS
    return gap.missing if close and not gap.anew else gap.room


def _steadied(received: Received, holds: DueTime) -> Received:
    """`received` with timestamps that go on as time does over each hold, where they stood still or began anew, and over
    keys and comfort noise, after which some senders go on where they were before.
    """
    sounding = np.flatnonzero(received.sounding)
    order = sounding[np.argsort(received.number[sounding], kind="stable")]
    came_ms, sent_ms, length_ms = (each[order] for each in (received.came_ms, received.sent_ms, received.length_ms))
    passed_ms = np.diff(came_ms)
    off_ms = passed_ms + length_ms[:-1] - length_ms[1:] - np.diff(sent_ms)
    over_hold = np.diff(holds.by(came_ms)) < passed_ms - 1
    others = np.cumsum(np.bincount(received.number[~received.sounding], minlength=int(received.number.max()) + 1))
    over_others = np.diff(others[received.number[order]]) > 0
    stood = over_others & (off_ms > _STANDS_MS / 2) & (np.abs(off_ms + length_ms[:-1] - passed_ms) < _STANDS_MS)
    shifts = np.where((over_hold & (np.abs(off_ms) > _STANDS_MS)) | stood, off_ms, 0.0)
    if not shifts.any():
        return received
    moved = received.sent_ms.copy()
    moved[order] += np.concatenate(([0.0], np.cumsum(shifts)))
    return replace(received, sent_ms=moved)


def longest_pause_ms(received: Received, holds: DueTime) -> float:
    """The longest time in which the sender sent nothing, as its timestamps tell, with no number missing and no hold in
    between; 0 for one that never pauses.
    """
    number, first = np.unique(received.number, return_index=True)
    sounding = received.sounding[first]
    number, at = number[sounding], first[sounding]
    if number.size < 2:
        return 0.0
    came_ms, sent_ms, length_ms = received.came_ms[at], received.sent_ms[at], received.length_ms[at]
    passed_ms = np.diff(came_ms)
    quiet_ms = np.minimum(np.diff(sent_ms) - length_ms[:-1], passed_ms)
    plain = (np.diff(holds.by(came_ms)) >= passed_ms - 1) & _all_came(received.number, number)
    plain &= np.diff(received.source[at]) == 0
    pauses = quiet_ms[plain & (quiet_ms >= length_ms[:-1])]
    return float(pauses.max(initial=0.0))


def _all_came(came: Ints, number: Ints) -> Bools:
    """Between which neighbours among `number` no number is missing in `came`."""
    there = np.cumsum(np.bincount(came, minlength=int(came.max()) + 1) > 0)
    found: Bools = there[number[1:]] - there[number[:-1]] == np.diff(number)
    return found


def died_ms(received: Received, holds: DueTime, until_ms: float) -> float:
    """How much time was due after a stream that died, up to its listener's end, `until_ms`; 0 for one that did not."""
    if received.noise[received.number == received.number.max()].any():
        return 0.0
    ends = np.array([received.came_ms.max(), until_ms])
    quiet_ms = min(float(np.diff(holds.by(ends))[0]), float(LONGEST_OUTAGE_MS))
    return quiet_ms if quiet_ms > DEAD_MS and quiet_ms > 2 * longest_pause_ms(received, holds) else 0.0
