import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from voice_portal.accounts import hashing
from voice_portal.accounts.hashing import NoRoom, Room


def test_more_than_may_wait_are_refused_at_once_and_no_more_than_one_is_inside():
    room, inside, most, begun = Room(1, 2, 10), threading.Semaphore(0), [0], threading.Semaphore(0)
    now = [0]

    def work() -> str:
        begun.release()
        try:
            with room.enter():
                now[0] += 1
                most[0] = max(most[0], now[0])
                inside.acquire()
                now[0] -= 1
        except NoRoom:
            return "refused"
        return "done"

    with ThreadPoolExecutor(8) as pool:
        working = [pool.submit(work) for _ in range(8)]
        for _ in range(8):
            begun.acquire()
        refused = [one for one in working if _is_refused(one)]
        for _ in range(3):
            inside.release()
    assert len(refused) == 5
    assert sorted(one.result() for one in working) == ["done"] * 3 + ["refused"] * 5
    assert most[0] == 1


def _is_refused(one) -> bool:
    try:
        return one.result(timeout=0.3) == "refused"
    except TimeoutError:
        return False


def test_who_waited_too_long_is_refused_and_leaves_room():
    room = Room(1, 1, 0.01)
    with room.enter(), pytest.raises(NoRoom), room.enter():
        pass
    with room.enter():
        pass


def test_an_error_inside_leaves_room():
    room = Room(1, 0, 0.01)
    for _ in range(3):
        with pytest.raises(ValueError, match="x"), room.enter():
            raise ValueError("x")


def test_at_least_half_of_the_threads_always_serve_pages(request):
    chart = (request.config.rootpath / "charts/voice-quality/templates/portal.yaml").read_text()
    (threads,) = (int(line.split("=")[1]) for line in chart.splitlines() if "--threads=" in line)
    assert threads >= 2 * (hashing.AT_ONCE + hashing.WAITING)
