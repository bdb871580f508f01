"""What else comes to the SIP ports than INVITEs: floods of it cost next to nothing, and none of it leads us astray."""

from __future__ import annotations

import re
import socket
import time
from contextlib import closing
from datetime import UTC, datetime

import pytest

from tests.attacks.conftest import Scene
from tests.attacks.raw_caller import NUMBER, RawCaller, bystander, drained
from tests.attacks.test_who_is_calling import check_whole
from tests.unit.sipapp.bench import a_probe, header_of
from voice_sipapp.records import calluuid
from voice_sipapp.signalling.screening import Limits, Rate
from voice_sipapp.signalling.sip.garbage import garbage

# The stack leaves it to the garbage collector to close a socket that it opens only to see whether IPv6 is there.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


def pour(scene: Scene, stranger: RawCaller, method: str, count: int) -> None:
    """Send `count` requests, or what is none, each of a dialog of its own; a thousand a second at most."""
    for number in range(count):
        stranger._name = f"{number}{stranger._branch}"
        stranger.say(stranger.message(method, branch=f"z9hG4bK{number}"))
        if number % 10 == 9:
            scene.run(0.01)


@pytest.mark.parametrize("method", ["OPTIONS", "REGISTER", "SUBSCRIBE", "MESSAGE", "BYE", "CANCEL", "ACK", "no SIP:"])
def test_a_flood_of_other_requests_is_dropped_unread_and_an_own_call_goes_on(scene: Scene, method: str):
    scene.bench.restart(Limits(source=Rate(10, 20), total=Rate(40, 80)))
    path = scene.path()
    scene.place(scene.probe(path, duration_ms=1200))
    stranger, before = scene.caller("nobody", start=False), garbage.count
    pour(scene, stranger, method, 600)
    check_whole(scene.record())
    manager = scene.bench.station.receiver.config["_sip_tm"]
    # What was read leaves a mark in the stack, so that what is repeated gets the same answer: of the call, and these.
    assert len(manager.l1rcache) + len(manager.l2rcache) < 20 + 10 * 5 + 30
    assert garbage.count >= before + (0 if method == "ACK" else 500)
    assert scene.unsolicited == 0, "these are no calls"


@pytest.mark.parametrize(("flooded", "other", "answer"), [("OPTIONS", "INVITE", 486), ("INVITE", "OPTIONS", 200)])
def test_neither_calls_nor_other_requests_use_up_what_the_others_may(
    scene: Scene, flooded: str, other: str, answer: int
):
    scene.bench.restart(Limits(source=Rate(0.01, 5), total=Rate(0.04, 20)))
    stranger = scene.caller("nobody")  # whose own INVITE is the first
    scene.until(lambda: stranger.final == 486)
    pour(scene, stranger, flooded, 50)
    scene.run(0.2)
    before = len(stranger.codes)
    pour(scene, stranger, other, 20)
    scene.run(0.2)
    assert stranger.codes[before:] == [answer] * (4 if other == "INVITE" else 5)


def test_a_dialog_that_is_flooded_from_within_is_bounded_and_ends_as_it_should(scene: Scene):
    probe = a_probe(scene.port, allotted_numbers=(NUMBER,), suspended=True, answer_after_ms=10)
    scene.bench.caller.reception.probes = [probe]
    genuine = scene.caller("x", header_of(scene.bench, calluuid.new(datetime.now(UTC))))
    scene.until(lambda: genuine.media_packets > 3)
    before = genuine.codes.count(200)
    for _ in range(300):
        genuine.within("OPTIONS")
    scene.run(1.0)
    assert 1 <= genuine.codes.count(200) - before <= 20 + 5 * 2
    assert genuine.media_packets > 3
    scene.run(0.5)
    genuine.within("BYE")
    scene.until(lambda: len(scene.bench.parts) == 1)


@pytest.mark.parametrize("method", ["OPTIONS", "INVITE", "BYE", "CANCEL"])
@pytest.mark.parametrize("told", ["[::1]", "::1", "127.0.0.2", "a-name-that-takes-its-time.example"])
def test_answers_go_where_the_request_came_from_whatever_it_says_of_itself(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, method: str, told: str
):
    """RFC 3261, section 18.2.1: `received` is ours to write. A name in it was looked up, and nothing else sent."""
    asked: list[object] = []
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest: (asked.append(host), real("::1", *rest))[1])
    with closing(bystander()) as third:
        stranger = scene.caller("nobody", start=False)
        forged = f";received={told};rport={third.getsockname()[1]}"
        stranger.sip.setblocking(False)
        stranger.say(stranger.message(method).replace(";rport", forged))
        scene.run(0.3)
        answer = stranger.sip.recv(4000).decode()
        assert re.match(r"SIP/2\.0 (200|481|486) ", answer)
        assert drained(third) == 0
    assert not any("example" in str(host) for host in asked)


@pytest.mark.parametrize("version", ["HTTP/1.1", "OK", "SIP/2.0x"])
def test_what_is_no_request_of_sip_gets_no_answer(scene: Scene, version: str):
    """It was answered in the version that it named: two ends that both do that never come to an end."""
    stranger = scene.caller("nobody", start=False)
    stranger.sip.setblocking(False)
    before = garbage.count
    stranger.say(stranger.message("OPTIONS").replace("SIP/2.0\r", f"{version}\r", 1))
    scene.run(0.2)
    with pytest.raises(BlockingIOError):
        stranger.sip.recv(4000)
    assert garbage.count == before + 1


def test_a_request_of_another_version_is_answered_in_ours_and_no_answer_of_any_version_is(scene: Scene):
    """RFC 4475, section 3.1.2.16: 505. Two ends that answer each other's answers would never come to an end."""
    stranger = scene.caller("nobody", start=False)
    stranger.sip.setblocking(False)
    for version in ("SIP/3.0", "SIP/2.1"):
        stranger.say(stranger.message("OPTIONS").replace("SIP/2.0\r", f"{version}\r", 1))
        scene.run(0.2)
        answer = stranger.sip.recv(4000).decode()
        assert answer.startswith("SIP/2.0 505 Version Not Supported\r\n")
        for back in (answer, answer.replace("SIP/2.0", version, 1)):
            stranger.say(back)
        scene.run(0.2)
        with pytest.raises(BlockingIOError):
            stranger.sip.recv(4000)


def test_a_retransmission_that_comes_after_the_answer_is_absorbed(scene: Scene):
    """RFC 6026, section 7.1: what was sent before the answer came changes nothing, whoever acknowledged what."""
    probe = a_probe(scene.port, allotted_numbers=(NUMBER,), suspended=True, answer_after_ms=10)
    scene.bench.caller.reception.probes = [probe]
    genuine = scene.caller("x", header_of(scene.bench, calluuid.new(datetime.now(UTC))), acks=False)
    scene.until(lambda: genuine.final == 200)
    genuine.say(genuine.message("INVITE", genuine.offer() + "a=x:1\r\n", to=genuine._called))
    genuine.invite()
    genuine._acks = True
    scene.until(lambda: genuine.media_packets > 3)  # the 200 is repeated until its ACK comes
    genuine.invite()
    scene.run(0.3)
    assert {code for code in genuine.codes if code > 180} == {200}
    begun = time.monotonic()
    genuine.within("BYE")
    scene.until(lambda: len(scene.bench.parts) == 1)
    assert time.monotonic() - begun < 2
    assert scene.unsolicited == 0
