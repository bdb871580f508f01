"""What is known of the objects: events, lists, and both at once."""

from contextlib import suppress

import pytest

from voiceprobe_operator.declared.store import Store


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def at(probe_body):
    """A probe as the API server gave it at a version."""

    def make(version, name="one", uid="u1", generation=1, **status):
        meta = {"name": name, "uid": uid, "generation": generation, "resourceVersion": str(version)}
        return probe_body(metadata=meta) | {"status": status}

    return make


def fill(store, *bodies):
    with store.listing() as listing:
        for body in bodies:
            listing.add(body)


def names(store):
    return {name for _, name in store.probes()}


def test_only_a_new_spec_a_new_object_or_an_end_is_news(store, at):
    assert store.notice(at(1), deleted=False)
    assert not store.notice(at(2, health="Healthy"), deleted=False)
    assert store.notice(at(3, generation=2), deleted=False)
    assert store.notice(at(4, uid="u2"), deleted=False)
    assert store.notice(at(5, uid="u2"), deleted=True)
    assert not store.notice(at(5, uid="u2"), deleted=True)
    assert store.clients() == set()


def test_the_older_of_two_is_no_news(store, at):
    store.notice(at(5, generation=2, health="Healthy"), deleted=False)
    assert not store.notice(at(4, generation=1, health="NoData"), deleted=False)
    ref = store.probe("acme", "one")
    assert (ref.generation, store.status(ref)) == (2, {"health": "Healthy"})


def test_a_list_replaces_everything_so_that_no_ghost_stays(store, at):
    store.notice(at(1, "ghost"), deleted=False)
    fill(store, at(2, "alive"))
    assert names(store) == {"alive"}


def test_a_list_that_breaks_off_changes_nothing(store, at):
    store.notice(at(1), deleted=False)
    with suppress(OSError), store.listing() as listing:
        listing.add(at(2, "other"))
        raise OSError("broken")
    assert names(store) == {"one"}
    store.notice(at(3, "two"), deleted=False)
    assert names(store) == {"one", "two"}


def test_what_events_tell_during_a_list_holds(store, at):
    store.notice(at(1, "gone", uid="u1"), deleted=False)
    with store.listing() as listing:
        listing.add(at(1, "gone", uid="u1"))
        listing.add(at(2, "changed", uid="u2"))
        store.notice(at(4, "gone", uid="u1"), deleted=True)
        store.notice(at(5, "changed", uid="u2", generation=2), deleted=False)
        store.notice(at(6, "new", uid="u3"), deleted=False)
    assert names(store) == {"changed", "new"}
    assert store.probe("acme", "changed").generation == 2


def test_an_end_told_during_a_list_leaves_the_younger_of_that_name(store, at):
    store.notice(at(1, uid="u1"), deleted=False)
    with store.listing() as listing:
        listing.add(at(9, uid="u2"))
        store.notice(at(5, uid="u1"), deleted=True)
    assert store.probe("acme", "one").uid == "u2"


def test_ends_are_remembered_until_they_are_out_of_the_plan(store, at):
    store.notice(at(1), deleted=False)
    store.notice(at(2), deleted=True)
    assert store.ended() == {("acme", "one")}
    store.forget_ended({("acme", "one")})
    assert store.ended() == {("acme", "one")}
    store.forget_ended(set())
    assert store.ended() == set()


def test_a_written_status_is_known_at_once_and_its_spec_is_left_to_the_event(store, at):
    store.notice(at(1), deleted=False)
    store.wrote_status(at(2, health="Healthy"))
    ref = store.probe("acme", "one")
    assert store.status(ref) == {"health": "Healthy"}
    store.wrote_status(at(4, generation=2, health="NoData"))
    assert store.notice(at(3, generation=2), deleted=False), "the event of the new spec still makes work"
    store.wrote_status(at(5, "unknown", health="Healthy"))
    assert names(store) == {"one"}


def test_an_api_server_whose_versions_are_no_numbers_is_believed_in_the_order_it_speaks(store, at):
    store.notice(at("abc", generation=1), deleted=False)
    assert store.notice(at("abd", generation=2), deleted=False)
    assert store.notice(at("abe", generation=2), deleted=True)


def test_a_bad_spec_is_kept_as_a_sentence(store, probe_body):
    store.notice(probe_body(call={"timeZone": "Mars/Olympus"}), deleted=False)
    (sentence,) = store.declared("acme").invalid.values()
    assert "Mars/Olympus" in sentence
    assert store.declared("globex").is_empty
