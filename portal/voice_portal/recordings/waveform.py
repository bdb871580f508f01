"""A recording as a drawing: its wave form over seconds, and the same in words. Pure; a template draws it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

WIDTH, HEIGHT, MARGIN = 640, 112, 8
AXIS = 24  # below the wave form, for the seconds
TICK_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200)
MOST_TICKS = 7

# Of 128: −39 dB of the full scale. Speech that is sent has its peaks at −10 dB.
QUIET_PEAK = 1
SHORTEST_SILENCE_S = 2.0
"""Speech pauses for less."""

Pairs = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Silence:
    """Nothing to be heard from second `begin` to `end`, drawn from `x` on."""

    begin: float
    end: float
    x: float
    width: float


@dataclass(frozen=True)
class Waveform:
    """A wave form, ready for the template: an SVG path around it, its ticks as (x, label), and its silences."""

    path: str
    ticks: Sequence[tuple[float, str]]
    silences: Sequence[Silence]
    description: str


def pairs_of(peaks: bytes) -> list[tuple[int, int]]:
    """Lowest and highest sample of each stretch, of 128, as they are in `voice_call_recording.peaks`."""
    values = [octet - 256 if octet > 127 else octet for octet in peaks]
    return list(zip(values[::2], values[1::2], strict=False))


def draw(name: str, peaks: bytes, duration_ms: int) -> Waveform | None:
    """The wave form of the recording called `name` (`forward`); None where there is nothing to be drawn."""
    pairs, seconds = pairs_of(peaks), duration_ms / 1000
    if not pairs or seconds <= 0:
        return None
    silences = list(_silences(pairs, seconds))
    return Waveform(_path(pairs), list(_ticks(seconds)), silences, _describe(name, seconds, silences))


def _path(pairs: Pairs) -> str:
    """Along the highest samples to the right, and back along the lowest. The full height is the full scale, or half of
    it where nothing is louder.
    """
    step = WIDTH / len(pairs)
    full = 64 if all(abs(sample) <= 64 for pair in pairs for sample in pair) else 128
    there = [f"{round(at * step, 1):g} {_y(high / full)}" for at, (_, high) in enumerate(pairs)]
    back = [f"{round(at * step, 1):g} {_y(low / full)}" for at, (low, _) in enumerate(pairs)]
    end = [f"{WIDTH} {_y(pairs[-1][1] / full)}", f"{WIDTH} {_y(pairs[-1][0] / full)}"]
    return "M" + "L".join([*there, *end, *reversed(back)]) + "Z"


def _y(sample: float) -> float:
    """Pixels from the top of what is between −1 and 1; silence is a thin line and not nothing."""
    middle = HEIGHT / 2
    shift = sample * (middle - MARGIN)
    return round(middle - (shift if abs(shift) >= 0.5 else 0.5 if sample >= 0 else -0.5), 1)


def _ticks(seconds: float) -> Iterator[tuple[float, str]]:
    step = next((each for each in TICK_SECONDS if seconds / each <= MOST_TICKS), round(seconds / MOST_TICKS))
    for second in range(0, int(seconds) + 1, step):
        x = second / seconds * WIDTH
        if x <= WIDTH - 30:  # else its label would be cut off
            yield round(x, 1), f"{second} s"


def _silences(pairs: Pairs, seconds: float) -> Iterator[Silence]:
    """Where nothing was louder than QUIET_PEAK for long."""
    each_s, at = seconds / len(pairs), 0
    for is_quiet, group in groupby(pairs, lambda pair: max(abs(pair[0]), abs(pair[1])) <= QUIET_PEAK):
        length = len(list(group))
        if is_quiet and length * each_s >= SHORTEST_SILENCE_S:
            x, width = (round(count * WIDTH / len(pairs), 1) for count in (at, length))
            yield Silence(at * each_s, (at + length) * each_s, x, width)
        at += length


def _describe(name: str, seconds: float, silences: Sequence[Silence]) -> str:
    said = [f"from {one.begin:.0f} s to {one.end:.0f} s" for one in silences]
    if sum(one.end - one.begin for one in silences) > seconds - 0.5:
        silent = "; silent throughout"
    else:
        silent = f"; silent {' and '.join(said)}" if said else ""
    return f"Recording of {seconds:.1f} s, {name}{silent}"
