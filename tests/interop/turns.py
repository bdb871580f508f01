"""What many scripts of far ends have in common: how a call is taken, refused, talked over and hung up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tests.interop.messages import header
from tests.interop.scripted import Caller, Far, Script

RELIABLE = ("Require: 100rel", "RSeq: 1")
"""Header fields of a provisional answer that must be acknowledged (RFC 3262)."""


def never(far: Far) -> Script:
    """Nobody calls here."""
    yield from ()


def up(far: Far, *lines: str, contact: str | None = "", sdp: Sequence[str] = (), **described: Any) -> Script:
    """The call is answered in the plain way, with sound. `lines` are header fields of the 200, `sdp` are lines of its
    description, `described` what else differs in that.
    """
    invite = yield "INVITE"
    far.answer(invite, "200 OK", *lines, contact=contact, body=far.described(*sdp, **described))
    far.sound()
    yield "ACK"


def answer_to(far: Far, method: str, code: str = "2xx") -> Script:
    """Wait for that answer to the last request `method`; 200s to the INVITE that are repeated do not matter."""
    answer = yield code
    while method not in header(answer, "CSeq"):
        answer = yield code
    return answer


def connects(far: Caller) -> Script:
    """It calls, and sounds as soon as it is answered."""
    far.call(body=far.described())
    answer = yield "2xx"
    far.ack(answer)
    far.sound()


def talks(far: Caller, answer: str, kind: int = 8, body: str = "", *, for_s: float = 0.6) -> Script:
    """It acknowledges the 200 `answer`, sounds for a while, and hangs up."""
    far.ack(answer, body)
    far.sound(kind)
    far.talks = True
    yield for_s
    yield from hangs_up(far)


def hangs_up(far: Caller) -> Script:
    """It hangs up, and that is taken."""
    far.hang_up()
    yield from answer_to(far, "BYE")


def gets_through(far: Caller, *lines: str, again: bool = False, proxied: bool = False) -> Script:
    """The call as it should be."""
    far.call(*lines, body=far.described(), again=again, proxied=proxied)
    yield from is_answered(far)


def is_answered(far: Caller) -> Script:
    """Its last INVITE is answered, and the two talk."""
    answer = yield from answer_to(far, "INVITE")
    while far.invite_branch not in header(answer, "Via"):  # one of an earlier offer, repeated
        answer = yield from answer_to(far, "INVITE")
    yield from talks(far, answer)


def refused(far: Caller, code: str = "486") -> Script:
    """Its INVITE is refused with `code`, which it acknowledges."""
    acknowledges(far, (yield code))


def acknowledges(far: Caller, refusal: str) -> None:
    """It acknowledges that `refusal` of its INVITE."""
    far.remote = header(refusal, "To")
    far.within("ACK", cseq=1, branch=far.invite_branch)


def under_its_call_id(first: Callable[[Caller], Script]) -> Callable[[Caller], Script]:
    """It offers the call again under the Call-ID and the tag of the first time, with the next CSeq."""

    def script(far: Caller) -> Script:
        yield from first(far)
        far.remote, far.remote_target = f"<{far.called}>", far.called
        far.cseq, far.invite_branch = far.cseq + 1, f"z9hG4bK{far.tag}"
        name = f"X-Voice-Call: {far.name}"
        far.within("INVITE", name, body=far.described(), cseq=far.cseq, branch=far.invite_branch)
        yield from is_answered(far)

    return script
