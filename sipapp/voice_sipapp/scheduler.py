"""When this host calls: what is due by the plan, what somebody asked for, and what its limits let start now.

Runs in the event loop's thread, but for `let_go`, `accepts` and `request`.
"""

import logging
import queue
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

from voice_sipapp.plan.leaseholder import clock
from voice_sipapp.plan.leases import Lease
from voice_sipapp.plan.limits import Turn, Turns
from voice_sipapp.plan.probe import Probe
from voice_sipapp.plan.requests import Pending, Request
from voice_sipapp.plan.schedule import Schedule

LET_GO_S = 1.0
"""How long another thread waits for the event loop's to leave probes."""

UNSCHEDULED = timedelta(minutes=1)
"""How long the last call of a schedule that ends may wait in the admission queue."""

log = logging.getLogger(__name__)


class Placing(Protocol):
    """What places calls."""

    @property
    def up(self) -> Mapping[str, int]:
        """How many calls of each client are up."""

    def place(self, probe: Probe, request_id: int | None, over: Callable[[], None]) -> UUID:
        """Start a call of `probe`, or write down why there can't be one; `over` is told when it is over."""

    def refuse(
        self, probe: Probe, disposition: str, reason: str, request_id: int | None, over: Callable[[], None]
    ) -> UUID:
        """Write down for what `reason` `probe` is not called."""


class Scheduler:
    """Has `outbound` place what is due, as `admission_queue` lets it start. `may_call` is asked before scheduled calls,
    `active` how many calls are up. `submit` runs an action in the event loop's thread, from any other.
    """

    def __init__(
        self,
        outbound: Placing,
        admission_queue: Turns,
        active: Callable[[], int],
        may_call: Callable[[], bool],
        submit: Callable[[Callable[[], None]], None],
    ) -> None:
        self.answered_requests: queue.SimpleQueue[tuple[int, UUID]] = queue.SimpleQueue()
        """Requests of which a call came, and the call."""
        self.skipped = 0
        """How many calls were left out because the limits let none start in time."""
        self._outbound = outbound
        self._queue = admission_queue
        self._active = active
        self._may_call = may_call
        self._submit = submit
        self._pending = Pending()
        self._schedule = Schedule()
        self._probes: dict[tuple[str, str], Probe] = {}

    def update(
        self,
        probes: Iterable[Probe],
        now: datetime,
        held: frozenset[Lease] | None = None,
        free_since: Mapping[tuple[str, str], datetime] | None = None,
    ) -> None:
        """Take over a new plan, and call what this host holds of it; all of it where there are no leases (None).
        `free_since`: when another host left the probes that are new here.
        """
        self._probes = {probe.key: probe for probe in probes}
        called = [probe for key, probe in self._probes.items() if held is None or Lease(*key, "dialer") in held]
        self._schedule.update(called, now, free_since)

    def let_go(self, leases: frozenset[Lease]) -> tuple[frozenset[Lease], float]:
        """Stop calling those of `leases` that can be left now, and return them, with the `clock()` of that moment. For
        other threads than the event loop's.
        """
        answer: Future[tuple[frozenset[Lease], float]] = Future()

        def leave() -> None:
            if not answer.set_running_or_notify_cancel():
                return  # nobody waits any more: who left them now would leave them to nobody
            now, moment = datetime.now(UTC), clock()
            left = frozenset(lease for lease in leases if lease.party != "dialer" or self._leave(lease[:2], now))
            answer.set_result((left, moment))

        self._submit(leave)
        try:
            return answer.result(LET_GO_S)
        except TimeoutError:
            if answer.cancel():
                return frozenset(), clock()
            return answer.result(LET_GO_S)

    def _leave(self, key: tuple[str, str], now: datetime) -> bool:
        return not self._pending.has(key) and self._schedule.leave(key, now)

    def accepts(self, key: tuple[str, str]) -> bool:
        """Whether a call of the probe `key` that somebody asks for could start soon. For any thread."""
        probe = self._probes.get(key)
        return probe is not None and (probe.allow_overlap or not (self._schedule.busy(key) or self._pending.has(key)))

    def request(self, request: Request, heard_at: float) -> None:
        """Call what this host claimed; `heard_at` is the time.monotonic() of the request's age. For any thread."""
        self._submit(lambda: self._pending.add(request, heard_at))

    def tick(self, now: datetime, moment: float) -> None:
        """Start what is due and may start `now`, which is the `moment` (s) of a steady clock, that of `request`."""
        if self._may_call():
            self._queue_scheduled(now, moment)
        self._queue_requested(moment)
        starting, late = self._queue.take(moment, self._active(), self._outbound.up)
        for turn in late:
            self._skip(turn)
        for turn in starting:
            probe = turn.probe
            self._answer(turn, self._outbound.place(probe, turn.request_id, self._ended(probe)))

    def _queue_scheduled(self, now: datetime, moment: float) -> None:
        for probe in self._schedule.due(now):
            following = self._schedule.following(probe.key) or now + UNSCHEDULED
            self._queue.add(Turn(probe, moment + (following - now).total_seconds()))

    def _queue_requested(self, moment: float) -> None:
        def busy(key: tuple[str, str]) -> bool:
            return key in self._probes and not self._probes[key].allow_overlap and self._schedule.busy(key)

        starting, stale = self._pending.take(moment, busy)
        for request, stale_at in starting:
            probe = self._probes.get(request.key)
            if probe is None:
                log.warning("the call of %s/%s that was asked for is not made: the probe is gone", *request.key)
            else:
                self._schedule.begin(request.key)
                self._queue.add(Turn(probe, stale_at, request.id))
        for request in stale:
            log.warning("the call of %s/%s that was asked for is not made: the one before took too long", *request.key)

    def _skip(self, turn: Turn) -> None:
        probe = turn.probe
        self.skipped += 1
        log.warning("a call of %s/%s is left out: this host's limits gave it no turn in time (%d so far)",
                    *probe.key, self.skipped)  # fmt: skip
        if turn.request_id is None:
            self._schedule.ended(probe.key)
        else:  # somebody waits for it
            reason = "This host's limits gave the call no turn."
            self._answer(turn, self._outbound.refuse(probe, "failed", reason, turn.request_id, self._ended(probe)))

    def _ended(self, probe: Probe) -> Callable[[], None]:
        return lambda: self._schedule.ended(probe.key)

    def _answer(self, turn: Turn, call: UUID) -> None:
        """Tell that `call` came of what was asked for."""
        if turn.request_id is not None:
            self.answered_requests.put((turn.request_id, call))
