"""What is acknowledged, and how often (RFC 3261 §13.2.2.4, §13.3.1.4): 200s that come again, or from another party.

Two tables: far ends that the dialer calls, and far ends that call the receiver.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.interop.cases import ANSWERED, HEARD, Case, a_test_of
from tests.interop.hurry import hurried
from tests.interop.messages import header
from tests.interop.scripted import QUIET, Caller, Far, Script
from tests.interop.turns import hangs_up, talks, up

pytestmark = QUIET


def acknowledged(**differs: object) -> Callable[[Far], Script]:
    """The 200 comes four times more, each time with something else in it."""

    def script(far: Far) -> Script:
        invite = yield "INVITE"
        body = far.described()
        far.answer(invite, "200 OK", body=body)
        far.sound()
        yield "ACK"
        for number in range(4):
            given = {name: value(far, number) if callable(value) else value for name, value in differs.items()}
            given.setdefault("body", body)
            lines = given.pop("lines", ())
            far.answer(invite, "200 OK", *lines, **given)
            ack = yield "ACK"
            assert header(ack, "CSeq").split()[0] == header(invite, "CSeq").split()[0]
            assert "tag=" in header(ack, "To")

    return script


def with_to(form: str) -> Callable[[Far, int], str]:
    def to(far: Far, number: int) -> str:
        return form.replace("@uri", header(far.invite, "To")).replace("@tag", far.tag).replace("@number", str(number))

    return to


def after_the_bye(far: Far) -> Script:
    yield from up(far)
    invite = far.invite
    bye = yield "BYE"
    far.answer(bye, "200 OK")
    far.answer(invite, "200 OK", "X-Late: 1", body=far.described())
    yield "ACK"


def another_party(far: Far) -> Script:
    yield from up(far)
    far.answer(far.invite, "200 OK", tag="second", body=far.described())
    ack = yield "ACK"
    bye = yield "BYE"
    assert "second" in header(ack, "To")
    assert "second" in header(bye, "To")
    far.answer(bye, "200 OK")
    far.over = False
    far.answer(far.invite, "200 OK", "X-Again: 1", tag="second", body=far.described())
    yield "ACK"


def after_a_refusal(far: Far) -> Script:
    invite = yield "INVITE"
    far.answer(invite, "480 Temporarily Unavailable")
    yield "ACK"
    far.answer(invite, "200 OK", tag="late", body=far.described())
    ack = yield "ACK"
    assert "late" in header(ack, "To")
    bye = yield "BYE"
    far.answer(bye, "200 OK")


DIALLED = {
    "200 again": Case("RFC 3261 §13.2.2.4", acknowledged(), ANSWERED, HEARD, was_right=True),
    "200 again, the To with another parameter": Case(
        "RFC 3261 §13.2.2.4; livekit/sip #851", acknowledged(to=with_to("@uri;tag=@tag;x=@number")), ANSWERED, HEARD
    ),
    "200 again, the tag behind it": Case(
        "RFC 3261 §7.3.1: parameters in any order", acknowledged(to=with_to("@uri;x=@number;tag=@tag")), ANSWERED, HEARD
    ),
    "200 again, with another Contact": Case(
        "RFC 3261 §13.2.2.4",
        acknowledged(contact=lambda far, number: f"sip:u{number}@[::1]:{far.port}"), ANSWERED, HEARD
    ),
    "200 again, without Contact": Case("RFC 3261 §13.2.2.4", acknowledged(contact=None), ANSWERED, HEARD),
    "200 again, header fields in another order": Case(
        "RFC 3261 §7.3.1", acknowledged(first=("Server: far",), lines=lambda _, n: (f"X-Number: {n}",)), ANSWERED, HEARD
    ),
    "200 again, with another description": Case(
        "RFC 3261 §13.2.1; onsip/SIP.js #398", acknowledged(body=lambda far, _: far.described()), ANSWERED, HEARD
    ),
    "200 again, without a description": Case(
        "RFC 3261 §13.2.1", acknowledged(body="", lines=lambda _, n: (f"X-Number: {n}",)), ANSWERED, HEARD
    ),
    "200 again after our BYE": Case("RFC 3261 §13.2.2.4; pjsip/pjproject #1725", after_the_bye, ANSWERED, HEARD),
    "200 of another party": Case(
        "RFC 3261 §13.2.2.4; pjsip/pjproject #3234: ACK, then BYE", another_party, ANSWERED, was_right=True
    ),
    "200 of another party after a refusal": Case(
        "RFC 3261 §16.7: a 2xx is passed on whatever went before", after_a_refusal,
        {"disposition": "no_answer", "sip_code": 480},
    ),
}  # fmt: skip


# --- far ends that call -----------------------------------------------------------------------------------------------


def bye_before_ack(far: Caller) -> Script:
    far.call(body=far.described())
    answer = yield "2xx"
    far.took(answer)
    far.hang_up()
    answer = yield "2xx"
    while "BYE" not in header(answer, "CSeq"):
        answer = yield "2xx"


def late_ack(far: Caller) -> Script:
    far.call(body=far.described())
    yield "2xx"
    answer = yield "2xx"
    assert "INVITE" in header(answer, "CSeq"), "the 200 is repeated until its ACK comes"
    yield from talks(far, answer, for_s=0.5)


def two_acks(far: Caller) -> Script:
    far.call(body=far.described())
    answer = yield "2xx"
    far.ack(answer)
    far.within("ACK", "X-Again: 1", cseq=1)
    far.sound()
    yield 0.5
    yield from hangs_up(far)


CALLED = {
    "BYE before the ACK": Case("RFC 5407 §3.1.3", bye_before_ack, was_right=True),
    "the ACK of the second 200": Case("RFC 3261 §13.3.1.4", late_ack, stream=HEARD, was_right=True),
    "two ACKs": Case("RFC 3261 §13.2.2.4: one for each 200", two_acks, stream=HEARD, was_right=True),
}  # fmt: skip

test_a_far_end_that_is_called = a_test_of(DIALLED, calls=True, during=hurried)
test_a_far_end_that_calls = a_test_of(CALLED, calls=False, during=hurried)
