from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_portal.accounts import throttle
from voice_portal.accounts.throttle import LIMITS, LOCK, Limit, Tally

START = datetime(2026, 1, 1, tzinfo=UTC)
NOBODY = Tally(0, datetime(2000, 1, 1, tzinfo=UTC))
LONG = timedelta(days=1)


def attempts(limit: Limit, times) -> list[bool]:
    """Which of the attempts at these times are let through; all of them fail."""
    tally, let_through = NOBODY, []
    for at in times:
        is_free = not throttle.wait(tally, limit, at)
        let_through.append(is_free)
        tally = throttle.counted(tally, limit, at) if is_free else tally
    return let_through


@pytest.mark.parametrize("kind", ["account-at-address", "address", "browser"])
def test_a_lock_ends_by_itself_and_counting_begins_anew(kind):
    limit = LIMITS[kind]
    at_once = [START] * limit.failures
    assert attempts(limit, [*at_once, START + LOCK - timedelta(seconds=1)]) == [True] * limit.failures + [False]
    assert attempts(limit, [*at_once, *(START + LOCK for _ in at_once), START + LOCK]) == [
        True
    ] * 2 * limit.failures + [False]


def test_an_account_alone_is_slowed_to_one_attempt_in_ten_seconds():
    limit = LIMITS["account"]
    later = [START + timedelta(seconds=second) for second in range(1, 31)]
    assert sum(attempts(limit, [*[START] * limit.failures, *later])) == limit.failures + 3


def test_failures_are_forgotten_after_a_quiet_time():
    limit = LIMITS["account-at-address"]
    hourly = [START + timedelta(hours=hour) for hour in range(24)]
    assert all(attempts(limit, hourly))


@given(st.lists(st.integers(0, 7200), max_size=200).map(sorted), st.sampled_from(throttle.KINDS))
def test_no_series_of_attempts_beats_the_limit(seconds, kind):
    """In no 15 minutes more than the free ones and one for each wait."""
    limit = LIMITS[kind]
    times = [START + timedelta(seconds=second) for second in seconds]
    passed = [at for at, is_free in zip(times, attempts(limit, times), strict=True) if is_free]
    for first in passed:
        within = [at for at in passed if first <= at < first + LOCK]
        assert len(within) <= 2 * limit.failures + LOCK / limit.wait


@given(st.timedeltas(min_value=timedelta(microseconds=1), max_value=LONG))
def test_a_wait_in_words_is_never_too_short(wait):
    number, unit = throttle.in_words(wait).split(" ")
    told = timedelta(**{unit if unit.endswith("s") else f"{unit}s": int(number)})
    assert wait <= told <= wait + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 second"), (10, "10 seconds"), (90, "90 seconds"), (91, "2 minutes"), (900, "15 minutes")],
)
def test_waits_in_words(seconds, words):
    assert throttle.in_words(timedelta(seconds=seconds)) == words
