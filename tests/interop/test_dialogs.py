"""Dialogs as they live (RFC 3261 §12 to §15 and §22, RFC 4028, RFC 5407): where requests go, what is challenged when,
what is acknowledged, how sessions are kept fresh, and what ends a call.

Two tables: far ends that the dialer calls, and far ends that call the receiver. All of a table are up at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.interop.scripted import (
    ANSWERED,
    HEARD,
    QUIET,
    Caller,
    Case,
    Far,
    Played,
    Script,
    challenge,
    header,
    judge,
    play,
    proves,
)
from voice_sipapp.signalling import outcome, receiver
from voice_sipapp.signalling.sip import freshness, refresher

pytestmark = QUIET

LOGIN = {"dialer_credentials": "trunk"}
LONG = {"duration_ms": 2500}


def up(far: Far, *lines: str, contact: str | None = "") -> Script:
    """The call is answered in the plain way, with sound."""
    invite = yield "INVITE"
    far.answer(invite, "200 OK", *lines, contact=contact, body=far.described())
    far.sound()
    yield "ACK"


def last(far: Far, method: str) -> str:
    """The last request of that method."""
    return next(each for each in reversed(far.requests) if each.startswith(f"{method} "))


def request_uri(request: str) -> str:
    return request.split(" ")[1]


# --- where requests go -----------------------------------------------------------------------------------------------


def moves(method: str, code: str = "2xx", *, offer: bool = True, also: str = "") -> Callable[[Far], Script]:
    """A request within the call whose Contact is the other socket's."""

    def script(far: Far) -> Script:
        yield from up(far)
        yield 0.2
        body = (far.described() if code == "2xx" else far.described(types=(18,))) if offer else ""
        far.request(method, *([also] if also else []), contact=far.other_uri, body=body)
        yield code
        if method == "INVITE":
            far.request("ACK", cseq=far.cseq, contact=None)
        yield "BYE"
        far.answer(last(far, "BYE"), "200 OK")

    return script


def moves_to_a_name(far: Far) -> Script:
    yield from up(far)
    far.request("INVITE", contact="sip:far@nowhere.invalid:5060", body=far.described())
    yield "2xx"
    far.request("ACK", cseq=far.cseq)
    bye = yield "BYE"
    assert request_uri(bye) == "sip:far@nowhere.invalid:5060"
    far.answer(bye, "200 OK")


def ack_moves_nothing(far: Far) -> Script:
    yield from up(far)
    far.request("INVITE", body=far.described())
    yield "2xx"
    far.request("ACK", cseq=far.cseq, contact=far.other_uri)
    yield "BYE"
    far.answer(last(far, "BYE"), "200 OK")


def routed(*routes: str, early: str = "", then: str = "") -> Callable[[Far], Script]:
    """The 200 has these Record-Routes ("other": the other socket)."""

    def script(far: Far) -> Script:
        invite = yield "INVITE"
        if early:
            far.answer(invite, "180 Ringing", f"Record-Route: <sip:[::1]:{far.port};early;lr>")
        lines = [f"Record-Route: <{each.replace('other', f'sip:[::1]:{far.other_port}')}>" for each in routes]
        far.answer(invite, "200 OK", *lines, body=far.described())
        far.sound()
        yield "ACK"
        if then:
            far.request("INVITE", f"Record-Route: <sip:[::1]:{far.port};lr>", contact=then, body=far.described())
            yield "2xx"
            far.request("ACK", cseq=far.cseq)
        yield "BYE"
        far.answer(last(far, "BYE"), "200 OK")

    return script


def refreshed_from_elsewhere(far: Far) -> Script:
    yield from up(far, "Session-Expires: 1;refresher=uac", "Require: timer")
    again = yield "INVITE"
    far.answer(again, "200 OK", contact=far.other_uri, body=far.described())
    yield "ACK"
    yield "BYE"
    far.answer(last(far, "BYE"), "200 OK")


def refreshed_by_way_of(route: str, *, refused: str = "") -> Callable[[Far], Script]:
    """The refresh of the session is ours, by way of a router that only the first 200 names: not its own answer, which
    comes twice; with `refused` it is not taken at first.
    """

    def script(far: Far) -> Script:
        router = f"sip:[::1]:{far.other_port}{route}"
        yield from up(far, f"Record-Route: <{router}>", "Session-Expires: 1;refresher=uac", "Require: timer")
        again = yield "INVITE"
        if refused:
            far.answer(again, refused)
            ack = yield "ACK"
            assert (request_uri(ack), header(ack, "Route")) == (request_uri(again), header(again, "Route")), ack
            assert far.came_to["ACK"] == far.other_port
            again = yield "INVITE"
        for more in ((), ("X-Again: 1",)):
            far.answer(again, "200 OK", "Session-Expires: 1800;refresher=uac", *more, body=far.described())
            ack = yield "ACK"
            assert (request_uri(ack), header(ack, "Route")) == (request_uri(again), header(again, "Route")), ack
            assert far.came_to["ACK"] == far.other_port

    return script


# --- challenges ------------------------------------------------------------------------------------------------------


def challenged_each_time(far: Far) -> Script:
    first = yield "INVITE"
    far.answer(first, "407 Proxy Authentication Required", challenge("n0", name="Proxy-Authenticate"), contact=None)
    yield "ACK"
    invite = yield "INVITE"
    assert proves(invite, "n0", name="Proxy-Authorization")
    far.answer(invite, "200 OK", "Session-Expires: 1;refresher=uac", body=far.described())
    far.sound()
    yield "ACK"
    for number in range(1, 5):
        again = yield "INVITE"
        assert "Authorization" not in again
        far.answer(again, "407 Proxy Authentication Required", challenge(f"n{number}", name="Proxy-Authenticate"))
        yield "ACK"
        again = yield "INVITE"
        assert proves(again, f"n{number}", name="Proxy-Authorization")
        far.answer(
            again, "200 OK", "Session-Expires: 1;refresher=uac" if number < 4 else "X-None: 1", body=far.described()
        )
        yield "ACK"
    bye = yield "BYE"
    far.answer(bye, "407 Proxy Authentication Required", challenge("n9", name="Proxy-Authenticate"))
    bye = yield "BYE"
    assert proves(bye, "n9", name="Proxy-Authorization")
    far.answer(bye, "200 OK")


def stale(far: Far) -> Script:
    first = yield "INVITE"
    far.answer(first, "401 Unauthorized", challenge("old"))
    yield "ACK"
    second = yield "INVITE"
    assert proves(second, "old")
    far.answer(second, "401 Unauthorized", challenge("new", "stale=true"))
    yield "ACK"
    third = yield "INVITE"
    assert proves(third, "new")
    far.answer(third, "200 OK", body=far.described())
    far.sound()
    yield "ACK"


def both_at_once(far: Far) -> Script:
    first = yield "INVITE"
    far.answer(
        first,
        "401 Unauthorized",
        challenge("a"),
        challenge("b", realm="proxy", name="Proxy-Authenticate"),
        contact=None,
    )
    yield "ACK"
    second = yield "INVITE"
    assert proves(second, "a")
    assert proves(second, "b", realm="proxy", name="Proxy-Authorization")
    far.answer(second, "200 OK", body=far.described())
    far.sound()
    yield "ACK"


def one_after_the_other(far: Far) -> Script:
    first = yield "INVITE"
    far.answer(first, "407 Who", challenge("b", realm="proxy", name="Proxy-Authenticate"))
    yield "ACK"
    second = yield "INVITE"
    assert proves(second, "b", realm="proxy", name="Proxy-Authorization")
    far.answer(second, "401 Who", challenge("a"))
    yield "ACK"
    third = yield "INVITE"
    assert proves(third, "a")
    assert proves(third, "b", 2, realm="proxy", name="Proxy-Authorization"), "the same nonce once more: nc=2"
    far.answer(third, "200 OK", body=far.described())
    far.sound()
    yield "ACK"


def the_same_nonce(far: Far) -> Script:
    first = yield "INVITE"
    far.answer(first, "401 Who", challenge("same"))
    yield "ACK"
    second = yield "INVITE"
    assert proves(second, "same")
    far.answer(second, "200 OK", body=far.described())
    far.sound()
    yield "ACK"
    bye = yield "BYE"
    far.answer(bye, "401 Who", challenge("same"))
    bye = yield "BYE"
    assert proves(bye, "same", 2)
    far.answer(bye, "200 OK")


def for_ever(far: Far) -> Script:
    for number in range(5):
        invite = yield "INVITE"
        far.answer(invite, "401 Who", challenge(f"n{number}", "stale=true"))
        yield "ACK"
    yield 0.3


def prack_is_challenged(far: Far) -> Script:
    invite = yield "INVITE"
    far.answer(invite, "183 Session Progress", "Require: 100rel", "RSeq: 5", body=far.described())
    far.sound()
    prack = yield "PRACK"
    far.answer(prack, "401 Who", challenge("p"))
    prack = yield "PRACK"
    assert proves(prack, "p")
    assert header(prack, "RAck").startswith("5 ")
    far.answer(prack, "200 OK")
    far.answer(invite, "200 OK")
    yield "ACK"


# --- acknowledgements ------------------------------------------------------------------------------------------------


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


# --- session timers --------------------------------------------------------------------------------------------------


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


# --- what ends a call, and what does not ------------------------------------------------------------------------------


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
    # --- where requests go
    "a re-INVITE's Contact": Case(
        "RFC 3261 §12.2.2; kamailio/kamailio #273, pjsip/pjproject #580", moves("INVITE"), ANSWERED, HEARD,
        check=lambda far, _: far.came_to["BYE"] == far.other_port and request_uri(last(far, "BYE")) == far.other_uri,
    ),
    "an UPDATE's Contact": Case(
        "RFC 3311 §5.1; OpenSIPS/opensips #964", moves("UPDATE"), ANSWERED, HEARD,
        check=lambda far, _: far.came_to["BYE"] == far.other_port,
    ),
    "an UPDATE's Contact, without an offer": Case(
        "RFC 3311 §5.1", moves("UPDATE", offer=False), ANSWERED, HEARD,
        check=lambda far, _: far.came_to["BYE"] == far.other_port,
    ),
    "the Contact of the 200 to our refresh": Case(
        "RFC 3261 §12.2.1.2", refreshed_from_elsewhere, ANSWERED, HEARD,
        check=lambda far, _: far.came_to["BYE"] == far.other_port, probe=LONG,
    ),
    "the Contact of a re-INVITE that is refused": Case(
        "RFC 3261 §14.2; kamailio/kamailio #1571: nothing changes", moves("INVITE", "488"), ANSWERED, HEARD,
        check=lambda far, _: far.came_to["BYE"] == far.port, was_right=True,
    ),
    "an OPTIONS' Contact": Case(
        "RFC 3261 §12.2: no target refresh request", moves("OPTIONS", offer=False), ANSWERED, HEARD,
        check=lambda far, _: far.came_to["BYE"] == far.port, was_right=True,
    ),
    "an ACK's Contact": Case(
        "RFC 3261 §12.2: an ACK refreshes nothing; OpenSIPS/opensips #2333", ack_moves_nothing, ANSWERED, HEARD,
        check=lambda far, _: far.came_to["BYE"] == far.port, was_right=True,
    ),
    "a Contact that is a name": Case(
        "RFC 3263: it is not looked up in mid-call, and goes where the INVITE went",
        moves_to_a_name, ANSWERED, HEARD, was_right=True,
    ),
    "a loose router": Case(
        "RFC 3261 §12.2.1.1; emiago/sipgo #346", routed("other;lr"), ANSWERED, HEARD,
        check=lambda far, _: far.came_to["BYE"] == far.other_port == far.came_to["ACK"]
        and request_uri(last(far, "BYE")) == far.uri and "lr" in header(last(far, "BYE"), "Route"), was_right=True,
    ),
    "a strict router": Case(
        "RFC 3261 §12.2.1.1; eigger/hass-sip #40", routed("other"), ANSWERED, HEARD,
        check=lambda far, _: request_uri(last(far, "BYE")) == f"sip:[::1]:{far.other_port}"
        and far.uri in header(last(far, "BYE"), "Route"), was_right=True,
    ),
    "a router with a parameter that begins with lr": Case(
        "eigger/hass-sip #40: ;lrx is not ;lr", routed("other;lrx=1"), ANSWERED, HEARD,
        check=lambda far, _: request_uri(last(far, "BYE")).startswith(f"sip:[::1]:{far.other_port}"), was_right=True,
    ),
    "two routers, the nearer one last": Case(
        "RFC 3261 §12.1.2: in reverse order", routed("sip:[::1]:9;lr", "other;lr"), ANSWERED, HEARD,
        check=lambda far, _: far.came_to["BYE"] == far.other_port, was_right=True,
    ),
    "a router of the 180 that the 200 does not name": Case(
        "RFC 3261 §13.2.2.4: the route set is that of the 2xx", routed("other;lr", early="yes"), ANSWERED, HEARD,
        check=lambda far, _: "early" not in last(far, "BYE"), was_right=True,
    ),
    "a router, and another Contact in mid-call": Case(
        "RFC 3261 §12.2: the target moves, the route set never", routed("other;lr", then="sip:moved@[::1]:9"), ANSWERED,
        HEARD, check=lambda far, _: far.came_to["BYE"] == far.other_port
        and request_uri(last(far, "BYE")) == "sip:moved@[::1]:9", was_right=True,
    ),
    "a strict router, and another Contact in mid-call": Case(
        "RFC 3261 §12.2.1.1: the target is the last Route", routed("other", then="sip:moved@[::1]:9"), ANSWERED, HEARD,
        check=lambda far, _: request_uri(last(far, "BYE")) == f"sip:[::1]:{far.other_port}"
        and "sip:moved@[::1]:9" in header(last(far, "BYE"), "Route"),
    ),
    "a refresh by way of a router": Case(
        "RFC 3261 §12.2: the route set stays, whatever the answer names; sippy/b2bua #54, onsip/SIP.js #506",
        refreshed_by_way_of(";lr"), ANSWERED, HEARD, probe=LONG,
    ),
    "a refresh by way of a strict router": Case(
        "RFC 3261 §12.2.1.1; sippy/b2bua #54", refreshed_by_way_of(""), ANSWERED, HEARD, probe=LONG,
    ),
    "a refresh by way of a router, and a 491": Case(
        "RFC 3261 §17.1.1.3: the ACK has the INVITE's Route; OpenSIPS/opensips #3131",
        refreshed_by_way_of(";lr", refused="491 Request Pending"), ANSWERED, HEARD, probe=LONG,
    ),
    "a refresh by way of a router, and a 500": Case(
        "RFC 3261 §17.1.1.3; OpenSIPS/opensips #3561",
        refreshed_by_way_of(";lr", refused="500 Server Internal Error"), ANSWERED, HEARD, probe=LONG,
    ),
    # --- challenges
    "each request, with a new nonce": Case(
        "RFC 3261 §22.3; freeswitch/sofia-sip #316", challenged_each_time, ANSWERED, HEARD,
        probe=LOGIN | {"duration_ms": 3500},
    ),
    "a nonce that got stale": Case(
        "RFC 7616 §3.5; emiago/sipgo #329", stale, ANSWERED, HEARD, probe=LOGIN, was_right=True
    ),
    "401 and 407 at once": Case(
        "RFC 3261 §16.7: of forked branches", both_at_once, ANSWERED, HEARD, probe=LOGIN, was_right=True
    ),
    "407, then 401": Case(
        "RFC 7616 §3.4: nc counts the uses of a nonce; RestComm/jain-sip #181", one_after_the_other, ANSWERED, HEARD,
        probe=LOGIN,
    ),
    "the same nonce for the BYE": Case("RestComm/jain-sip #181", the_same_nonce, ANSWERED, HEARD, probe=LOGIN),
    "always another nonce": Case(
        "ours: nobody keeps us computing proofs for ever", for_ever, {"disposition": "failed", "sip_code": 401},
        check=lambda far, _: far.count("INVITE") == 5, probe=LOGIN, was_right=True,
    ),
    "a PRACK": Case("RFC 3261 §22.3, RFC 3262 §4", prack_is_challenged, ANSWERED, HEARD, probe=LOGIN),
    # --- acknowledgements
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
    # --- session timers
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
    # --- what ends a call, and what does not
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


def talks(far: Caller) -> Script:
    far.call(body=far.described())
    answer = yield "2xx"
    far.ack(answer)
    far.sound()


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
    far.ack(answer)
    far.sound()
    yield 0.5
    far.hang_up()
    yield "2xx"


def two_acks(far: Caller) -> Script:
    far.call(body=far.described())
    answer = yield "2xx"
    far.ack(answer)
    far.within("ACK", "X-Again: 1", cseq=1)
    far.sound()
    yield 0.5
    far.hang_up()
    yield "2xx"


def cancel_too_late(far: Caller) -> Script:
    far.call(body=far.described())
    answer = yield "2xx"
    remote = far.remote
    far.within("CANCEL", cseq=1, branch=far.invite_branch)
    far.remote = remote
    done = yield "final"
    while "CANCEL" not in header(done, "CSeq"):
        done = yield "final"
    far.ack(answer)
    far.sound()
    yield 0.5
    far.hang_up()
    yield "2xx"


def cancels(far: Caller) -> Script:
    far.call(body=far.described())
    yield "provisional"
    far.within("CANCEL", cseq=1, branch=far.invite_branch)
    yield "2xx"
    refusal = yield "487"
    far.remote = header(refusal, "To")
    far.within("ACK", cseq=1, branch=far.invite_branch)


def moves_away(far: Caller) -> Script:
    yield from talks(far)
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


def timer_of_a_caller(far: Caller) -> Script:
    far.call("Supported: timer", "Session-Expires: 1;refresher=uas", body=far.described())
    answer = yield "2xx"
    assert header(answer, "Session-Expires") == "1;refresher=uas"
    far.ack(answer)
    far.sound()
    again = yield "INVITE"
    far.answer(again, "200 OK", body=far.described())
    yield "ACK"
    far.hang_up()
    yield "2xx"


PART = {"codec": "PCMA", "rtp_lost": 0, "one_way": False}
CALLED = {
    "BYE before the ACK": Case("RFC 5407 §3.1.3", bye_before_ack, was_right=True),
    "the ACK of the second 200": Case("RFC 3261 §13.3.1.4", late_ack, stream=PART, was_right=True),
    "two ACKs": Case("RFC 3261 §13.2.2.4: one for each 200", two_acks, stream=PART, was_right=True),
    "CANCEL after the 200": Case(
        "RFC 3261 §9.2: no effect; versatica/JsSIP #597", cancel_too_late, stream=PART, was_right=True
    ),
    "CANCEL": Case("RFC 3261 §9.2", cancels, was_right=True),
    "BYE while it rings": Case("RFC 3261 §15.1.2: 487 to the INVITE", bye_while_it_rings, was_right=True),
    "a re-INVITE, and then our BYE": Case(
        "RFC 3261 §15", moves_away, stream=PART, check=lambda far, _: far.came_to["BYE"] == far.port, was_right=True,
    ),
    "a timer that is left to us": Case("RFC 4028 §9", timer_of_a_caller, stream=PART, was_right=True),
}  # fmt: skip


@pytest.fixture(scope="module")
def quick() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(freshness, "SHORTEST_REFRESH_S", 0.1)
        patch.setattr(refresher, "RETRY_S", 0.2)
        patch.setattr(refresher, "OWN_GLARE_S", (0.2, 0.4))
        patch.setattr(outcome, "NO_ANSWER_MS", 900)
        patch.setattr(receiver, "OVERSTAY_MS", 200)
        yield patch


@pytest.fixture(scope="module")
def dialled(tmp_path_factory: pytest.TempPathFactory, quick: object) -> dict[str, Played]:
    return play(DIALLED, Path(tmp_path_factory.mktemp("dialled")), calls=True)


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory, quick: object) -> dict[str, Played]:
    return play(CALLED, Path(tmp_path_factory.mktemp("taken")), calls=False)


@pytest.mark.parametrize("name", DIALLED)
def test_a_far_end_that_is_called(dialled: dict[str, Played], name: str):
    judge(dialled[name])


@pytest.mark.parametrize("name", CALLED)
def test_a_far_end_that_calls(taken: dict[str, Played], name: str):
    judge(taken[name])
