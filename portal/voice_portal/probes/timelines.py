"""All probes of a client over a time: for each a line of its health and one of its MOS. Pure.

A call stands for the time until the next one, for three intervals at most: then the probe has no data.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby, zip_longest

from voice_portal.cdr.models import ProbeState
from voice_portal.cdr.periods import HealthSlot
from voice_portal.probes.health import Health
from voice_portal.probes.since import roughly
from voice_portal.probes.sparks import Spark, spark

SLOTS = 60
WIDTH, HEIGHT = 300, 24
INTERVAL_OF_SCHEDULES = timedelta(hours=8)
"""What a probe without an interval is given by the view that judges it, too."""

HEALTHS = (Health.HEALTHY, Health.DEGRADED, Health.UNHEALTHY)
"""As a slot numbers them."""


@dataclass(frozen=True)
class Cell:
    """Neighbouring slots of the same health; the graver it is, the taller: colour alone says nothing to some."""

    css: str
    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True)
class Timeline:
    """A probe over the time: `description` is for who does not see the cells; `worst` is the gravest health in it."""

    state: ProbeState
    health: Health
    cells: Sequence[Cell]
    description: str
    spark: Spark
    calls: int
    worst: Health | None


def timelines(
    states: Sequence[ProbeState], slots: Mapping[str, Sequence[HealthSlot]], span: timedelta
) -> list[Timeline]:
    """The probes, those that stood worst in the time first; `slots` are SLOTS of it, `span` is its length."""
    found = [_timeline(state, slots.get(state.probe, ()), span) for state in states]
    return sorted(found, key=_rank)


def _timeline(state: ProbeState, called: Sequence[HealthSlot], span: timedelta) -> Timeline:
    interval = timedelta(milliseconds=state.every_ms) if state.every_ms else INTERVAL_OF_SCHEDULES
    parts = list(_lasting(called, 3 * interval // (span / SLOTS)))
    mos: list[float | None] = [None] * SLOTS
    for part in parts:
        mos[part.slot] = part.mos
    return Timeline(
        state=state,
        health=Health(state.health),
        cells=list(_cells(parts, span / SLOTS)),
        description=_told(parts, span),
        spark=spark(mos, float(state.mos_critical), roughly(span)),
        calls=sum(sum(slot.calls) for slot in called),
        worst=HEALTHS[max(part.gravest for part in parts)] if parts else None,
    )


@dataclass(frozen=True)
class _Part:
    """A slot that calls say something about: the gravest health, and the calls of each health that began in it."""

    slot: int
    gravest: int
    calls: tuple[int, int, int]
    mos: float | None


def _lasting(called: Sequence[HealthSlot], longest: int) -> Iterator[_Part]:
    """The slots with calls, and those after each that it stands for: until the next, at most `longest`."""
    for slot, following in zip_longest(called, called[1:]):
        part = _Part(slot.slot, max(place for place, number in enumerate(slot.calls) if number), slot.calls, slot.mos)
        yield part
        until = SLOTS if following is None else following.slot
        for empty in range(part.slot + 1, min(until, part.slot + 1 + longest)):
            yield _Part(empty, part.gravest, (0, 0, 0), part.mos)


def _cells(parts: Sequence[_Part], width: timedelta) -> Iterator[Cell]:
    """Runs of one health: slots of a run have the same difference to their place among the slots that there are."""
    for (gravest, _), run in groupby(enumerate(parts), lambda pair: (pair[1].gravest, pair[1].slot - pair[0])):
        those = [part for _, part in run]
        health, height, scale = HEALTHS[gravest], HEIGHT * (gravest + 1) / len(HEALTHS), WIDTH / SLOTS
        title = f"{roughly(width * len(those))}, at worst {health.label.lower()}: {_counted(those)}"
        yield Cell(health.css, those[0].slot * scale, HEIGHT - height, len(those) * scale, height, title)


def _told(parts: Sequence[_Part], span: timedelta) -> str:
    """How many calls had which health, and how long there was none: `3 calls unhealthy, 69 healthy; none in 48 min`."""
    if not parts:
        return "No call that counts."
    empty = SLOTS - len(parts)
    return _counted(parts) + (f"; no data in {roughly(span / SLOTS * empty)}" if empty else "")


def _counted(parts: Sequence[_Part]) -> str:
    """How many calls had which health, the gravest first: `3 unhealthy, 2 degraded of 72 calls`, `72 calls healthy`."""
    healthy, *bad = (sum(numbers) for numbers in zip(*(part.calls for part in parts), strict=True))
    total = healthy + sum(bad)
    told = [f"{number} {health.label.lower()}" for health, number in zip(HEALTHS[1:], bad, strict=True) if number]
    if not told:
        return f"{total} {'call' if total == 1 else 'calls'} healthy"
    return f"{', '.join(reversed(told))} of {total} {'call' if total == 1 else 'calls'}"


def _rank(timeline: Timeline) -> tuple[object, ...]:
    """For sorting: the graver and the more of it, the earlier; without calls last."""
    worst = timeline.worst
    much = sum(cell.width for cell in timeline.cells if worst is not None and cell.css == worst.css)
    return (worst is None, worst and worst.severity, -much, timeline.state.display_name.casefold())
