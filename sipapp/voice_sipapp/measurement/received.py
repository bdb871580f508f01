"""The packets of a stream as columns, in order of arrival: when each came, its number, what sound it holds and when."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voice_sipapp.measurement.holds import DueTime
from voice_sipapp.measurement.lengths import sound_ms
from voice_sipapp.measurement.sources import SHORTEST_MS
from voice_sipapp.media.rtppacket import Packet

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


_STEPS = 25
_STEADY = 0.95
"""So many steps, and so large a share of them that are alike, show what the packets hold."""


@dataclass(frozen=True)
class Received:
    """A column each, an entry a packet.

    `number` counts from the stream's lowest; `came_ms` is the arrival and `sent_ms` the timestamp, both from the first
    packet of sound on (a timestamp of what is no sound means nothing); `length_ms` is the sound in it, 0 where there is
    none; `kind` its payload type. `sound` is what a listener was to hear: `held` came while nothing was due. `noise` is
    comfort noise. `source` changes where another source, or the same with new numbers, takes over.
    """

    number: Ints
    came_ms: Floats
    sent_ms: Floats
    length_ms: Floats
    kind: Ints
    sound: Bools
    held: Bools
    noise: Bools
    source: Ints

    @property
    def sounding(self) -> Bools:
        """Which hold sound, on hold or not."""
        return self.length_ms > 0


def columns(
    stream: Sequence[Packet], clock_hz: int, codecs: Mapping[int, str], noise: Collection[int], holds: DueTime
) -> Received:
    """`stream` (not empty) as columns. `holds` counts from the arrival of its first packet of sound, as `base_ns`."""
    number = np.array([packet.sequence for packet in stream], np.int64)
    kind = np.array([packet.payload_type for packet in stream], np.int64)
    length_ms = _lengths(stream, kind, codecs)
    start = stream[int(np.argmax(length_ms > 0))]
    came_ms = np.array([packet.arrival_ns - start.arrival_ns for packet in stream], np.int64) / 1e6
    ticks = np.array([packet.timestamp - start.timestamp for packet in stream], np.int64)
    sent_ms = ticks * 1000 / clock_hz
    length_ms *= _factor(number, came_ms, sent_ms, length_ms)
    source = np.array([packet.ssrc << 24 | packet.restarts & 0xFFFFFF for packet in stream], np.int64)
    held = holds.held(came_ms, source)
    return Received(
        number=number - number.min(),
        came_ms=came_ms,
        sent_ms=sent_ms,
        length_ms=length_ms,
        kind=kind,
        sound=(length_ms > 0) & ~held,
        held=held,
        noise=np.isin(kind, list(noise)) & (length_ms == 0),
        source=source,
    )


def base_ns(stream: Sequence[Packet]) -> int:
    """The moment from which all times count: when the first packet of sound came, or the first at all."""
    return next((packet for packet in stream if packet.is_sound and packet.payload), stream[0]).arrival_ns


def _lengths(stream: Sequence[Packet], kind: Ints, codecs: Mapping[int, str]) -> Floats:
    """The sound in each packet, in ms."""
    found = np.zeros(len(stream))
    for each in set(kind.tolist()):
        own = np.flatnonzero(kind == each)
        if each in codecs:
            found[own] = sound_ms((stream[at] for at in own.tolist()), codecs[each])
    return found


def _factor(number: Ints, came_ms: Floats, sent_ms: Floats, length_ms: Floats) -> float:
    """By how much more sound the packets hold than their payloads tell: 1, unless these are of no usual length, and the
    steps of timestamps and arrivals agree on another one throughout. Then the payloads are not whole (as in a capture
    of headers), or more.
    """
    steps = np.flatnonzero((np.diff(number) == 1) & (length_ms[:-1] > 0) & (length_ms[1:] > 0))
    if steps.size < _STEPS or float(np.median(length_ms[steps])) % SHORTEST_MS == 0:
        return 1.0
    told = np.diff(sent_ms)[steps] / length_ms[steps]
    factor = float(np.median(told))
    steady = np.abs(told - factor) < 0.01 * factor  # all but pauses
    if float(steady.mean()) <= _STEADY or abs(factor - 1) < 0.01:
        return 1.0
    took = float(np.diff(came_ms)[steps][steady].sum() / length_ms[steps][steady].sum())
    return factor if 0.8 < took / factor < 1.25 else 1.0
