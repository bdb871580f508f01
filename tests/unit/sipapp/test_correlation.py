"""Telling our calls from others', whatever the path does to header and numbers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sipapp.bench import a_probe
from voice_sipapp.plan import schedule
from voice_sipapp.plan.probe import Probe
from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.records import calluuid
from voice_sipapp.records.callkey import CallKey
from voice_sipapp.signalling.correlation import OwnCall, Recognised, Refused, recognise
from voice_sipapp.signalling.numbers import Directory, same_number
from voice_sipapp.signalling.openings import Opening, Openings
from voice_sipapp.signalling.sip.events import Invite

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
KEY = CallKey(b"the key of all SIP hosts of this provider")
NUMBER = "+442071838750"
SALES = a_probe(5062, allotted_numbers=(NUMBER,))
SUPPORT = replace(SALES, probe="support", destination=SipUri.parse("sip:+4930123456@b"), allotted_numbers=("agent",))
NOBODY = Refused()


def invite(header: str | None = None, user: str | None = NUMBER, **changes: Any) -> Invite:
    return replace(Invite(header, user, user, "caller", "[::1]:5060", ""), **changes)


def own(probe: Probe = SALES, **changes: Any) -> OwnCall:
    return OwnCall(calluuid.new(NOW), probe, **changes)


def header(call: OwnCall) -> str:
    return KEY.header(call.uuid, *call.probe.key)


def found(
    request: Invite, *calls: OwnCall, plan: tuple[Probe, ...] = (SUPPORT, SALES), opening: Opening = Opening.NONE
) -> Recognised | Refused:
    return recognise(request, calls, Directory(plan), lambda _: opening, KEY, NOW)


def test_the_header_names_the_call_whatever_number_is_called():
    call, other = own(), own()
    assert found(invite(header(call), "rewritten"), other, call) == Recognised(SALES, call.uuid, True, True)


def test_a_call_that_has_its_receiver_for_certain_gets_no_second_one():
    call = own(genuine=True)
    assert found(invite(header(call)), call, opening=Opening.OPEN) == NOBODY
    assert found(invite(), call, opening=Opening.OPEN) == NOBODY


def test_a_header_is_better_than_any_number_of_presumptions():
    call = own(presumed=1)
    assert found(invite(header(call)), call) == Recognised(SALES, call.uuid, True, True)


def test_a_header_of_another_hosts_call_is_known_by_its_proof_whatever_number_is_called():
    uuid = calluuid.new(NOW - timedelta(seconds=2))
    for user in (NUMBER, "agent", "somebody-else", None):
        assert found(invite(KEY.header(uuid, *SALES.key), user)) == Recognised(SALES, uuid, False, True)


@pytest.mark.parametrize("age", [timedelta(seconds=41), timedelta(days=300), timedelta(seconds=-6)])
def test_a_header_of_another_time_is_nobodys(age: timedelta):
    uuid = calluuid.new(NOW - age)
    assert found(invite(KEY.header(uuid, *SALES.key)), opening=Opening.OPEN) == NOBODY


def test_without_a_header_an_allotted_number_finds_the_call_that_waits_here():
    call = own()
    assert found(invite(user="00442071838750"), own(SUPPORT), call) == Recognised(SALES, call.uuid, True, False)


def test_the_number_may_stand_in_the_request_or_in_to_alone():
    for changes in ({"request_user": "line-3"}, {"to_user": None}):
        assert found(invite(**changes), opening=Opening.OPEN) == Recognised(SALES, None, False, False)


def test_without_a_header_another_hosts_call_is_taken_only_when_one_is_due():
    assert found(invite(), opening=Opening.OPEN) == Recognised(SALES, None, False, False)
    assert found(invite(), opening=Opening.NONE) == NOBODY
    assert found(invite(), opening=Opening.TAKEN) == Refused(contested_elsewhere=(SALES,))


def test_two_who_are_presumed_to_be_one_calls_receiver_make_it_contested():
    call = own(presumed=1)
    assert found(invite(), call, opening=Opening.OPEN) == Refused(contested=(call.uuid,))
    free = own()
    assert found(invite(), call, free) == Recognised(SALES, free.uuid, True, False), "another call of it waits"


def test_several_are_listened_to_where_a_code_is_pressed():
    probe = replace(SALES, confirm=True)
    for presumed in range(4):
        call = own(probe, presumed=presumed)
        expected = Recognised(probe, call.uuid, True, False) if presumed < 3 else Refused(contested=(call.uuid,))
        assert found(invite(), call, plan=(probe,)) == expected


def test_a_number_that_nobody_allotted_proves_nothing():
    bare = replace(SALES, allotted_numbers=())
    call = own(bare)
    assert found(invite(), call, plan=(bare,), opening=Opening.OPEN) == Refused(unproven=(call.uuid,))
    confirmed = replace(bare, confirm=True)
    assert found(invite(), plan=(confirmed,), opening=Opening.OPEN) == Recognised(confirmed, None, False, False)


THIEF = replace(SALES, client="globex", probe="thief", allotted_numbers=())


@pytest.mark.parametrize("confirm", [False, True])
@pytest.mark.parametrize("spelled", [NUMBER, "00442071838750", "02071838750", "+44 (20) 7183-8750", "2071838750"])
def test_another_client_that_writes_an_allotted_number_gets_no_call_of_it(spelled: str, confirm: bool):
    thief = replace(THIEF, confirm=confirm, destination=SipUri.parse(f"sip:{spelled.replace(' ', '')}@x"))
    call = own()
    for plan in ((thief, SALES), (SALES, thief)):
        assert found(invite(), own(thief), call, plan=plan) == Recognised(SALES, call.uuid, True, False)
        assert found(invite(), plan=plan, opening=Opening.OPEN) == Recognised(SALES, None, False, False)


def test_a_number_that_two_clients_wrote_and_nobody_allotted_is_nobodys():
    first, second = replace(SALES, confirm=True, allotted_numbers=()), replace(THIEF, confirm=True)
    assert found(invite(), plan=(first, second), opening=Opening.OPEN) == NOBODY


def test_of_two_allotted_numbers_the_very_one_that_was_called_counts():
    abroad = replace(THIEF, allotted_numbers=("+12071838750",), destination=SipUri.parse("sip:+12071838750@x"))
    assert found(invite(), plan=(abroad, SALES), opening=Opening.OPEN) == Recognised(SALES, None, False, False)
    assert found(invite(user="2071838750"), plan=(abroad, SALES), opening=Opening.OPEN) == NOBODY, "it may be either"


@pytest.mark.parametrize("text", ["nonsense", "", "0aedfced-e9c2-43f0-b242-7731158475a5"])
def test_a_header_that_is_none_of_ours_counts_as_none(text: str):
    assert found(invite(text), opening=Opening.OPEN) == Recognised(SALES, None, False, False)
    assert found(invite(text, "scanner"), own(), opening=Opening.OPEN) == NOBODY


@given(st.text(max_size=90), st.text(max_size=30), st.text(max_size=30))
def test_no_text_of_a_stranger_breaks_it(header: str, request_user: str, to_user: str):
    result = found(invite(header, request_user, to_user=to_user), own(), opening=Opening.OPEN)
    names = (NUMBER, "agent", "+4930123456")
    assert result == NOBODY or any(same_number(user, name) for user in (request_user, to_user) for name in names)


USERS = st.sampled_from([NUMBER, "442071838750", "02071838750", "71838750", "1838750", "838750", "agent", "x"])


@given(st.dictionaries(USERS, USERS, max_size=6), USERS, USERS)
def test_a_directory_finds_what_comparing_one_by_one_finds(plan: dict[str, str], request_user: str, to_user: str):
    probes = [
        replace(SALES, probe=str(number), allotted_numbers=(), receiver=SipUri.parse(f"sip:{receiver}@h"),
                destination=SipUri.parse(f"sip:{destination}@h"))
        for number, (receiver, destination) in enumerate(plan.items())
    ]  # fmt: skip
    alike = {
        probe.probe for probe in probes for name in (probe.receiver.user, probe.destination.user)
        for user in (request_user, to_user) if same_number(user, name or "")
    }  # fmt: skip
    assert {probe.probe for probe in Directory(probes).called((request_user, to_user))} == alike


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


HOURLY = replace(SALES, every_ms=3_600_000)
START = schedule.next_start(HOURLY, NOW)


def opening(openings: Openings, seconds: float = 0, probe: Probe = HOURLY) -> Opening:
    return openings.of(probe, START + timedelta(seconds=seconds))


def test_a_call_is_due_around_its_start_only():
    for seconds, due in ((-6.1, False), (-4, True), (0, True), (38, True), (41, False)):
        assert (opening(Openings(), seconds) is Opening.OPEN) is due, seconds
    assert opening(Openings(), probe=replace(HOURLY, suspended=True)) is Opening.NONE
    assert opening(Openings(), probe=replace(HOURLY, every_ms=None, schedule="0 0 31 2 *")) is Opening.NONE


def test_a_start_has_one_place_until_whoever_took_it_was_not_ours():
    openings = Openings()
    openings.take(HOURLY, START)
    assert opening(openings, 10) is Opening.TAKEN
    openings.give_back(HOURLY)
    assert opening(openings, 10) is Opening.OPEN


def test_a_call_that_is_here_for_certain_closes_its_start_and_no_later_one():
    openings, often = Openings(), replace(HOURLY, every_ms=12_000)
    openings.close(often, START)
    assert opening(openings, 1, often) is Opening.NONE
    assert Opening.OPEN in {opening(openings, seconds, often) for seconds in range(6, 20)}


def test_a_start_is_contested_once_however_many_come():
    openings, often = Openings(), replace(HOURLY, every_ms=12_000)
    openings.take(often, START)
    contests = [openings.contest(often, START + timedelta(seconds=tenth / 10)) for tenth in range(240)]
    assert contests[0]
    assert sum(contests) in (2, 3), "once for each of the starts of these 24 s"


def test_a_call_that_was_asked_for_has_one_place_too():
    openings, never = Openings(), replace(HOURLY, suspended=True)
    openings.requested = frozenset({never.key})
    assert opening(openings, 0, never) is Opening.OPEN
    openings.take(never, START)
    assert opening(openings, 5, never) is Opening.TAKEN
    openings.close(never, START)
    assert opening(openings, 5, never) is Opening.NONE


def test_many_may_try_for_a_start_where_a_code_is_pressed_but_not_any_number():
    openings, confirmed = Openings(), replace(HOURLY, confirm=True)
    for _ in range(10):
        assert opening(openings, 1, confirmed) is Opening.OPEN
        openings.take(confirmed, START)
    assert opening(openings, 1, confirmed) is Opening.TAKEN
