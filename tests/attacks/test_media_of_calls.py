"""Strangers send to the ports of calls, over real sockets: such a call must be recorded as it would have been without
them; what they sent is told apart.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing

import pytest

from tests.attacks.raw_far_end import RawFarEnd, Sounder, a_socket, goodbye, receiver_report, rtp, sender_report
from tests.attacks.streams import OF_A_STRANGER
from tests.unit.sipapp.bench import Bench
from voice_sipapp.measurement import scoring
from voice_sipapp.media import latching, listener, rtcp
from voice_sipapp.media.rtp import Stream
from voice_sipapp.records.cdr import Cdr, StreamRecord

# The stack leaves it to the garbage collector to close a socket that it opens only to see whether IPv6 is there.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")

RATE = 65
"""Packets a second, as in the attack that made 33 % of loss of nothing."""

UNDER_WAY = 12
"""How many packets the far end may send until it hears that we have hung up."""


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
    return "::1", int(bench.station.dialer.address.rsplit(":", 1)[1])


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
