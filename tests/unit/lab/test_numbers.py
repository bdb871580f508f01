"""Labs that run at the same time have numbers of their own: addresses and links are made from them."""

import pytest

from voice_lab import context, places


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("VOICE_LAB_CACHE", str(tmp_path))
    assert places.cache() == tmp_path


def namesake() -> str:
    """Another name from which the same number follows."""
    wanted = context.Lab("lab", {}, {}).index
    return next(name for name in (f"other-{n}" for n in range(100_000)) if context.Lab(name, {}, {}).index == wanted)


def test_a_lab_has_the_number_that_follows_from_its_name_again_and_again():
    first = context.create("lab", portal_port=0)
    assert first.index == context.create("lab", portal_port=0).index == context.Lab("lab", {}, {}).index


def test_where_another_lab_has_it_the_next_one_is_taken_and_kept():
    first, other = context.create("lab", portal_port=0), context.create(namesake(), portal_port=0)
    assert other.index == first.index % 4094 + 1
    assert context.load(other.instance).index == other.index


def test_a_lab_that_is_over_gives_its_number_back():
    context.forget(context.create("lab", portal_port=0))
    other = namesake()
    assert context.create(other, portal_port=0).index == context.Lab(other, {}, {}).index
