from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceprobe_operator.dashboards import zones

NAMES = ["UTC", "Europe/London", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe",
         "Africa/Casablanca", "America/Sao_Paulo", "Pacific/Apia"]  # fmt: skip


def offset(name, utc):
    """What a server makes of the changes: the offset of the last one that is not after `utc`."""
    return [change.offset_seconds for change in zones.changes(name) if change.utc <= utc][-1]


@given(
    name=st.sampled_from(NAMES),
    utc=st.datetimes(datetime(2024, 1, 1), datetime(2045, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_the_changes_give_the_time_of_the_zones_clocks(name, utc):
    assert timedelta(seconds=offset(name, utc)) == utc.astimezone(ZoneInfo(name)).utcoffset()


def test_a_change_is_known_to_the_second():
    assert [change.utc for change in zones.changes("Europe/London")[1:3]] == [
        datetime(2024, 3, 31, 1, tzinfo=UTC),
        datetime(2024, 10, 27, 1, tzinfo=UTC),
    ]


@pytest.mark.parametrize("name", ["Mars/Olympus", "../etc/passwd", ""])
def test_a_zone_that_this_machine_does_not_know_is_utc(name):
    assert not zones.is_known(name)
    assert zones.changes(name) == (zones.Change(zones.FIRST, 0),)
