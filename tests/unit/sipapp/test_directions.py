"""When either side was to send, by the descriptions that were agreed on."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_sipapp.media import sdp
from voice_sipapp.media.directions import Directions

BOTH, SENDS, HEARS, NEITHER = (True, True), (True, False), (False, True), (False, False)
END = 100


def remote(sends: bool, receives: bool, address: str = "2001:db8::1") -> sdp.Remote:
    return sdp.Remote(address, 4000, "PCMA", 8, sends=sends, receives=receives)


def agreed(*changes: tuple[int, tuple[bool, bool]], address: str = "2001:db8::1") -> Directions:
    made = Directions()
    for at_ns, (sends, receives) in changes:
        made.agreed(remote(sends, receives, address), at_ns)
    return made


@pytest.mark.parametrize(
    ("changes", "not_due", "not_sending"),
    [
        ([], [], []),
        ([(10, BOTH)], [], []),
        ([(10, BOTH), (20, NEITHER)], [(20, END)], [(20, END)]),
        ([(10, BOTH), (20, NEITHER), (30, BOTH)], [(20, 30)], [(20, 30)]),
        ([(10, BOTH), (20, HEARS), (30, BOTH)], [(20, 30)], []),
        ([(10, BOTH), (20, SENDS), (30, BOTH)], [(20, 30)], [(20, 30)]),  # a hold: RFC 3264, section 8.4
        ([(10, SENDS), (30, BOTH)], [], [(10, 30)]),  # an announcement
        ([(10, SENDS), (20, BOTH), (30, SENDS)], [(30, END)], [(10, 20), (30, END)]),
        ([(10, NEITHER), (30, BOTH)], [(10, 30)], [(10, 30)]),  # answered on hold
        ([(10, NEITHER), (30, SENDS)], [(10, 30)], [(10, 30), (30, END)]),
        ([(10, BOTH), (20, NEITHER), (25, SENDS), (30, BOTH)], [(20, 25), (25, 30)], [(20, 25), (25, 30)]),
        ([(10, BOTH), (20, NEITHER), (200, BOTH)], [(20, 200)], [(20, 200)]),
    ],
)
def test_spans(changes: list[tuple[int, tuple[bool, bool]]], not_due: list[object], not_sending: list[object]) -> None:
    made = agreed(*changes)
    assert list(made.not_due(END, 10)) == not_due
    assert list(made.not_sending(END)) == not_sending


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])  # noqa: S104
@pytest.mark.parametrize("says", [BOTH, SENDS, HEARS, NEITHER])
def test_a_null_address_is_a_hold_whatever_else_is_said(address: str, says: tuple[bool, bool]) -> None:
    made = agreed((20, says), address=address)
    assert made.not_due(END, 10) == made.not_sending(END) == ((20, END),)


def test_who_only_announces_from_the_answer_on_is_due_whatever_its_ringing_was() -> None:
    """183 sendrecv, 200 sendonly: nothing of the conversation went both ways."""
    made = agreed((10, BOTH), (20, SENDS))
    assert made.not_due(END, 21) == ()
    assert made.not_due(END, 15) == ((20, END),)
    assert made.not_due(END, None) == ((20, END),)


@given(st.lists(st.tuples(st.integers(0, 50), st.sampled_from([BOTH, SENDS, HEARS, NEITHER])), min_size=1))
def test_every_moment_is_as_the_last_description_before_it_says(gaps: list[tuple[int, tuple[bool, bool]]]) -> None:
    changes, at_ns = [], 0
    for gap, says in gaps:
        at_ns += gap
        changes.append((at_ns, says))
    made, end = agreed(*changes), at_ns + 10
    for moment in range(changes[0][0], end):
        sends, receives = [says for begun, says in changes if begun <= moment][-1]
        both_before = any(
            says == BOTH and until > max(0, begun)
            for (begun, says), (until, _) in pairwise([*changes, (end, BOTH)])
            if begun <= moment
        )
        held = any(begin <= moment < stop for begin, stop in made.not_due(end, 0))
        muted = any(begin <= moment < stop for begin, stop in made.not_sending(end))
        assert held == (not sends or (not receives and both_before))
        assert muted == (not receives)
