"""Who leads: replicas on one API server, on a clock that the tests move."""

import asyncio
import datetime

import pytest

from tests.operator_world import Cluster
from voiceprobe_operator.errors import Transient
from voiceprobe_operator.kubernetes import election, lease
from voiceprobe_operator.kubernetes.election import Election
from voiceprobe_operator.kubernetes.lease import LEASE_SECONDS, RENEW_DEADLINE_SECONDS


class Time:
    """Seconds that pass when they are told to."""

    def __init__(self):
        self.now, self.sleepers = 1000.0, []

    async def sleep(self, seconds):
        waking = asyncio.get_running_loop().create_future()
        self.sleepers.append((self.now + seconds, waking))
        await waking

    async def go_on(self, seconds=0.0):
        end = self.now + seconds
        while True:
            for _ in range(50):
                await asyncio.sleep(0)
            self.sleepers = [one for one in self.sleepers if not one[1].done()]
            due = min((at for at, _ in self.sleepers), default=end + 1)
            if due > end:
                self.now = end
                return
            self.now = max(self.now, due)
            for at, waking in self.sleepers:
                if at <= self.now:
                    waking.set_result(None)


class Replica:
    def __init__(self, cluster, clock):
        self.lost = 0
        self.election = Election(cluster, "ops", self.lose, clock=lambda: clock.now)
        self.task = None

    def lose(self):
        self.lost += 1

    async def run(self):
        await self.election.acquire()
        await self.election.hold()

    def start(self):
        self.task = asyncio.create_task(self.run())
        return self

    async def kill(self):
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    @property
    def leads(self):
        return self.election.leads


@pytest.fixture
def clock(monkeypatch):
    time, real = Time(), asyncio.sleep

    class Asyncio:
        timeout = staticmethod(asyncio.timeout)
        sleep = staticmethod(time.sleep)

    monkeypatch.setattr(election, "asyncio", Asyncio)
    assert asyncio.sleep is real
    return time


@pytest.fixture
def cluster():
    return Cluster()


@pytest.fixture
async def pair(cluster, clock):
    first = Replica(cluster, clock).start()
    await clock.go_on(1)
    second = Replica(cluster, clock).start()
    await clock.go_on(60)
    assert (first.leads, second.leads) == (True, False)
    yield first, second
    await first.kill()
    await second.kill()


async def test_one_killed_is_followed_within_fifteen_seconds_and_not_before_its_lease_is_over(pair, clock):
    first, second = pair
    await first.kill()
    renewed = first.election._renewed
    while clock.now < renewed + LEASE_SECONDS - 0.1:
        assert not second.leads
        await clock.go_on(0.1)
    await clock.go_on(15 - LEASE_SECONDS)
    assert second.leads


async def test_one_that_ends_in_order_is_followed_at_once(pair, clock, cluster):
    first, second = pair
    await first.kill()
    await first.election.release()
    await clock.go_on(1.1)
    assert second.leads
    assert cluster.lease_["spec"]["leaseTransitions"] == 1


async def test_an_api_server_that_was_away_for_less_than_the_deadline_changes_nothing(pair, clock, cluster):
    first, second = pair
    cluster.away = True
    await clock.go_on(RENEW_DEADLINE_SECONDS - 3)
    cluster.away = False
    await clock.go_on(60)
    assert (first.leads, first.lost, second.leads) == (True, 0, False)


async def test_who_cannot_renew_ends_before_anybody_else_may_begin(cluster, clock):
    """The leader alone is cut off from the API server, while the other one sees it."""
    cut = {"off": False}

    class Behind(Cluster):
        async def lease(self, *arguments):
            if cut["off"]:
                raise Transient("KubernetesUnavailable", "the Kubernetes API does not answer: no route")
            return await cluster.lease(*arguments)

        async def put_lease(self, *arguments):
            await self.lease(*arguments)
            return await cluster.put_lease(*arguments)

    first = Replica(Behind(), clock).start()
    await clock.go_on(1)
    second = Replica(cluster, clock).start()
    await clock.go_on(20)
    cut["off"] = True
    for _ in range(200):
        await clock.go_on(0.1)
        assert not (first.leads and second.leads)
        if second.leads:
            break
    assert (first.lost, second.leads) == (1, True)
    await first.kill()
    await second.kill()


async def test_a_leader_that_was_suspended_ends_when_it_wakes(pair, clock, cluster, caplog):
    first, _ = pair
    waiting, clock.sleepers = clock.sleepers, []
    clock.now += 300
    cluster.lease_ = None  # whatever became of it
    clock.sleepers = waiting
    first.election._kubernetes = None  # it must not even ask
    await clock.go_on(0)
    assert first.lost == 1
    assert "suspended" in caplog.text


async def test_clocks_that_differ_by_hours_make_no_difference(pair, clock, cluster, monkeypatch):
    first, second = pair

    class Elsewhere(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return super().now(tz) - datetime.timedelta(hours=5)

    monkeypatch.setattr(election.datetime, "datetime", Elsewhere)
    await clock.go_on(60)
    assert (first.leads, second.leads) == (True, False)


async def test_a_renewal_that_was_heard_but_not_answered_is_no_loss(pair, clock, cluster):
    first, second = pair
    put, calls = cluster.put_lease, []

    async def deaf(*arguments):
        await put(*arguments)
        calls.append(1)
        cluster.put_lease = put
        raise Transient("KubernetesUnavailable", "the connection broke")

    cluster.put_lease = deaf
    await clock.go_on(30)
    assert calls == [1]
    assert (first.leads, first.lost, second.leads) == (True, 0, False)


async def test_a_lease_that_somebody_deleted_or_annotated_is_written_again(pair, clock, cluster):
    first, _ = pair
    cluster.lease_["metadata"] |= {"resourceVersion": "777", "annotations": {"by": "hand"}}
    await clock.go_on(10)
    assert cluster.lease_["metadata"]["annotations"] == {"by": "hand"}
    cluster.lease_ = None
    await clock.go_on(2)
    assert first.leads
    assert lease.holder(cluster.lease_) == first.election.identity


async def test_a_lease_that_another_took_ends_the_leader(pair, clock, cluster):
    first, _ = pair
    cluster.lease_["spec"]["holderIdentity"] = "usurper"
    cluster.lease_["metadata"]["resourceVersion"] = "778"
    await clock.go_on(3)
    assert first.lost == 1


async def test_a_replica_stands_by_whatever_the_api_server_says(cluster, clock, caplog):
    caplog.set_level("INFO")
    cluster.away = True
    one = Replica(cluster, clock).start()
    await clock.go_on(100)
    assert one.election.seconds_since_asked() <= 2
    assert caplog.text.count("standing by: the Kubernetes API does not answer") == 1
    cluster.away = False
    await clock.go_on(2)
    assert one.leads
    await one.kill()


def test_no_two_replicas_are_called_the_same():
    assert election.identity() != election.identity()
