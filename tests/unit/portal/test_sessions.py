"""How long a session lasts, and who somebody is: what is worked out without asking anybody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from voice_portal.accounts.access import Role
from voice_portal.accounts.sessions import End, Times
from voice_portal.config.providers.model import Claims, Provider
from voice_portal.federation.persons import MOST_GROUPS, Person, lacks_groups, person
from voice_portal.federation.refusals import Refused

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
IDLE, ABSOLUTE = timedelta(minutes=60), timedelta(hours=12)
SPANS = st.timedeltas(timedelta(0), timedelta(days=2))


@given(signed_in=SPANS, seen=SPANS)
def test_a_session_is_over_when_idle_or_too_old_and_at_no_other_time(signed_in: timedelta, seen: timedelta) -> None:
    assume(seen <= signed_in)
    end = Times(NOW - signed_in, NOW - seen).end(NOW, IDLE, ABSOLUTE)
    assert (end is End.TOO_OLD) == (signed_in >= ABSOLUTE)
    assert (end is None) == (signed_in < ABSOLUTE and seen < IDLE)


def test_each_role_may_what_those_below_it_may() -> None:
    order = [Role.VIEWER, Role.ENGINEER, Role.STAFF]
    for place, role in enumerate(order):
        assert [role.may(needed) for needed in order] == [below <= place for below in range(3)]


PROVIDER = Provider(
    name="acme",
    display_name="Acme",
    email_domains=frozenset(),
    staff_groups=frozenset(),
    claims=Claims(uid="oid", groups="groups", login="login", name="name", email="email"),
)


@given(st.lists(st.text(min_size=1, max_size=300)))
def test_every_group_that_can_be_named_is_kept_as_it_is(groups: list[str]) -> None:
    found = person(PROVIDER, {"oid": "u", "groups": groups})
    assert found.groups == {group for group in groups if len(group) <= 255}


def test_what_is_told_becomes_a_person() -> None:
    told = {"oid": "u", "login": "a", "name": "A", "email": ["a@x"], "groups": "one"}
    assert person(PROVIDER, told) == Person("u", "a", "A", "a@x", frozenset({"one"}))
    assert person(PROVIDER, {"oid": "u"}) == Person("u", "u", "", "", frozenset())
    assert person(PROVIDER, {"oid": "u", "email": "a@x"}).login == "a@x"


@pytest.mark.parametrize("uid", [None, "", " u", "u ", 7, ["u", "v"], "u" * 256, "u\n", ["u", 1]])
def test_whoever_has_no_lasting_name_is_nobody(uid: object) -> None:
    with pytest.raises(Refused, match="the claim 'oid' is missing, or no text"):
        person(PROVIDER, {"oid": uid})


@pytest.mark.parametrize("groups", [1, {}, [1], [""], [None], True])
def test_groups_that_are_no_list_of_texts_are_refused(groups: object) -> None:
    with pytest.raises(Refused, match="is no list of texts"):
        person(PROVIDER, {"oid": "u", "groups": groups})


@pytest.mark.parametrize(
    ("told", "lacks"),
    [
        ({}, False),
        ({"_claim_names": {"groups": "src1"}}, True),
        ({"_claim_names": {"roles": "src1"}}, False),
        ({"_claim_names": "groups"}, True),
        ({"_claim_names": None}, False),
        ({"hasgroups": True}, True),
        ({"hasgroups": "true"}, True),
        ({"http://schemas.microsoft.com/claims/groups.link": ["x"]}, True),
    ],
)
def test_groups_that_were_left_out_are_seen(told: dict[str, Any], lacks: bool) -> None:
    assert lacks_groups(PROVIDER, told) is lacks
    if lacks:
        with pytest.raises(Refused, match="left out of the token"):
            person(PROVIDER, {"oid": "u", "groups": ["in"], **told})
        assert person(PROVIDER, {"oid": "u", **told}, ["asked"]).groups == {"asked"}


def test_nobody_is_in_more_groups_than_can_be_kept() -> None:
    groups = [str(number) for number in range(MOST_GROUPS + 1)]
    assert len(person(PROVIDER, {"oid": "u", "groups": groups[:-1]}).groups) == MOST_GROUPS
    with pytest.raises(Refused, match=f"{MOST_GROUPS + 1} groups"):
        person(PROVIDER, {"oid": "u", "groups": groups})
