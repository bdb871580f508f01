"""Whose receiver a leg is where the dialer is another host: of its calls this host knows the plan, and nothing else.

The other host is a caller with the key that all SIP hosts share; strangers have none. Over real sockets.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.attacks.conftest import Scene
from tests.attacks.raw_caller import NUMBER, RawCaller
from tests.unit.sipapp.bench import a_probe, header_of
from voice_sipapp.records import calluuid
from voice_sipapp.records.callkey import CallKey
from voice_sipapp.signalling import openings, receiver, reception
from voice_sipapp.signalling.receiverlegs import AMBIGUOUS

# The stack leaves it to the garbage collector to close a socket that it opens only to see whether IPv6 is there.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


def plan(scene: Scene, **changes: Any) -> None:
    """A probe whose number is allotted, and of which somebody just asked for a call."""
    probe = a_probe(scene.port, **{"allotted_numbers": (NUMBER,), "suspended": True} | changes)
    scene.bench.caller.reception.probes = [probe]
    scene.bench.caller.reception.expect(frozenset({probe.key}))


def header(scene: Scene, ago_s: float = 0.5) -> str:
    return header_of(scene.bench, calluuid.new(datetime.now(UTC) - timedelta(seconds=ago_s)))


def hang_up(scene: Scene, caller: RawCaller) -> None:
    """End the call from the other host's side, and wait for what is written down of it."""
    caller.within("BYE")
    before = len(scene.bench.parts)
    scene.until(lambda: len(scene.bench.parts) > before)


@pytest.mark.parametrize("answered", [False, True])
def test_a_genuine_leg_displaces_a_presumed_one_and_nothing_is_kept_of_that(scene: Scene, answered: bool):
    plan(scene, answer_after_ms=10 if answered else 2000)
    noted: list[Any] = []
    scene.bench.ledger._note, scene.bench.ledger._forget = noted.append, noted.append
    stranger = scene.caller(NUMBER)
    scene.until(lambda: stranger.media_packets > 3 if answered else 180 in stranger.codes)
    plan(scene, answer_after_ms=10)
    genuine = scene.caller("rewritten", header(scene))
    scene.until(lambda: genuine.media_packets > 10)
    if answered:
        scene.until(stranger.hung_up_on.is_set)
    else:
        assert (stranger.final, stranger.media_packets) == (486, 0)
    hang_up(scene, genuine)
    scene.run(0.6)
    (part,) = scene.bench.parts
    assert (part.known, part.problem, part.stream.one_way, part.contested) == (True, None, False, False)
    assert scene.unsolicited == 1
    scene.bench.ledger._thread.submit(int).result()
    forgotten = [each for each in noted if not hasattr(each, "stream")]
    assert len(forgotten) == answered, "what was noted of the stranger is forgotten"


def test_after_a_genuine_leg_nobody_is_presumed_to_be_of_that_call(scene: Scene):
    plan(scene)
    genuine = scene.caller("rewritten", header(scene))
    scene.until(lambda: genuine.final == 200)
    during = scene.caller(NUMBER)
    scene.until(lambda: during.final is not None)
    hang_up(scene, genuine)
    scene.run(0.6)
    after = scene.caller(NUMBER)
    again = scene.caller("rewritten", genuine._header)
    scene.until(lambda: after.final is not None and again.final is not None)
    assert (during.final, after.final, again.final) == (486, 486, 486)
    assert [part.contested for part in scene.bench.parts] == [False]
    assert scene.unsolicited == 3


def test_two_presumed_legs_are_told_to_the_call_wherever_it_was_dialled(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    """One of the two may be ours and get 486: for its dialer that is the path's doing, unless it is told."""
    monkeypatch.setattr(reception, "BEFORE", timedelta(seconds=0.3))
    monkeypatch.setattr(reception, "AFTER", timedelta(seconds=0.2))
    plan(scene)
    first = scene.caller(NUMBER)
    scene.until(lambda: first.final == 200)
    second = scene.caller(NUMBER)
    scene.until(lambda: second.final is not None)
    assert second.final == 486
    scene.until(lambda: scene.bench.parts)
    (part,) = scene.bench.parts
    assert (part.contested, part.known, part.problem) == (True, False, f"bench: {AMBIGUOUS}")
    assert scene.unsolicited == 1


def test_a_contest_is_settled_by_a_proof(scene: Scene):
    plan(scene)
    strangers = [scene.caller(NUMBER) for _ in range(2)]
    scene.until(lambda: all(each.final is not None for each in strangers))
    genuine = scene.caller("rewritten", header(scene))
    scene.until(lambda: genuine.media_packets > 5)
    hang_up(scene, genuine)
    scene.bench.caller.reception.stop()  # whatever is left to be told is told now
    scene.run(0.6)
    assert [(part.known, part.contested) for part in scene.bench.parts] == [(True, False)]
    assert scene.unsolicited == 2


def test_a_start_has_one_place_however_often_strangers_come_and_go(scene: Scene):
    """They can't fill the spool: there is at most one part for each call that is due."""
    plan(scene)
    for _ in range(5):
        stranger = scene.caller(NUMBER)
        scene.until(lambda stranger=stranger: stranger.final is not None)
        if stranger.final == 200:
            scene.until(lambda stranger=stranger: stranger.media_packets > 2)
            stranger.within("BYE")
            scene.run(0.7)
    assert len(scene.bench.parts) == 1
    assert scene.unsolicited == 4


@pytest.mark.parametrize("who", ["no call is due", "not this number", "suspended", "another key", "a bare UUID"])
def test_nobody_elses_call_rings(scene: Scene, who: str):
    plan(scene, suspended=who == "suspended", every_ms=3_600_000)
    scene.bench.caller.reception.expect(frozenset())
    opening = openings.latest_start(scene.bench.caller.reception.probes[0], datetime.now(UTC))
    uuid = calluuid.new(datetime.now(UTC))
    claims = {"another key": CallKey(b"y" * 64).header(uuid, "acme", "sales"), "a bare UUID": str(uuid)}
    user = NUMBER if opening is None else "+15550100"
    stranger = scene.caller("+15550123" if who == "not this number" else user, claims.get(who))
    scene.until(lambda: stranger.final is not None)
    assert [code for code in stranger.codes if code > 100] == [486]
    assert (scene.unsolicited, stranger.media_packets, scene.bench.parts) == (1, 0, [])


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("proof", ["header", "number"])
@pytest.mark.parametrize("confirm", [False, True])
def test_another_client_that_writes_the_number_down_gets_no_part_of_the_call(
    scene: Scene, first: bool, proof: str, confirm: bool
):
    """As it was found: calls, ladder and code of one client went to another's probe that named its number."""
    plan(scene, suspended=False, every_ms=1000)
    (probe,) = scene.bench.caller.reception.probes
    thief = replace(probe, client="globex", probe="thief", receiver=probe.destination, confirm=confirm,
                    allotted_numbers=())  # fmt: skip
    scene.bench.caller.reception.probes = [thief, probe] if first else [probe, thief]
    caller = scene.caller(NUMBER, header(scene) if proof == "header" else None)
    scene.until(lambda: caller.media_packets > 3)
    hang_up(scene, caller)
    (part,) = scene.bench.parts
    assert (part.stream.client, part.stream.probe, part.known) == ("acme", "sales", proof == "header")
    assert {ladder.client for ladder in part.ladders} == {"acme"}


def test_legs_that_press_a_code_are_listened_to_side_by_side(scene: Scene):
    """Which code is a call's only the database tells; so none of them displaces another."""
    plan(scene, confirm=True, duration_ms=5000)
    callers = [scene.caller(NUMBER) for _ in range(3)]
    scene.until(lambda: all(each.sounder is not None for each in callers))
    fourth = scene.caller(NUMBER)
    scene.until(lambda: fourth.final is not None)
    assert fourth.final == 486
    for number, caller in enumerate(callers[:2]):
        scene.press(caller, f"*471{number}")
    scene.run(0.5)
    for caller in callers:
        caller.within("BYE")
    scene.until(lambda: len(scene.bench.parts) == 2)
    assert {part.code for part in scene.bench.parts} == {"4710", "4711"}
    scene.until(lambda: scene.unsolicited == 2)


def test_who_presses_many_codes_is_guessing(scene: Scene):
    plan(scene, confirm=True, duration_ms=9000)
    stranger = scene.caller(NUMBER)
    scene.until(lambda: stranger.sounder is not None)
    scene.press(stranger, "*0001*0002*0003*0004")
    scene.until(stranger.hung_up_on.is_set, 3)
    scene.until(lambda: scene.unsolicited == 1)
    assert scene.bench.parts == []


def test_a_leg_without_code_is_not_kept_where_calls_press_one(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(receiver, "CONFIRM_MS", 200)
    plan(scene, confirm=True, duration_ms=9000)
    stranger = scene.caller(NUMBER)
    scene.until(stranger.hung_up_on.is_set)
    scene.until(lambda: scene.unsolicited == 1)
    assert (scene.bench.parts, scene.bench.caller.reception._visitors) == ([], {})
