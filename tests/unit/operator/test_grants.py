"""What `spec.access` of a VoiceClient becomes in the client's row."""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.operator.bodies import voice_client
from voiceprobe_operator.declared.objects import declared, spec
from voiceprobe_operator.grants import access_row
from voiceprobe_operator.model import Client, InvalidSpecError, parse_access, parse_client
from voiceprobe_operator.numbers import NO_RIGHTS

# Few of each, so that entries overlap; groups that some comparison would take for one another.
PROVIDERS = st.sampled_from(["corp", "partner", "a"])
ALIKE = [
    "acme",
    "Acme",
    "acme ",
    " acme",
    "ácme",
    "a\u0301cme",
    "acme\u200b",
    "CN=acme,OU=Voice",
    "☎️ 🙂",
    '"\\',
    "%_",
    "x" * 255,
]
GROUPS = st.sampled_from(ALIKE) | st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=40)
ENTRIES = st.lists(
    st.fixed_dictionaries({
        "provider": PROVIDERS,
        "groups": st.lists(GROUPS.filter(str.strip), min_size=1, max_size=6),
        "role": st.sampled_from(["Viewer", "Engineer"]),
    }),
    max_size=8,
)  # fmt: skip


def entry(*groups, provider="corp", role="Viewer"):
    return {"provider": provider, "groups": list(groups), "role": role}


def rows(entries):
    text = access_row(entries)
    return [] if text is None else [(one["provider"], one["group"], one["role"]) for one in json.loads(text)]


@given(ENTRIES)
def test_each_group_that_is_named_has_the_highest_role_that_it_is_named_with_and_no_other_has_any(entries):
    named = {}
    for one in entries:
        for group in one["groups"]:
            named.setdefault((one["provider"], group), set()).add(one["role"])
    found = rows(entries)
    assert {(provider, group): role for provider, group, role in found} == {
        key: "engineer" if "Engineer" in roles else "viewer" for key, roles in named.items()
    }
    assert max(Counter((provider, group) for provider, group, _ in found).values(), default=1) == 1


@given(ENTRIES, st.randoms(use_true_random=False))
def test_the_same_access_is_the_same_text_however_it_is_written(entries, chance: random.Random):
    single = [entry(group, provider=one["provider"], role=one["role"]) for one in entries for group in one["groups"]]
    chance.shuffle(single)
    assert access_row(single + single[:3]) == access_row(entries)


@given(ENTRIES, ENTRIES)
def test_more_entries_never_take_a_role_away(some, more):
    before, after = ({(p, g): role for p, g, role in rows(entries)} for entries in (some, some + more))
    assert before.keys() <= after.keys()
    assert all(after[key] in {role, "engineer"} for key, role in before.items())


def test_access_that_names_nobody_is_none():
    assert access_row([]) is None
    assert parse_client("acme", voice_client(access=[])).access is None
    assert parse_client("acme", voice_client(access=None)).access is None
    assert parse_client("acme", None).access is None


BAD = {
    "role": (entry("g", role="Staff"), "'Staff' is not a role: Viewer or Engineer"),
    "provider": (entry("g", provider="Corp Ltd"), "'Corp Ltd' is not the name of a sign-in provider"),
    "provider with a line end": (entry("g", provider="corp\n"), "is not the name of a sign-in provider"),
    "long provider": (entry("g", provider="x" * 64), "is not the name of a sign-in provider"),
    "no group": (entry(""), "'' is not a group"),
    "blanks": (entry(" \u00a0\u2003"), "is not a group"),
    "long group": (entry("x" * 256), "is not a group: a line of text with at most 255 characters"),
    "line end": (entry("acme\nvoice"), "is not a group"),
    "paragraph": (entry("acme\u2029"), "is not a group"),
    "no groups": ({"provider": "corp", "role": "Viewer"}, "access is not complete ('groups')"),
    "number": (entry(7), "access is not complete"),
}  # fmt: skip


@pytest.mark.parametrize(("bad", "sentence"), BAD.values(), ids=BAD)
def test_what_an_older_crd_let_through_opens_the_client_to_nobody_and_says_why(bad, sentence):
    body = voice_client(access=[entry("acme-voice-viewers"), bad])
    with pytest.raises(InvalidSpecError) as raised:
        parse_client("acme", body)
    assert sentence in str(raised.value)
    assert parse_access(body) is None


def test_a_mistake_elsewhere_in_the_spec_keeps_nobody_in_who_was_taken_out():
    body = voice_client(timeZone="Mars/Olympus", access=[entry("acme-voice-viewers")])
    seen = declared("acme", [spec(body)], lambda _: NO_RIGHTS)
    assert seen.invalid
    assert seen.client == Client("acme", "acme", access=access_row([entry("acme-voice-viewers")]))
    assert declared("acme", [spec(voice_client(timeZone="Mars/Olympus"))], lambda _: NO_RIGHTS).client.access is None


@given(ENTRIES, ENTRIES)
def test_a_clients_row_is_that_of_its_namespace_alone_whatever_its_access_says(mine, theirs):
    acme, globex = voice_client(access=mine), voice_client(access=theirs)
    globex["metadata"] |= {"namespace": "globex", "uid": "g"}
    found = {one.name: one.access for one in (parse_client(b["metadata"]["namespace"], b) for b in (acme, globex))}
    assert found == {"acme": access_row(mine), "globex": access_row(theirs)}
