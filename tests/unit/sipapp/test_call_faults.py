"""Whatever goes wrong with a call, it ends and there is a record that blames whom it should."""

import socket
import threading
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.sipapp.bench import Bench, a_probe
from voice_sipapp import ledger, outbound
from voice_sipapp.measurement import scoring
from voice_sipapp.media import ports, sdp
from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.records.cdr import CallRecord, Cdr
from voice_sipapp.signalling import call as call_module
from voice_sipapp.signalling import session
from voice_sipapp.signalling.receiver import Receiver
from voice_sipapp.signalling.sip.eventloop import run_loop
from voice_sipapp.signalling.sip.leg import Leg

# The stack leaves it to the garbage collector to close a socket that it opens only to see whether IPv6 is there.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


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
        ({"destination": SipUri.parse("tel:+442071838750")}, "tel:+442071838750 names no host to send to"),
        ({"destination": SipUri.parse("sip:x@[::1]?Subject=y")}, "has header fields in it"),
    ],
)
def test_a_probe_that_can_not_be_called_keeps_no_other_from_its_call(bench: Bench, changes: dict[str, Any], words: str):
    good = replace(a_probe(bench.receiver_port), every_ms=1000, duration_ms=300)
    bad = replace(good, probe="bad", **changes)
    bench.caller.update([bad, good])
    for _ in range(8):
        run_loop(timeout_s=1)
        found = {cdr.call.probe: cdr.call for cdr in bench.cdrs}
        if len(found) == 2:
            break
    assert found["sales"].disposition == "answered"
    assert words in (found["bad"].sip_reason or "")
    assert (found["bad"].disposition, found["bad"].valid) == ("configuration_error", True)


def test_an_error_of_ours_before_the_call_is_written_down(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    for thing, name in ((call_module.Call, "start"), (session.Session, "offer"), (Leg, "invite")):
        with monkeypatch.context() as patch:
            patch.setattr(thing, name, broken)
            call = bench.call(bench.receiver_port).call
        assert (call.disposition, call.valid) == ("failed", False), name
        assert "broken" in (call.sip_reason or "")
    assert bench.caller.active == 0


def test_an_error_of_ours_at_the_start_of_a_call_is_written_down(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    def broken(_: str) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(bench.sounds, "get", broken)
    bench.caller.update([a_probe(bench.receiver_port, every_ms=1000)])
    run_loop(timeout_s=3)
    assert bench.cdrs
    assert (bench.cdrs[0].call.disposition, bench.cdrs[0].call.valid) == ("failed", False)


@pytest.mark.parametrize(("thing", "name"), [(session.Session, "agree"), (sdp, "choose"), (Receiver, "_answer")])
def test_an_error_of_ours_during_a_call_ends_it(bench: Bench, monkeypatch: pytest.MonkeyPatch, thing: Any, name: str):
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(thing, name, broken)
    call = bench.call(bench.receiver_port).call
    assert (call.disposition, call.valid) == ("failed", False)
    assert "broken" in (call.sip_reason or "")
    assert bench.caller.active == 0


def test_a_call_that_does_not_end_is_ended(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(outbound, "OVERDUE_MS", 300)
    monkeypatch.setattr(call_module.Call, "_answered", lambda *_: None)
    call = bench.call(bench.receiver_port, duration_ms=200).call
    assert (call.disposition, call.valid) == ("failed", False)
    assert "did not end" in (call.sip_reason or "")


def test_a_call_that_can_not_be_scored_is_kept_without_figures(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(scoring, "Direction", broken)
    call = bench.call(bench.receiver_port).call
    assert (call.disposition, call.valid) == ("answered", False)


def test_a_record_that_the_disk_refused_is_tried_again(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ledger, "RETRY_S", 0.1)
    refused: list[Cdr] = []
    keep = bench.ledger._keeper._put

    def full_at_first(cdr: Cdr) -> None:
        refused.append(cdr)
        if len(refused) < 3:
            raise OSError("disk is full")
        keep(cdr)

    monkeypatch.setattr(bench.ledger._keeper, "_put", full_at_first)
    call = bench.call(bench.receiver_port, duration_ms=200).call
    assert (call.disposition, len(refused), bench.ledger.unkept) == ("answered", 3, 0)


def test_no_call_is_placed_while_memory_is_full_of_records(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    def full(_: Cdr) -> None:
        raise OSError("disk is full")

    monkeypatch.setattr(ledger, "UNKEPT_LIMIT", 1)
    monkeypatch.setattr(bench.ledger._keeper, "_put", full)
    bench.caller.update([a_probe(bench.receiver_port, every_ms=1000, unsupported="Not this one.")])
    run_loop(timeout_s=4)
    assert bench.ledger.unkept == 1


@pytest.mark.parametrize("failing", [False, True])
def test_a_call_is_noted_before_it_starts(bench: Bench, monkeypatch: pytest.MonkeyPatch, failing: bool):
    noted: list[CallRecord] = []

    def begin(record: CallRecord) -> None:
        noted.append(record)
        assert not bench.cdrs
        if failing:
            raise OSError("disk is full")

    monkeypatch.setattr(bench.ledger, "_note", begin)
    call = bench.call(bench.receiver_port, duration_ms=200).call
    assert call.disposition == "answered"
    assert [(note.uuid, note.started_at) for note in noted] == [(call.uuid, call.started_at)]
    assert (noted[0].disposition, noted[0].valid, noted[0].ended_at) == ("interrupted", False, call.started_at)


def test_a_slow_disk_does_not_hold_a_call_up(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(outbound, "NOTE_LIMIT_S", 0.1)
    answered = threading.Event()
    monkeypatch.setattr(bench.ledger, "_note", lambda _: answered.wait(20))
    original = call_module.Call._answered

    def note(*arguments: Any) -> None:
        answered.set()
        original(*arguments)

    monkeypatch.setattr(call_module.Call, "_answered", note)
    assert bench.call(bench.receiver_port, duration_ms=200).call.disposition == "answered"
    assert answered.is_set()


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


def test_a_name_that_is_none_is_a_failure(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: "\udc80".encode())  # a UnicodeError, as of what IDNA forbids
    call = bench.call(5060, destination=SipUri.parse("sip:x@foo.bar")).call
    assert (call.disposition, call.valid) == ("failed", False)
    assert (call.sip_reason or "").startswith("The host name foo.bar can't be resolved: ")
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
