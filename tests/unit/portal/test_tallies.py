"""How often, and after what waits, a statement is sent again that the server ended for the sake of another."""

from collections.abc import Callable
from itertools import count

import pytest
from django.db import OperationalError

from voice_portal.accounts import tallies
from voice_portal.accounts.tallies import FIRST_WAIT_S, TRIES

DEADLOCK = OperationalError(1213, "Deadlock found when trying to get lock; try restarting transaction")


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits so far, none of which takes any time."""
    found: list[float] = []
    monkeypatch.setattr(tallies.time, "sleep", found.append)
    return found


def failing(times: int, error: Exception) -> Callable[[], int]:
    """Work that fails so often, and then tells how often it was tried."""
    tries = count(1)

    def work() -> int:
        if (tried := next(tries)) <= times:
            raise error
        return tried

    return work


@pytest.mark.parametrize("code", [1213, 1205])
def test_it_is_tried_again_after_waits_that_grow(waits: list[float], code: int):
    assert tallies._again(failing(TRIES - 1, OperationalError(code, "locked"))) == TRIES
    assert len(waits) == TRIES - 1
    assert all(0 <= wait <= FIRST_WAIT_S * 2**tried for tried, wait in enumerate(waits))


def test_two_that_stood_in_each_others_way_do_not_wait_alike(waits: list[float]):
    for _ in range(100):
        tallies._again(failing(TRIES - 1, DEADLOCK))
    for tried in range(TRIES - 1):
        drawn = waits[tried :: TRIES - 1]
        assert max(drawn) - min(drawn) > FIRST_WAIT_S * 2**tried / 2
        assert len(set(drawn)) > 50


def test_it_gives_up_with_the_servers_error(waits: list[float]):
    with pytest.raises(OperationalError, match="Deadlock"):
        tallies._again(failing(TRIES, DEADLOCK))
    assert len(waits) == TRIES - 1


@pytest.mark.parametrize("error", [OperationalError(2013, "Lost connection"), OperationalError(), ValueError()])
def test_what_would_not_pass_is_not_tried_again(waits: list[float], error: Exception):
    with pytest.raises(type(error)):
        tallies._again(failing(1, error))
    assert waits == []


def test_what_works_waits_for_nothing(waits: list[float]):
    assert tallies._again(failing(0, DEADLOCK)) == 1
    assert waits == []
