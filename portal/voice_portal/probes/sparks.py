"""The small line of MOS beside each probe of the overview."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

WIDTH, HEIGHT, MARGIN = 144, 32, 2
LOWEST, HIGHEST = 2.5, 4.5  # a worse MOS is drawn at the bottom


@dataclass(frozen=True)
class Spark:
    """A line without axes, and what it says in words."""

    path: str
    critical_y: float
    description: str


def spark(values: Sequence[float | None], critical: float, span: str) -> Spark:
    """The line through equally spaced values of the last `span`, oldest first; lifted where nothing was measured."""
    commands: list[str] = []
    for index, value in enumerate(values):
        if value is not None:
            joined = index > 0 and values[index - 1] is not None
            x = round(MARGIN + index * (WIDTH - 2 * MARGIN) / max(len(values) - 1, 1), 1)
            commands.append(f"{'L' if joined else 'M'}{x} {_y(value)}{'' if joined else 'h0'}")
    return Spark("".join(commands), _y(critical), _describe([value for value in values if value is not None], span))


def in_words(span: timedelta) -> str:
    """A span as people say it: `12 minutes`, `5.8 hours`."""
    minutes = round(span / timedelta(minutes=1))
    return f"{round(minutes / 60, 1):g} hours" if minutes >= 120 else f"{minutes} minutes"


def _y(mos: float) -> float:
    share = (min(max(mos, LOWEST), HIGHEST) - LOWEST) / (HIGHEST - LOWEST)
    return round(HEIGHT - MARGIN - share * (HEIGHT - 2 * MARGIN), 1)


def _describe(measured: Sequence[float], span: str) -> str:
    if not measured:
        return f"No MOS measured in the last {span}"
    return f"MOS of the last {span}: lowest {min(measured):.2f}, highest {max(measured):.2f}"
