"""Whose a number is: spellings, allotments, and two claims to one number."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceprobe_operator import numbers
from voiceprobe_operator.declared.allotments import Allotments
from voiceprobe_operator.declared.claims import Claim, Claims, evaluate
from voiceprobe_operator.model import Allotment, Reference
from voiceprobe_operator.numbers import NumberRights, grants, key, same_number

CLIENTS = ("acme", "globex", "initech")
# All of one end, so that they meet: in full, nationally, with an exit code, locally, of three countries.
SPELLINGS = (
    "+442071838750", "00442071838750", "442071838750", "02071838750", "2071838750", "(020) 7183-8750",
    "+1 207 183 8750", "+2071838750", "011442071838750", "1838750", "8750", "agent-7", "AGENT-7", "agent-70",
)  # fmt: skip
ALLOTTED = ("+442071838750", "+4420718387*", "+442*", "+12071838750", "+1207*", "+2071838750", "agent-7", "8750")


def allotment(name, client, *texts, created="2026-01-01T00:00:00Z"):
    return Allotment(Reference("NumberAllotment", "", name, f"uid-{name}", 1), client, texts, created)


def claim(client, user, created=1, *, is_receiver=True, probe="p"):
    return Claim((client, probe), user, is_receiver, f"2026-01-01T00:00:{created:02}Z", f"{client}-{probe}-{created}")


def verdicts(claims, *allotments):
    return {c: evaluate([d for d in claims if key(d.user) == key(c.user)], Allotments(allotments))[c] for c in claims}


@given(st.sampled_from(SPELLINGS), st.sampled_from(SPELLINGS))
def test_what_is_the_same_number_has_the_same_key(one, other):
    assert not same_number(one, other) or key(one) == key(other)


@pytest.mark.parametrize(
    ("allotted", "user", "is_granted"),
    [
        ("+442071838750", "+442071838750", True),
        ("+442071838750", "00442071838750", True),
        ("+442071838750", "020 7183 8750", True),
        ("+442071838750", "1838750", False),  # how many numbers end so
        ("+442071838750", "+2071838750", False),  # Egypt's
        ("+2071838750", "+442071838750", False),
        ("+3531234567", "1234567", True),
        ("+4420718387*", "+442071838750", True),
        ("+4420718387*", "02071838750", True),
        ("+4420718387*", "+442071838650", False),
        ("+44*", "02071838750", False),  # nothing says that it is of this country
        ("+44*", "00442071838750", True),
        ("+4420718387*", "+44207183", False),
        ("agent-7", "Agent-7", True),
        ("agent-7", "agent-70", False),
        ("1001", "1001", True),
        ("1001", "+441001", False),
        ("+1001*", "1001", False),
    ],
)
def test_an_allotted_number_is_granted_in_full_or_nationally(allotted, user, is_granted):
    assert grants(allotted, user) is is_granted


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("+442071838750", "+442071838750"),
        ("+442071838750", "+2071838750"),  # a SIP host cannot tell them apart
        ("+4420718387*", "+442071838750"),
        ("+442071838750", "+4420718387*"),
        ("+4420718387*", "+44*"),
        ("+44*", "+4420718387*"),
        ("+4420718387*", "+4420718387*"),
        ("agent-7", "AGENT-7"),
        ("1001", "1001"),
    ],
)
def test_of_two_allotments_that_overlap_the_elder_counts(first, second):
    elder, younger = (
        allotment("z-elder", "acme", first, "agent-1"),
        allotment("a", "globex", second, "agent-2", created="2027"),
    )
    both = Allotments([younger, elder])
    (conflict,) = both.conflicts[younger.ref]
    assert (conflict[0], conflict[1].text, conflict[1].allotment) == (second, first, "z-elder")
    assert {(e.text, e.client) for e in both.entries} == {(first, "acme"), ("agent-1", "acme"), ("agent-2", "globex")}
    assert not Allotments([elder, allotment("b", "acme", second)]).conflicts, "a client may say it twice"


@pytest.mark.parametrize(("first", "second"), [("+4420*", "+4421*"), ("+1207*", "+4420*"), ("agent-7", "agent-70")])
def test_what_does_not_overlap_counts_side_by_side(first, second):
    assert not Allotments([allotment("a", "acme", first), allotment("b", "globex", second)]).conflicts


def test_of_allotments_of_one_second_the_uid_decides():
    one, two = allotment("one", "acme", "agent-7"), allotment("two", "globex", "agent-7")
    assert list(Allotments([two, one]).conflicts) == list(Allotments([one, two]).conflicts) == [two.ref]


def test_a_national_number_of_two_clients_is_neithers_own():
    both = Allotments([allotment("a", "acme", "+442071838750"), allotment("b", "globex", "+12071838750")])
    assert not both.conflicts
    assert [both.standing(c, "2071838750") for c in ("acme", "globex", "initech")] == ["other"] * 3
    assert both.standing("acme", "+442071838750") == "own"
    assert both.standing("acme", "+331838750") == "nobody"


@pytest.mark.parametrize("squatter", SPELLINGS[:6])
def test_a_receivers_number_is_the_elder_probes(squatter):
    elder, younger = claim("acme", "+442071838750", 1), claim("globex", squatter, 2)
    assert verdicts([younger, elder]) == {elder: "free", younger: "taken"}


@pytest.mark.parametrize("squatter", SPELLINGS[:6])
@pytest.mark.parametrize("text", ["+442071838750", "+4420718387*"])
def test_an_allotted_number_is_its_clients_whatever_the_age(squatter, text):
    mine = claim("acme", "+442071838750", 9)
    theirs, calls = claim("globex", squatter, 1), claim("globex", squatter, 1, is_receiver=False, probe="q")
    told = verdicts([mine, theirs, calls], allotment("a", "acme", text))
    assert told == {mine: "own", theirs: "taken", calls: "free"}


@pytest.mark.parametrize("squatter", ["1838750", "011442071838750", "+99442071838750"])
def test_a_spelling_that_no_range_covers_takes_nothing_from_it_however_old(squatter):
    mine, theirs = claim("acme", "+442071838750", 9), claim("globex", squatter, 1)
    told = verdicts([mine, theirs], allotment("a", "acme", "+4420718387*"))
    assert told == {mine: "own", theirs: "taken"}


def test_of_two_ranges_whose_numbers_end_alike_the_number_in_full_goes_first():
    """Nobody can tell where 718 555 1234 is called; whoever says it has it."""
    full, national = claim("acme", "+447185551234", 9), claim("globex", "7185551234", 1)
    told = verdicts([full, national], allotment("a", "acme", "+44*"), allotment("b", "globex", "+1718*"))
    assert told == {full: "own", national: "taken"}


def test_anybody_may_call_any_number_and_probes_of_one_client_share_theirs():
    same = [claim("acme", "agent-7", n, probe=f"p{n}") for n in range(3)]
    calls = [claim(client, "agent-7", is_receiver=False) for client in ("globex", "initech")]
    assert set(verdicts(same + calls).values()) == {"free"}


def test_whoever_was_refused_keeps_no_third_one_out():
    """National between two countries: the elder's is not the youngest's, but the refused one's is both's."""
    a, b, c = claim("acme", "+442071838750", 1), claim("globex", "2071838750", 2), claim("initech", "+12071838750", 3)
    assert verdicts([a, b, c]) == {a: "free", b: "taken", c: "free"}


claims = st.builds(
    claim,
    st.sampled_from(CLIENTS),
    st.sampled_from(SPELLINGS),
    st.integers(1, 3),
    is_receiver=st.booleans(),
    probe=st.sampled_from("pqr"),
)
allotments = st.builds(
    lambda n, client, texts, created: allotment(f"n{n}", client, *texts, created=created),
    st.integers(0, 9),
    st.sampled_from(CLIENTS),
    st.lists(st.sampled_from(ALLOTTED), min_size=1, max_size=3),
    st.sampled_from(["2026-01-01", "2026-01-02"]),
)


@given(st.sets(claims, max_size=12), st.lists(allotments, max_size=4, unique_by=lambda a: a.ref.name))
def test_no_two_clients_ever_have_one_number(claimed, allotted):
    told, all_of_them = verdicts(claimed, *allotted), Allotments(allotted)
    for one, other in itertools.permutations(claimed, 2):
        if one.client == other.client or not same_number(one.user, other.user):
            continue
        assert (told[one], told[other]) != ("own", "own")
        both_answer = one.is_receiver and other.is_receiver
        assert not (both_answer and "taken" not in {told[one], told[other]})
    for one in claimed:
        if told[one] == "own":
            assert any(e.client == one.client and grants(e.text, one.user) for e in all_of_them.entries)
        if told[one] == "taken":
            assert one.is_receiver
            rivals = [e for e in all_of_them.entries if e.client != one.client and numbers.may_mean(e.text, one.user)]
            rivals += [c for c in claimed if c.client != one.client and same_number(c.user, one.user)]
            assert rivals, "nobody is refused for nothing"


class Said:
    """A probe as `Claims` looks at it."""

    def __init__(self, client, name, receiver, destination, created):
        self.ref = Reference("VoiceProbe", client, name, f"{client}-{name}-{created}", 1)
        self.receiver_address, self.destination = f"sip:{receiver}@h", f"sips:{destination}@h:5061"
        self.created = created


changes = st.lists(
    st.one_of(
        st.builds(
            Said, st.sampled_from(CLIENTS), st.sampled_from("pq"), st.sampled_from(SPELLINGS),
            st.sampled_from(SPELLINGS), st.sampled_from(["2026-01-01", "2026-01-02"]),
        ),
        st.tuples(st.sampled_from(CLIENTS), st.sampled_from("pq")),
        allotments,
        st.sampled_from([f"n{n}" for n in range(10)]),
        st.none(),
    ),
    max_size=14,
)  # fmt: skip


def apply(claimed, change):
    if isinstance(change, Said):
        claimed.put_probe(change)
    elif isinstance(change, Allotment):
        claimed.put_allotment(change)
    elif isinstance(change, tuple):
        claimed.drop_probe(change)
    elif isinstance(change, str):
        claimed.drop_allotment(change)
    else:
        claimed.settle()


@given(changes)
def test_whatever_changed_in_whatever_steps_the_outcome_is_that_of_what_is_left(steps):
    stepwise, left = Claims(), {}
    for change in steps:
        apply(stepwise, change)
        if isinstance(change, Said):
            left[change.ref.namespace, change.ref.name] = change
        elif isinstance(change, Allotment):
            left[change.ref.name] = change
        else:
            left.pop(change, None)
    at_once = Claims()
    for change in left.values():
        apply(at_once, change)
    every = [(client, name) for client in CLIENTS for name in "pq"]
    assert {n: stepwise.rights(n) for n in every} == {n: at_once.rights(n) for n in every}


@given(changes, changes)
def test_every_client_whose_rights_changed_is_told_of(before, after):
    claimed = Claims()
    for change in before:
        apply(claimed, change)
    every = [(client, name) for client in CLIENTS for name in "pq"]
    claimed.take_changed()
    had = {n: claimed.rights(n) for n in every}
    for change in after:
        apply(claimed, change)
    told = claimed.take_changed()
    itself = {c.ref.namespace if isinstance(c, Said) else c[0] for c in after if isinstance(c, Said | tuple)}
    assert {n[0] for n in every if claimed.rights(n) != had[n]} - itself <= set(told)


def test_those_who_lose_a_number_come_first():
    claimed = Claims()
    claimed.put_allotment(allotment("a", "globex", "agent-7"))
    for client in CLIENTS:
        claimed.put_probe(Said(client, "p", "agent-7", "agent-7", "2026"))
    assert set(claimed.take_changed()) == set(CLIENTS)
    claimed.put_allotment(allotment("a", "acme", "agent-7"))
    assert claimed.take_changed() == ["globex", "acme"]
    assert claimed.rights(("acme", "p")) == NumberRights(("agent-7",), None)
    assert claimed.rights(("globex", "p")) == NumberRights((), "agent-7")


def test_a_change_costs_what_else_claims_that_number_and_not_what_there_is(monkeypatch):
    claimed = Claims()
    for n in range(2000):
        claimed.put_probe(Said(f"c{n}", "p", f"agent-{n}", f"+4420{n:08}", "2026"))
    claimed.settle()
    looked = []
    standing = Allotments.standing
    monkeypatch.setattr(Allotments, "standing", lambda self, *a: looked.append(a) or standing(self, *a))
    claimed.put_probe(Said("rival", "p", "agent-7", "+442000000007", "2027"))
    claimed.put_allotment(allotment("a", "c9", "agent-9"))
    assert sorted(claimed.take_changed()) == ["c9", "rival"]
    assert len(looked) == 2 + 2 + 1


def test_a_thousand_claims_to_one_end_by_two_clients_are_quickly_settled():
    """Both name all that ends alike: a comparison of each with each would be a million."""
    claimed = [claim(c, f"+{n}2071838750", probe=f"p{n}") for n in range(1000, 2000) for c in ("acme", "globex")]
    compared = []
    numbers_endings = numbers.endings
    try:
        numbers.endings = lambda user: compared.append(user) or numbers_endings(user)
        told = evaluate(claimed, Allotments())
    finally:
        numbers.endings = numbers_endings
    assert len(compared) <= 2 * len(claimed)
    assert sum(verdict == "taken" for verdict in told.values()) == 1000
