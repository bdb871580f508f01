"""The code that is pressed proves whose call it is: nobody else knows it, learns it on the way, or guesses it."""

from __future__ import annotations

from uuid import UUID

import pytest

from tests.attacks.conftest import Scene
from tests.attacks.raw_caller import NUMBER, without_header
from tests.attacks.test_who_is_calling import check_whole

# The stack leaves it to the garbage collector to close a socket that it opens only to see whether IPv6 is there.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


def test_the_code_of_the_uuid_that_others_can_see_is_no_code(scene: Scene):
    """As it was: the last four digits of the UUID, which every hop on the way reads."""
    path = scene.path()
    path.open.clear()
    scene.place(scene.probe(path, confirm=True, duration_ms=2500, allotted_numbers=()))
    scene.until(lambda: path.header() is not None)
    uuid = UUID((path.header() or "").partition(".")[0])
    stranger = scene.caller(NUMBER)
    scene.until(lambda: stranger.sounder is not None)
    scene.press(stranger, f"*{uuid.int % 10**4:04d}")
    scene.run(0.5)
    path.open.set()
    check_whole(scene.record())
    scene.until(stranger.hung_up_on.is_set)


def test_a_code_can_not_be_guessed(scene: Scene):
    path = scene.path()
    path.open.clear()
    scene.place(scene.probe(path, confirm=True, duration_ms=1000, allotted_numbers=()))
    scene.until(lambda: path.header() is not None)
    stranger = scene.caller(NUMBER)
    scene.until(lambda: stranger.sounder is not None)
    code = scene.bench.station.key.code(UUID((path.header() or "").partition(".")[0]), "acme", "sales")
    wrong = [f"{number:04d}" for number in (1, 2, 3, 4) if f"{number:04d}" != code]
    scene.press(stranger, "".join(f"*{each}" for each in wrong) + f"*{code}")
    scene.until(stranger.hung_up_on.is_set, 3)
    path.open.set()
    check_whole(scene.record())
    assert scene.unsolicited == 1


def test_the_leg_whose_code_is_heard_displaces_those_that_came_before_it(scene: Scene):
    path = scene.path(change=without_header)
    path.open.clear()
    scene.place(scene.probe(path, confirm=True, duration_ms=3000))
    strangers = [scene.caller(NUMBER) for _ in range(2)]
    scene.until(lambda: all(each.final == 200 for each in strangers))
    path.open.set()
    check_whole(scene.record())
    for stranger in strangers:
        scene.until(stranger.hung_up_on.is_set)
    assert scene.unsolicited == 2
