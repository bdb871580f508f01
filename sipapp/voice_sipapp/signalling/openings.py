"""Which calls of other hosts may come without their header, and how many: one for each start that is due. Pure.

A call that is known for certain closes the start that it was made at; then nobody else can take its place.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from voice_sipapp.plan import schedule
from voice_sipapp.plan.probe import Probe
from voice_sipapp.records.calluuid import AFTER, BEFORE

ASKED = timedelta(seconds=60)
"""How long a call that somebody asked for may be on its way."""

MOST_A_START = 10
"""How many legs of a probe whose calls press a code may be listened to for one start."""

Key = tuple[str, str]


class Opening(Enum):
    """Whether a call of a probe may come: none may, one may, or one may of which somebody else has taken the place."""

    NONE = "none"
    OPEN = "open"
    TAKEN = "taken"


@dataclass
class _Taken:
    start: datetime
    at: datetime
    legs: int = 1


class Openings:
    """The starts that are due, and who has come for them. Probes are told by client and name."""

    def __init__(self) -> None:
        self.requested: frozenset[Key] = frozenset()
        """Probes of which somebody asked for a call; any host may place it."""
        self._taken: dict[Key, _Taken] = {}
        self._closed: dict[Key, datetime] = {}
        self._contested: dict[Key, datetime] = {}

    def of(self, probe: Probe, now: datetime) -> Opening:
        """Whether a call of `probe` without a header may come `now`."""
        start = self._start(probe, now)
        if start is None:
            return Opening.NONE
        taken = self._taken.get(probe.key)
        if taken is None or taken.start < start or (probe.confirm and taken.legs < MOST_A_START):
            return Opening.OPEN
        return Opening.TAKEN

    def take(self, probe: Probe, now: datetime) -> None:
        """A leg that may be of `probe` came: nothing but its number tells."""
        start, taken = self._start(probe, now) or now, self._taken.get(probe.key)
        if taken is not None and taken.start >= start:
            taken.legs += 1
        else:
            self._taken[probe.key] = _Taken(start, now)

    def give_back(self, probe: Probe) -> None:
        """That leg was a stranger's."""
        taken = self._taken.get(probe.key)
        if taken is not None and taken.legs > 1:
            taken.legs -= 1
        else:
            self._taken.pop(probe.key, None)

    def contest(self, probe: Probe, now: datetime) -> bool:
        """One more leg came for a place that is taken; whether it is the first one of that start."""
        start, last = self._start(probe, now) or now, self._contested.get(probe.key)
        if last is not None and start - last < AFTER:
            return False
        self._contested[probe.key] = start
        return True

    def close(self, probe: Probe, started_at: datetime) -> None:
        """The call of `probe` that started then is here: it is nobody else's place."""
        self._closed[probe.key] = max(started_at, self._closed.get(probe.key, started_at))

    def keep(self, keys: set[Key]) -> None:
        """Forget the probes that are not in the plan any more."""
        self._taken = {key: taken for key, taken in self._taken.items() if key in keys}
        self._closed = {key: at for key, at in self._closed.items() if key in keys}
        self._contested = {key: start for key, start in self._contested.items() if key in keys}

    def _start(self, probe: Probe, now: datetime) -> datetime | None:
        """The latest start of `probe` at about `now` of which no call is known for certain."""
        closed = self._closed.get(probe.key)
        start = latest_start(probe, now)
        if start is not None and (closed is None or start > closed + AFTER):
            return start
        if probe.key in self.requested and (closed is None or closed < now - ASKED):
            taken = self._taken.get(probe.key)
            return taken.start if taken is not None and taken.at > now - ASKED else now
        return None


def latest_start(probe: Probe, now: datetime) -> datetime | None:
    """The latest moment at about `now` at which the schedule of `probe` makes a host start a call."""
    if probe.suspended:
        return None
    found = None
    try:
        start = schedule.next_start(probe, now - BEFORE)
        while start <= now + AFTER:
            found, start = start, schedule.next_start(probe, start)
    except (ValueError, OverflowError):  # a schedule without a next start
        return found
    return found
