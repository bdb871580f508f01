"""Digits in the media (RFC 4733): what is sent, and that each counts once whatever is lost."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_sipapp.media import dtmf

digits = st.text(st.sampled_from(dtmf.DIGITS), max_size=12)


def packets(text: str, ticks: int = 160) -> list[tuple[int, bytes, int]]:
    """What is sent for `text`: packet time, payload, timestamp."""
    return [
        (at, step.payload, (at - step.since) * ticks)
        for at, step in enumerate(dtmf.steps(text, ticks))
        if step.payload is not None
    ]


def test_a_digit_is_begun_updated_and_ended_three_times():
    """RFC 4733, section 2.5.1: a marker, growing durations, one timestamp, three packets with the end bit."""
    steps = dtmf.steps("5", 160)
    payloads = [step.payload for step in steps if step.payload is not None]
    events = [struct.unpack("!BBH", payload) for payload in payloads]
    assert [step.first for step in steps] == [True] + [False] * (len(steps) - 1)
    assert {event for event, _, _ in events} == {5}
    assert [duration for *_, duration in events] == [160, 320, 480, 640, 800, 800, 800]
    assert [flags & 0x80 for _, flags, _ in events] == [0, 0, 0, 0, 0x80, 0x80, 0x80]
    assert {stamp for *_, stamp in packets("5")} == {0}
    assert len(steps) == 10, "100 ms of tone, 100 ms of pause"


def test_durations_are_on_the_clock_of_the_event():
    assert [struct.unpack("!BBH", payload)[2] for _, payload, _ in packets("1", 960)][:2] == [960, 1920]


def test_letters_are_digits_and_others_are_not():
    assert {payload[0] for _, payload, _ in packets("*#aD")} == {10, 11, 12, 15}
    with pytest.raises(ValueError, match="no DTMF digit: !, X"):
        dtmf.steps("1X!", 160)


@given(digits, st.randoms(use_true_random=False))
def test_each_digit_counts_once_whatever_is_lost_of_it(text: str, random):
    heard = dtmf.Heard()
    by_event: dict[int, list[bytes]] = {}
    for _, payload, stamp in packets(text):
        by_event.setdefault(stamp, []).append(payload)
    for stamp, payloads in by_event.items():
        kept = [payload for payload in payloads if random.random() < 0.5] or [random.choice(payloads)]
        for payload in kept:
            heard.packet(payload, stamp, 1)
    assert heard.digits == text


@given(st.binary(max_size=8), st.integers(0, 2**32 - 1))
def test_what_is_no_digit_is_passed_over(payload: bytes, stamp: int):
    heard = dtmf.Heard()
    heard.packet(payload, stamp, 1)
    assert len(heard.digits) == (len(payload) >= 4 and payload[0] < 16)
