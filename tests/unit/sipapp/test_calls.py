"""Whole calls over the loopback interface: real SIP, real media, no proxy between."""

import contextlib
import socket
import threading
import time
from typing import Any

import pytest

from tests.ports import free_udp_port
from tests.unit.sipapp.bench import ADDRESS, Bench, a_probe, an_invite, next_hop
from voice_sipapp.media import audio, codecs, g711, sdp
from voice_sipapp.media.codecs import CODECS
from voice_sipapp.plan.limits import Turn
from voice_sipapp.plan.probe import Digits
from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.signalling import call as call_module
from voice_sipapp.signalling import outcome
from voice_sipapp.signalling.sip import events
from voice_sipapp.signalling.sip.eventloop import end_loop, every, later, run_loop
from voice_sipapp.signalling.sip.events import Invite
from voice_sipapp.signalling.sip.leg import Leg

# The stack leaves it to the garbage collector to close a socket that it opens only to see whether IPv6 is there.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


def test_a_call_is_measured_in_both_directions(bench: Bench):
    call, streams = (cdr := bench.call(bench.receiver_port)).call, cdr.streams
    assert (call.disposition, call.sip_code, call.hangup_by) == ("answered", 200, "local")
    assert (call.local_address, call.transport) == (ADDRESS, "udp")
    assert call.remote_address == f"[{ADDRESS}]:{bench.receiver_port}"
    assert call.sip_reason == "OK"  # and nothing that this host did wrong
    assert call.pdd_ms is not None
    assert call.setup_ms is not None
    assert call.pdd_ms <= call.setup_ms - 90, "it rings before it answers, 100 ms later"
    assert call.first_rtp_ms is not None
    assert call.first_rtp_ms > call.pdd_ms
    assert call.duration_ms >= 1000
    assert call.answered_at is not None
    assert call.started_at < call.answered_at < call.ended_at
    for stream in streams:
        assert stream.codec == "PCMA"
        assert 45 <= stream.rtp_rx <= (stream.rtp_tx or 0)
        assert (stream.rtp_lost, stream.one_way) == (0, False)
        assert stream.mos_lq is not None
        assert stream.mos_lq > 4.3 or stream.rtp_discarded
        assert stream.active_pct == 100
        assert stream.rtt_ms is not None


def test_a_call_over_ipv4_is_measured_as_one_over_ipv6_is(sounds: audio.AudioStore):
    with contextlib.closing(Bench(sounds, "127.0.0.1")) as bench:
        destination = SipUri.parse(f"sip:+442071838750@127.0.0.1:{bench.receiver_port}")
        call, streams = (cdr := bench.call(0, destination=destination)).call, cdr.streams
    assert (call.disposition, call.local_address) == ("answered", "127.0.0.1")
    assert call.remote_address == f"127.0.0.1:{bench.receiver_port}"
    for stream in streams:
        assert stream.rtp_rx >= 45
        assert (stream.rtp_lost, stream.one_way) == (0, False)
        assert stream.rtt_ms is not None


def test_a_far_end_that_refuses_is_busy(bench: Bench):
    cdr = bench.call(bench.far_end(lambda _: None))
    assert (cdr.call.disposition, cdr.call.sip_code, cdr.call.sip_reason) == ("busy", 486, "Busy Here")
    assert [stream.rtp_rx for stream in cdr.streams] == [0, 0]


def test_a_far_end_that_says_nothing_is_a_timeout(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(outcome, "NO_ANSWER_MS", 300)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as silent:
        silent.bind((ADDRESS, 0))
        call = bench.call(silent.getsockname()[1]).call
    assert (call.disposition, call.sip_code, call.hangup_by) == ("timeout", 408, "timeout")


class FarEnd:
    """A party that rings; `answer_with` is its session description, None: it never answers."""

    def __init__(self, bench: Bench, answer_with: str | None, hang_up_after_s: float = 60) -> None:
        self._answer_with = answer_with
        self._hang_up_after_s = hang_up_after_s
        self.cancelled = False
        self.port = bench.far_end(self._invited)
        self._endpoint = bench.far_ends[-1]

    def _invited(self, _: Invite) -> Leg:
        self._leg = Leg(self._endpoint, self._event)
        return self._leg

    def _event(self, event: events.Event) -> None:
        if isinstance(event, events.HungUp):
            self.cancelled = True
        if not isinstance(event, events.Invited):
            return
        self._leg.ring()
        if self._answer_with is not None:
            self._leg.answer(self._answer_with)
            later(self._hang_up_after_s, self._leg.hang_up)


def test_a_far_end_that_only_rings_is_cancelled(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(outcome, "NO_ANSWER_MS", 300)
    far = FarEnd(bench, None)
    call = bench.call(far.port).call
    run_loop(timeout_s=0.5)
    assert (call.disposition, call.sip_code, call.hangup_by) == ("no_answer", 487, "timeout")
    assert call.pdd_ms is not None
    assert far.cancelled


def test_a_mute_far_end_that_hangs_up_is_one_way(bench: Bench):
    far = FarEnd(bench, sdp.describe(ADDRESS, free_udp_port(ADDRESS), ["PCMA"], 1), hang_up_after_s=0.4)
    cdr = bench.call(far.port, duration_ms=5000)
    assert (cdr.call.disposition, cdr.call.hangup_by) == ("answered", "remote")
    assert cdr.call.duration_ms < 5000
    assert "answered elsewhere" in (cdr.call.sip_reason or "")
    (reverse,) = cdr.streams  # what became of the forward direction is not known here
    assert reverse.direction == "reverse"
    assert (reverse.one_way, reverse.mos_cq, reverse.rtp_rx) == (True, None, 0)


class Transcoder:
    """An SBC that speaks A-law to the dialer, µ-law to the receiver, and translates the sound both ways."""

    def __init__(self, bench: Bench) -> None:
        self.port = bench.far_end(self._invited)
        self._endpoint, self._bench = bench.far_ends[-1], bench
        self._media = [socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) for _ in range(2)]
        for endpoint in self._media:
            endpoint.bind((ADDRESS, 0))
            endpoint.setblocking(False)
        self._targets: list[sdp.Remote] = []

    def _invited(self, invite: Invite) -> Leg:
        self._header = invite.header
        self._inward = Leg(self._endpoint, self._from_dialer)
        return self._inward

    def _describe(self, side: int, codec: str) -> str:
        return sdp.describe(ADDRESS, self._media[side].getsockname()[1], [codec], 1)

    def _from_dialer(self, event: events.Event) -> None:
        if isinstance(event, events.HungUp):
            self._outward.hang_up()
        elif isinstance(event, events.Invited):
            self._targets = [sdp.choose(event.description, ["PCMA"], ADDRESS)]
            target = a_probe(self._bench.receiver_port)
            self._outward = Leg(self._endpoint, self._from_receiver, next_hop(self._bench.receiver_port))
            self._outward.invite(target.dialer, target.destination, self._describe(1, "PCMU"), str(self._header))

    def _from_receiver(self, event: events.Event) -> None:
        if isinstance(event, events.Answered):
            self._targets.append(sdp.choose(event.description, ["PCMU"], ADDRESS))
            self._inward.answer(self._describe(0, "PCMA"))
            self._relaying = every(0.005, self._relay)

    def _relay(self) -> None:
        codecs = ("PCMA", "PCMU")
        for side in (0, 1):
            with contextlib.suppress(BlockingIOError):
                while True:
                    packet = self._media[side].recv(2048)
                    sound = g711.encode(codecs[1 - side], g711.decode(codecs[side], packet[12:]))
                    kind = packet[1] & 0x80 | CODECS[codecs[1 - side]].payload_type
                    target = self._targets[1 - side]
                    self._media[1 - side].sendto(
                        bytes([packet[0], kind]) + packet[2:12] + sound, (target.address, target.port)
                    )

    def close(self) -> None:
        self._relaying.cancel()
        for endpoint in self._media:
            endpoint.close()


def test_a_path_that_translates_the_codec_is_heard_in_each_legs_own(bench: Bench):
    with contextlib.closing(Transcoder(bench)) as between:
        cdr = bench.call(between.port)
    assert cdr.call.disposition == "answered"
    assert [(stream.codec, stream.payload_type) for stream in cdr.streams] == [("PCMU", 0), ("PCMA", 8)]
    for stream in cdr.streams:
        assert (stream.one_way, stream.rtp_lost, stream.active_pct) == (False, 0, 100)
        assert stream.rtp_rx >= 45


def test_an_answer_without_a_common_codec_is_a_failure(bench: Bench):
    far = FarEnd(bench, sdp.describe(ADDRESS, 9, ["PCMA"], 1).replace(" 8 101\r\n", " 18\r\n"))
    call = bench.call(far.port).call
    assert (call.disposition, call.sip_code) == ("failed", 200)
    assert "none of the codecs" in (call.sip_reason or "")


def test_a_process_that_stops_writes_down_its_calls_as_interrupted(bench: Bench):
    later(1.5, bench.caller.stop)  # long after the answer, also on a busy machine
    call = bench.call(bench.receiver_port, duration_ms=8000).call
    assert (call.disposition, call.hangup_by, call.valid) == ("interrupted", "local", False)
    assert 100 < call.duration_ms < 8000


@pytest.mark.parametrize("header", ["nonsense", "00000000-0000-0000-0000-000000000000"])
def test_strangers_are_refused_and_counted(bench: Bench, header: str):
    answers: list[int] = []

    def heard(event: events.Event) -> None:
        if isinstance(event, events.Rejected):
            answers.append(event.code)
            end_loop()

    leg = Leg(bench.station.dialer, heard, next_hop(bench.receiver_port))
    target = a_probe(bench.receiver_port)
    leg.invite(target.dialer, target.destination, sdp.describe(ADDRESS, 9, ["PCMA"], 1), header)
    run_loop(timeout_s=5)
    assert (answers, bench.caller.reception.strangers) == ([486], 1)


def test_many_strangers_are_one_line_in_the_log(bench: Bench, caplog: pytest.LogCaptureFixture):
    for _ in range(50):
        assert bench.caller.reception.take(an_invite("nonsense")) is None
    assert bench.caller.reception.strangers == 50
    assert caplog.text.count("not ours") == 1


def test_a_call_whose_address_comes_after_the_stop_is_not_placed(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    invited: list[Invite] = []
    port = bench.far_end(invited.append)  # type: ignore[func-returns-value]
    real = socket.getaddrinfo

    def slow(_: object, *rest: Any) -> Any:
        time.sleep(0.4)
        return real(ADDRESS, *rest)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    later(0.1, bench.caller.stop)
    call = bench.call(0, destination=SipUri.parse(f"sip:a@sbc.acme.example:{port}")).call
    run_loop(timeout_s=0.8)
    assert (call.disposition, call.valid, call.call_id) == ("interrupted", False, None)
    assert (invited, bench.caller.active) == ([], 0)


@pytest.mark.parametrize(("codec", "srtp"), [("PCMU", True), ("G722", False), ("opus", True)])
def test_every_codec_and_encryption_make_a_call(bench: Bench, codec: str, srtp: bool):
    cdr = bench.call(bench.receiver_port, codecs=(codec, "PCMA"), srtp=srtp)
    assert (cdr.call.disposition, cdr.call.srtp, cdr.call.sip_reason) == ("answered", srtp, "OK")
    for stream in cdr.streams:
        assert (stream.codec, stream.payload_type) == (codec, CODECS[codec].payload_type)
        assert (stream.rtp_lost, stream.one_way, stream.ptime_ms) == (0, False, 20)
        assert stream.rtp_rx >= 45


def test_a_far_end_that_would_not_encrypt_is_refused(bench: Bench):
    far = FarEnd(bench, sdp.describe(ADDRESS, free_udp_port(ADDRESS), ["PCMA"], 1))
    call = bench.call(far.port, srtp=True).call
    assert call.disposition == "failed"
    assert "unencrypted (RTP/AVP); this probe's media is encrypted" in (call.sip_reason or "")


@pytest.mark.parametrize("certain", [True, False], ids=["with its header", "without"])
def test_the_dialer_presses_the_way_through_an_ivr_and_then_the_calls_code(bench: Bench, certain: bool):
    """The receiver hears it; where the header was lost, the code is what makes the call ours."""
    receivers = []
    real = call_module.Call.take

    def taken(call: call_module.Call, **how: Any) -> Leg:
        leg = real(call, **{**how, "genuine": certain})
        receivers.append(call.receiver)
        return leg

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(call_module.Call, "take", taken)
        cdr = bench.call(bench.receiver_port, confirm=True, dtmf=(Digits(700, "12#"),), duration_ms=4500)
    (receiver,) = receivers
    assert receiver is not None
    code = bench.station.key.code(cdr.call.uuid, "acme", "sales")
    assert receiver.session.stream.digits == f"12#*{code}"  # once: it is told that it was heard
    assert (cdr.call.disposition, cdr.call.sip_reason) == ("answered", "OK")
    assert {stream.direction for stream in cdr.streams} == {"forward", "reverse"}
    assert bench.caller.reception.strangers == 0


def test_a_code_that_a_voice_menu_swallowed_is_pressed_again(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    """The menu answers first, and the agent comes to it in the middle of the code."""
    receivers = []
    real = call_module.Call.take

    def taken(call: call_module.Call, **how: Any) -> Leg:
        leg = real(call, **{**how, "genuine": False})
        assert call.receiver is not None
        receivers.append(call.receiver)
        return leg

    def agent_comes() -> None:
        heard = receivers[0].session.stream._listener.heard
        if len(heard.digits) == 3:
            heard.digits = ""
            swallowing.cancel()

    monkeypatch.setattr(call_module.Call, "take", taken)
    swallowing = every(0.02, lambda: agent_comes() if receivers else None)
    cdr = bench.call(bench.receiver_port, confirm=True, duration_ms=5500)
    code = bench.station.key.code(cdr.call.uuid, "acme", "sales")
    assert receivers[0].session.stream.digits == f"{code[2:]}*{code}"
    assert {stream.direction for stream in cdr.streams} == {"forward", "reverse"}
    assert bench.caller.reception.strangers == 0


def test_what_a_plan_plays_is_encoded_before_the_first_call_by_another_thread(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    threads: dict[str, str] = {}
    real = codecs.encode

    def encode(name: str, samples: g711.PCM) -> tuple[bytes, ...]:
        threads[name] = threading.current_thread().name
        return real(name, samples)

    monkeypatch.setattr(codecs, "encode", encode)
    bench.caller.update([a_probe(bench.receiver_port, codecs=("opus", "PCMA"), suspended=True)])
    bench.caller._scorer.submit(int).result(20)
    assert set(threads) == {"opus", "PCMA"}
    assert all(name.startswith("score") for name in threads.values())
    bench.call(bench.receiver_port, codecs=("opus",))
    assert threads["opus"].startswith("score")


def test_a_far_end_without_dtmf_is_told_of(bench: Bench):
    far = FarEnd(
        bench, sdp.describe(ADDRESS, free_udp_port(ADDRESS), ["PCMA"], 1).replace("telephone-event", "nothing")
    )
    call = bench.call(far.port, dtmf=(Digits(100, "1"),)).call
    assert "takes no DTMF" in (call.sip_reason or "")


def test_a_call_that_the_limits_leave_out_is_counted_and_one_that_was_asked_for_says_so(bench: Bench):
    bench.caller.scheduler._skip(Turn(a_probe(bench.receiver_port), 0.0))
    assert (bench.caller.scheduler.skipped, bench.cdrs) == (1, [])
    bench.caller.scheduler._skip(Turn(a_probe(bench.receiver_port), 0.0, 7))
    run_loop(timeout_s=5)
    (cdr,) = bench.cdrs
    assert (cdr.call.request_id, cdr.call.disposition, cdr.call.valid) == (7, "failed", False)
    assert cdr.call.sip_reason == "This host's limits gave the call no turn."
    assert bench.caller.scheduler.skipped == 2
