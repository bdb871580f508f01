"""Telling our calls from strangers', whatever the path does to header and numbers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sipapp.bench import a_probe
from voice_sipapp.plan.probe import Probe
from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.records import calluuid
from voice_sipapp.signalling import correlation
from voice_sipapp.signalling.correlation import Invite, OwnCall, Recognised, recognise, same_number

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SALES = a_probe(5062)
SUPPORT = replace(SALES, probe="support", destination=SipUri.parse("sip:+4930123456@b"))


def invite(header: str | None = None, user: str | None = "+442071838750", **changes: Any) -> Invite:
    return replace(Invite(header, user, user, "caller", "[::1]:5060", ""), **changes)


def own(probe: Probe = SALES, reached: bool = False) -> OwnCall:
    return OwnCall(calluuid.new(NOW), probe, reached)


def found(request: Invite, *calls: OwnCall, due: bool = False) -> Recognised | None:
    return recognise(request, calls, [SUPPORT, SALES], lambda _: due, NOW)


def test_the_header_names_the_call_whatever_number_is_called():
    call, other = own(), own()
    assert found(invite(str(call.uuid), "rewritten"), other, call) == Recognised(SALES, call.uuid, True, True)


def test_a_call_that_has_its_receiver_gets_no_second_one():
    call = own(reached=True)
    assert found(invite(str(call.uuid)), call, due=True) is None
    assert found(invite(), call) is None


def test_a_header_of_another_hosts_call_is_known_by_the_number():
    uuid = calluuid.new(NOW - timedelta(seconds=2))
    assert found(invite(str(uuid))) == Recognised(SALES, uuid, False, True)
    assert found(invite(str(uuid), "agent")) == Recognised(SUPPORT, uuid, False, True)
    assert found(invite(str(uuid), "somebody-else")) is None


@pytest.mark.parametrize("age", [timedelta(seconds=41), timedelta(days=300), timedelta(seconds=-6)])
def test_a_header_of_another_time_is_a_strangers(age: timedelta):
    assert found(invite(str(calluuid.new(NOW - age))), due=True) is None


def test_without_a_header_the_number_finds_the_call_that_waits_here():
    call = own()
    assert found(invite(user="00442071838750"), own(SUPPORT), call) == Recognised(SALES, call.uuid, True, False)


def test_the_number_may_stand_in_the_request_or_in_to_alone():
    for changes in ({"request_user": "line-3"}, {"to_user": None}):
        assert found(invite(**changes), due=True) == Recognised(SALES, None, False, False)


def test_without_a_header_another_hosts_call_is_taken_only_when_one_is_due():
    assert found(invite(), due=True) == Recognised(SALES, None, False, False)
    assert found(invite(), due=False) is None


@pytest.mark.parametrize("header", ["nonsense", "", "0aedfced-e9c2-43f0-b242-7731158475a5"])
def test_a_header_that_is_none_of_ours_counts_as_none(header: str):
    assert found(invite(header), due=True) == Recognised(SALES, None, False, False)
    assert found(invite(header, "scanner"), own(), due=True) is None


@given(st.text(max_size=60), st.text(max_size=30), st.text(max_size=30))
def test_no_text_of_a_stranger_breaks_it(header: str, request_user: str, to_user: str):
    result = found(invite(header, request_user, to_user=to_user), own())
    names = ("+442071838750", "agent", "+4930123456")
    assert result is None or any(same_number(user, name) for user in (request_user, to_user) for name in names)


@given(st.from_regex(r"[1-9][0-9]{8,13}", fullmatch=True), st.sampled_from(["", "+", "00", "0", "000"]))
def test_a_number_is_the_same_in_every_way_of_writing_it(digits: str, prefix: str):
    assert same_number(prefix + digits, "+" + digits)
    assert same_number("+" + digits, f"{prefix}{digits[:3]}-{digits[3:]};phone-context=x")
    assert same_number("0" + digits[2:], "+" + digits) is (len(digits[2:].lstrip("0")) >= 7)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Agent", "agent", True), ("agent-7", "agent-8", False), ("8750", "+442071838750", False),
        ("02071838750", "+442071838750", True), ("+442071838751", "+442071838750", False), ("0", "0", True),
    ],
)  # fmt: skip
def test_names_and_extensions_are_compared_whole(one: str, other: str, same: bool):
    assert same_number(one, other) is same


def test_a_call_is_due_around_its_start_only():
    hourly = replace(SALES, every_ms=3_600_000)
    start = correlation.schedule.next_start(hourly, NOW)
    for seconds, due in ((-6, False), (-4, True), (0, True), (39, True), (41, False)):
        assert correlation.is_due(hourly, start + timedelta(seconds=seconds)) is due
    assert not correlation.is_due(replace(hourly, suspended=True), start)
    assert not correlation.is_due(replace(hourly, every_ms=None, schedule="0 0 31 2 *"), start)
