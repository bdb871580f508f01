"""Media counts from the source that was agreed on alone: strangers send to the ports of calls, over real sockets.

A call that strangers sent to must be recorded as it would have been without them; what they sent is told apart.
"""

import fcntl
import logging
import random
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.attacks.raw_far_end import (
    SILENCE,
    RawFarEnd,
    Sounder,
    a_socket,
    goodbye,
    port_of,
    receiver_report,
    rtp,
    sender_report,
)
from tests.unit.sipapp.bench import Bench
from voice_sipapp import finishing
from voice_sipapp.measurement import scoring
from voice_sipapp.media import audio, latching, listener, rtcp, sdp, srtp
from voice_sipapp.media.rtp import Engine, Stream
from voice_sipapp.records.cdr import Cdr, StreamRecord

# The stack leaves it to the garbage collector to close a socket that it opens only to see whether IPv6 is there.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")

RATE = 65
"""Packets a second, as in the attack that made 33 % of loss of nothing."""

UNDER_WAY = 12
"""How many packets the far end may send until it hears that we have hung up."""

OF_A_STRANGER = b"\x2a" * 160


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    samples = (8000 * np.sin(np.arange(8000) / 3)).astype(np.int16)
    audio.save(tmp_path / "tone.wav", samples)
    with closing(Bench(audio.AudioStore(tmp_path))) as made:
        yield made


@pytest.fixture
def cleanup() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


@pytest.fixture
def far(cleanup: ExitStack) -> RawFarEnd:
    return cleanup.enter_context(closing(RawFarEnd()))


def reverse(cdr: Cdr) -> StreamRecord:
    return next(stream for stream in cdr.streams if stream.direction == "reverse")


def call(bench: Bench, far: RawFarEnd, duration_ms: int = 1500) -> Cdr:
    far.start()
    return bench.call(far.port, duration_ms=duration_ms)


def check_undisturbed(cdr: Cdr, stream: StreamRecord, sent: int) -> None:
    """`stream` is as it would be had nobody else sent anything; `sent` packets were."""
    assert cdr.call.valid or (cdr.call.probe_lag_ms or 0) > scoring.MAX_LAG_MS, "but for a machine that is too busy"
    assert cdr.call.disposition == "answered"
    assert sent - UNDER_WAY <= stream.rtp_rx <= sent
    assert (stream.rtp_lost, stream.rtp_dup, stream.rtp_out_of_order) == (0, 0, 0)
    assert (stream.mos_cq or 0) > 3.5
    assert not stream.one_way


def attacks(target: int, ssrc: int, cleanup: ExitStack, *, kinds: str = "rsn") -> list[Sounder]:
    """Strangers who send to port `target`: with a source (SSRC) of their own, with the far end's `ssrc`, with that and
    numbers that are next.
    """
    cases = {"r": (random.getrandbits(32), 5000), "s": (ssrc, 30_000), "n": (ssrc, 101)}
    made = []
    for kind in kinds:
        source, first = cases[kind]
        own = cleanup.enter_context(closing(a_socket()))
        packet = lambda number, source: rtp(number, source, payload=OF_A_STRANGER)  # noqa: E731
        sounder = Sounder(own, ("::1", target), ssrc=source, first=first, rate=RATE, packet=packet)
        cleanup.callback(sounder.close)
        sounder.start()
        made.append(sounder)
    return made


# --- whole calls ---


@pytest.mark.parametrize("kinds", ["r", "s", "n", "rsn"])
@pytest.mark.parametrize("when", ["from before the answer on", "during the call"])
def test_a_stranger_changes_nothing(
    bench: Bench, far: RawFarEnd, cleanup: ExitStack, caplog: pytest.LogCaptureFixture, kinds: str, when: str
):
    def attack(far: RawFarEnd) -> None:
        attacks(far.calls_port or 0, 7, cleanup, kinds=kinds)
        if "before" in when:
            time.sleep(0.4)  # which is also how much later the answer comes

    if "before" in when:
        far.on_invite = attack
    else:
        once_called(far, 0.5, lambda: attack(far), cleanup)
    with caplog.at_level(logging.WARNING, listener.__name__):
        cdr = call(bench, far)
    stream = reverse(cdr)
    assert far.sounder is not None
    check_undisturbed(cdr, stream, far.sounder.sent)
    assert (stream.rtp_other_source or 0) > 20
    assert not cdr.call.early_media
    assert caplog.text.count("counted for nothing") == 1, "said once, however many come"


def once_called(far: RawFarEnd, delay_s: float, action: Callable[[], object], cleanup: ExitStack) -> None:
    """Run `action` so long after the INVITE has reached `far`."""

    def called(_: RawFarEnd) -> None:
        timer = threading.Timer(delay_s, action)
        timer.start()
        cleanup.callback(timer.join)

    far.on_invite = called


def test_a_call_that_nobody_disturbs_has_nothing_of_another_source(bench: Bench, far: RawFarEnd):
    cdr = call(bench, far)
    assert far.sounder is not None
    check_undisturbed(cdr, reverse(cdr), far.sounder.sent)
    assert reverse(cdr).rtp_other_source == 0


def test_strangers_at_both_parties_of_our_own_call_change_neither_direction(bench: Bench, cleanup: ExitStack):
    """They try every port that is open, all the time: before it was told to anybody, too."""
    made: list[Stream] = []
    real = bench.engine.open

    def opened() -> Stream:
        made.append(real())
        attacks(made[-1].port, 1, cleanup)
        return made[-1]

    bench.engine.open = opened  # type: ignore[method-assign]
    cdr = bench.call(bench.receiver_port, duration_ms=2000)
    assert len(made) == 2
    for stream in cdr.streams:
        check_undisturbed(cdr, stream, stream.rtp_tx or 0)
        assert (stream.rtp_other_source or 0) > 100
        assert stream.remote_lost == 0
        assert stream.rtt_ms is not None


def test_who_comes_first_does_not_keep_the_agreed_one_out(bench: Bench, far: RawFarEnd, cleanup: ExitStack):
    """The far end sounds half a second late: by then the stranger had been latched, and counts no more."""
    far.sounds_after_s = 0.5
    far.on_invite = lambda far: attacks(far.calls_port or 0, 7, cleanup) and None
    cdr = call(bench, far, 2000)
    assert far.sounder is not None
    check_undisturbed(cdr, reverse(cdr), far.sounder.sent)
    assert (cdr.call.first_rtp_ms or 0) >= 500
    assert (reverse(cdr).rtp_other_source or 0) > 3 * 1.5 * RATE


def test_who_is_alone_on_a_dead_line_can_not_bring_it_to_life_later(
    bench: Bench, far: RawFarEnd, cleanup: ExitStack, monkeypatch: pytest.MonkeyPatch
):
    """Only within a bound after the answer may sound come from elsewhere than agreed."""
    monkeypatch.setattr(latching, "LEARNS_NS", 200_000_000)
    far.sounds_after_s = None
    once_called(far, 0.8, lambda: attacks(far.calls_port or 0, 7, cleanup), cleanup)
    cdr = call(bench, far, 2000)
    assert (reverse(cdr).rtp_rx, reverse(cdr).one_way, reverse(cdr).mos_cq) == (0, True, None)
    assert (reverse(cdr).rtp_other_source or 0) > 50


def test_a_far_end_behind_nat_is_measured_and_what_others_send_is_not(bench: Bench, far: RawFarEnd, cleanup: ExitStack):
    """Its sound comes from another port than its description names; the strangers come a moment later."""
    far.described = 9  # nobody there
    once_called(far, 0.7, lambda: attacks(far.calls_port or 0, 7, cleanup), cleanup)
    cdr = call(bench, far, 2000)
    assert far.sounder is not None
    check_undisturbed(cdr, reverse(cdr), far.sounder.sent)
    assert (reverse(cdr).rtp_other_source or 0) > 100


def test_where_nobody_can_tell_who_is_who_the_call_does_not_count(bench: Bench, far: RawFarEnd, cleanup: ExitStack):
    """A stranger who spoke before the answer, and a far end behind NAT: neither comes from the agreed place."""
    far.described = 9

    def answers(far: RawFarEnd, invite: bytes) -> list[bytes]:
        early = (b"SIP/2.0 183 Session Progress", *far.head[1:])
        far.sip.sendto(far.answer(invite, head=early), caller(bench))
        time.sleep(0.5)
        return [far.answer(invite)]

    far.on_invite = lambda far: attacks(far.calls_port or 0, 3, cleanup, kinds="r") and None
    far._answers = answers
    cdr = call(bench, far, 2000)
    assert not cdr.call.valid
    assert "media came to the dialer from two sources" in (cdr.call.sip_reason or "")


def caller(bench: Bench) -> tuple[str, int]:
    return "::1", int(bench.caller.station.dialer.address.rsplit(":", 1)[1])


def test_forged_reports_are_not_believed(bench: Bench, far: RawFarEnd, cleanup: ExitStack):
    """All of our sound is lost, says somebody who knows its source; another one says goodbye for the far end."""
    streams: list[Stream] = []
    real = bench.engine.open
    bench.engine.open = lambda: streams.append(real()) or streams[-1]  # type: ignore[method-assign,func-returns-value]
    own = cleanup.enter_context(closing(a_socket()))

    def forge() -> None:
        (stream,) = streams
        ssrc = stream.exchange.ssrc
        for _ in range(40):
            for packet in (
                receiver_report(ssrc), sender_report(7) + receiver_report(ssrc, 7), goodbye(7),
                receiver_report(ssrc, lsr=rtcp.ntp_middle(time.time_ns() - 30_000_000_000)),
                *(receiver_report(ssrc, lsr=told) for told in list(stream.exchange._told)),
            ):  # fmt: skip
                own.sendto(packet, ("::1", stream.port + 1))
            time.sleep(0.02)

    once_called(far, 0.4, forge, cleanup)
    cdr = call(bench, far)
    assert far.sounder is not None
    check_undisturbed(cdr, reverse(cdr), far.sounder.sent)
    assert reverse(cdr).rtt_ms is None, "the far end sends no report, so nobody knows the way back"
    forward = [stream for stream in cdr.streams if stream.direction == "forward"]
    assert [stream.remote_lost for stream in forward] in ([], [None])
    (stream,) = streams
    assert (stream.exchange.remote_lost, stream.exchange.round_trips_ms) == (None, [])
    assert (reverse(cdr).rtp_other_source or 0) > 100


# --- one stream, and every turn that a call may take ---


@pytest.fixture(params=["::1", "127.0.0.1"])
def address(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def engine(address: str) -> Iterator[Engine]:
    made = Engine(address, (34000, 34998))
    made.start()
    yield made
    made.stop()


class Party:
    """Somebody with a socket, who sends numbered sound to a stream."""

    def __init__(self, address: str, stream: Stream, cleanup: ExitStack, ssrc: int = 7) -> None:
        self.socket = cleanup.enter_context(closing(a_socket(address)))
        self.port = port_of(self.socket)
        self._to, self._stream, self._ssrc = (address, stream.port), stream, ssrc
        self.number = 1000

    def send(self, count: int = 1, kind: int = 8) -> None:
        """Send so many packets, and wait until the stream has seen them."""
        for _ in range(count):
            self.socket.sendto(rtp(self.number, self._ssrc, kind, bytes([self._ssrc % 256]) * 160), self._to)
            self.number += 1
        taken_in(self._stream)

    def say(self, packet: bytes) -> None:
        """The same for any one packet."""
        self.socket.sendto(packet, self._to)
        taken_in(self._stream)

    def reports(self, packet: bytes) -> None:
        """The same for RTCP."""
        self.socket.sendto(packet, (self._to[0], self._to[1] + 1))
        taken_in(self._stream)


def taken_in(stream: Stream) -> None:
    """Wait until nothing waits at the stream's sockets, and what did is dealt with."""
    wait_until(lambda: not any(b"".join(fcntl.ioctl(each, termios.FIONREAD, bytes(4)) for each in stream.descriptors)))
    with stream._lock:
        return


def heard(stream: Stream) -> list[int]:
    """Whose packets count: their sources, each once, and how many there are of each."""
    return [packet[12] for _, packet in stream.received]


def remote(address: str, port: int, **changes: object) -> sdp.Remote:
    return replace(sdp.Remote(address, port, "PCMA", 8, dtmf_type=101, own_dtmf_type=101), **changes)  # type: ignore[arg-type]


Start = Callable[..., tuple[Stream, Party, Party]]


@pytest.fixture
def start(engine: Engine, address: str, cleanup: ExitStack) -> Start:
    """A stream, the far end that it is agreed with (unless `agreed` is false), and a stranger."""

    def started(*, agreed: bool = True) -> tuple[Stream, Party, Party]:
        stream = engine.open()
        cleanup.callback(engine.end, stream)
        far, stranger = Party(address, stream, cleanup, 7), Party(address, stream, cleanup, 66)
        if agreed:
            stream.target(remote(address, far.port), [SILENCE])
            stream.answered()
        return stream, far, stranger

    return started


def test_only_the_agreed_source_counts(start: Start):
    stream, far, stranger = start()
    far.send(3)
    stranger.send(4)
    far.send(3)
    assert (heard(stream), stream.other_source) == ([7] * 6, 4)


def test_the_agreed_source_takes_the_place_of_whoever_was_before(start: Start):
    stream, far, stranger = start()
    stranger.send(10)
    assert heard(stream) == [66] * 10, "NAT may have written its address anew"
    far.send(5)
    assert (heard(stream), stream.other_source) == ([7] * 5, 10)


def test_the_agreed_source_does_so_however_late(start: Start, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(latching, "LEARNS_NS", 100_000_000)
    stream, far, stranger = start()
    stranger.send(10)
    time.sleep(0.2)
    far.send(5)
    assert (heard(stream), stream.other_source) == ([7] * 5, 10)


def test_a_stray_packet_takes_nobodys_place(start: Start):
    """Neither one of the agreed address, once somebody else is latched, nor one of anybody."""
    stream, far, stranger = start()
    stranger.send(1)
    assert heard(stream) == []
    stranger.send(9)
    assert heard(stream) == [66] * 10, "the first was no stray after all"
    far.send(1)
    assert (heard(stream), stream.other_source) == ([66] * 10, 1)


def test_what_was_not_negotiated_is_no_sign_of_the_far_end(start: Start):
    stream, far, stranger = start()
    stranger.send(10, kind=96)
    assert heard(stream) == []
    stranger.send(2)
    far.send(2)
    assert heard(stream) == [7] * 2


def test_with_nat_the_first_other_source_is_latched(start: Start, address: str, cleanup: ExitStack):
    stream, _, stranger = start()
    nat = Party(address, stream, cleanup, 5)
    nat.send(10)
    stranger.send(10)
    nat.send(10)
    assert (heard(stream), stream.other_source, stream.doubtful) == ([5] * 20, 10, False)


def test_who_sent_before_the_port_was_told_to_anybody_is_nobodys_far_end(
    start: Start, address: str, cleanup: ExitStack
):
    """The receiver's port is told in its answer."""
    stream, far, stranger = start(agreed=False)
    stranger.send(20)
    stream.untold()
    stream.target(remote(address, far.port), [SILENCE])
    stream.answered()
    stranger.send(20)
    assert heard(stream) == []
    nat = Party(address, stream, cleanup, 5)
    nat.send(5)
    assert (heard(stream), stream.doubtful) == ([5] * 5, False)


def test_what_came_before_the_description_is_kept_with_its_sources(start: Start, address: str):
    stream, far, stranger = start(agreed=False)
    stranger.send(3)
    far.send(3)
    stranger.send(3)
    far.send(3)
    stream.target(remote(address, far.port), [SILENCE])
    assert heard(stream) == [7] * 6
    stream.answered()
    far.send(1)
    assert stream.early + len(stream.received) == 7
    assert stream.other_source == 0, "what came before the answer counts nowhere"


def test_early_media_of_one_branch_gives_way_to_another_ones(start: Start, address: str, cleanup: ExitStack):
    """A forked INVITE: each branch has a description, and a place, of its own (RFC 3261, section 13.2.2.4)."""
    stream, one, stranger = start(agreed=False)
    stream.target(remote(address, one.port), [SILENCE])
    one.send(5)
    other = Party(address, stream, cleanup, 5)
    other.send(2)  # these overtake its answer
    stream.target(remote(address, other.port), [SILENCE])
    stream.answered()
    one.send(3)
    other.send(3)
    one.send(3)
    stranger.send(3)
    assert heard(stream)[-5:].count(5) >= 3
    assert 66 not in heard(stream)
    assert heard(stream)[-1] == 5


def test_a_new_description_is_followed_and_the_old_source_sounds_until_the_new_one_does(
    start: Start, address: str, cleanup: ExitStack
):
    """A re-INVITE: media goes on from the old address until our answer is there (RFC 3264, section 8.3.1)."""
    stream, old, stranger = start()
    old.send(5)
    new = Party(address, stream, cleanup, 5)
    stream.target(remote(address, new.port), [SILENCE])
    stranger.send(5)
    old.send(2)
    new.send(5)
    old.send(4)
    stranger.send(5)
    assert (heard(stream), stream.other_source) == ([7] * 7 + [5] * 5, 14)


@pytest.mark.parametrize("null", [True, False], ids=["a null address", "inactive"])
def test_hold_and_its_end_change_no_source(start: Start, address: str, null: bool):
    stream, far, stranger = start()
    far.send(5)
    held = remote(address, far.port, sends=False, receives=False)
    stream.target(replace(held, address="::" if ":" in address else "0.0.0.0") if null else held, [SILENCE])  # noqa: S104
    stranger.send(5)
    stream.target(remote(address, far.port), [SILENCE])
    stranger.send(5)
    far.send(5)
    assert (heard(stream), stream.other_source) == ([7] * 10, 10)


def test_music_on_hold_of_another_machine_is_heard_where_it_was_agreed_on(
    start: Start, address: str, cleanup: ExitStack
):
    stream, far, stranger = start()
    far.send(5)
    music = Party(address, stream, cleanup, 5)
    stream.target(remote(address, music.port, receives=False), [SILENCE])
    music.send(5)
    stream.target(remote(address, far.port), [SILENCE])
    far.send(5)
    stranger.send(5)
    assert (heard(stream), stream.other_source) == ([7] * 5 + [5] * 5 + [7] * 5, 5)


def test_encrypted_sound_needs_the_key_to_take_a_place(start: Start, address: str, cleanup: ExitStack):
    """And a copy of a packet of the far end's own, sent from elsewhere, is a stranger's."""
    stream, far, stranger = start(agreed=False)
    key = srtp.new_key()
    sender = srtp.Sender(key)
    stream.target(remote(address, 9, srtp_key=key), [SILENCE])
    stream.answered()
    stranger.send(10)
    secrets = [sender.rtp(rtp(number, 7, payload=bytes([7]) * 160)) for number in range(10)]
    for secret in secrets:
        far.socket.sendto(secret, (address, stream.port))
    taken_in(stream)
    for secret in secrets:
        stranger.socket.sendto(secret, (address, stream.port))
    taken_in(stream)
    assert (heard(stream), stream.other_source) == ([7] * 10, 20)


def test_digits_of_a_stranger_are_not_heard(start: Start):
    """Nor are those that one pressed who had to give way."""
    stream, far, stranger = start()
    stranger.send(2)
    stranger.say(rtp(stranger.number, 66, 101, bytes([5, 10, 0, 160])))
    assert stream.digits == "5"
    far.send(2)
    assert stream.digits == ""
    stranger.say(rtp(stranger.number, 66, 101, bytes([6, 10, 0, 160])))
    far.say(rtp(far.number, 7, 101, bytes([9, 10, 0, 160])))
    assert stream.digits == "9"


def test_reports_come_from_where_the_sound_comes_from(start: Start, address: str, cleanup: ExitStack):
    stream, far, stranger = start()
    far.send(3)
    ssrc = stream.exchange.ssrc
    stranger.reports(receiver_report(ssrc))
    assert (stream.exchange.remote_lost, stream.other_source) == (None, 1)
    far.reports(receiver_report(ssrc, lost=2))  # from the port of its sound: RFC 5761 has it so
    assert stream.exchange.remote_lost == 2
    stranger.reports(receiver_report(ssrc))
    assert (stream.exchange.remote_lost, stream.other_source) == (2, 2)


def test_reports_from_the_agreed_port_are_believed_before_any_sound(start: Start, address: str, cleanup: ExitStack):
    stream, far, stranger = start(agreed=False)
    reporter = Party(address, stream, cleanup)
    stream.target(remote(address, far.port, rtcp_port=reporter.port), [SILENCE])
    stream.answered()
    stranger.reports(receiver_report(stream.exchange.ssrc, lost=1))
    reporter.reports(receiver_report(stream.exchange.ssrc, lost=2))
    stranger.reports(receiver_report(stream.exchange.ssrc, lost=1))
    assert (stream.exchange.remote_lost, stream.other_source) == (2, 2)


def test_what_an_impostor_reported_is_forgotten_with_its_sound(start: Start, address: str):
    stream, far, stranger = start()
    stranger.send(5)
    stranger.reports(receiver_report(stream.exchange.ssrc))
    assert stream.exchange.remote_lost == 0x7FFFFF
    far.send(5)
    assert stream.exchange.remote_lost is None


def test_with_nat_reports_may_come_from_any_one_port_of_that_address(start: Start, address: str, cleanup: ExitStack):
    stream, far, stranger = start(agreed=False)
    stream.target(remote(address, 9), [SILENCE])
    stream.answered()
    far.send(5)
    nat = Party(address, stream, cleanup)
    nat.reports(receiver_report(stream.exchange.ssrc, lost=2))
    stranger.reports(receiver_report(stream.exchange.ssrc, lost=1))
    assert (stream.exchange.remote_lost, stream.other_source) == (2, 1)


def test_a_better_place_counts_more_even_on_another_host(engine: Engine, address: str, cleanup: ExitStack):
    """The address of the description before any other, and that which SIP comes from before a stranger's."""
    if ":" in address:
        pytest.skip("the loopback interface has one IPv6 address only")
    stream = engine.open()
    cleanup.callback(engine.end, stream)
    stream.target(remote("10.11.12.13", 4000), [SILENCE])
    stream.signalled("127.0.0.3")
    stream.answered()
    parties = []
    for host, ssrc in (("127.0.0.2", 66), ("127.0.0.3", 5)):
        party = Party(address, stream, cleanup, ssrc)
        party.socket.close()
        party.socket = cleanup.enter_context(closing(a_socket(host)))
        parties.append(party)
    elsewhere, signalling = parties
    elsewhere.send(10)
    assert heard(stream) == [66] * 10
    signalling.send(5)
    elsewhere.send(10)
    assert (heard(stream), stream.other_source) == ([5] * 5, 20)


# --- floods ---


@pytest.fixture
def crowd(cleanup: ExitStack) -> Engine:
    """The engine of `pairs`."""
    made = Engine("::1", (35000, 35998))
    made.start()
    cleanup.callback(made.stop)
    return made


@pytest.fixture
def pairs(crowd: Engine) -> list[Stream]:
    """Streams that hear each other, the first and the second, the third and the fourth, and so on."""
    streams = [crowd.open() for _ in range(20)]
    for at, stream in enumerate(streams):
        stream.target(remote("::1", streams[at ^ 1].port), [SILENCE])
        stream.answered()
        crowd.start_sending(stream)
    return streams


def flood(port: int, cleanup: ExitStack, seconds: float, again: bytes = b"") -> int:
    """Send as much as one process can from 50 ports (at least some 5,000 packets a second); returns how many."""
    sources = [cleanup.enter_context(closing(a_socket())) for _ in range(50)]
    until, at = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        for _ in range(20):
            sources[at % len(sources)].sendto(again or rtp(at, at % 7, payload=OF_A_STRANGER), ("::1", port))
            at += 1
        time.sleep(0.002)
    return at


def test_a_flood_at_one_port_takes_nothing_from_that_call_nor_from_any_other(
    crowd: Engine, pairs: list[Stream], cleanup: ExitStack
):
    flooded, partner = pairs[:2]
    wait_until(lambda: all(len(stream.received) > 3 for stream in pairs))
    sent = [stream.sent for stream in pairs]
    count = flood(flooded.port, cleanup, 1.5)
    sent = [stream.sent - before for stream, before in zip(pairs, sent, strict=True)]
    partner_sent = partner.sent
    wait_until(lambda: len(flooded.received) >= partner_sent - 1)
    end(crowd, pairs)
    assert count > 2000
    assert flooded.other_source == count, "all of it is counted, whether we or the kernel saw it"
    assert (flooded.unread, flooded.doubtful) == (0, False)
    for stream, other in zip(pairs, [pairs[at ^ 1] for at in range(len(pairs))], strict=True):
        assert len(stream.received) >= other.sent - 3
        assert not any(packet[12:] == OF_A_STRANGER for _, packet in stream.received)
    assert min(sent) >= 70, "everybody sends on, 50 packets a second"


def test_a_flood_of_reports_keeps_no_true_one_away(crowd: Engine, pairs: list[Stream], cleanup: ExitStack):
    flooded = pairs[0]
    wait_until(lambda: bool(flooded.exchange.round_trips_ms))
    count = flood(flooded.port + 1, cleanup, 1.0, receiver_report(flooded.exchange.ssrc))
    trips = len(flooded.exchange.round_trips_ms)
    wait_until(lambda: len(flooded.exchange.round_trips_ms) > trips)
    end(crowd, pairs)
    assert flooded.other_source == count
    assert flooded.exchange.remote_lost == 0


def test_a_far_end_that_moves_in_a_flood_is_followed(crowd: Engine, pairs: list[Stream], cleanup: ExitStack):
    """The kernel drops whatever is not the far end's; a new description names another one."""
    flooded = pairs[0]
    wait_until(lambda: len(flooded.received) > 3)
    flood(flooded.port, cleanup, 0.5)
    new = Party("::1", flooded, cleanup, 5)
    new.send(3)
    assert 5 not in heard(flooded)
    flooded.target(remote("::1", new.port), [SILENCE])
    new.send(5)
    flood(flooded.port, cleanup, 0.5)
    new.send(5)
    end(crowd, pairs)
    assert heard(flooded).count(5) == 10
    assert 0x2A not in heard(flooded)


def test_where_a_flood_takes_the_far_ends_place_the_call_does_not_count(
    start: Start, engine: Engine, address: str, cleanup: ExitStack
):
    """Nobody is latched yet, so the kernel can't be told whom to keep; and this host is too busy to read."""
    stream, _, stranger = start()
    with engine._lock:  # what keeps this host busy
        for at in range(8000):
            stranger.socket.sendto(rtp(at * 7, 66), (address, stream.port))
    wait_until(lambda: stream.other_source > 300)
    for at in range(1200):
        stranger.socket.sendto(rtp(at * 7, 66), (address, stream.port))
    with engine._lock:
        for at in range(8000):
            stranger.socket.sendto(rtp(at * 7, 66), (address, stream.port))
    engine.end(stream)
    assert stream.unread > 0
    party = finishing.party(stream)
    assert f"{stream.unread} packets found no room" in (scoring.spoilt_by(party) or "")


def test_a_flood_before_the_far_end_sounds_does_not_spoil_the_call(
    start: Start, engine: Engine, address: str, cleanup: ExitStack
):
    """Whatever found no room by then, the far end's first packet did."""
    stream, far, stranger = start()
    with engine._lock:
        for at in range(8000):
            stranger.socket.sendto(rtp(at * 7, 66), (address, stream.port))
    taken_in(stream)
    assert stream.other_source > 100
    far.send(20)
    for at in range(3000):
        stranger.socket.sendto(rtp(at * 7, 66), (address, stream.port))
    far.send(20)
    engine.end(stream)
    assert (heard(stream), stream.unread) == ([7] * 40, 0)
    assert stream.other_source > 3000


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def end(engine: Engine, streams: list[Stream]) -> None:
    """Stop them all; what was under way arrives."""
    for stream in streams:
        stream._to = None
    time.sleep(0.1)
    for stream in streams:
        engine.end(stream)


def test_what_is_kept_of_strangers_is_bounded(start: Start, address: str):
    stream, far, stranger = start(agreed=False)
    for at in range(3 * listener._ASIDE):
        stranger.socket.sendto(rtp(at, 66), (address, stream.port))
        if at % 100 == 0:
            time.sleep(0.002)
    taken_in(stream)
    assert len(stream._listener._aside) <= listener._ASIDE
    stream.target(remote(address, far.port), [SILENCE])
    far.send(5)
    assert heard(stream)[-5:] == [7] * 5


def test_an_end_comes_even_while_a_port_is_flooded(start: Start, engine: Engine, address: str, cleanup: ExitStack):
    stream, far, _ = start()
    own = cleanup.enter_context(closing(a_socket(address)))
    sounder = Sounder(own, (address, stream.port), rate=20_000)
    cleanup.callback(sounder.close)
    sounder.start()
    far.send(5)
    began = time.monotonic()
    engine.end(stream)
    assert time.monotonic() - began < 2
