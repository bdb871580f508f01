"""Since when a probe is as it is."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from voice_portal.cdr.standing import Standing
from voice_portal.probes.since import lasted, since

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def state(health, last_call=timedelta(minutes=2)):
    return SimpleNamespace(health=health, last_call_at=None if last_call is None else NOW - last_call)


def standing(ago, *, is_older=False):
    return Standing(calls=9, answered=9, compliant=9, since=NOW - ago, is_older=is_older)


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(0), "less than a minute"),
        (timedelta(seconds=59), "less than a minute"),
        (timedelta(minutes=1), "1 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=1), "1 h"),
        (timedelta(hours=2, minutes=5), "2 h 5 min"),
        (timedelta(days=1), "1 d"),
        (timedelta(days=3, hours=4, minutes=59), "3 d 4 h"),
    ],
)
def test_a_span_is_told_in_one_unit_or_two(span, words):
    assert lasted(span) == words


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=20), "1 min"),
        (timedelta(minutes=44), "44 min"),
        (timedelta(hours=5, minutes=58), "6 h"),
        (timedelta(hours=23, minutes=59), "24 h"),
        (timedelta(days=6, hours=23), "7 d"),
    ],
)
def test_what_may_have_lasted_longer_is_told_roughly(span, words):
    assert since(state("Healthy"), standing(span, is_older=True), NOW).lasted == words


def test_health_began_with_the_first_call_of_the_run():
    found = since(state("Unhealthy"), standing(timedelta(minutes=35)), NOW)
    assert (found.at, found.is_older, found.lasted) == (NOW - timedelta(minutes=35), False, "35 min")


def test_a_run_that_fills_the_time_may_be_older():
    assert since(state("Healthy"), standing(timedelta(hours=6), is_older=True), NOW).is_older


def test_health_that_turned_since_the_calls_were_counted_up_began_with_the_last_one():
    counted = Standing(calls=9, answered=9, compliant=9, since=NOW - timedelta(hours=5), health="Healthy")
    found = since(state("Unhealthy"), counted, NOW)
    assert (found.at, found.is_older, found.lasted) == (NOW - timedelta(minutes=2), False, "2 min")


def test_nothing_is_known_from_the_last_call_on():
    found = since(state("NoData", timedelta(hours=5)), standing(timedelta(hours=6)), NOW)
    assert (found.at, found.lasted) == (NOW - timedelta(hours=5), "5 h")


@pytest.mark.parametrize("idle", [state("Suspended"), state("NoData", None)])
def test_a_probe_that_is_not_called_has_no_such_time(idle):
    assert since(idle, None, NOW) is None


def test_a_last_call_before_the_time_says_nothing_of_its_run():
    assert since(state("Healthy", timedelta(hours=7)), None, NOW) is None
