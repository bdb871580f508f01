"""Since when a probe is as it is, in words."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from voice_portal.cdr.models import ProbeState
from voice_portal.cdr.standing import Standing
from voice_portal.probes.health import Health

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class Since:
    """When the present health began.

    Attributes:
        at: that moment, or the earliest one that was looked at.
        is_older: whether it may have begun before `at`.
        lasted: how long that is ago, as people say it; of what may be older, in the greatest unit alone.
    """

    at: datetime
    is_older: bool
    lasted: str


def since(state: ProbeState, standing: Standing | None, now: datetime) -> Since | None:
    """Since when the probe has its health; None for one that was never called, or is suspended.

    A probe without data is so since its last call: nobody knows about the path from then on.
    """
    health = Health(state.health)
    if health is Health.SUSPENDED or state.last_call_at is None:
        return None
    if health is Health.NO_DATA:
        return Since(state.last_call_at, is_older=False, lasted=lasted(now - state.last_call_at))
    if standing is None or standing.since is None:
        return None
    if standing.health and standing.health != health:
        # It turned after the calls were counted up.
        return Since(state.last_call_at, is_older=False, lasted=lasted(now - state.last_call_at))
    ago = now - standing.since
    return Since(standing.since, standing.is_older, roughly(ago) if standing.is_older else lasted(ago))


def lasted(span: timedelta) -> str:
    """A span in one or two units: `less than a minute`, `35 min`, `2 h 5 min`, `3 d 4 h`."""
    if span < MINUTE:
        return "less than a minute"
    if span < HOUR:
        return f"{span // MINUTE} min"
    if span < DAY:
        return _two(span, HOUR, "h", MINUTE, "min")
    return _two(span, DAY, "d", HOUR, "h")


def roughly(span: timedelta) -> str:
    """A span in its greatest unit, rounded: `24 h` for some seconds less."""
    unit, name = next(((unit, name) for unit, name in ((2 * DAY, "d"), (HOUR, "h")) if span >= unit), (MINUTE, "min"))
    return f"{max(1, round(span / min(unit, DAY)))} {name}"


def _two(span: timedelta, great: timedelta, great_unit: str, small: timedelta, small_unit: str) -> str:
    rest = span % great // small
    return f"{span // great} {great_unit}" + (f" {rest} {small_unit}" if rest else "")
