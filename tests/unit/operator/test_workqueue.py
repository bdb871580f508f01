import asyncio
from collections import Counter
from contextlib import asynccontextmanager

import pytest

from voiceprobe_operator.backoff import delay
from voiceprobe_operator.reconciling.workqueue import WorkQueue


def ignore(key, error, seconds):
    raise AssertionError(f"{key} failed: {error}")


@asynccontextmanager
async def running(queue):
    queue.start()
    try:
        yield queue
    finally:
        await queue.stop()


async def test_a_storm_is_one_pass_for_each_key_and_few_at_a_time():
    passes, at_once, peak = Counter(), 0, 0

    async def work(key):
        nonlocal at_once, peak
        at_once += 1
        peak = max(peak, at_once)
        await asyncio.sleep(0)
        at_once -= 1
        passes[key] += 1

    queue = WorkQueue(work, ignore, workers=4)
    keys = [f"client-{n}" for n in range(500)]
    for _ in range(20):
        queue.add(keys)
    async with running(queue):
        await queue.idle()
    assert passes == Counter(keys)
    assert peak == 4


async def test_keys_added_while_they_are_worked_on_get_exactly_one_more_pass():
    passes = 0
    entered, leave = asyncio.Event(), asyncio.Event()

    async def work(key):
        nonlocal passes
        passes += 1
        entered.set()
        await leave.wait()

    async with running(WorkQueue(work, ignore, workers=3)) as queue:
        queue.add(["acme"])
        await entered.wait()
        for _ in range(5):
            queue.add(["acme"])
        assert passes == 1
        leave.set()
        await queue.idle()
    assert passes == 2


async def test_a_failure_is_told_and_tried_again_while_others_go_on():
    failures, done = [], asyncio.Event()
    passes = Counter()

    async def work(key):
        passes[key] += 1
        if key == "bad" and passes[key] < 3:
            raise OSError("away")
        if key == "bad":
            done.set()

    queue = WorkQueue(work, lambda *report: failures.append(report), base=0.001)
    async with running(queue):
        queue.add(["bad", "good"])
        await done.wait()
        await queue.idle()
    assert passes == {"bad": 3, "good": 1}
    assert [key for key, _, _ in failures] == ["bad", "bad"]


async def test_a_change_does_not_wait_for_the_back_off():
    passes = 0
    failed = asyncio.Event()

    async def work(key):
        nonlocal passes
        passes += 1
        if passes == 1:
            raise OSError("away")

    async with running(WorkQueue(work, lambda *_: failed.set(), base=3600)) as queue:
        queue.add(["acme"])
        await failed.wait()
        await queue.idle()
        queue.add(["acme"])
        await queue.idle()
    assert passes == 2


async def test_many_changes_in_a_row_are_no_failures_in_a_row():
    """While something of the outside is not there yet, each change fails: the next try comes as soon as after one."""
    waits = []
    passed = asyncio.Event()

    async def work(_):
        passed.set()
        raise RuntimeError("not yet")

    async with running(WorkQueue(work, lambda *told: waits.append(told[2]), base=10)) as queue:
        for _ in range(8):
            passed.clear()
            queue.add(["acme"])
            await passed.wait()
            await queue.idle()
    assert len(waits) == 8
    assert max(waits) <= 10 * 1.25


async def test_stop_ends_work_in_its_middle():
    entered = asyncio.Event()

    async def work(key):
        entered.set()
        await asyncio.Event().wait()

    queue = WorkQueue(work, ignore)
    queue.start()
    queue.add(["acme"])
    await entered.wait()
    await queue.stop()


@pytest.mark.parametrize(("failures", "least", "most"), [(1, 0.75, 1.25), (4, 6, 10), (99, 45, 75)])
def test_back_off_doubles_up_to_its_cap(failures, least, most):
    waits = [delay(failures, base=1, cap=60) for _ in range(200)]
    assert least <= min(waits) < max(waits) <= most
