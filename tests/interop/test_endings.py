"""What ends a call, and what does not (RFC 3261 §9, §12.2 and §15, RFC 5407).

Two tables: far ends that the dialer calls, and far ends that call the receiver.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.interop.cases import ANSWERED, HEARD, Case, a_test_of
from tests.interop.hurry import hurried
from tests.interop.messages import header
from tests.interop.scripted import QUIET, Caller, Far, Script
from tests.interop.turns import connects, refused, talks, up

pytestmark = QUIET


def asked(method: str, code: str, *lines: str) -> Callable[[Far], Script]:
    def script(far: Far) -> Script:
        yield from up(far)
        far.request(method, *lines)
        answer = yield code
        assert code != "405" or "INVITE" in header(answer, "Allow")

    return script


def gaps_and_disorder(far: Far) -> Script:
    yield from up(far)
    far.request("INFO", cseq=500)
    yield "2xx"
    far.request("INFO", cseq=300)
    yield "500"
    far.request("INFO", cseq=70_000)
    yield "2xx"


def bye_before_the_answer(far: Far) -> Script:
    invite = yield "INVITE"
    far.answer(invite, "183 Session Progress", body=far.described())
    yield 0.1
    far.request("BYE")
    yield "2xx"
    far.answer(invite, "487 Request Terminated")
    yield "ACK"


def bye_repeated(far: Far) -> Script:
    yield from up(far)
    yield 0.2
    far.cseq += 1
    for _ in range(3):
        far.request("BYE", cseq=far.cseq)
        yield "2xx"
        yield 0.05
    far.request("INFO")
    yield "481"


def byes_cross(far: Far) -> Script:
    yield from up(far)
    bye = yield "BYE"
    far.request("BYE")
    yield "2xx"
    far.answer(bye, "200 OK")


def answers_after_the_cancel(far: Far) -> Script:
    invite = yield "INVITE"
    far.answer(invite, "180 Ringing")
    cancel = yield "CANCEL"
    far.answer(cancel, "200 OK", contact=None)
    far.answer(invite, "200 OK", body=far.described())
    yield "ACK"
    bye = yield "BYE"
    far.answer(bye, "200 OK")


def answer_and_cancel_cross(far: Far) -> Script:
    invite = yield "INVITE"
    far.answer(invite, "180 Ringing")
    cancel = yield "CANCEL"
    far.answer(invite, "200 OK", body=far.described())
    far.answer(cancel, "481 Call/Transaction Does Not Exist", contact=None)
    yield "ACK"
    bye = yield "BYE"
    far.answer(bye, "200 OK")


def comes_again(method: str) -> Callable[[Far], Script]:
    """A request comes twice, of one branch; a proxy changed something in it on the way. Its answer may be lost, too."""

    def script(far: Far) -> Script:
        yield from up(far)
        body = "" if method == "INFO" else far.described()
        far.request(method, body=body, branch="z9hG4bKagain")
        first = yield "2xx"
        far.request(method, "X-Again: 1", body=body, branch="z9hG4bKagain", cseq=far.cseq)
        second = yield "final"
        assert first == second, second
        if method == "INVITE":
            far.request("ACK", cseq=far.cseq)
            far.request(method, "X-Again: 2", body=body, branch="z9hG4bKagain", cseq=far.cseq)
            second = yield "final"
            assert first == second, second
            far.request("ACK", cseq=far.cseq)

    return script


def answers_amiss(far: Far) -> Script:
    invite = yield "INVITE"
    far.answer(re.sub("branch=[^;\r\n]*", "branch=z9hG4bKother", invite), "486 Busy Here")
    yield "INVITE"


def is_cancelled(far: Far) -> Script:
    invite = yield "INVITE"
    far.answer(invite, "180 Ringing")
    cancel = yield "CANCEL"
    far.answer(cancel, "200 OK", contact=None)
    far.answer(invite, "487 Request Terminated", contact=None)
    yield "ACK"


def says_reason(far: Far) -> Script:
    yield from up(far)
    yield 0.2
    far.request("BYE", 'Reason: Q.850;cause=31;text="Normal, unspecified"')
    yield "2xx"


DIALLED = {
    "INFO": Case("RFC 6086 §4.2.2", asked("INFO", "2xx"), ANSWERED, HEARD, was_right=True),
    "OPTIONS": Case("RFC 3261 §11.2", asked("OPTIONS", "2xx"), ANSWERED, HEARD, was_right=True),
    "MESSAGE": Case("RFC 3261 §8.2.1: 405 with Allow", asked("MESSAGE", "405"), ANSWERED, HEARD, was_right=True),
    "NOTIFY": Case("RFC 3261 §8.2.1", asked("NOTIFY", "405", "Event: refer"), ANSWERED, HEARD, was_right=True),
    "REFER": Case(
        "RFC 3515 §2.4.2: 603", asked("REFER", "603", "Refer-To: <sip:x@[::1]>"), ANSWERED, HEARD, was_right=True,
    ),
    "a method that nobody knows": Case("RFC 3261 §21.5.2: 501", asked("FROBNICATE", "501"), ANSWERED, HEARD),
    "a PRACK for nothing": Case("RFC 3262 §3: 481", asked("PRACK", "481", "RAck: 1 1 INVITE"), ANSWERED, HEARD),
    "CSeq with gaps, and out of order": Case("RFC 3261 §12.2.2", gaps_and_disorder, ANSWERED, HEARD, was_right=True),
    "a re-INVITE that comes again": Case(
        "RFC 6026 §7.1: the same answer, and none of the stack's own making", comes_again("INVITE"), ANSWERED, HEARD,
    ),
    "an UPDATE that comes again": Case("RFC 3261 §17.2.2", comes_again("UPDATE"), ANSWERED, HEARD),
    "an INFO that comes again": Case("RFC 3261 §17.2.2", comes_again("INFO"), ANSWERED, HEARD),
    "an answer with another branch": Case(
        "RFC 3261 §17.1.3: it fits no request, and that is said", answers_amiss, {"disposition": "timeout"},
        reason="486 came that fits no request",
    ),
    "BYE before the answer": Case(
        "against RFC 3261 §15, and seen: 200, and the INVITE's own answer counts", bye_before_the_answer,
        {"disposition": "failed", "sip_code": 487},
    ),
    "BYE, repeated": Case(
        "RFC 3261 §15.1.2", bye_repeated, ANSWERED | {"hangup_by": "remote"},
    ),
    "BYEs that cross": Case("RFC 5407 §3.2.1", byes_cross, ANSWERED, HEARD, was_right=True),
    "BYE with a Reason": Case(
        "RFC 3326", says_reason, ANSWERED | {"hangup_by": "remote", "q850_cause": 31}, was_right=True
    ),
    "CANCEL": Case(
        "RFC 3261 §9.1", is_cancelled, {"disposition": "no_answer", "sip_code": 487, "hangup_by": "timeout"},
        was_right=True,
    ),
    "200 after CANCEL": Case(
        "RFC 5407 §3.1.2; livekit/sip #756: ACK, then BYE", answers_after_the_cancel, {"disposition": "no_answer"},
        was_right=True,
    ),
    "CANCEL and 200 cross": Case(
        "RFC 5407 §3.1.2; pjsip/pjproject #1817", answer_and_cancel_cross, {"disposition": "no_answer"}, was_right=True
    ),
}  # fmt: skip


# --- far ends that call -----------------------------------------------------------------------------------------------


def cancel_too_late(far: Caller) -> Script:
    far.call(body=far.described())
    answer = yield "2xx"
    remote = far.remote
    far.within("CANCEL", cseq=1, branch=far.invite_branch)
    far.remote = remote
    done = yield "final"
    while "CANCEL" not in header(done, "CSeq"):
        done = yield "final"
    yield from talks(far, answer, for_s=0.5)


def cancels(far: Caller) -> Script:
    far.call(body=far.described())
    yield "provisional"
    far.within("CANCEL", cseq=1, branch=far.invite_branch)
    yield "2xx"
    yield from refused(far, "487")


def moves_away(far: Caller) -> Script:
    yield from connects(far)
    yield 0.1
    text = far.described()
    far.within("INVITE", body=text)
    again = yield "2xx"
    far.ack(again)
    bye = yield "BYE"
    far.answer(bye, "200 OK")


def bye_while_it_rings(far: Caller) -> Script:
    far.call(body=far.described())
    first = yield "provisional"
    far.took(first)
    far.hang_up()
    one = yield "final"
    two = yield "final"
    assert {header(each, "CSeq").split()[1] for each in (one, two)} == {"INVITE", "BYE"}
    far.within("ACK", cseq=1, branch=far.invite_branch)


CALLED = {
    "CANCEL after the 200": Case(
        "RFC 3261 §9.2: no effect; versatica/JsSIP #597", cancel_too_late, stream=HEARD, was_right=True
    ),
    "CANCEL": Case("RFC 3261 §9.2", cancels, was_right=True),
    "BYE while it rings": Case("RFC 3261 §15.1.2: 487 to the INVITE", bye_while_it_rings, was_right=True),
    "a re-INVITE, and then our BYE": Case(
        "RFC 3261 §15", moves_away, stream=HEARD, check=lambda far, _: far.came_to["BYE"] == far.port, was_right=True,
    ),
}  # fmt: skip

test_a_far_end_that_is_called = a_test_of(DIALLED, calls=True, during=hurried)
test_a_far_end_that_calls = a_test_of(CALLED, calls=False, during=hurried)
