"""How many requests are looked at that nothing proves to be ours."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_sipapp.records import calluuid
from voice_sipapp.records.callkey import CallKey
from voice_sipapp.signalling.screening import Buckets, Limits, Rate, Screen, called, is_invite, limits_for, network

KEY = CallKey(b"the key of all SIP hosts of this provider")
TODAY = datetime(2026, 3, 1, tzinfo=UTC)
FEW = Limits(total=Rate(10, 8), source=Rate(2, 3), known=Rate(1, 2))


def invite(header: str = "") -> bytes:
    return f"INVITE sip:x@h SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n{header}\r\n\r\n".encode()


def with_header(seconds: float = 0, key: CallKey = KEY, name: str = "X-Voice-Call") -> bytes:
    uuid = calluuid.new(TODAY + timedelta(seconds=seconds))
    return invite(f"{name}: {key.header(uuid, 'acme', 'sales')}\r\n")


def admitted(screen: Screen, *datagrams: bytes, source: str = "192.0.2.1", now: float = 0.0) -> list[bool]:
    return [screen.admits(each, source, None, now, TODAY) for each in datagrams]


def test_a_source_has_its_burst_and_then_its_rate():
    screen = Screen(KEY, FEW)
    assert admitted(screen, *[invite()] * 5) == [True] * 3 + [False] * 2
    assert admitted(screen, *[invite()] * 3, now=1.0) == [True, True, False]
    assert admitted(screen, invite(), source="192.0.2.2") == [True], "another source is not touched"


def test_all_sources_together_have_a_limit_which_one_that_floods_does_not_use_up():
    screen = Screen(KEY, FEW)
    assert admitted(screen, *[invite()] * 1000).count(True) == 3
    others = [admitted(screen, invite(), source=f"192.0.2.{at}")[0] for at in range(2, 12)]
    assert others == [True] * 5 + [False] * 5


def test_a_call_of_ours_is_let_through_a_flood():
    screen = Screen(KEY, FEW)
    admitted(screen, *[invite()] * 1000)
    assert admitted(screen, with_header(), with_header(name="x-voice-call"), with_header()) == [True] * 3


@pytest.mark.parametrize(
    "forged",
    [with_header(key=CallKey(b"?")), with_header(-60), with_header(60), invite("X-V: 1")],
    ids=["of another key", "too old", "too new", "another header"],  # theirs are drawn at random
)
def test_a_header_that_is_none_of_these_moments_is_not(forged: bytes):
    screen = Screen(KEY, FEW)
    admitted(screen, *[invite()] * 1000)
    assert admitted(screen, forged) == [False]


def test_one_header_that_is_repeated_and_one_dialog_have_limits_of_their_own():
    screen = Screen(KEY, FEW)
    one = with_header()
    assert admitted(screen, *[one] * 5) == [True, True, False, False, False]
    assert [screen.admits(invite(), "::1", "a call", 0.0, TODAY) for _ in range(4)] == [True, True, False, False]
    assert screen.admits(invite(), "::1", "another call", 0.0, TODAY)


@pytest.mark.parametrize("answer", [b"SIP/2.0 200 OK", b"sip/2.0\t200 OK", b"\r\n\r\nSIP/2.0 200 OK"])
def test_answers_are_not_limited(answer: bytes):
    screen = Screen(KEY, FEW)
    assert admitted(screen, *[answer] * 50) == [True] * 50


@pytest.mark.parametrize("other", [b"OPTIONS sip:x SIP/2.0", b"ACK sip:x SIP/2.0", b"SIP/2.0", b"", b"\0" * 40])
def test_whatever_is_no_answer_is_limited_apart_from_calls(other: bytes):
    screen = Screen(KEY, FEW)
    assert admitted(screen, *[other] * 50).count(True) == 3
    assert admitted(screen, *[invite()] * 50).count(True) == 3
    assert [screen.admits(other, "::1", "a call", 0.0, TODAY) for _ in range(4)] == [True, True, False, False]
    assert [screen.admits(invite(), "::1", "a call", 0.0, TODAY) for _ in range(4)] == [True, True, False, False]


@pytest.mark.parametrize("start", [b"INVITE sip:x", b"\r\n\r\nINVITE sip:x", b"  \tINVITE\tsip:x"])
def test_an_invite_is_seen_in_whatever_space_it_hides(start: bytes):
    assert is_invite(start)


def test_who_is_called_is_seen_without_parsing():
    to = [b'To: "sip:x" <SIP:0044-20:pw@h>', b"t : sips:30@h", b"From: <sip:no@h>"]
    assert called(b"\r\n".join([b"\r\nINVITE sip:+4420@h;a=b SIP/2.0", *to])) == ["+4420", "0044-20", "30"]
    assert called(b"INVITE tel:+4420;ext=7 SIP/2.0\r\nTo:\r\n <tel:%2B30>\r\n\r\n") == ["+4420", "+30"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("[2001:db8::1]", "2001:db8::ffff", True), ("2001:db8::1", "2001:db8:0:1::1", False),
        ("192.0.2.1", "192.0.2.2", False), ("[::ffff:192.0.2.1]", "192.0.2.1", True), ("fe80::1%eth0", "fe80::2", True),
        ("no address", "no address", True),
    ],
)  # fmt: skip
def test_what_counts_as_one_source(one: str, other: str, same: bool):
    assert (network(one) == network(other)) is same


@given(st.lists(st.tuples(st.integers(0, 60), st.floats(0, 3)), max_size=300))
def test_however_many_sources_there_are_they_are_bounded_and_so_is_what_passes(calls: list[tuple[int, float]]):
    buckets, now, passed = Buckets(Rate(2, 3), 8), 0.0, dict.fromkeys(range(61), 0)
    for name, pause in calls:
        now += pause
        passed[name] += buckets.take(name, now)
        assert len(buckets) <= 8
    if len({name for name, _ in calls}) <= 8:
        assert all(count <= 3 + 2 * now + 1e-6 for count in passed.values())


@given(st.integers(1, 10_000), st.floats(0.1, 1000))
def test_a_host_can_take_back_all_that_it_may_dial_over_one_sbc_without_headers(max_calls: int, per_second: float):
    limits = limits_for(max_calls, per_second)
    assert limits.source.per_second >= 3 * per_second
    assert limits.total.per_second > limits.source.per_second
    assert min(limits.legs, limits.source_legs) >= max_calls
