"""Whose packets are a stream's, by themselves: any order of any sources, and addresses of every kind."""

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_sipapp.media import latching, sieve, udp
from voice_sipapp.media.latching import LEARNS_NS, Latch, Rank

SECOND = 1_000_000_000
AGREED, PORT, NAT, STRANGER = (
    udp.destination(*place)
    for place in (("2001:db8::1", 4000), ("2001:db8::1", 5000), ("2001:db8::2", 4000), ("2001:db8::3", 4000))
)
SOURCES = {"agreed": AGREED, "same address": PORT, "signalling": NAT, "stranger": STRANGER}
RANKS = {AGREED: Rank.AGREED, PORT: Rank.ADDRESS, NAT: Rank.SIGNALLING, STRANGER: Rank.OTHER}


def latch() -> Latch:
    made = Latch()
    made.signalled(socket.inet_pton(socket.AF_INET6, "2001:db8::2"))
    made.agree(AGREED, 0)
    made.answered(0)
    return made


def packet(number: int, ssrc: int = 1) -> bytes:
    return struct.pack("!BBHII", 0x80, 8, number & 0xFFFF, 0, ssrc)


def offer(to: Latch, source: bytes, number: int, at_ns: int, last_ns: int = 0, *, plausible: bool = True) -> None:
    """A packet comes; the stream latches to its source where the latch prefers it."""
    if source != to.source and to.prefers(source, at_ns, packet(number), last_ns, plausible=plausible):
        to.latch(source)


@given(st.lists(st.tuples(st.sampled_from(sorted(SOURCES)), st.integers(0, 10 * SECOND)), max_size=60))
def test_the_best_that_sent_in_sequence_within_the_bound_is_latched(events: list[tuple[str, int]]):
    """Whatever the order; who was agreed on also after it. Nobody ever gives way to somebody worse."""
    made, numbers, best = latch(), dict.fromkeys(SOURCES, 0), Rank.NOBODY
    for name, at_ns in sorted(events, key=lambda event: event[1]):
        source = SOURCES[name]
        numbers[name] += 1
        before = made.rank
        offer(made, source, numbers[name], at_ns)
        assert made.rank <= before
        best = min(best, made.rank)
        if name == "agreed" and (before is Rank.NOBODY or numbers[name] > 1):
            assert made.source == AGREED
        if name != "agreed" and at_ns > LEARNS_NS:
            assert made.rank == before
    assert made.rank == best
    if made.source is not None:
        assert made.rank == RANKS[made.source]


@pytest.mark.parametrize("source", [PORT, NAT, STRANGER])
def test_one_packet_is_a_stray_and_two_are_a_source(source: bytes):
    made = latch()
    offer(made, source, 65_535, 0)
    assert made.source is None
    offer(made, source, 65_536, 1)
    assert made.source == source


@pytest.mark.parametrize("numbers", [(1, 3), (2, 1), (5, 5)])
def test_packets_that_do_not_follow_each_other_are_none(numbers: tuple[int, int]):
    made = latch()
    for number in numbers:
        offer(made, STRANGER, number, 0)
    assert made.source is None


def test_what_was_not_negotiated_takes_no_place_unless_it_was_agreed_on():
    made = latch()
    for number in range(10):
        offer(made, STRANGER, number, 0, plausible=False)
    assert made.source is None
    offer(made, AGREED, 1, 0, plausible=False)
    assert made.source == AGREED


def test_before_the_answer_there_is_no_bound():
    """It may ring for a minute, with early media."""
    made = Latch()
    made.agree(AGREED, 0)
    for number in range(2):
        offer(made, STRANGER, number, 60 * SECOND)
    assert made.source == STRANGER


def test_a_new_description_begins_anew_and_the_old_source_gives_way_only_when_it_is_quiet():
    made = latch()
    offer(made, AGREED, 1, 0)
    assert made.agree(NAT, 100 * SECOND)
    assert (made.source, made.rank) == (AGREED, Rank.BEFORE)
    for number in range(5):
        offer(made, STRANGER, number, 100 * SECOND, 100 * SECOND)
    assert made.source == AGREED
    for number in range(5, 7):
        offer(made, STRANGER, number, 101 * SECOND, 100 * SECOND)
    assert made.source == STRANGER
    assert not made.agree(NAT, 102 * SECOND), "the same again is nothing new"


def test_many_sources_take_no_more_memory_than_some():
    made = latch()
    for port in range(1, 5000):
        offer(made, udp.destination("2001:db8::9", port), 7, 0)
        made.stranger(udp.destination("2001:db8::a", port))
    assert made.source is None
    assert max(len(made._began), len(made._strangers), len(made._rivals)) <= 64


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (udp.destination("fe80::1", 4000), udp.destination("fe80::1", 4000)[:-4] + struct.pack("=I", 3)),
        (udp.destination("::ffff:192.0.2.1", 4000), udp.destination("192.0.2.1", 4000)),
        (udp.destination("192.0.2.1", 4000), udp.destination("192.0.2.1", 4000).ljust(28, b"\x55")),
    ],
    ids=["a link's number", "IPv4 within IPv6", "what is left in the buffer"],
)
def test_an_address_is_the_same_however_the_kernel_writes_it(one: bytes, other: bytes):
    assert latching.endpoint(one) == latching.endpoint(other)


@pytest.mark.parametrize(("address", "family"), [("::1", socket.AF_INET6), ("127.0.0.1", socket.AF_INET)])
def test_the_kernel_lets_in_whom_it_is_told_and_counts_the_rest(address: str, family: int):
    def a_socket() -> socket.socket:
        made = socket.socket(family, socket.SOCK_DGRAM)
        made.bind((address, 0))
        made.setblocking(False)
        return made

    with a_socket() as ours, a_socket() as one, a_socket() as other, a_socket() as third:
        place = ours.getsockname()
        known = [latching.endpoint(udp.destination(address, each.getsockname()[1])) for each in (one, other)]
        assert sieve.attach(ours, known)
        for each in (one, other, third, third):
            each.sendto(b"x" * 20, place)
        assert [ours.recvfrom(100)[1][1] for _ in range(2)] == [one.getsockname()[1], other.getsockname()[1]]
        with pytest.raises(BlockingIOError):
            ours.recv(100)
        assert sieve.dropped(ours) == 2
        assert not sieve.detach(ours)
        assert not sieve.detach(ours), "twice is no error"
        third.sendto(b"x", place)
        assert ours.recv(100) == b"x"


def test_a_sieve_that_knows_nobody_lets_nobody_in():
    assert sieve.instructions([]) == [(0x06, 0, 0, 0)]
