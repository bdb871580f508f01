"""A call that is given up at the very moment at which it is answered: CANCEL and 200 cross (RFC 3261 §9.2, §13.3.1.4),
as queues of contact centres and switches do when they offer the receiver the same call more than once.

Two tables: callers that are dialers of other hosts, and switches between this host's dialer and its receiver.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.interop.cases import ANSWERED, HEARD, LIMIT_S, RINGS_MS, Case, Played, judge, play
from tests.interop.messages import header
from tests.interop.scripted import QUIET, Caller, Far, Script
from tests.interop.stage import HOME, Stage
from tests.interop.turns import answer_to, gets_through, is_answered, refused, talks, under_its_call_id
from tests.unit.sipapp.bench import Bench, a_probe, a_tone, header_of
from voice_sipapp.records import calluuid
from voice_sipapp.signalling import receiver
from voice_sipapp.signalling.sip.eventloop import run_loop

pytestmark = QUIET


def crosses(far: Caller, *, again: bool = False, proxied: bool = False) -> Script:
    """It gives up at the moment at which we answer: CANCEL and 200 cross, and the 200 stands."""
    far.call(body=far.described(), again=again, proxied=proxied)
    answer = yield "2xx"
    far.within("CANCEL", cseq=1, branch=far.invite_branch)
    yield from answer_to(far, "CANCEL")
    return answer


def ends(far: Caller, answer: str) -> Script:
    """It acknowledges the 200, and hangs up (RFC 3261, section 9.1)."""
    far.ack(answer)
    far.within("BYE")
    yield from answer_to(far, "BYE")


def crosses_and_offers_again(times: int = 1, *, proxied: bool = False) -> Callable[[Caller], Script]:
    def script(far: Caller) -> Script:
        for number in range(times):
            answer = yield from crosses(far, again=number > 0 and not proxied, proxied=number > 0 and proxied)
            yield from ends(far, answer)
        yield from gets_through(far, again=not proxied, proxied=proxied)

    return script


def never_acknowledges(*, proxied: bool = False) -> Callable[[Caller], Script]:
    def script(far: Caller) -> Script:
        yield from crosses(far)
        yield from gets_through(far, again=not proxied, proxied=proxied)

    return script


def acknowledges_late(far: Caller) -> Script:
    answer = yield from crosses(far)
    before = far.call_id, far.local, f"{far.remote}", far.remote_target
    far.call(body=far.described(), again=True)
    after = far.call_id, far.local, far.remote, far.remote_target
    second = yield from answer_to(far, "INVITE")
    while header(second, "Call-ID") != far.call_id:
        second = yield from answer_to(far, "INVITE")
    far.call_id, far.local, far.remote, far.remote_target = before
    far.ack(answer)
    bye = yield "BYE"
    assert header(bye, "Call-ID") == before[0], "the one that was given up"
    far.answer(bye, "200 OK")
    far.over = False
    far.call_id, far.local, far.remote, far.remote_target = after
    yield from talks(far, second)


def hangs_up_late(far: Caller) -> Script:
    """It offers the call again before it has hung up on the one that it gave up."""
    answer = yield from crosses(far)
    far.ack(answer)
    yield 0.1
    first = far.call_id
    far.call(body=far.described(), again=True)
    bye = yield "BYE"
    assert header(bye, "Call-ID") == first
    far.answer(bye, "200 OK")
    far.over = False
    yield from is_answered(far)


def keeps_it_after_all(far: Caller) -> Script:
    answer = yield from crosses(far)
    yield from talks(far, answer)
    far.call(body=far.described(), again=True)
    yield from refused(far)


def crosses_and_ends(far: Caller) -> Script:
    answer = yield from crosses(far)
    yield from ends(far, answer)


def rings_between(far: Caller) -> Script:
    yield from crosses_and_ends(far)
    far.call(body=far.described(), again=True)
    yield "180"
    far.within("CANCEL", cseq=1, branch=far.invite_branch)
    yield from refused(far, "487")
    yield from gets_through(far, again=True)


def two_meanwhile(far: Caller) -> Script:
    """Of two that it offers at once in place of the first one is taken."""
    yield from crosses(far)
    far.call(body=far.described(), again=True)
    first = far.call_id, far.local, far.remote, far.remote_target, far.invite_branch
    far.call(body=far.described(), again=True)
    yield from refused(far)
    far.call_id, far.local, far.remote, far.remote_target, far.invite_branch = first
    yield from is_answered(far)


def by_number(number: str, inner: Callable[[Caller], Script]) -> Callable[[Caller], Script]:
    """The same without our header, to a `number`."""

    def script(far: Caller) -> Script:
        far.name, far.called = "stripped", f"sip:{number}@[{HOME}]:{far.target}"
        far.remote, far.remote_target = f"<{far.called}>", far.called
        yield from inner(far)

    return script


OFFERED = {
    "the CANCEL crosses the 200": Case(
        "RFC 3261 §9.2; a queue's time-out at the moment of the answer", crosses_and_offers_again(), stream=HEARD,
        check=lambda far, _: far.count_of("486") == 0,
    ),
    "it does so three times": Case("RFC 3261 §9.2", crosses_and_offers_again(3), stream=HEARD),
    "it crosses, and a proxy offers it by another branch": Case(
        "RFC 3261 §8.2.2.2, §9.2: no loop", crosses_and_offers_again(proxied=True), stream=HEARD,
    ),
    "it crosses, and no ACK comes": Case(
        "RFC 3261 §13.3.1.4: over for want of it, and offered meanwhile", never_acknowledges(), stream=HEARD,
    ),
    "it crosses, no ACK comes, and a proxy offers it by another branch": Case(
        "RFC 3261 §8.2.2.2, §13.3.1.4", never_acknowledges(proxied=True), stream=HEARD,
    ),
    "it crosses, and the ACK comes when it was offered again": Case(
        "RFC 3261 §15: the BYE waits for the ACK", acknowledges_late, stream=HEARD,
    ),
    "it crosses, and the BYE comes when it was offered again": Case(
        "RFC 3261 §9.1", hangs_up_late, stream=HEARD,
    ),
    "it crosses, and the caller keeps the call": Case(
        "RFC 3261 §9.2: no effect, and what was heard counts", keeps_it_after_all, stream=HEARD,
    ),
    "it crosses, and the next one rings in vain": Case("RFC 3261 §9.2", rings_between, stream=HEARD),
    "it crosses, and two are offered meanwhile": Case("RFC 3261 §16.7: one is taken", two_meanwhile, stream=HEARD),
    "it crosses, and the next one has its Call-ID": Case(
        "RFC 3261 §8.2.2.2: another CSeq", under_its_call_id(crosses_and_ends), stream=HEARD,
    ),
}  # fmt: skip


# --- a switch between the two --------------------------------------------------------------------------------------


def switch(inner: Callable[[Caller], Script]) -> Callable[[Far], Script]:
    """A switch between dialer and receiver: it answers the dialer once it has an agent for good."""

    def script(far: Far) -> Script:
        invite = yield "INVITE"
        far.answer(invite, "180 Ringing")
        called: Any = far.calls(inner)
        while not called.talks:
            yield 0.02
        far.answer(invite, "200 OK", body=far.described())
        far.sound()
        yield "ACK"

    return script


def both_heard(far: Far, cdr: object) -> bool:
    streams = cdr.streams  # type: ignore[attr-defined]
    return {each.direction for each in streams} == {"forward", "reverse"} and far.strangers == 0


SLOW = {"answer_after_ms": RINGS_MS, "duration_ms": 1500}
NUMBERS = [f"+4420718387{each}" for each in range(51, 54)]
SWITCHED = {
    "the CANCEL crosses the 200": Case(
        "RFC 3261 §9.2", switch(crosses_and_offers_again()), ANSWERED, check=both_heard, probe=SLOW,
    ),
    "it crosses, and no ACK comes": Case(
        "RFC 3261 §13.3.1.4", switch(never_acknowledges()), ANSWERED, check=both_heard, probe=SLOW,
    ),
    "it crosses, and a proxy offers it by another branch": Case(
        "RFC 3261 §8.2.2.2", switch(crosses_and_offers_again(proxied=True)), ANSWERED, probe=SLOW,
        check=lambda far, cdr: both_heard(far, cdr)
        and next(each for each in cdr.ladders if each.leg == "receiver").messages.count("BYE sip:") == 2,
    ),
    "it crosses, and the BYE comes when it was offered again": Case(
        "RFC 3261 §9.1", switch(hangs_up_late), ANSWERED, check=both_heard, probe=SLOW,
    ),
    "by its number: the CANCEL crosses the 200": Case(
        "RFC 3261 §9.2", switch(by_number(NUMBERS[0], crosses_and_offers_again(2))), ANSWERED | {"sip_reason": "OK"},
        check=both_heard, probe=SLOW | {"allotted_numbers": (NUMBERS[0],)},
    ),
    "by its number: it crosses, and no ACK comes": Case(
        "RFC 3261 §13.3.1.4", switch(by_number(NUMBERS[1], never_acknowledges())), ANSWERED | {"sip_reason": "OK"},
        check=both_heard, probe=SLOW | {"allotted_numbers": (NUMBERS[1],)},
    ),
    "by its number: it crosses, and the BYE comes when it was offered again": Case(
        "RFC 3261 §9.1", switch(by_number(NUMBERS[2], hangs_up_late)), ANSWERED | {"sip_reason": "OK"},
        check=both_heard,
        probe=SLOW | {"allotted_numbers": (NUMBERS[2],)},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(receiver, "OVERSTAY_MS", 400)
        yield


@pytest.fixture(scope="module")
def offered(tmp_path_factory: pytest.TempPathFactory, quick: None) -> dict[str, Played]:
    return play(OFFERED, tmp_path_factory.mktemp("offered"), calls=False)


@pytest.fixture(scope="module")
def switched(tmp_path_factory: pytest.TempPathFactory, quick: None) -> dict[str, Played]:
    return play(SWITCHED, tmp_path_factory.mktemp("switched"), calls=True)


@pytest.mark.parametrize("name", OFFERED)
def test_a_call_that_is_offered_more_than_once(offered: dict[str, Played], name: str):
    judge(offered[name])


@pytest.mark.parametrize("name", SWITCHED)
def test_a_call_over_a_switch_that_offers_it_more_than_once(switched: dict[str, Played], name: str):
    judge(switched[name])


# --- by its number alone, from another host -------------------------------------------------------------------------


PRESUMED = {
    "the CANCEL crosses the 200": crosses_and_offers_again(2),
    "no ACK comes": never_acknowledges(),
    "the BYE comes when it was offered again": hangs_up_late,
}


@pytest.mark.parametrize("name", PRESUMED)
def test_a_call_of_another_host_known_by_its_number_that_is_offered_again(tmp_path: Path, quick: None, name: str):
    """What was given up is nothing of it: one part is kept, and it is the one that was heard."""
    stage = Stage()
    with closing(Bench(a_tone(tmp_path))) as bench, closing(stage):
        reception = bench.caller.reception
        reception.probes = [a_probe(1, answer_after_ms=RINGS_MS, allotted_numbers=(NUMBERS[0],))]
        reception.expect(frozenset({("acme", "sales")}))
        far = Caller(stage, by_number(NUMBERS[0], PRESUMED[name]), bench.receiver_port, "")
        stage.start()
        far.begin()
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline and not (bench.parts and far.stuck is None):
            run_loop(timeout_s=0.1)
        assert (far.problem, far.stuck) == (None, None), far.answers
        (part,) = bench.parts
        assert (part.known, part.contested, part.stream.one_way, part.stream.rtp_lost) == (False, False, False, 0)
        assert reception.strangers == 0


def test_a_call_that_was_given_up_for_good_is_told_when_the_host_stops(tmp_path: Path, quick: None):
    """Nobody offers it again: that it was answered, and nothing heard, is what is known of it."""

    def gives_up(far: Caller) -> Script:
        answer = yield from crosses(far)
        yield from ends(far, answer)

    stage = Stage()
    with closing(Bench(a_tone(tmp_path))) as bench, closing(stage):
        bench.caller.reception.probes = [a_probe(1, answer_after_ms=RINGS_MS)]
        uuid = calluuid.new(datetime.now(UTC))
        far = Caller(stage, gives_up, bench.receiver_port, header_of(bench, uuid))
        stage.start()
        far.begin()
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline and (far.stuck is not None or bench.caller.active):
            run_loop(timeout_s=0.1)
        assert (far.problem, far.stuck, bench.parts) == (None, None, [])
        bench.caller.stop()
        while time.monotonic() < deadline and not bench.parts:
            run_loop(timeout_s=0.1)
        (part,) = bench.parts
        assert (part.stream.uuid, part.known, part.stream.valid, part.stream.one_way) == (uuid, True, True, True)
