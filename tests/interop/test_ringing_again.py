"""One call that is offered to the receiver several times, because it was not answered in time (RFC 3261 §8.2.2.2,
§16.7).
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.interop.cases import ANSWERED, HEARD, RINGS_MS, Case, Played, judge, play
from tests.interop.scripted import QUIET, Caller, Far, Script
from tests.interop.turns import acknowledges, gets_through, refused, talks
from voice_sipapp.signalling import outcome

pytestmark = QUIET


def gives_up(far: Caller, *, again: bool = False, proxied: bool = False) -> Script:
    far.call(body=far.described(), again=again, proxied=proxied)
    first = yield "provisional"
    assert first.startswith("SIP/2.0 180")
    yield 0.03
    far.within("CANCEL", cseq=1, branch=far.invite_branch)
    yield "2xx"
    yield from refused(far, "487")


def rings_again(times: int) -> Callable[[Caller], Script]:
    def script(far: Caller) -> Script:
        for number in range(times):
            yield from gives_up(far, again=number > 0)
        yield from gets_through(far, again=True)

    return script


def by_a_proxy_in_turn(far: Caller) -> Script:
    """The Call-ID, the tag and the CSeq stay, the branch is another one."""
    yield from gives_up(far)
    yield from gives_up(far, proxied=True)
    yield from gets_through(far, proxied=True)


def on_two_ways_at_once(far: Caller) -> Script:
    """A proxy forks to two of its targets, which are the same."""
    far.call(body=far.described())
    first = far.remote
    yield "provisional"
    far.call(body=far.described(), proxied=True)
    yield from refused(far, "482")
    far.remote = first
    answer = yield "2xx"
    yield from talks(far, answer)


def hangs_up_and_rings_again(far: Caller) -> Script:
    far.call(body=far.described())
    first = yield "provisional"
    far.took(first)
    far.within("BYE")
    yield "final"
    yield "final"
    far.within("ACK", cseq=1, branch=far.invite_branch)
    yield from gets_through(far, again=True)


def two_at_once(far: Caller) -> Script:
    far.call(body=far.described())
    first = far.call_id, far.local, far.remote, far.remote_target
    far.call(body=far.described(), again=True)
    one = yield "final"
    assert one.startswith("SIP/2.0 486"), "the second one"
    acknowledges(far, one)
    far.call_id, far.local, far.remote, far.remote_target = first
    answer = yield "2xx"
    yield from talks(far, answer)


def once_more_when_it_is_over(far: Caller) -> Script:
    yield from gets_through(far)
    far.call(body=far.described(), again=True)
    yield from refused(far)


OFFERED = {
    "again after a CANCEL": Case(
        "queues and hunt groups ring again; RFC 3261 §9.2 leaves nothing", rings_again(1), stream=HEARD,
        was_right=True,
    ),
    "three times": Case(
        "signalwire/freeswitch #800: a queue that offers the call again and again",
        rings_again(3), stream=HEARD, was_right=True,
    ),
    "again after a BYE in the early dialog": Case(
        "RFC 3261 §15", hangs_up_and_rings_again, stream=HEARD, was_right=True,
    ),
    "by a proxy that tries its targets in turn": Case(
        "RFC 3261 §8.2.2.2: only a transaction that goes on makes it a loop", by_a_proxy_in_turn, stream=HEARD,
    ),
    "by a proxy on two ways at once": Case(
        "RFC 3261 §8.2.2.2: 482", on_two_ways_at_once, stream=HEARD, was_right=True,
    ),
    "by two forks at once": Case("RFC 3261 §8.2.2.2, §16.7: one is taken", two_at_once, stream=HEARD, was_right=True),
    "again when it is over": Case(
        "ours: a header that was seen on the way is good for nothing",
        once_more_when_it_is_over, stream=HEARD, was_right=True
    ),
}  # fmt: skip


def queue(times: int) -> Callable[[Far], Script]:
    """A switch between dialer and receiver: it rings the agent, gives up, rings again, and then connects the two."""

    def script(far: Far) -> Script:
        invite = yield "INVITE"
        far.answer(invite, "180 Ringing")
        inner = far.calls(rings_again(times))
        while inner.stuck != "nothing" or inner.count_of("2xx") == 0:
            yield 0.02
        far.answer(invite, "200 OK", body=far.described())
        far.sound()
        yield "ACK"

    return script


QUEUED = {
    "rings once more": Case(
        "queues and hunt groups ring again", queue(1), ANSWERED | {"redirects": 0}, probe={"answer_after_ms": RINGS_MS},
        check=lambda far, cdr: len(cdr.streams) == 2 and far.strangers == 0 and cdr.call.sip_reason == "OK",
    ),
    "rings twice more": Case(
        "signalwire/freeswitch #800", queue(2), ANSWERED, probe={"answer_after_ms": RINGS_MS},
        check=lambda far, cdr: len(cdr.streams) == 2 and far.strangers == 0
        and next(each for each in cdr.ladders if each.leg == "receiver").messages.count("CANCEL sip:") == 2,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def offered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Played]:
    return play(OFFERED, tmp_path_factory.mktemp("offered"), calls=False)


@pytest.fixture(scope="module")
def queued(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Played]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outcome, "NO_ANSWER_MS", 4000)
        return play(QUEUED, tmp_path_factory.mktemp("queued"), calls=True)


@pytest.mark.parametrize("name", OFFERED)
def test_a_call_that_is_offered_more_than_once(offered: dict[str, Played], name: str):
    judge(offered[name])


@pytest.mark.parametrize("name", QUEUED)
def test_a_call_over_a_queue_that_rings_again(queued: dict[str, Played], name: str):
    judge(queued[name])
