"""When calls start: the plan, what somebody asked for and the limits together, in virtual time."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from uuid import UUID, uuid4

import pytest

from tests.unit.sipapp.bench import a_probe
from voice_sipapp import scheduler
from voice_sipapp.inbox import Inbox
from voice_sipapp.plan.leases import Lease
from voice_sipapp.plan.limits import Turns
from voice_sipapp.plan.probe import Probe
from voice_sipapp.plan.requests import Request
from voice_sipapp.scheduler import Scheduler

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEY = ("acme", "sales")


class Placed:
    """Stands in for what places calls: they are up until the test ends them."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int | None, Callable[[], None]]] = []
        self.refused: list[tuple[str, str, int | None]] = []
        self.up: Counter[str] = Counter()

    def place(self, probe: Probe, request_id: int | None, over: Callable[[], None]) -> UUID:
        self.up[probe.client] += 1
        self.calls.append((probe.probe, request_id, over))
        return uuid4()

    def refuse(
        self, probe: Probe, disposition: str, reason: str, request_id: int | None, over: Callable[[], None]
    ) -> UUID:
        self.refused.append((probe.probe, reason, request_id))
        over()
        return uuid4()

    def end(self) -> None:
        """The first call that is up is over."""
        _, _, over = self.calls.pop(0)
        self.up.subtract(["acme"])
        over()


class Hours:
    """A scheduler, and its time."""

    def __init__(self, *probes: Probe, limits: Turns | None = None) -> None:
        self.placed, self.inbox, self.may_call = Placed(), Inbox(), True
        self.scheduler = Scheduler(
            self.placed, Turns() if limits is None else limits, self.placed.up.total, lambda: self.may_call,
            self.inbox.submit,
        )  # fmt: skip
        self.seconds = 0.0
        self.scheduler.update(probes, START)

    def run(self, seconds: float) -> list[str]:
        """Let that time go by; returns the probes that were called."""
        before = len(self.placed.calls)
        for _ in range(round(seconds / 0.05)):
            self.inbox.work()
            self.scheduler.tick(START + timedelta(seconds=self.seconds), self.seconds)
            self.seconds += 0.05
        return [probe for probe, *_ in self.placed.calls[before:]]


def scheduled(name: str = "sales", every_s: int = 60) -> Probe:
    return a_probe(5060, probe=name, every_ms=every_s * 1000)


def test_a_probe_is_called_once_each_time_and_not_while_its_call_is_up():
    hours = Hours(scheduled())
    assert hours.run(60) == ["sales"]
    assert hours.run(180) == []
    hours.placed.end()
    assert hours.run(60) == ["sales"]


def test_a_host_that_may_not_call_starts_nothing_by_schedule():
    hours = Hours(scheduled())
    hours.may_call = False
    assert hours.run(120) == []


def test_what_somebody_asked_for_is_called_after_three_seconds_and_its_call_is_told():
    hours = Hours(scheduled(every_s=3600))
    hours.scheduler.request(Request(7, *KEY, age_s=0.0), 0.0)
    assert hours.run(2.9) == []
    assert not hours.scheduler.accepts(KEY), "one at a time"
    assert hours.run(0.3) == ["sales"]
    (_, request_id, _) = hours.placed.calls[0]
    assert (request_id, hours.scheduler.answered_requests.get_nowait()[0]) == (7, 7)


def test_a_call_that_the_limits_never_let_start_is_skipped_and_who_asked_for_it_gets_a_record():
    hours = Hours(scheduled("one"), a_probe(5060, probe="two", suspended=True), limits=Turns(max_calls=1))
    assert hours.run(60) == ["one"]
    hours.scheduler.request(Request(8, "acme", "two", age_s=0.0), hours.seconds)
    hours.run(119)
    assert hours.scheduler.skipped == 0
    hours.run(2)
    assert hours.placed.refused == [("two", "This host's limits gave the call no turn.", 8)]
    assert (hours.scheduler.skipped, hours.scheduler.answered_requests.get_nowait()[0]) == (1, 8)


def test_a_scheduled_call_that_got_no_turn_before_the_next_one_is_only_counted():
    hours = Hours(scheduled("one"), scheduled("two"), limits=Turns(max_calls=1))
    assert len(hours.run(60)) == 1
    hours.run(60)
    assert (hours.scheduler.skipped, hours.placed.refused) == (1, [])


def test_probes_are_left_to_another_host_between_two_calls_alone(monkeypatch: pytest.MonkeyPatch):
    lease = Lease(*KEY, "dialer")
    hours = Hours(scheduled(every_s=3600))
    assert hours.scheduler.let_go(frozenset({lease}))[0] == frozenset(), "the event loop did not come by in time"

    class Now(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Now":
            return cls.fromtimestamp((START + timedelta(seconds=hours.seconds)).timestamp(), tz)

    def left() -> frozenset[Lease]:
        return hours.scheduler.let_go(frozenset({lease}))[0]

    hours.scheduler.request(Request(7, *KEY, age_s=0.0), 0.0)
    hours.run(1)
    monkeypatch.setattr(scheduler, "datetime", Now)
    monkeypatch.setattr(hours.scheduler, "_submit", lambda action: action())  # as if the event loop came by at once
    assert left() == frozenset(), "a call that was asked for is about to start"
    assert hours.run(5) == ["sales"]
    assert left() == frozenset(), "a call is up"
    hours.placed.end()
    assert left() == {lease}
    assert hours.run(3700) == []
