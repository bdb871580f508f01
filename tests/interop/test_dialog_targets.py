"""Where the requests of a dialog go (RFC 3261 §12, §16.12; RFC 3263): Contacts that move, routers, and what changes
neither.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.interop.cases import ANSWERED, HEARD, Case, a_test_of
from tests.interop.hurry import LONG, hurried
from tests.interop.messages import header
from tests.interop.scripted import QUIET, Far, Script
from tests.interop.turns import up

pytestmark = QUIET


def last(far: Far, method: str) -> str:
    """The last request of that method."""
    return next(each for each in reversed(far.requests) if each.startswith(f"{method} "))


def request_uri(request: str) -> str:
    return request.split(" ")[1]


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


DIALLED = {
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
}  # fmt: skip

test_a_far_end_that_is_called = a_test_of(DIALLED, calls=True, during=hurried)
