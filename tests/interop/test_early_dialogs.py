"""Dialogs before the call is up (RFC 3261 §12.1, §13.2.2.4 and §14.2, RFC 3311 §5): several branches, and offers that
come too early.

Two tables: far ends that the dialer calls, and far ends that call the receiver.
"""

from __future__ import annotations

from tests.interop.cases import ANSWERED, HEARD, Case, a_test_of
from tests.interop.messages import header, kinds
from tests.interop.scripted import QUIET, Caller, Far, Script
from tests.interop.turns import RELIABLE, talks

pytestmark = QUIET


def prack_tags(far: Far) -> list[str]:
    """The tags that were acknowledged."""
    return [header(each, "To").split("tag=")[1] for each in far.requests if each.startswith("PRACK ")]


def both_branches_reliable(far: Far) -> Script:
    invite = yield "INVITE"
    far.answer(invite, "183 Session Progress", *RELIABLE, tag="one", body=far.described(types=(0,)))
    one = yield "PRACK"
    far.answer(one, "200 OK")
    far.answer(invite, "183 Session Progress", *RELIABLE, tag="two", body=far.described())
    two = yield "PRACK"
    far.answer(two, "200 OK")
    far.sound()
    far.answer(invite, "200 OK", tag="two")
    yield "ACK"


def other_branch_answers(far: Far) -> Script:
    invite = yield "INVITE"
    far.answer(invite, "183 Session Progress", tag="one", body=far.described(types=(0,)))
    yield 0.05
    far.answer(invite, "200 OK", tag="two", body=far.described())
    far.sound()
    yield "ACK"


def first_branch_answers_without(far: Far) -> Script:
    invite = yield "INVITE"
    far.answer(invite, "183 Session Progress", tag="one", body=far.described())
    yield 0.05
    far.answer(invite, "183 Session Progress", tag="two", body=far.described(types=(0,)))
    yield 0.05
    far.answer(invite, "200 OK", tag="one")
    far.sound()
    yield "ACK"


def a_third_branch_answers_without(far: Far) -> Script:
    invite = yield "INVITE"
    far.answer(invite, "183 Session Progress", tag="one", body=far.described())
    yield 0.05
    far.answer(invite, "200 OK", tag="two")
    yield "ACK"


def update_too_early(far: Far) -> Script:
    invite = yield "INVITE"
    far.answer(invite, "180 Ringing")
    yield 0.05
    far.request("UPDATE", body=far.described())
    yield "491"
    far.answer(invite, "200 OK", body=far.described())
    far.sound()
    yield "ACK"


def update_without_an_offer(far: Far) -> Script:
    invite = yield "INVITE"
    far.answer(invite, "180 Ringing")
    yield 0.05
    far.request("UPDATE")
    yield "2xx"
    far.answer(invite, "200 OK", body=far.described())
    far.sound()
    yield "ACK"


def update_after_the_answer(far: Far) -> Script:
    invite = yield "INVITE"
    far.answer(invite, "183 Session Progress", *RELIABLE, body=far.described())
    prack = yield "PRACK"
    far.answer(prack, "200 OK")
    far.request("UPDATE", body=far.described(types=(0,)))
    answer = yield "2xx"
    assert kinds(answer)[0] == 0
    far.sound(0)
    far.answer(invite, "200 OK")
    yield "ACK"


def invites_early(*, settled: bool = False):  # type: ignore[no-untyped-def]
    """A re-INVITE overtakes the 200, or comes from a far end that takes the 183 for the answer."""

    def script(far: Far) -> Script:
        invite = yield "INVITE"
        far.answer(invite, "183 Session Progress", body=far.described() if settled else "")
        far.request("INVITE", body=far.described(port=far.moved_port), branch="z9hG4bKearly")
        refusal = yield "final"
        assert refusal.startswith("SIP/2.0 491"), refusal
        far.request("ACK", cseq=far.cseq, branch="z9hG4bKearly")
        far.invite = invite
        far.answer(invite, "200 OK", body=far.described())
        far.sound()
        yield "ACK"

    return script


DIALLED = {
    # --- forks
    "two branches, both reliable": Case(
        "RFC 3262 §4: each early dialog numbers for itself; pjsip/pjproject #620", both_branches_reliable, ANSWERED,
        HEARD, check=lambda far, _: prack_tags(far) == ["one", "two"],
    ),
    "183 from one branch, 200 from another": Case(
        "RFC 3261 §13.2.2.4; pjsip/pjproject #657", other_branch_answers, ANSWERED, HEARD, was_right=True
    ),
    "two early answers, then a bare 200 of the first": Case(
        "RFC 3261 §13.2.1: of its own dialog; AlticeLabsPublic/asterisk-i #82", first_branch_answers_without, ANSWERED,
        HEARD,
    ),
    "a bare 200 of a branch that described nothing": Case(
        "AlticeLabsPublic/asterisk-i #82: another branch's answer is none", a_third_branch_answers_without,
        {"disposition": "failed", "sip_code": 200}, reason="no audio", was_right=True,
    ),
    # --- UPDATE and re-INVITE before the call is up
    "UPDATE before the answer": Case(
        "RFC 3311 §5.2: 491; pjsip/pjproject #1596", update_too_early, ANSWERED, HEARD, was_right=True
    ),
    "UPDATE without an offer before the answer": Case(
        "RFC 3311 §5.2: no offer, no conflict; pjsip/pjproject #1596", update_without_an_offer, ANSWERED, HEARD,
        was_right=True,
    ),
    "UPDATE after a reliable answer": Case(
        "RFC 3311 §5.2; DoubangoTelecom/doubango #83: 200 with an answer", update_after_the_answer, ANSWERED,
        {"codec": "PCMU", "rtp_lost": 0},
    ),
    "re-INVITE before the answer": Case(
        "RFC 3261 §14.2: 491; baresip/re #1071", invites_early(), ANSWERED, HEARD,
    ),
    "re-INVITE before the answer, after a 183": Case(
        "RFC 3261 §14.2: 491, whatever is settled", invites_early(settled=True), ANSWERED, HEARD,
    ),
}  # fmt: skip


# --- far ends that call -----------------------------------------------------------------------------------------------


def update_while_it_rings(far: Caller) -> Script:
    far.call(body=far.described())
    first = yield "provisional"
    far.took(first)
    far.within("UPDATE", body=far.described())
    refusal = yield "5xx"
    assert header(refusal, "Retry-After")
    answer = yield "2xx"
    yield from talks(far, answer)


def invites_while_it_rings(far: Caller) -> Script:
    far.call(body=far.described())
    far.took((yield "provisional"))
    far.within("INVITE", body=far.described(port=far.moved_port), branch="z9hG4bKearly")
    refusal = yield "final"
    assert refusal.startswith("SIP/2.0 500"), refusal
    assert header(refusal, "Retry-After")
    far.within("ACK", cseq=far.cseq, branch="z9hG4bKearly")
    answer = yield "2xx"
    yield from talks(far, answer)


CALLED = {
    "re-INVITE while it rings": Case(
        "RFC 3261 §14.2: 500 with Retry-After; pjsip/pjproject #3458, baresip/re #1071", invites_while_it_rings,
        stream=HEARD,
    ),
    "UPDATE while it rings": Case(
        "RFC 3311 §5.2: 500 with Retry-After", update_while_it_rings, stream=HEARD, was_right=True,
    ),
}  # fmt: skip

test_a_far_end_that_is_called = a_test_of(DIALLED, calls=True)
test_a_far_end_that_calls = a_test_of(CALLED, calls=False)
