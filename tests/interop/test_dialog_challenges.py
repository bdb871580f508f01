"""Challenges of a far end, whatever request they are for (RFC 3261 §22, RFC 7616)."""

from __future__ import annotations

from tests.interop.cases import ANSWERED, HEARD, Case, a_test_of
from tests.interop.hurry import hurried
from tests.interop.messages import header
from tests.interop.proofs import challenge, proves
from tests.interop.scripted import QUIET, Far, Script

pytestmark = QUIET


LOGIN = {"dialer_credentials": "trunk"}


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


DIALLED = {
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
}  # fmt: skip

test_a_far_end_that_is_called = a_test_of(DIALLED, calls=True, during=hurried)
