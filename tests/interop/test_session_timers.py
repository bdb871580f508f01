"""How sessions are kept fresh (RFC 4028), and what becomes of a refresh that is refused (RFC 3261 §14.1).

Two tables: far ends that the dialer calls, and far ends that call the receiver.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.interop.cases import ANSWERED, HEARD, Case, a_test_of
from tests.interop.hurry import LONG, hurried
from tests.interop.messages import header
from tests.interop.scripted import QUIET, Caller, Far, Script
from tests.interop.turns import hangs_up, up

pytestmark = QUIET


def refresh(*answers: tuple[str, ...], count: int | None = None) -> Callable[[Far], Script]:
    """The refresh of the session is left to us and answered so; then it is taken over. `count`: how many come."""

    def script(far: Far) -> Script:
        yield from up(far, "Session-Expires: 1;refresher=uac", "Require: timer")
        for status, *lines in answers:
            again = yield "INVITE"
            far.answer(again, status, *lines, body=far.described() if status.startswith("2") else "")
            yield "ACK"
        if count is not None:
            yield 0.6
            assert far.count("INVITE") == count, far.count("INVITE")

    return script


def min_se(far: Far) -> Script:
    yield from up(far, "Session-Expires: 1;refresher=uac", "Require: timer")
    again = yield "INVITE"
    far.answer(again, "422 Session Interval Too Small", "Min-SE: 1200", contact=None)
    yield "ACK"
    again = yield "INVITE"
    assert header(again, "Session-Expires").split(";")[0] == "1200"
    assert header(again, "Min-SE") == "1200"
    far.answer(again, "200 OK", "Session-Expires: 1200;refresher=uac", body=far.described())
    yield "ACK"


def min_se_at_once(far: Far) -> Script:
    invite = yield "INVITE"
    far.answer(invite, "422 Session Interval Too Small", "Min-SE: 1800", contact=None)
    yield "ACK"
    again = yield "INVITE"
    assert header(again, "Min-SE") == "1800"
    assert int(header(again, "Session-Expires").split(";")[0]) >= 1800
    far.answer(again, "200 OK", "Session-Expires: 1800;refresher=uas", body=far.described())
    far.sound()
    yield "ACK"


def roles_change(far: Far) -> Script:
    yield from up(far, "Session-Expires: 1;refresher=uac", "Require: timer")
    again = yield "INVITE"
    far.answer(again, "200 OK", "Session-Expires: 90;refresher=uas", body=far.described())
    yield "ACK"
    before = far.count("INVITE")
    far.request("UPDATE", "Supported: timer", "Session-Expires: 90;refresher=uac")
    answer = yield "2xx"
    assert header(answer, "Session-Expires") == "90;refresher=uac"
    yield 0.6
    assert far.count("INVITE") == before, "the far end refreshes now"
    far.request("UPDATE", "Supported: timer", "Session-Expires: 1;refresher=uas")
    answer = yield "2xx"
    assert header(answer, "Session-Expires") == "1;refresher=uas"
    again = yield "INVITE"
    far.answer(again, "200 OK", body=far.described())
    yield "ACK"


def glare(far: Far) -> Script:
    yield from up(far, "Session-Expires: 1;refresher=uac", "Require: timer")
    again = yield "INVITE"
    far.request("INVITE", body=far.described())
    yield "491"
    far.request("ACK", cseq=far.cseq)
    far.answer(again, "491 Request Pending", contact=None)
    yield "ACK"
    far.request("INVITE", "Supported: timer", "Session-Expires: 1;refresher=uas", body=far.described())
    yield "2xx"
    far.request("ACK", cseq=far.cseq)
    again = yield "INVITE"
    far.answer(again, "200 OK", body=far.described())
    yield "ACK"


def target_and_timer(far: Far) -> Script:
    yield from up(far, "Session-Expires: 1;refresher=uac", "Require: timer")
    far.request("UPDATE", "Supported: timer", "Session-Expires: 1;refresher=uas", contact=far.other_uri)
    yield "2xx"
    again = yield "INVITE"
    assert far.came_to["INVITE"] == far.other_port
    far.answer(again, "200 OK", contact=far.other_uri, body=far.described())
    yield "ACK"


DIALLED = {
    "a refresh": Case(
        "RFC 4028 §7.2",
        refresh(("200 OK", "Session-Expires: 1800;refresher=uac"), count=2), ANSWERED, HEARD, probe=LONG,
        was_right=True,
    ),
    "422 to a refresh": Case(
        "RFC 4028 §7.3; pjsip/pjproject #2120", min_se, ANSWERED, HEARD, probe=LONG
    ),
    "422 to the INVITE": Case("RFC 4028 §7.3; irontec/ivozprovider #320", min_se_at_once, ANSWERED, HEARD),
    "481 to a refresh": Case(
        "RFC 3261 §12.2.1.2; pjsip/pjproject #488: a BYE, too", refresh(("481 Call/Transaction Does Not Exist",)),
        ANSWERED, reason="481", check=lambda far, cdr: far.count("BYE") == 1 and cdr.call.duration_ms < 2000,
        probe=LONG,
    ),
    "408 to a refresh": Case(
        "RFC 3261 §12.2.1.2", refresh(("408 Request Timeout",)), ANSWERED, reason="408",
        check=lambda far, cdr: cdr.call.duration_ms < 2000, probe=LONG,
    ),
    "488 to a refresh, then 200": Case(
        "RFC 3261 §14.1; team-telnyx/freeswitch #605: the call goes on, and it is tried again",
        refresh(("488 Not Acceptable Here",), ("200 OK",)), ANSWERED, HEARD, probe=LONG,
    ),
    "500 to a refresh, then 200": Case(
        "RFC 3261 §14.1", refresh(("500 Server Internal Error",), ("200 OK",)), ANSWERED, HEARD, probe=LONG
    ),
    "503 to a refresh, Retry-After": Case(
        "RFC 3261 §20.33: not before that", refresh(("503 Service Unavailable", "Retry-After: 60"), count=2), ANSWERED,
        HEARD, probe=LONG, was_right=True),
    "491 on both sides": Case(
        "RFC 3261 §14.1; pjsip/pjproject #1166 and #3886: 491, and once more later",
        glare, ANSWERED, HEARD, probe=LONG, was_right=True,
    ),
    "the roles change": Case(
        "RFC 4028 §7.4 and §9", roles_change, ANSWERED, HEARD, probe={"duration_ms": 3500}, was_right=True,
    ),
    "target and timer by one UPDATE": Case(
        "RFC 3311 §5.1, RFC 4028 §9", target_and_timer, ANSWERED, HEARD, probe=LONG
    ),
}  # fmt: skip


# --- far ends that call -----------------------------------------------------------------------------------------------


def timer_of_a_caller(far: Caller) -> Script:
    far.call("Supported: timer", "Session-Expires: 1;refresher=uas", body=far.described())
    answer = yield "2xx"
    assert header(answer, "Session-Expires") == "1;refresher=uas"
    far.ack(answer)
    far.sound()
    again = yield "INVITE"
    far.answer(again, "200 OK", body=far.described())
    yield "ACK"
    yield from hangs_up(far)


CALLED = {
    "a timer that is left to us": Case("RFC 4028 §9", timer_of_a_caller, stream=HEARD, was_right=True),
}  # fmt: skip

test_a_far_end_that_is_called = a_test_of(DIALLED, calls=True, during=hurried)
test_a_far_end_that_calls = a_test_of(CALLED, calls=False, during=hurried)
