"""Queues of contact centres, hunt groups and switches, which offer the receiver the same call more than once (RFC 3261
§8.2.2.2 and §9.2, RFC 3891, RFC 5407).
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.interop.cases import HEARD, Case, Played, judge, play
from tests.interop.scripted import QUIET, Caller, Script
from tests.interop.turns import answer_to, connects, gets_through, hangs_up, refused, talks, under_its_call_id
from voice_sipapp.signalling import receiver

pytestmark = QUIET


def bye_before_the_ack(far: Caller) -> Script:
    far.call(body=far.described())
    answer = yield "2xx"
    far.took(answer)
    far.within("BYE")
    yield from answer_to(far, "BYE")
    yield from gets_through(far, again=True)


def not_acknowledged_yet(far: Caller) -> Script:
    """Nothing says that the first one was given up: the second may be anybody's."""
    far.call(body=far.described())
    answer = yield "2xx"
    before = far.call_id, far.local, far.remote, far.remote_target
    far.call(body=far.described(), again=True)
    yield from refused(far)
    far.call_id, far.local, far.remote, far.remote_target = before
    yield from talks(far, answer)


def first_refused(code: str, *lines: str, types: tuple[int, ...] = (8,)) -> Callable[[Caller], Script]:
    """What it offers at first can't be taken; then it offers the call again, as it should."""

    def script(far: Caller) -> Script:
        far.call(*lines, body=far.described(types=types))
        yield from refused(far, code)
        yield from gets_through(far, again=True)

    return script


def cancels(*lines: str, after: str = "") -> Callable[[Caller], Script]:
    """It gives up after that answer, or at once."""

    def script(far: Caller) -> Script:
        far.call(*lines, body=far.described())
        if after:
            yield after
        far.within("CANCEL", cseq=1, branch=far.invite_branch)
        yield from refused(far, "487")
        yield from gets_through(far, again=True)

    return script


def gives_up(far: Caller) -> Script:
    far.call(body=far.described())
    yield "180"
    far.within("CANCEL", cseq=1, branch=far.invite_branch)
    yield from refused(far, "487")


def replaces(code: str, *lines: str) -> Callable[[Caller], Script]:
    """An attended transfer offers the call anew while it is up (RFC 3891), which we do not know."""

    def script(far: Caller) -> Script:
        yield from connects(far)
        before = far.call_id, far.local, far.remote, far.remote_target
        to_tag, from_tag = (each.partition("tag=")[2] for each in (far.remote, far.local))
        dialog = f"{far.call_id};to-tag={to_tag};from-tag={from_tag}"
        far.call(f"Replaces: {dialog}", *lines, body=far.described(), again=True)
        yield from refused(far, code)
        far.call_id, far.local, far.remote, far.remote_target = before
        yield 0.6
        yield from hangs_up(far)

    return script


def reinvite_is_cancelled_late(far: Caller) -> Script:
    """That of a re-INVITE takes no call back: what comes under its header then is none of ours."""
    yield from connects(far)
    far.within("INVITE", body=far.described(), branch=f"z9hG4bK{far.tag}")
    answer = yield "2xx"
    number = far.cseq
    far.within("CANCEL", cseq=number, branch=f"z9hG4bK{far.tag}")
    yield from answer_to(far, "CANCEL", "final")
    far.ack(answer)
    before = far.call_id, far.local, far.remote, far.remote_target
    far.call(body=far.described(), again=True)
    yield from refused(far)
    far.call_id, far.local, far.remote, far.remote_target = before
    yield 0.6
    yield from hangs_up(far)


def crosses_our_bye(method: str, code: str) -> Callable[[Caller], Script]:
    """What it sends when our BYE is on its way."""

    def script(far: Caller) -> Script:
        yield from connects(far)
        bye = yield "BYE"
        far.within(method, body=far.described() if method == "INVITE" else "")
        answer = yield from answer_to(far, method, "final")
        assert answer.startswith(f"SIP/2.0 {code}"), answer
        if method == "INVITE":
            far.within("ACK", cseq=far.cseq)
        far.answer(bye, "200 OK")

    return script


def reinvites_and_hangs_up(far: Caller) -> Script:
    yield from connects(far)
    yield 0.6
    far.within("INVITE", body=far.described())
    yield from hangs_up(far)


OFFERED = {
    "the BYE comes before the ACK": Case("RFC 5407 §3.1.3", bye_before_the_ack, stream=HEARD),
    "again under its Call-ID": Case(
        "RFC 3261 §8.2.2.2: another CSeq", under_its_call_id(gives_up), stream=HEARD, was_right=True,
    ),
    "again after a CANCEL that came at once": Case("RFC 3261 §9.2", cancels(), stream=HEARD, was_right=True),
    "again after a CANCEL instead of a PRACK": Case(
        "RFC 3262 §3", cancels("Require: 100rel", after="180"), stream=HEARD, was_right=True,
    ),
    "again after a 488": Case(
        "RFC 3261 §21.4.26: with another description", first_refused("488", types=(18,)), stream=HEARD, was_right=True,
    ),
    "again after a 420": Case(
        "RFC 3261 §8.1.3.5: without the extension", first_refused("420", "Require: x-queue"), stream=HEARD,
        was_right=True,
    ),
    "again after a 415": Case(
        "RFC 3261 §8.1.3.5", first_refused("415", "Content-Encoding: gzip"), stream=HEARD, was_right=True,
    ),
    "with a Replaces that we do not know": Case(
        "RFC 3891 §3: passed over; a second leg", replaces("486"), stream=HEARD, was_right=True,
    ),
    "with a Replaces that is required": Case(
        "RFC 3261 §8.2.2.3", replaces("420", "Require: replaces"), stream=HEARD, was_right=True,
    ),
    "a re-INVITE's CANCEL comes too late": Case(
        "RFC 3261 §9.2", reinvite_is_cancelled_late, stream=HEARD, was_right=True,
    ),
    "BYEs cross": Case("RFC 5407 §3.2.1", crosses_our_bye("BYE", "200"), stream=HEARD, was_right=True),
    "a re-INVITE crosses our BYE": Case(
        "RFC 5407 §3.2.2", crosses_our_bye("INVITE", "481"), stream=HEARD, was_right=True,
    ),
    "an INFO crosses our BYE": Case("RFC 3261 §12.2.2", crosses_our_bye("INFO", "481"), stream=HEARD, was_right=True),
    "a BYE right behind a re-INVITE": Case("RFC 5407 §3.2.3", reinvites_and_hangs_up, stream=HEARD, was_right=True),
    "again before the ACK, without a CANCEL": Case(
        "ours: a header that was seen on the way is good for nothing", not_acknowledged_yet, stream=HEARD,
        was_right=True,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def offered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Played]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(receiver, "OVERSTAY_MS", 400)
        return play(OFFERED, tmp_path_factory.mktemp("offered"), calls=False)


@pytest.mark.parametrize("name", OFFERED)
def test_a_call_that_is_offered_more_than_once(offered: dict[str, Played], name: str):
    judge(offered[name])
