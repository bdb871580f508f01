"""When garbage is collected."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from voice_sipapp.pauses import IDLE_S, LONGEST_S, Sweeper, prepare


class Knot:
    """An object that only a full collection clears away."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def old_knot() -> Iterator[weakref.ref[Knot]]:
    """Garbage that has grown old."""
    threshold = gc.get_threshold()
    prepare()
    knot = Knot()
    found = weakref.ref(knot)
    gc.collect(1)
    gc.collect(1)  # twice survived: now only a full collection looks at it
    del knot
    yield found
    gc.set_threshold(*threshold)
    gc.unfreeze()


def test_no_full_collection_happens_by_itself(old_knot: weakref.ref[Knot]):
    for _ in range(50):
        [[] for _ in range(10_000)]
        kept = [[] for _ in range(10_000)]
    del kept
    assert old_knot() is not None


@pytest.mark.parametrize(("active", "after_s"), [(0, IDLE_S), (3, LONGEST_S)])
def test_garbage_is_cleared_away_while_no_call_is_up_or_after_long(
    old_knot: weakref.ref[Knot], active: int, after_s: float
):
    now = 100.0
    sweeper = Sweeper(lambda: active, lambda: now)
    now += after_s - 1
    sweeper.tick()
    assert old_knot() is not None
    now += 1
    sweeper.tick()
    assert old_knot() is None
