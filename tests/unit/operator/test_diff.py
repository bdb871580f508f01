from hypothesis import given
from hypothesis import strategies as st

from voiceprobe_operator.diff import apply, diff, shows

keyed = st.dictionaries(st.text(max_size=3), st.integers(0, 3), max_size=8)


@given(want=keyed, have=keyed)
def test_applying_the_difference_leaves_nothing_to_do(want, have):
    change = diff(want, have)
    assert apply(have, change) == want
    assert not diff(want, apply(have, change))


@given(want=keyed, have=keyed)
def test_only_what_differs_is_written_or_removed(want, have):
    change = diff(want, have)
    assert all(have.get(key) != value for key, value in change.put.items())
    assert set(change.drop) == have.keys() - want.keys()


@given(keyed)
def test_the_same_needs_nothing(same):
    assert not diff(same, dict(same))


def test_a_server_may_add_fields_of_its_own():
    have = {"id": 7, "jsonData": {"database": "voice", "more": 1}, "tags": ["a"]}
    assert shows({"jsonData": {"database": "voice"}, "tags": ["a"]}, have)
    assert not shows({"jsonData": {"database": "other"}}, have)
    assert not shows({"tags": []}, have)
    assert not shows({"url": None}, have)
