"""Whoever calls the receiver, when and with what: the receiver's side of a call that counts is the call's own.

Hypothesis makes up who calls before and after the call's own leg arrives; every message is real.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.attacks.conftest import Scene, a_scene, names_of
from tests.attacks.raw_caller import NUMBER, RawCaller, without_header
from tests.unit.sipapp.bench import a_probe, header_of
from voice_sipapp.media import audio
from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.records import calluuid
from voice_sipapp.records.callkey import CallKey

# The stack leaves it to the garbage collector to close a socket that it opens only to see whether IPv6 is there.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")

BARE, OTHER_NUMBER, FORGED, OTHER_CLIENT = "bare", "other number", "forged", "other client"


@dataclass(frozen=True)
class Other:
    """Somebody else who calls: `kind` tells with what, `then` what it does once it rings or is answered."""

    kind: str
    then: str
    acks: bool
    pause_s: float


OTHERS = st.builds(
    Other,
    kind=st.sampled_from([BARE, OTHER_NUMBER, FORGED, OTHER_CLIENT]),
    then=st.sampled_from(["nothing", "cancels", "hangs up", "repeats"]),
    acks=st.booleans(),
    pause_s=st.sampled_from([0.0, 0.02, 0.1]),
)


def come(scene: Scene, other: Other) -> RawCaller:
    now = calluuid.new(datetime.now(UTC))
    headers = {FORGED: f"{uuid4()}.{'0' * 32}", OTHER_CLIENT: header_of(scene.bench, now, "globex", "theirs")}
    user = "+15550100" if other.kind == OTHER_NUMBER else NUMBER
    caller = scene.caller(user, headers.get(other.kind), acks=other.acks)
    scene.run(0.02 + other.pause_s)
    if other.then == "cancels":
        caller.cancel()
    elif other.then == "hangs up":
        caller.within("BYE")
    elif other.then == "repeats":
        caller.invite()
    return caller


@given(
    before=st.lists(OTHERS, max_size=3), after=st.lists(OTHERS, max_size=2),
    strips=st.booleans(), confirm=st.booleans(),
)  # fmt: skip
@settings(max_examples=10, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_call_that_counts_is_measured_on_its_own_leg(
    sounds: audio.AudioStore, before: list[Other], after: list[Other], strips: bool, confirm: bool
):
    with a_scene(sounds) as scene:
        path = scene.path(change=without_header if strips else bytes)
        path.open.clear()
        probe = scene.probe(path, duration_ms=1500 if confirm else 400, answer_after_ms=50, confirm=confirm)
        theirs = a_probe(0, client="globex", probe="theirs", destination=SipUri.parse("sip:+49301234567@x"))
        scene.place(probe, theirs)
        scene.until(lambda: path.header() is not None)
        others = [come(scene, other) for other in before]
        path.open.set()
        others += [come(scene, other) for other in after]
        scene.until(lambda: scene.bench.cdrs, 20)
        (cdr,) = scene.bench.cdrs
        own, receivers = names_of(cdr, "dialer"), names_of(cdr, "receiver")
        lagged = (cdr.call.probe_lag_ms or 0) > 20
        if not strips:
            assert cdr.call.valid or lagged
            assert cdr.call.disposition == "answered"
        if cdr.call.valid and cdr.call.disposition == "answered":
            assert receivers == own, "the leg that counts is the call's own"
            assert not any(stream.one_way for stream in cdr.streams)
        if cdr.call.valid:
            assert cdr.call.disposition == "answered", "what others do is no fault of the path"
        scene.bench.caller.reception.stop()
        scene.until(lambda: not scene.bench.caller.reception._visitors)
        check_the_rest(scene, before + after, others)


def check_the_rest(scene: Scene, what: list[Other], others: list[RawCaller]) -> None:
    """Nothing is left of those who are not ours, and they are counted apart from calls."""
    assert {part.stream.client for part in scene.bench.parts} <= {"globex"}
    ours = sum(each.kind == OTHER_CLIENT for each in what)
    assert len(scene.bench.parts) <= ours
    assert scene.unsolicited <= len(what) + sum(each.then == "repeats" for each in what) + 1
    for each, caller in zip(what, others, strict=True):
        if each.kind in (OTHER_NUMBER, FORGED):
            allowed = {486, 481, 487} if each.kind == OTHER_NUMBER else {486, 481, 487, 100, 180, 200}
            assert set(caller.codes) <= allowed
        assert each.acks or caller.media_packets == 0
    assert not any(visitor.receiver.session.stream in scene.bench.engine._live
                   for visitor in scene.bench.caller.reception._visitors.values())  # fmt: skip
    assert scene.bench.engine._live == set(), "no port is left open"


def test_a_key_of_another_provider_is_none(scene: Scene):
    path = scene.path()
    path.open.clear()
    scene.place(scene.probe(path, allotted_numbers=()))
    scene.until(lambda: path.header() is not None)
    uuid = calluuid.UUID((path.header() or "").partition(".")[0])
    stranger = scene.caller(NUMBER, CallKey(b"theirs" * 8).header(uuid, "acme", "sales"))
    scene.until(lambda: stranger.final == 486)
