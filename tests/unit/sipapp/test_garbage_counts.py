"""What is not understood is counted, and told of once in a while, kind by kind."""

import logging

import pytest

from voice_sipapp.signalling.sip.garbage import MOST_KINDS, Garbage


def test_each_kind_has_a_line_of_its_own_and_no_more_than_one(caplog: pytest.LogCaptureFixture):
    counter = Garbage()
    with caplog.at_level(logging.WARNING):
        for number in range(50):
            counter.seen(f"a request 'INVITE' from udp:[::1]:{number} is not understood: '{number}' is no address")
            counter.seen(f"a request 'BYE' from udp:192.0.2.{number}:5060 is not understood: it has no To")
    assert counter.count == 100
    assert [line.partition(" is not understood: ")[2].partition(" (")[0] for line in caplog.messages] == [
        "'0' is no address",
        "it has no To",
    ]


def test_whoever_makes_up_kinds_fills_neither_log_nor_memory(caplog: pytest.LogCaptureFixture):
    counter = Garbage()
    with caplog.at_level(logging.WARNING):
        for number in range(3000):
            counter.seen(f"something {'x' * (number % 997)} {chr(0x61 + number % 26)}")
    assert len(caplog.messages) <= MOST_KINDS + 1
    assert len(counter._next_line) <= MOST_KINDS + 1
    assert counter.count == 3000
