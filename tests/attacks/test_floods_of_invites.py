"""What unsolicited calls cost: no sound before the ACK, none to who never answered, and a bound on their number."""

from __future__ import annotations

import itertools
import sqlite3
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.conftest import Scene, a_scene
from tests.attacks.raw_caller import NUMBER, RawCaller, bystander, drained, without_header
from tests.attacks.test_host_limits import a_plan, sip_host
from tests.ports import free_udp_port
from tests.unit.sipapp.bench import a_probe, header_of
from voice_sipapp.media import audio
from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.records import calluuid
from voice_sipapp.records.cdr import Cdr
from voice_sipapp.records.spool import Spool
from voice_sipapp.signalling import outcome
from voice_sipapp.signalling.receiver import UNHEARD_PACKETS
from voice_sipapp.signalling.receiverlegs import AMBIGUOUS
from voice_sipapp.signalling.screening import Limits, Rate

# The stack leaves it to the garbage collector to close a socket that it opens only to see whether IPv6 is there.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


def plan(scene: Scene, count: int = 1, **changes: Any) -> list[str]:
    """Probes with a number each, all of which are asked for; returns the numbers."""
    numbers = [f"+4420718387{at:02d}" for at in range(count)]
    probes = [
        a_probe(scene.port, **{"probe": f"p{at}", "destination": SipUri.parse(f"sip:{number}@x"), "answer_after_ms": 10,
                               "allotted_numbers": (number,), "suspended": True} | changes)
        for at, number in enumerate(numbers)
    ]  # fmt: skip
    scene.bench.caller.reception.probes = probes
    scene.bench.caller.reception.expect(frozenset(probe.key for probe in probes))
    return numbers


@pytest.mark.parametrize("proven", [False, True])
def test_nothing_is_sent_before_the_ack_and_a_leg_without_it_is_ended(scene: Scene, proven: bool):
    (number,) = plan(scene, duration_ms=60_000)
    header = header_of(scene.bench, calluuid.new(datetime.now(UTC)), probe="p0") if proven else None
    silent = scene.caller(number, header, acks=False)
    scene.until(lambda: silent.final == 200)
    scene.run(1.0)
    assert silent.media_packets == 0
    manager = scene.bench.station.receiver.config["_sip_tm"]
    (transaction,) = manager.tserver.values()
    transaction.teD.cancel()
    manager.timerD(transaction)  # 32 s are over (timer H)
    scene.until(silent.hung_up_on.is_set)
    scene.run(0.7)
    assert silent.media_packets == 0
    reception = scene.bench.caller.reception
    # With a header that is good, the same call may be offered again: its part waits until the header is good no longer.
    assert [visitor.held for visitor in reception._visitors.values()] == [True] * proven
    assert reception.active == 0
    reception.stop()
    assert reception._visitors == {}
    scene.until(lambda: len(scene.bench.parts) == proven)
    assert (scene.unsolicited, len(scene.bench.parts)) == ((0, 1) if proven else (1, 0))


def test_who_calls_the_dialers_port_is_refused_and_counted_too(scene: Scene):
    """It is the port that scanners try first; not even a header of ours makes anybody welcome there."""
    (number,) = plan(scene)
    dialer = int(scene.bench.station.dialer.address.rpartition(":")[2])
    header = header_of(scene.bench, calluuid.new(datetime.now(UTC)), probe="p0")
    for count, one in enumerate((None, header), 1):
        with closing(RawCaller(dialer, number, one)) as stranger:
            stranger.start()
            scene.until(lambda stranger=stranger: stranger.final == 486)
        assert (scene.unsolicited, scene.bench.caller.reception._visitors) == (count, {})


def test_an_ack_with_a_guessed_tag_starts_nothing(scene: Scene):
    (number,) = plan(scene)
    silent = scene.caller(number, acks=False)
    scene.until(lambda: silent.final == 200)
    silent.say(silent.message("ACK", branch="z9hG4bKx", to=f"<sip:{number}@x>;tag={'a' * 32}"))
    silent.say(silent.message("ACK", branch="z9hG4bKy", to=f"<sip:{number}@x>"))
    scene.run(0.5)
    assert silent.media_packets == 0


@pytest.mark.parametrize("loud", [False, True])
def test_who_is_named_by_a_strangers_description_gets_next_to_nothing(sounds: audio.AudioStore, loud: bool):
    """Whether the stranger sounds itself or not: what comes from elsewhere tells nothing of the address named."""
    with closing(bystander("127.0.0.2")) as third, a_scene(sounds, "127.0.0.1") as scene:
        (number,) = plan(scene, duration_ms=20_000)
        described = ("127.0.0.2", int(third.getsockname()[1]))
        stranger = scene.caller(number, sounds=loud, described=described)
        scene.until(lambda: stranger.final == 200)
        scene.run(2.0)
        assert 0 < drained(third) <= UNHEARD_PACKETS
        assert stranger.media_packets == 0


def test_a_stranger_who_was_heard_can_not_turn_the_sound_to_somebody_else(sounds: audio.AudioStore):
    with closing(bystander("127.0.0.2")) as third, a_scene(sounds, "127.0.0.1") as scene:
        (number,) = plan(scene, duration_ms=20_000)
        stranger = scene.caller(number)
        scene.until(lambda: stranger.media_packets > UNHEARD_PACKETS + 5)
        stranger.described = ("127.0.0.2", int(third.getsockname()[1]))
        stranger.within("INVITE", stranger.offer())
        scene.until(lambda: stranger.codes.count(200) == 2)
        scene.run(2.0)
        assert drained(third) <= UNHEARD_PACKETS


def test_octets_out_are_bounded_by_octets_in(scene: Scene):
    """As it was found: 64 kB of requests brought out 19 MB of sound. Strangers who acknowledge, and never sound."""
    numbers = plan(scene, count=20, duration_ms=4000)
    strangers = [scene.caller(number, sounds=False) for number in numbers]
    scene.until(lambda: sum(each.final == 200 for each in strangers) == len(numbers), 20)
    scene.run(5)
    came = sum(each.sent_octets for each in strangers)
    left = sum(each.media_octets for each in strangers)
    assert left <= 3 * came


def flood(scene: Scene, rate: float, seconds: float, callers: list[RawCaller]) -> int:
    """INVITEs of strangers at `rate` a second; returns how many."""
    sent, begun = 0, time.monotonic()
    while time.monotonic() < begun + seconds:
        while sent < (time.monotonic() - begun) * rate:
            one = callers[sent % len(callers)]
            one._name = f"{sent}x{one._branch}"
            one.invite(branch=f"z9hG4bK{sent}")
            sent += 1
        scene.run(0.01)
    return sent


def test_own_calls_go_on_while_a_source_floods(scene: Scene):
    """Their INVITEs come from the flooding source too: the header lets them pass."""
    scene.bench.restart(Limits(source=Rate(10, 20), total=Rate(40, 80)))
    path = scene.path()
    stranger = scene.caller(NUMBER)
    scene.until(lambda: stranger.final is not None)
    probe = scene.probe(path, duration_ms=1500)
    scene.place(probe)
    sent = flood(scene, 200, 2.5, [stranger])
    scene.until(lambda: scene.bench.cdrs)
    (cdr,) = scene.bench.cdrs
    assert (cdr.call.disposition, {stream.one_way for stream in cdr.streams}) == ("answered", {False})
    answered = stranger.codes.count(486)
    assert answered <= 1 + 20 + 10 * 4, "what is beyond the limit gets no answer"
    scene.until(lambda: scene.unsolicited == 1 + sent, 10)
    assert (scene.bench.caller.active, stranger.media_packets) == (0, 0)
    # At most the one that came before the call's own leg, and was displaced.
    assert len(scene.bench.station.receiver.config["_sip_tm"].tserver) <= 1


@pytest.mark.parametrize("strips", [True, False])
def test_a_call_whose_leg_is_lost_in_a_flood_counts_nowhere_and_no_other_does_so(
    scene: Scene, strips: bool, monkeypatch: pytest.MonkeyPatch
):
    """Otherwise strangers make a path look as if it brought no calls. What bears the header is lost in no flood."""
    monkeypatch.setattr(outcome, "NO_ANSWER_MS", 1000)
    scene.bench.restart(Limits(source=Rate(0.01, 5), total=Rate(0.04, 20)))
    stranger = scene.caller("nobody")
    scene.until(lambda: stranger.final is not None)
    flood(scene, 200, 0.5, [stranger])
    path = scene.path(change=without_header if strips else bytes)
    scene.place(scene.probe(path, duration_ms=600))
    cdr = scene.record()
    assert cdr.call.disposition == ("timeout" if strips else "answered")
    assert cdr.call.valid is not strips
    assert (AMBIGUOUS in (cdr.call.sip_reason or "")) is strips


def test_a_number_that_is_called_in_a_flood_makes_the_other_hosts_call_count_nowhere(scene: Scene):
    scene.bench.restart(Limits(source=Rate(0.01, 5), total=Rate(0.04, 20)))
    (number,) = plan(scene)
    stranger = scene.caller("nobody")
    scene.until(lambda: stranger.final is not None)
    flood(scene, 200, 0.5, [stranger])
    scene.caller(number)
    scene.run(0.3)
    scene.bench.caller.reception.stop()
    scene.until(lambda: scene.bench.parts)
    assert [(part.stream.probe, part.contested) for part in scene.bench.parts] == [("p0", True)]


def test_presumed_legs_have_limits_of_their_own_and_take_no_calls_place(scene: Scene):
    scene.bench.restart(Limits(legs=3, source_legs=2))
    numbers = plan(scene, count=6, duration_ms=20_000)
    strangers = [scene.caller(number) for number in numbers]
    scene.until(lambda: all(each.final is not None for each in strangers))
    assert sorted(each.final or 0 for each in strangers) == [200, 200, 486, 486, 486, 486]
    assert scene.bench.caller.active == 0, "the host's own limit of calls does not count them"
    genuine = scene.caller("x", header_of(scene.bench, calluuid.new(datetime.now(UTC)), probe="p5"))
    scene.until(lambda: genuine.final == 200)
    assert scene.bench.caller.active == 1


def test_a_header_that_is_repeated_is_no_way_around_the_limits(scene: Scene):
    plan(scene)
    header = header_of(scene.bench, calluuid.new(datetime.now(UTC)), probe="p0")
    genuine = scene.caller("x", header)
    scene.until(lambda: genuine.final == 200)
    thief = scene.caller("x", header)
    scene.until(lambda: thief.final == 486)
    flood(scene, 200, 2, [thief])
    assert thief.codes.count(486) <= 20 + 5 * 3
    assert genuine.media_packets > 0


def test_a_whole_host_that_is_flooded_calls_on(tmp_path: Path):
    """As the application wires it: 200 INVITEs a second of one source, and the host's own calls come back from it."""
    receiver = free_udp_port("::1")
    probes = a_plan("acme", 4, receiver, every_ms=2000, duration_ms=600, answer_after_ms=50)
    ending = threading.Event()

    def called() -> int:
        if "receiver on" not in (tmp_path / "log").read_text():
            return 0
        with closing(sqlite3.connect(tmp_path / "spool.sqlite", timeout=10)) as spool:
            return int(spool.execute("SELECT COUNT(*) FROM waiting").fetchone()[0])

    ports = {"VOICE_SIP_RECEIVER_PORT": str(receiver)}
    with closing(RawCaller(receiver)) as stranger, sip_host(tmp_path, probes, **ports) as until:
        stranger.start()

        def pour() -> None:
            for number in itertools.count():
                stranger._name = f"flood-{number}"
                stranger.invite(branch=f"z9hG4bKflood{number}")
                if ending.wait(0.005):
                    return

        pouring = threading.Thread(target=pour)
        pouring.start()
        begun = time.monotonic()
        until(lambda: called() >= 12)
        seconds = time.monotonic() - begun
        ending.set()
        pouring.join()
    with closing(Spool(tmp_path / "spool.sqlite")) as spool:
        calls = [Cdr.from_json(body) for _, body in spool.take(1000)]
        assert spool.parts(0, 10) == []
    whole = [cdr for cdr in calls if cdr.call.disposition == "answered"]
    assert {cdr.call.disposition for cdr in calls} <= {"answered", "interrupted"}
    assert not any(stream.one_way for cdr in whole for stream in cdr.streams)
    assert stranger.codes.count(486) <= 40 + 15 * (seconds + 2), "the rest was dropped"
    assert "a call that is not ours was refused" in (tmp_path / "log").read_text()
