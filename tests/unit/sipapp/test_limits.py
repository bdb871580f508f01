"""A host's limits, and calls that somebody asked for."""

import heapq
import random
from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sipapp.bench import a_probe
from voice_sipapp.plan.limits import BURST_S, Turn, Turns
from voice_sipapp.plan.probe import Probe
from voice_sipapp.plan.requests import PLACE_AFTER_S, STALE_S, Pending, Request

PROBE: Probe = a_probe(5060)


def turn(deadline: float = 1e9, number: int = 0) -> Turn:
    return Turn(PROBE, deadline, number)


def test_without_limits_every_call_starts_at_once():
    turns = Turns()
    for number in range(1000):
        turns.add(turn(number=number))
    starting, late = turns.take(0, 0, {})
    assert ([found.request_id for found in starting], late) == (list(range(1000)), [])


@given(st.floats(0.1, 50), st.lists(st.floats(0, 2), min_size=1, max_size=60))
def test_no_more_calls_start_than_the_rate_allows(rate: float, steps: list[float]):
    turns = Turns(per_second=rate)
    for _ in range(200):
        turns.add(turn())
    now, started = 0.0, 0
    for step in steps:
        now += step
        started += len(turns.take(now, 0, {})[0])
    assert started <= rate * now + max(1, rate * BURST_S) + 1e-6


@given(st.integers(1, 20), st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=30))
def test_no_more_calls_are_up_than_allowed(most: int, steps: list[tuple[int, int]]):
    turns, active = Turns(max_calls=most), 0
    for now, (due, ended) in enumerate(steps):
        for _ in range(due):
            turns.add(turn())
        active = max(0, active - ended)
        active += len(turns.take(now, active, {"acme": active})[0])
        assert active <= most


def test_calls_wait_for_their_turn_in_order_and_are_left_out_when_the_next_is_due():
    turns = Turns(max_calls=1)
    first, second, third = turn(10, 1), turn(5, 2), turn(20, 3)
    for each in (first, second, third):
        turns.add(each)
    assert turns.take(0, 0, {}) == ([first], [])
    assert turns.take(4.9, 1, {}) == ([], [])
    assert turns.take(5, 1, {}) == ([], [second])
    assert turns.take(6, 0, {}) == ([third], [])
    assert len(turns) == 0


def test_a_clock_that_stands_still_gives_no_tokens():
    turns = Turns(per_second=1)
    for number in range(3):
        turns.add(turn(number=number))
    assert [len(turns.take(now, 0, {})[0]) for now in (5, 5, 4, 5.5, 6.1)] == [1, 0, 0, 1, 0]


# --- shares ---


def of(client: str, number: int | None = None, deadline: float = 1e9, probe: str = "sales") -> Turn:
    return Turn(replace(PROBE, client=client, probe=probe), deadline, number)


def clients(turns: list[Turn]) -> list[str]:
    return [turn.probe.client for turn in turns]


def test_starts_go_round_among_the_clients_that_wait():
    turns = Turns(per_second=1)
    for client in ("acme", "acme", "acme", "globex", "globex", "initech"):
        turns.add(of(client))
    assert [clients(turns.take(now, 0, {})[0])[0] for now in range(6)] == [
        "acme", "globex", "initech", "acme", "globex", "acme",
    ]  # fmt: skip


def test_who_asks_for_little_is_served_next_however_much_others_wait_for():
    turns = Turns(per_second=1)
    for _ in range(600):
        turns.add(of("acme"))
    turns.take(0, 0, {})
    turns.add(of("globex"))
    assert clients(turns.take(1, 0, {})[0]) == ["globex"]


def test_who_comes_back_each_time_gets_no_more_than_its_turn():
    turns = Turns(per_second=1)
    for _ in range(20):
        turns.add(of("acme"))
    served = []
    for now in range(20):
        turns.add(of("globex"))
        served += clients(turns.take(now, 0, {})[0])
    assert Counter(served) == {"acme": 10, "globex": 10}


def test_the_next_free_slot_is_that_of_the_client_with_the_fewest_calls_up():
    turns = Turns(max_calls=6)
    for client in ("acme", "acme", "globex"):
        turns.add(of(client))
    assert turns.take(0, 6, {"acme": 6}) == ([], [])
    assert clients(turns.take(1, 5, {"acme": 5})[0]) == ["globex"]
    assert clients(turns.take(2, 5, {"acme": 4, "globex": 1})[0]) == ["acme"]  # nobody else wants it


def test_long_calls_cost_no_starts_where_slots_are_not_scarce():
    turns = Turns(max_calls=100, per_second=1)
    for _ in range(5):
        turns.add(of("acme"))
        turns.add(of("globex"))
    served = [clients(turns.take(now, 10, {"acme": 0, "globex": 10})[0])[0] for now in range(4)]
    assert Counter(served) == {"acme": 2, "globex": 2}


def test_a_call_that_somebody_waits_for_goes_before_the_scheduled_ones_of_its_own_client_alone():
    turns = Turns(per_second=1)
    for turn in (of("acme"), of("acme"), of("globex"), of("acme", number=7), of("acme", number=8)):
        turns.add(turn)
    served = [turns.take(now, 0, {})[0][0] for now in range(5)]
    assert [(turn.probe.client, turn.request_id) for turn in served] == [
        ("acme", 7), ("globex", None), ("acme", 8), ("acme", None), ("acme", None),
    ]  # fmt: skip


class Host:
    """A host whose probes call every 60 s, in simulated time: what became of the calls of each client."""

    def __init__(self, turns: Turns, probes: dict[str, int], lasting_s: dict[str, float]) -> None:
        self._turns, self._lasting_s = turns, lasting_s
        shuffled = random.Random(1)
        self._due = [(shuffled.uniform(0, 60), client, n) for client, many in probes.items() for n in range(many)]
        heapq.heapify(self._due)
        self._ends: list[tuple[float, str, str]] = []
        self._busy: set[tuple[str, str]] = set()
        self.up: Counter[str] = Counter()
        self.due: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self.most_up = 0

    def run(self, seconds: int) -> None:
        for tick in range(seconds * 20):
            self._tick(tick / 20)

    def _tick(self, now: float) -> None:
        while self._ends and self._ends[0][0] <= now:
            _, client, probe = heapq.heappop(self._ends)
            self.up[client] -= 1
            self._busy.remove((client, probe))
        while self._due[0][0] <= now:
            at, client, number = heapq.heapreplace(self._due, (self._due[0][0] + 60, *self._due[0][1:]))
            self.due[client] += 1
            if (client, str(number)) in self._busy:
                self.left_out[client] += 1
            else:
                self._busy.add((client, str(number)))
                self._turns.add(of(client, deadline=at + 60, probe=str(number)))
        starting, late = self._turns.take(now, self.up.total(), self.up)
        for turn in late:
            self.left_out[turn.probe.client] += 1
            self._busy.remove(turn.probe.key)
        for turn in starting:
            self.up[turn.probe.client] += 1
            heapq.heappush(self._ends, (now + self._lasting_s[turn.probe.client], *turn.probe.key))
        self.most_up = max(self.most_up, self.up.total())


def test_one_with_600_probes_takes_no_calls_from_those_with_20():
    """Twice as many starts, or slots, are wanted as there are; without shares 62 % or 83 % of all would be left out."""
    probes = {"big": 600, "one": 20, "two": 20, "three": 20}
    for turns, lasting_s, most in (
        (Turns(1000, 5), {"big": 5.0, "one": 5.0, "two": 5.0, "three": 5.0}, 1000),
        (Turns(100, 50), {"big": 55.0, "one": 10.0, "two": 10.0, "three": 10.0}, 100),
        (Turns(100, 5), {"big": 2.0, "one": 50.0, "two": 50.0, "three": 50.0}, 100),
    ):
        host = Host(turns, probes, lasting_s)
        host.run(900)
        assert host.left_out["big"] > host.due["big"] / 2
        assert [host.left_out[name] for name in ("one", "two", "three")] == [0, 0, 0]
        assert host.most_up <= most


STEPS = st.lists(
    st.tuples(
        st.lists(st.tuples(st.sampled_from("abcd"), st.booleans(), st.integers(1, 30)), max_size=6),
        st.lists(st.sampled_from("abcd"), max_size=4),
        st.floats(0, 2),
    ),
    min_size=1,
    max_size=40,
)
"""What becomes due (whose, asked for by somebody, until when), whose calls end, and how much time goes by."""


@given(st.integers(1, 6), st.floats(0.5, 10), STEPS)
def test_no_call_is_lost_none_overtakes_within_its_client_and_none_with_its_share_another_with_less(
    most: int, per_second: float, steps: list[tuple[list[tuple[str, bool, int]], list[str], float]]
):
    turns, up, now, number = Turns(most, per_second), Counter[str](), 0.0, 0
    waiting: list[Turn] = []
    for due, ended, passed in steps:
        now += passed
        for client in ended:
            up[client] = max(0, up[client] - 1)
        for client, asked, patience in due:
            number += 1
            turn = of(client, number if asked else None, now + patience, probe=str(number))
            waiting.append(turn)
            turns.add(turn)
        starting, late = turns.take(now, up.total(), up)
        assert sorted(late, key=by_number) == [turn for turn in waiting if turn.deadline <= now]
        waiting = [turn for turn in waiting if turn.deadline > now]
        for turn in starting:
            client = turn.probe.client
            own = [each for each in waiting if each.probe.client == client]
            assert turn == min(own, key=lambda each: (each.request_id is None, by_number(each)))
            rivals = {each.probe.client for each in waiting} - {client}
            crowd = len(started_or_waiting(up, waiting))
            if up[client] >= most / crowd and rivals:
                assert up[client] <= min(up[rival] for rival in rivals), "who has its share goes before who has less"
            waiting.remove(turn)
            up[client] += 1
        assert up.total() <= most
        assert len(turns) == len(waiting)


@given(st.integers(2, 6), st.integers(1, 12), st.lists(st.integers(1, 5), min_size=1, max_size=20))
def test_clients_that_always_have_work_are_served_alike(crowd: int, before: int, rounds: list[int]):
    """However long each one's line is: `before` calls of the first wait already, and it adds most."""
    turns, served = Turns(per_second=5), Counter[str]()
    names = [f"client-{number}" for number in range(crowd)]
    for _ in range(before):
        turns.add(of(names[0]))
    for now, added in enumerate(rounds):
        for place, name in enumerate(names):
            for _ in range(added * 10 if place == 0 else 5):
                turns.add(of(name))
        served.update(clients(turns.take(now, 0, {})[0]))
        assert max(served[name] for name in names) - min(served[name] for name in names) <= 1


def by_number(turn: Turn) -> int:
    return int(turn.probe.probe)


def started_or_waiting(up: Counter[str], waiting: list[Turn]) -> set[str]:
    return {turn.probe.client for turn in waiting} | {client for client, calls in up.items() if calls}


def asked(number: int = 1, age_s: float = 1.0, probe: str = "sales") -> Request:
    return Request(number, "acme", probe, age_s)


def test_a_call_is_placed_three_seconds_after_it_was_asked_for():
    pending = Pending()
    pending.add(asked(age_s=1.0), heard_at=100)
    assert pending.has(("acme", "sales"))
    assert pending.take(100 + PLACE_AFTER_S - 1.01, lambda _: False) == ([], [])
    starting, _ = pending.take(100 + PLACE_AFTER_S - 1, lambda _: False)
    assert [request.id for request, _ in starting] == [1]
    assert not pending.has(("acme", "sales"))


def test_a_call_that_was_asked_for_waits_for_the_one_that_is_up_until_it_is_stale():
    pending = Pending()
    pending.add(asked(), heard_at=100)
    assert pending.take(99 + STALE_S - 0.1, lambda _: True) == ([], [])
    assert pending.take(99 + STALE_S, lambda _: True) == ([], [asked()])
    assert pending.take(1e6, lambda _: False) == ([], [])


def test_two_calls_of_one_probe_that_were_asked_for_do_not_start_together():
    pending = Pending()
    pending.add(asked(1), heard_at=100)
    pending.add(asked(2), heard_at=100)
    pending.add(asked(3, probe="other"), heard_at=100)
    starting, _ = pending.take(110, lambda _: False)
    assert [request.id for request, _ in starting] == [1, 3]
    starting, _ = pending.take(110, lambda _: False)
    assert [request.id for request, _ in starting] == [2]


def test_a_request_is_stale_after_two_minutes():
    assert [asked(age_s=age).stale for age in (119.9, 120.1)] == [False, True]
