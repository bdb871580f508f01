"""The identity of a call."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_sipapp.records import calluuid

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - naive bounds


@given(MOMENTS)
def test_the_uuid_tells_when_the_call_started(moment: datetime) -> None:
    uuid = calluuid.new(moment)
    assert uuid.version == 7
    assert timedelta(0) <= moment - calluuid.started_at(uuid) < timedelta(milliseconds=1)


def test_two_calls_of_one_millisecond_differ() -> None:
    now = datetime.now(UTC)
    assert len({calluuid.new(now) for _ in range(1000)}) == 1000


def test_any_other_uuid_is_not_ours() -> None:
    with pytest.raises(ValueError, match="no call of ours"):
        calluuid.started_at(uuid4())


@pytest.mark.parametrize(
    ("digits", "codes"),
    [
        ("*4711", ["4711"]), ("711*4711", ["4711"]), ("12#*4711*47", ["4711"]), ("1*2*4711", ["4711"]), ("4711", []),
        ("", []), ("*4711*4711*0815*4711", ["4711", "0815"]),
    ],
)  # fmt: skip
def test_codes_are_found_among_other_digits_each_once(digits: str, codes: list[str]):
    assert calluuid.codes(digits) == codes
