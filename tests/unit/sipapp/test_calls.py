"""Whole calls over the loopback interface: real SIP, real media, no proxy between."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from voice_sipapp import audio, caller, g711, outcome, ports, probe, rtp, scoring, sdp, stack
from voice_sipapp import call as call_module
from voice_sipapp.caller import TICK_S, Caller
from voice_sipapp.cdr import Cdr
from voice_sipapp.receiver import Receiver
from voice_sipapp.sipuri import SipUri
from voice_sipapp.station import Station

ADDRESS = "::1"

# The stack leaves it to the garbage collector to close a socket that it opens only to see whether IPv6 is there.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


def free_port() -> int:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as found:
        found.bind((ADDRESS, 0))
        return int(found.getsockname()[1])


class Bench:
    """A dialer and a receiver of one process, and the far ends that a test puts in their way."""

    def __init__(self, sounds: audio.AudioStore) -> None:
        self.cdrs: list[Cdr] = []
        self.caller = Caller(sounds, self._keep)
        self.receiver_port = free_port()
        self.engine = rtp.Engine(ADDRESS, (32000, 33998))
        self.caller.station = Station(
            dialer=stack.Endpoint(ADDRESS, free_port(), lambda _: None),
            receiver=stack.Endpoint(ADDRESS, self.receiver_port, self.caller.take),
            engine=self.engine,
            sip_host="bench",
            address=ADDRESS,
        )
        self.far_ends: list[stack.Endpoint] = []
        self.engine.start()
        self._ticks = stack.every(TICK_S, self.caller.tick)

    def _keep(self, cdr: Cdr) -> None:
        self.cdrs.append(cdr)
        self.caller.submit(stack.end_loop)

    def far_end(self, on_invite: Callable[[str | None], stack.Leg | None]) -> int:
        """Another party; returns its port."""
        port = free_port()
        self.far_ends.append(stack.Endpoint(ADDRESS, port, on_invite))
        return port

    def call(self, port: int, **changes: Any) -> Cdr:
        """Place one call to `port` and wait for its record."""
        self.caller.place(a_probe(port, **changes))
        stack.run_loop(timeout_s=10)
        assert self.cdrs, "the call did not end"
        return self.cdrs[-1]

    def close(self) -> None:
        self._ticks.cancel()
        self.caller.close()
        self.engine.stop()
        for endpoint in (self.caller.station.dialer, self.caller.station.receiver, *self.far_ends):
            endpoint.close()


def a_probe(port: int, **changes: Any) -> probe.Probe:
    made = probe.Probe(
        client="acme", probe="sales", generation=1, dialer=SipUri.parse("sip:probe-1@voice.example.net"), proxy=None,
        destination=SipUri.parse(f"sip:+442071838750@[{ADDRESS}]:{port}"),
        receiver=SipUri.parse("sip:agent@voice.example.net"), answer_after_ms=100, every_ms=60_000, schedule=None,
        time_zone="UTC", duration_ms=1000, codecs=("PCMA", "PCMU"), audio="tone", suspended=False, unsupported=None,
    )  # fmt: skip
    return replace(made, **changes)


@pytest.fixture
def bench(tmp_path: Any) -> Iterator[Bench]:
    samples = (8000 * np.sin(np.arange(8000) / 3)).astype(np.int16)
    audio.save(tmp_path / "tone.wav", samples)
    with contextlib.closing(Bench(audio.AudioStore(tmp_path))) as made:
        yield made


def test_a_call_is_measured_in_both_directions(bench: Bench):
    call, streams = (cdr := bench.call(bench.receiver_port)).call, cdr.streams
    assert (call.disposition, call.sip_code, call.hangup_by) == ("answered", 200, "local")
    assert (call.local_address, call.transport) == (ADDRESS, "udp")
    assert call.remote_address == f"[{ADDRESS}]:{bench.receiver_port}"
    assert call.pdd_ms is not None
    assert call.setup_ms is not None
    assert call.pdd_ms <= 90 <= call.setup_ms <= 600
    assert call.first_rtp_ms is not None
    assert abs(call.first_rtp_ms - call.setup_ms) < 300
    assert call.duration_ms == pytest.approx(1000, abs=150)
    assert call.answered_at is not None
    assert call.started_at < call.answered_at < call.ended_at
    for stream in streams:
        assert stream.codec == "PCMA"
        assert 45 <= stream.rtp_rx <= (stream.rtp_tx or 0) <= 60
        assert (stream.rtp_lost, stream.one_way) == (0, False)
        assert stream.mos_lq is not None
        assert stream.mos_lq > 4.3 or stream.rtp_discarded
        assert stream.active_pct == 100
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

    def _invited(self, _: str | None) -> stack.Leg:
        self._leg = stack.Leg(self._endpoint, self._event)
        return self._leg

    def _event(self, event: Any, agent: Any) -> None:
        if type(event).__name__ == "CCEventDisconnect":
            self.cancelled = True
        if type(event).__name__ != "CCEventTry":
            return
        self._leg.ring()
        if self._answer_with is not None:
            self._leg.answer(self._answer_with)
            stack.later(self._hang_up_after_s, self._leg.hang_up)


def test_a_far_end_that_only_rings_is_cancelled(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(outcome, "NO_ANSWER_MS", 300)
    far = FarEnd(bench, None)
    call = bench.call(far.port).call
    stack.run_loop(timeout_s=0.5)
    assert (call.disposition, call.sip_code, call.hangup_by) == ("no_answer", 487, "timeout")
    assert call.pdd_ms is not None
    assert far.cancelled


def test_a_mute_far_end_that_hangs_up_is_one_way(bench: Bench):
    far = FarEnd(bench, sdp.describe(ADDRESS, free_port(), ["PCMA"], 1), hang_up_after_s=0.4)
    cdr = bench.call(far.port, duration_ms=5000)
    assert (cdr.call.disposition, cdr.call.hangup_by) == ("answered", "remote")
    assert cdr.call.duration_ms < 2000
    assert "answered elsewhere" in (cdr.call.sip_reason or "")
    reverse = cdr.streams[1]
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

    def _invited(self, header: str | None) -> stack.Leg:
        self._header = header
        self._inward = stack.Leg(self._endpoint, self._from_dialer)
        return self._inward

    def _describe(self, side: int, codec: str) -> str:
        return sdp.describe(ADDRESS, self._media[side].getsockname()[1], [codec], 1)

    def _from_dialer(self, event: Any, agent: Any) -> None:
        if type(event).__name__ == "CCEventDisconnect":
            self._outward.hang_up()
        elif type(event).__name__ == "CCEventTry":
            self._targets = [sdp.choose(str(event.getData()[3]), ["PCMA"], ADDRESS)]
            target = a_probe(self._bench.receiver_port)
            self._outward = stack.Leg(self._endpoint, self._from_receiver, (f"[{ADDRESS}]", self._bench.receiver_port))
            self._outward.invite(target.dialer, target.destination, self._describe(1, "PCMU"), str(self._header))

    def _from_receiver(self, event: Any, agent: Any) -> None:
        if type(event).__name__ == "CCEventConnect":
            self._targets.append(sdp.choose(str(event.getData()[2]), ["PCMU"], ADDRESS))
            self._inward.answer(self._describe(0, "PCMA"))
            self._relaying = stack.every(0.005, self._relay)

    def _relay(self) -> None:
        codecs = ("PCMA", "PCMU")
        for side in (0, 1):
            with contextlib.suppress(BlockingIOError):
                while True:
                    packet = self._media[side].recv(2048)
                    sound = g711.encode(codecs[1 - side], g711.decode(codecs[side], packet[12:]))
                    kind = packet[1] & 0x80 | sdp.PAYLOAD_TYPES[codecs[1 - side]]
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
    far = FarEnd(bench, sdp.describe(ADDRESS, 9, ["PCMA"], 1).replace(" 8\r\n", " 18\r\n"))
    call = bench.call(far.port).call
    assert (call.disposition, call.sip_code) == ("failed", 200)
    assert "none of the codecs" in (call.sip_reason or "")


def test_a_process_that_stops_writes_down_its_calls_as_interrupted(bench: Bench):
    stack.later(0.5, bench.caller.stop)
    call = bench.call(bench.receiver_port, duration_ms=8000).call
    assert (call.disposition, call.hangup_by, call.valid) == ("interrupted", "local", False)
    assert 100 < call.duration_ms < 2000


@pytest.mark.parametrize("header", ["nonsense", "00000000-0000-0000-0000-000000000000"])
def test_strangers_are_refused_and_counted(bench: Bench, header: str):
    answers: list[int] = []

    def heard(event: Any, agent: Any) -> None:
        if type(event).__name__ == "CCEventFail":
            answers.append(event.getData()[0])
            stack.end_loop()

    leg = stack.Leg(bench.caller.station.dialer, heard, (f"[{ADDRESS}]", bench.receiver_port))
    target = a_probe(bench.receiver_port)
    leg.invite(target.dialer, target.destination, sdp.describe(ADDRESS, 9, ["PCMA"], 1), header)
    stack.run_loop(timeout_s=5)
    assert (answers, bench.caller.strangers) == ([486], 1)


def test_many_strangers_are_one_line_in_the_log(bench: Bench, caplog: pytest.LogCaptureFixture):
    for _ in range(50):
        assert bench.caller.take("nonsense") is None
    assert bench.caller.strangers == 50
    assert caplog.text.count("not ours") == 1


def test_a_call_whose_address_comes_after_the_stop_is_not_placed(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    invited: list[str | None] = []
    port = bench.far_end(invited.append)  # type: ignore[func-returns-value]
    real = socket.getaddrinfo

    def slow(_: object, *rest: Any) -> Any:
        time.sleep(0.4)
        return real(ADDRESS, *rest)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    stack.later(0.1, bench.caller.stop)
    call = bench.call(0, destination=SipUri.parse(f"sip:a@sbc.acme.example:{port}")).call
    stack.run_loop(timeout_s=0.8)
    assert (call.disposition, call.valid, call.call_id) == ("interrupted", False, None)
    assert (invited, bench.caller.active) == ([], 0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"unsupported": "No DTMF yet."}, "No DTMF yet."), ({"audio": "absent"}, "there is no sound 'absent'")],
)
def test_what_can_not_be_called_is_written_down(bench: Bench, changes: dict[str, Any], words: str):
    call = bench.call(bench.receiver_port, **changes).call
    assert call.disposition == "configuration_error"
    assert words in (call.sip_reason or "")
    assert call.sip_code is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"proxy": SipUri.parse("sip:127.0.0.1:5060")}, "127.0.0.1 can't be reached from ::1"),
        ({"destination": SipUri.parse("sip:x@[::1]:5060;ttl=abc")}, "does not understand sip:x@"),
    ],
)
def test_a_probe_that_can_not_be_called_keeps_no_other_from_its_call(bench: Bench, changes: dict[str, Any], words: str):
    good = replace(a_probe(bench.receiver_port), every_ms=1000, duration_ms=300)
    bad = replace(good, probe="bad", **changes)
    bench.caller.update([bad, good])
    for _ in range(8):
        stack.run_loop(timeout_s=1)
        found = {cdr.call.probe: cdr.call for cdr in bench.cdrs}
        if len(found) == 2:
            break
    assert found["sales"].disposition == "answered"
    assert words in (found["bad"].sip_reason or "")
    assert (found["bad"].disposition, found["bad"].valid) == ("configuration_error", True)


def test_an_error_of_ours_before_the_call_is_written_down(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    for thing, name in ((call_module.Call, "start"), (call_module.Call, "describe"), (stack.Leg, "invite")):
        with monkeypatch.context() as patch:
            patch.setattr(thing, name, broken)
            call = bench.call(bench.receiver_port).call
        assert (call.disposition, call.valid) == ("failed", False), name
        assert "broken" in (call.sip_reason or "")
    assert bench.caller.active == 0


def test_an_error_of_ours_at_the_start_of_a_call_is_written_down(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    def broken(_: str) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(bench.caller._sounds, "get", broken)
    bench.caller.update([a_probe(bench.receiver_port, every_ms=1000)])
    stack.run_loop(timeout_s=3)
    assert bench.cdrs
    assert (bench.cdrs[0].call.disposition, bench.cdrs[0].call.valid) == ("failed", False)


@pytest.mark.parametrize(("thing", "name"), [(call_module.Call, "play"), (sdp, "choose"), (Receiver, "_answer")])
def test_an_error_of_ours_during_a_call_ends_it(bench: Bench, monkeypatch: pytest.MonkeyPatch, thing: Any, name: str):
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(thing, name, broken)
    call = bench.call(bench.receiver_port).call
    assert (call.disposition, call.valid) == ("failed", False)
    assert "broken" in (call.sip_reason or "")
    assert bench.caller.active == 0


def test_a_call_that_does_not_end_is_ended(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(caller, "OVERDUE_MS", 300)
    monkeypatch.setattr(call_module.Call, "_answered", lambda *_: None)
    call = bench.call(bench.receiver_port, duration_ms=200).call
    assert (call.disposition, call.valid) == ("failed", False)
    assert "did not end" in (call.sip_reason or "")


def test_a_call_that_can_not_be_scored_is_kept_without_figures(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(scoring, "_measured", broken)
    call = bench.call(bench.receiver_port).call
    assert (call.disposition, call.valid) == ("answered", False)


def test_a_record_that_the_disk_refused_is_tried_again(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(caller, "RETRY_S", 0.1)
    refused: list[Cdr] = []
    keep = bench.caller._keeper._put

    def full_at_first(cdr: Cdr) -> None:
        refused.append(cdr)
        if len(refused) < 3:
            raise OSError("disk is full")
        keep(cdr)

    monkeypatch.setattr(bench.caller._keeper, "_put", full_at_first)
    call = bench.call(bench.receiver_port, duration_ms=200).call
    assert (call.disposition, len(refused), bench.caller.unkept) == ("answered", 3, 0)


def test_a_call_that_can_not_be_told_of_is_kept_all_the_same(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(call_module.Call, "_explained", broken)
    call = bench.call(bench.receiver_port, duration_ms=200).call
    assert (call.disposition, call.valid) == ("failed", False)


def test_without_a_free_port_for_media_there_is_a_record_and_the_path_is_not_blamed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    def exhausted(_: object) -> None:
        raise ports.PortsExhaustedError("no free pair of media ports")

    monkeypatch.setattr(ports.Ports, "open", exhausted)
    call = bench.call(bench.receiver_port).call
    assert (call.disposition, call.valid) == ("failed", False)
    assert "no free pair" in (call.sip_reason or "")


def test_a_name_that_is_none_is_a_failure(bench: Bench):
    call = bench.call(5060, destination=SipUri.parse("sip:x@foo..bar")).call
    assert (call.disposition, call.valid) == ("failed", False)
    assert (call.sip_reason or "").startswith("The host name foo..bar can't be resolved: ")
    assert bench.caller.active == 0


def test_a_host_that_has_no_address_is_a_failure(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    def unknown(*_: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    call = bench.call(5060, destination=SipUri.parse("sip:a@sbc.acme.invalid")).call
    assert (call.disposition, call.sip_code, call.call_id) == ("failed", None, None)
    assert (call.local_address, call.remote_address, call.transport) == (None, None, None)
    assert not call.valid
    assert call.sip_reason == "The host name sbc.acme.invalid can't be resolved: Name or service not known"
