"""When the next call of each probe starts. Pure: the time comes in as an argument.

`every_ms` is a grid on the clock, shifted for each probe by an offset that only its name decides: probes with the same
interval don't all start together, and neither a restart nor a changed plan row moves a probe's calls.
"""

import hashlib
import logging
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from croniter import croniter

from voice_sipapp.plan.probe import Probe

CRON_SPREAD_MS = 20_000
"""Cron knows minutes; probes of the same minute are spread over its first seconds."""

HANDOVER_MS = 6_000
"""How long it may take until another host calls a probe that this one leaves: two looks at the leases and some time."""

CLOCK_STEP = timedelta(seconds=5)
"""A clock that is set back by more than this makes the next starts of its own; by less, they only come a bit later."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)

log = logging.getLogger(__name__)


def offset_ms(client: str, probe: str, span_ms: int) -> int:
    """Where in `span_ms` (0 … span_ms - 1) this probe's calls start: the same for ever, on every host."""
    digest = hashlib.sha256(f"{client}/{probe}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % span_ms


def next_start(probe: Probe, after: datetime) -> datetime:
    """The first start of a call of `probe` later than `after` (with a time zone), in UTC."""
    if probe.every_ms is not None:
        offset = offset_ms(probe.client, probe.probe, probe.every_ms)
        elapsed = (after - _EPOCH) // _MILLISECOND
        slots = (elapsed - offset) // probe.every_ms + 1
        return _EPOCH + timedelta(milliseconds=slots * probe.every_ms + offset)
    return _next_cron(probe, after)


def _next_cron(probe: Probe, after: datetime) -> datetime:
    spread = timedelta(milliseconds=offset_ms(probe.client, probe.probe, CRON_SPREAD_MS))
    return _next_on_clock(probe.schedule or "", ZoneInfo(probe.time_zone), after - spread) + spread


def _next_on_clock(schedule: str, zone: ZoneInfo, after: datetime) -> datetime:
    """The first moment later than `after` at which the cron `schedule` is due by the clock of `zone`, in UTC.

    What time it is there does not run evenly: times that a change of the clock leaves out are due together, when the
    clock has passed them, and those that come twice are due twice. croniter is asked about the calendar alone, for what
    it makes of changes is neither: at one of half an hour it leaves starts out (findings/croniter-half-hour.sh), and
    6.0 does so at any.
    """
    after = after.astimezone(UTC)
    ahead = _ahead(zone, after)
    shown = _naive(after) + ahead
    while True:
        due: datetime = croniter(schedule, shown).get_next(datetime)
        moment = (due - ahead).replace(tzinfo=UTC)
        change = _change(zone, ahead, after, moment)
        if change is None:
            return moment
        ahead = _ahead(zone, change)
        first = _naive(change) + ahead
        if due <= first:  # left out by the change, or due with its first moment
            return change
        after, shown = change, first - _SECOND  # the first moment may itself be due


def _change(zone: ZoneInfo, ahead: timedelta, after: datetime, until: datetime) -> datetime | None:
    """When the clock of `zone`, which is `ahead` of UTC at `after`, is first changed by `until`; None where it is not.

    No zone ever changed its clock twice within a day, and none but at a whole second.
    """
    early = after.replace(microsecond=0)
    while early < until:
        late = min(early + _DAY, until)
        if _ahead(zone, late) != ahead:
            break
        early = late
    else:
        return None
    seconds = range(1, (late - early) // _SECOND + 1)
    first = bisect_left(seconds, True, key=lambda second: _ahead(zone, early + second * _SECOND) != ahead)
    return early + seconds[first] * _SECOND


def _ahead(zone: ZoneInfo, moment: datetime) -> timedelta:
    """How far the clock of `zone` is ahead of UTC at that moment."""
    return moment.astimezone(zone).utcoffset() or timedelta(0)


def _naive(moment: datetime) -> datetime:
    """A `moment` in UTC, without saying so."""
    return moment.replace(tzinfo=None)


class Schedule:
    """The probes of the plan, when each is next due, and which of them has a call up."""

    def __init__(self) -> None:
        self._probes: dict[tuple[str, str], Probe] = {}
        self._next: dict[tuple[str, str], datetime] = {}
        self._calling: Counter[tuple[str, str]] = Counter()
        self._asked_at: datetime | None = None

    def update(
        self, probes: Iterable[Probe], now: datetime, free_since: Mapping[tuple[str, str], datetime] | None = None
    ) -> None:
        """Take over a new plan. A probe whose timing did not change keeps its next start. Of one that came from another
        host, which left it at the moment `free_since`, the start that fell into the time between is made up for.
        """
        plan = {probe.key: probe for probe in probes if not probe.suspended}
        starts: dict[tuple[str, str], datetime] = {}
        for key, probe in plan.items():
            known = self._probes.get(key)
            same = known is not None and _timing(known) == _timing(probe)
            since = min(now, (free_since or {}).get(key, now))
            start = self._next.get(key) if same else _start(probe, since)
            if start is not None:
                starts[key] = start
        self._probes, self._next = plan, starts

    def due(self, now: datetime) -> list[Probe]:
        """The probes whose call starts now. Each is then busy until `ended`; a start that falls into a call that is
        still up (unless the probe allows overlaps), or that was slept through, is left out and not made up for.
        """
        if self._asked_at is not None and now < self._asked_at - CLOCK_STEP:
            log.warning("this host's clock was set back by %s", self._asked_at - now)
            found = {key: _start(probe, now) for key, probe in self._probes.items()}
            self._next = {key: start for key, start in found.items() if start is not None}
        self._asked_at = now
        starting = [key for key, start in self._next.items() if start <= now]
        for key in starting:
            following = _start(self._probes[key], now)
            if following is None:
                del self._next[key]
            else:
                self._next[key] = following
        free = [key for key in starting if not self.busy(key) or self._probes[key].allow_overlap]
        self._calling.update(free)
        return [self._probes[key] for key in free]

    def busy(self, key: tuple[str, str]) -> bool:
        """Whether a call of the probe `key` is up."""
        return self._calling[key] > 0

    def begin(self, key: tuple[str, str]) -> None:
        """A call of the probe `key` starts that was not `due`."""
        self._calling[key] += 1

    def following(self, key: tuple[str, str]) -> datetime | None:
        """When the next call of the probe `key` is due; None if never."""
        return self._next.get(key)

    def leave(self, key: tuple[str, str], now: datetime) -> bool:
        """Stop calling the probe `key`, which another host takes over; False if this is no moment for it.

        That is while a call is up, and shortly before the next one, which would be late then; of a probe that is called
        all the time there is no better moment.
        """
        probe, start = self._probes.get(key), self._next.get(key)
        if self.busy(key) or (start is not None and start <= now):
            return False
        often = probe is not None and probe.every_ms is not None and probe.every_ms <= 2 * HANDOVER_MS
        if start is not None and not often and start - now < timedelta(milliseconds=HANDOVER_MS):
            return False
        self._probes.pop(key, None)
        self._next.pop(key, None)
        return True

    def ended(self, key: tuple[str, str]) -> None:
        """A call of the probe `key` is over."""
        self._calling[key] -= 1
        if self._calling[key] <= 0:
            del self._calling[key]


def _start(probe: Probe, now: datetime) -> datetime | None:
    """The next start of `probe`, or None where it has none: one probe's schedule never stops the others'."""
    try:
        return next_start(probe, now)
    except (ValueError, OverflowError) as error:
        log.warning("%s/%s is not called any more: %s", *probe.key, error)
        return None


def _timing(probe: Probe) -> tuple[int | None, str | None, str]:
    return probe.every_ms, probe.schedule, probe.time_zone
