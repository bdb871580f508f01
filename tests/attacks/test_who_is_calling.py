"""Whose receiver a leg is, when somebody else calls the same number: over real sockets, with the dialer on this host.

Who came first proves nothing. A genuine leg displaces a presumed one; where both could be genuine the call counts
nowhere; who is not ours gets 486 and no sound.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.attacks.conftest import Scene, names_of
from tests.attacks.raw_caller import NUMBER, Path, without_header
from tests.unit.sipapp.bench import ADDRESS
from voice_sipapp.measurement import scoring
from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.records import callkey, calluuid
from voice_sipapp.records.cdr import Cdr
from voice_sipapp.signalling.receiverlegs import AMBIGUOUS

# The stack leaves it to the garbage collector to close a socket that it opens only to see whether IPv6 is there.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


def check_whole(cdr: Cdr) -> None:
    """The call is measured both ways as if nobody else had called."""
    busy = (cdr.call.probe_lag_ms or 0) > scoring.MAX_LAG_MS
    assert cdr.call.valid or busy, "but for a machine that is too busy"
    assert (cdr.call.disposition, cdr.call.sip_code) == ("answered", 200)
    assert {stream.direction for stream in cdr.streams} == {"forward", "reverse"}
    for stream in cdr.streams:
        assert not stream.one_way
        assert busy or stream.rtp_rx > 0.7 * cdr.call.duration_ms / 20
        assert busy or stream.rtp_lost == 0


def check_not_counted(cdr: Cdr) -> None:
    assert not cdr.call.valid
    assert AMBIGUOUS in (cdr.call.sip_reason or "")


def test_three_of_three_calls_are_whole_though_a_stranger_called_before_each(scene: Scene):
    """As it was found: a stranger dials the number as soon as a call is up; the INVITE takes its time on the path."""
    path = scene.path()
    for number in range(3):
        path.open.clear()
        scene.place(scene.probe(path, answer_after_ms=300))
        stranger = scene.caller(NUMBER)
        scene.until(lambda stranger=stranger: 180 in stranger.codes)
        path.open.set()
        cdr = scene.record()
        check_whole(cdr)
        assert names_of(cdr, "receiver") == names_of(cdr, "dialer"), "the ladder is the genuine leg's alone"
        scene.until(lambda stranger=stranger: stranger.final is not None)
        assert stranger.final == 486
        assert stranger.media_packets == 0
        assert scene.unsolicited == number + 1


def test_a_stranger_who_was_answered_is_hung_up_on_when_the_genuine_leg_comes(scene: Scene):
    path = scene.path()
    path.open.clear()
    scene.place(scene.probe(path, answer_after_ms=50))
    stranger = scene.caller(NUMBER)
    scene.until(lambda: stranger.media_packets > 5)
    path.open.set()
    check_whole(scene.record())
    scene.until(stranger.hung_up_on.is_set)
    heard = stranger.media_packets
    scene.run(0.3)
    assert stranger.media_packets == heard, "nothing more is sent to it"
    assert scene.unsolicited == 1


def test_one_who_did_not_acknowledge_is_hung_up_on_when_it_does(scene: Scene):
    """RFC 3261, section 15: no BYE before the ACK."""
    path = scene.path()
    path.open.clear()
    scene.place(scene.probe(path, answer_after_ms=50))
    stranger = scene.caller(NUMBER, acks=False)
    scene.until(lambda: stranger.final == 200)
    path.open.set()
    check_whole(scene.record())
    assert not stranger.hung_up_on.is_set()
    stranger._acks = True  # the 200 is repeated until the ACK comes
    scene.until(stranger.hung_up_on.is_set, 10)
    assert stranger.media_packets == 0


@pytest.mark.parametrize("delay_s", [0.0, 0.05, 0.25, 0.6, 1.2])
def test_a_stranger_who_calls_at_the_same_time_or_later_gets_486(scene: Scene, delay_s: float):
    path = scene.path()
    scene.place(scene.probe(path, duration_ms=1500))
    scene.until(lambda: path.seen)
    scene.run(delay_s + 0.05)
    stranger = scene.caller(NUMBER)
    scene.until(lambda: stranger.final is not None)
    check_whole(scene.record())
    assert [code for code in stranger.codes if code > 100] == [486], "and it never rang"
    assert (scene.unsolicited, stranger.media_packets) == (1, 0)


def test_a_stranger_who_rings_and_gives_up_leaves_the_place(scene: Scene):
    path = scene.path(change=without_header)
    path.open.clear()
    scene.place(scene.probe(path, answer_after_ms=300))
    stranger = scene.caller(NUMBER)
    scene.until(lambda: 180 in stranger.codes)
    stranger.cancel()
    scene.until(lambda: 487 in stranger.codes)
    path.open.set()
    check_whole(scene.record())
    assert scene.unsolicited == 1


def test_two_that_both_could_be_ours_make_the_call_count_nowhere_and_no_bad_path(scene: Scene):
    path = scene.path(change=without_header)
    path.open.clear()
    scene.place(scene.probe(path))
    stranger = scene.caller(NUMBER)
    scene.until(lambda: 180 in stranger.codes)
    path.open.set()
    cdr = scene.record()
    check_not_counted(cdr)
    assert cdr.call.sip_code == 486, "the second one got the answer of every second one"
    assert scene.unsolicited == 1


@pytest.mark.parametrize("when", ["rings", "is up"])
def test_a_stranger_who_comes_second_to_a_leg_without_header_gets_486_and_the_call_counts_nowhere(
    scene: Scene, when: str
):
    path = scene.path(change=without_header)
    scene.place(scene.probe(path, answer_after_ms=400))
    moment = b"SIP/2.0 180" if when == "rings" else b"SIP/2.0 200"
    scene.until(lambda: any(data.startswith(moment) for data in path.seen))
    stranger = scene.caller(NUMBER)
    scene.until(lambda: stranger.final is not None)
    assert [code for code in stranger.codes if code > 100] == [486]
    check_not_counted(scene.record())


def test_a_leg_without_header_is_taken_where_the_number_is_allotted(scene: Scene):
    """What many an SBC leaves of a call: without anybody else, it is measured as ever."""
    path = scene.path(change=without_header)
    scene.place(scene.probe(path))
    check_whole(scene.record())
    assert scene.unsolicited == 0


def test_a_leg_without_header_whose_number_nobody_allotted_is_refused_and_the_record_tells_what_to_do(scene: Scene):
    path = scene.path(change=without_header)
    scene.place(scene.probe(path, allotted_numbers=()))
    cdr = scene.record()
    assert (cdr.call.disposition, cdr.call.sip_code) == ("busy", 486)
    assert "let the provider allot the number" in (cdr.call.sip_reason or "")
    assert scene.unsolicited == 1


@pytest.mark.parametrize("proven", [True, False])
def test_a_dead_direction_is_told_from_one_that_this_host_kept_silent(scene: Scene, proven: bool):
    """All of the dialer's media is lost. A leg that is known by its number alone then sends next to nothing, which is
    no fault of the path; one that is proven to be ours sends all the same.
    """

    def deaf(data: bytes) -> bytes:
        elsewhere = re.sub(rb"(?<=m=audio )[0-9]+", lambda port: b"9".rjust(len(port[0]), b"0"), data)
        lost = elsewhere if data.startswith(b"SIP/2.0 200") else data
        return lost if proven else without_header(lost)

    path = scene.path(change=deaf)
    scene.place(scene.probe(path))
    cdr = scene.record()
    one_way = {stream.direction: stream.one_way for stream in cdr.streams}
    assert one_way["forward"]
    if proven:
        assert not one_way["reverse"]
        assert "number alone" not in (cdr.call.sip_reason or "")
    else:
        assert not cdr.call.valid
        assert "the call was known by its number alone, and no media came" in (cdr.call.sip_reason or "")


# --- the header ---


FORGERIES: dict[str, Callable[[Scene, str], str]] = {
    "the UUID alone, as it was": lambda _, header: header.partition(".")[0],
    "no MAC": lambda _, header: header.partition(".")[0] + ".",
    "a MAC of another key": lambda scene, header: callkey.CallKey(b"x" * 64).header(_uuid(header), "acme", "sales"),
    "a MAC of noughts": lambda _, header: header.partition(".")[0] + "." + "0" * 32,
    "the MAC of another call": lambda scene, header: header.partition(".")[0] + "." + _another(scene).partition(".")[2],
    "half of the MAC of another client": lambda scene, header: header[:-16] + _own(scene, header, "globex")[-16:],
    "half of the MAC of another probe": lambda scene, header: header[:-16] + _own(scene, header, "acme", "x")[-16:],
    "a MAC with something after it": lambda _, header: header + "0",
    "another call of another client": lambda scene, _: _another(scene, "globex"),
    "a call of next year": lambda scene, _: _another(scene, days=365),
    "a call of a minute ago": lambda scene, _: _another(scene, days=-60 / 86400),
    "a long text": lambda *_: "a" * 3000,
}  # fmt: skip


def _uuid(header: str) -> Any:
    return callkey.UUID(header.partition(".")[0])


def _own(scene: Scene, header: str, client: str, probe: str = "sales") -> str:
    return scene.bench.station.key.header(_uuid(header), client, probe)


def _another(scene: Scene, client: str = "acme", days: float = 0) -> str:
    uuid = calluuid.new(datetime.now(UTC) + timedelta(days=days))
    return scene.bench.station.key.header(uuid, client, "sales" if client == "acme" else "no such probe")


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_header_takes_no_place(scene: Scene, forgery: str):
    """Whoever saw a header on the way, or has calls of its own, gets nothing of another call with it."""
    path = scene.path()
    path.open.clear()
    # Not even the number helps: it is not allotted.
    scene.place(scene.probe(path, allotted_numbers=()))
    scene.until(lambda: path.header() is not None)
    stranger = scene.caller(NUMBER, FORGERIES[forgery](scene, path.header() or ""))
    scene.until(lambda: stranger.final is not None)
    assert [code for code in stranger.codes if code > 100] == [486]
    path.open.set()
    check_whole(scene.record())
    assert (scene.unsolicited, stranger.media_packets) == (1, 0)


@pytest.mark.parametrize("when", ["while the call is up", "when it is over"])
def test_a_header_that_is_repeated_finds_its_place_taken(scene: Scene, when: str):
    path = scene.path()
    scene.place(scene.probe(path))
    scene.until(lambda: any(data.startswith(b"SIP/2.0 200") for data in path.seen))
    cdr = scene.record() if when == "when it is over" else None
    thief = scene.caller(NUMBER, path.header())
    scene.until(lambda: thief.final is not None)
    assert [code for code in thief.codes if code > 100] == [486]
    check_whole(cdr or scene.record())
    assert (scene.unsolicited, scene.bench.parts) == (1, [])


# --- another client ---


def a_thief(scene: Scene, path: Path, number: str = NUMBER, **changes: Any) -> Any:
    """A probe of another client that writes the number down as its own receiver's."""
    receiver = SipUri.parse(f"sip:{number}@[{ADDRESS}]:{path.port}")
    return scene.probe(path, **{"client": "globex", "probe": "thief", "receiver": receiver, "allotted_numbers": (),
                                "every_ms": 1000} | changes)  # fmt: skip


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("spelled", [NUMBER, "+44-20-7183-8750"])
@pytest.mark.parametrize("confirm", [False, True])
def test_a_probe_of_another_client_with_the_same_number_gets_nothing(
    scene: Scene, spelled: str, first: bool, confirm: bool
):
    """As it was found: it took that client's calls, its ladder and its code."""
    path = scene.path(change=without_header)
    probe, thief = scene.probe(path, duration_ms=400), a_thief(scene, path, spelled, confirm=confirm)
    scene.bench.caller.reception.probes = [thief, probe] if first else [probe, thief]
    scene.bench.caller.reception.expect(frozenset({thief.key, probe.key}))
    scene.bench.caller.outbound.place(probe)
    cdr = scene.record()
    check_whole(cdr)
    assert {ladder.client for ladder in cdr.ladders} == {"acme"}
    scene.run(0.2)
    assert [part.stream.client for part in scene.bench.parts] == []


def test_a_call_of_another_client_that_waits_for_its_receiver_gets_nothing_either(scene: Scene):
    path = scene.path(change=without_header)
    held = scene.path()
    held.open.clear()
    probe, thief = scene.probe(path), a_thief(scene, held)
    scene.bench.caller.reception.probes = [thief, probe]
    scene.bench.caller.outbound.place(thief)
    scene.until(lambda: held.seen)
    scene.bench.caller.outbound.place(probe)
    cdr = scene.record()
    assert cdr.call.client == "acme"
    check_whole(cdr)


# --- answered right ---


def test_retransmissions_and_the_same_invite_on_another_way_change_nothing(scene: Scene):
    path = scene.path(change=without_header)
    scene.place(scene.probe(path, duration_ms=1500))
    scene.until(lambda: any(data.startswith(b"SIP/2.0 180") for data in path.seen))
    (invite,) = [data for data in path.seen if data.startswith(b"INVITE ")]
    other_way = without_header(invite).replace(b";branch=z9hG4bK", b";branch=z9hG4bKother", 1)
    for data in (without_header(invite), other_way, other_way):
        path._socket.sendto(data, ("::1", scene.port))
    scene.until(lambda: any(data.startswith(b"SIP/2.0 482") for data in path.seen))
    scene.record()
    assert scene.unsolicited == 0


def test_who_was_refused_is_answered_as_the_rfc_asks(scene: Scene):
    stranger = scene.caller("nobody")
    scene.until(lambda: stranger.final == 486)
    stranger.invite()
    scene.until(lambda: stranger.codes.count(486) == 2, 2)
    stranger.cancel()
    scene.until(lambda: 481 in stranger.codes)
    for method in ("BYE", "INVITE", "UPDATE", "INFO", "OPTIONS"):
        before = stranger.codes.count(481)
        stranger.within(method, to=f"<sip:nobody@[::1]:{scene.port}>;tag=guessed")
        scene.until(lambda before=before: stranger.codes.count(481) == before + 1)
    begun = time.monotonic()
    count = len(stranger.codes)
    scene.until(lambda: time.monotonic() > begun + 1.2)
    assert len(stranger.codes) == count, "nothing is repeated by itself"
    assert scene.bench.station.receiver.config["_sip_tm"].tserver == {}, "and nothing of it is kept"


@pytest.mark.parametrize("method", ["BYE", "INVITE", "UPDATE", "INFO"])
def test_nobody_else_gets_into_a_dialog_with_a_guessed_tag(scene: Scene, method: str):
    path = scene.path()
    scene.place(scene.probe(path, duration_ms=1500))
    scene.until(lambda: any(data.startswith(b"SIP/2.0 200") for data in path.seen))
    scene.run(0.2)
    (invite,) = [data for data in path.seen if data.startswith(b"INVITE ")][:1]
    head = invite.decode().split("\r\n")
    name = next(line.split(": ", 1)[1] for line in head if line.lower().startswith("call-id"))
    tag = next(line for line in head if line.lower().startswith("from")).rpartition("tag=")[2]
    intruder = scene.caller(start=False)
    intruder._name = name
    intruder.start()
    for text in (
        intruder.message(method, number=900, branch="z9hG4bKa", to=f"<sip:{NUMBER}@[::1]>;tag={'a' * 32}"),
        intruder.message(method, number=901, branch="z9hG4bKb", to=f"<sip:{NUMBER}@[::1]>;tag={'b' * 32}").replace(
            f"tag={name[:8]}", f"tag={tag}"
        ),
    ):
        before = intruder.codes.count(481)
        intruder.say(text)
        scene.until(lambda before=before: intruder.codes.count(481) == before + 1)
    check_whole(scene.record())
