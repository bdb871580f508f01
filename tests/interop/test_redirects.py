"""A call that is sent elsewhere: several Contacts in a redirect (RFC 3261 §8.1.3.4, §20.10 and §21.3)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.interop.cases import ANSWERED, Case, Played, judge, play
from tests.interop.scripted import QUIET, Far, Script
from tests.interop.stage import HOME
from tests.interop.turns import never, up
from voice_sipapp.signalling import call as call_module
from voice_sipapp.signalling import outcome

pytestmark = QUIET


def says(status: str, *lines: str, rings: bool = False) -> Callable[[Far], Script]:
    """The call is refused."""

    def script(far: Far) -> Script:
        invite = yield "INVITE"
        if rings:
            far.answer(invite, "180 Ringing")
            yield 0.1
        far.answer(invite, status, *lines, contact=None)
        yield "ACK"

    return script


def is_silent(far: Far) -> Script:
    """Nothing ever comes back: the requests are taken from under the default answers."""
    for _ in range(2):
        yield "INVITE"


def sends_on(
    *others: Callable[[Far], Script], to: str = "<@0>;q=0.9|<@1>;q=0.5", status: str = "302 Moved Temporarily"
):  # type: ignore[no-untyped-def]
    """A 3xx with the Contacts `to` (| parts header fields), in which @0 is the URI of the first of `others`."""

    def script(far: Far) -> Script:
        made = [far.another(each) for each in others]
        invite = yield "INVITE"
        text = to.replace("@receiver", f"sip:agent@[{HOME}]:{far.receiver_port}").replace("@self", far.uri)
        for number, each in enumerate(made):
            text = text.replace(f"@{number}", each.uri)
        far.answer(invite, status, *(f"Contact: {each}" for each in text.split("|")), contact=None)
        yield "ACK"

    return script


def tried(far: Far) -> list[int]:
    """How many INVITEs each of the others got."""
    return [each.count("INVITE") for each in far.others]


def back_again(far: Far) -> Script:
    good = far.another(up)

    def back(other: Far) -> Script:
        invite = yield "INVITE"
        other.answer(invite, "302 Moved Temporarily", f"Contact: <sip:+442071838750@[{HOME}]:{far.port}>", contact=None)
        yield "ACK"

    looping = far.another(back)
    invite = yield "INVITE"
    far.answer(invite, "302 Moved Temporarily", f"Contact: <{looping.uri}>, <{good.uri}>;q=0.1", contact=None)
    yield "ACK"


def a_number_and_a_uri(far: Far) -> Script:
    good = far.another(up)
    invite = yield "INVITE"
    far.answer(invite, "302 Moved Temporarily", f"Contact: <tel:+15105550199>;q=1, <{good.uri}>;q=0.1", contact=None)
    yield "ACK"
    invite = yield "INVITE"
    assert invite.startswith("INVITE sip:+15105550199@")
    far.answer(invite, "404 Not Found", contact=None)
    yield "ACK"


def from_one_to_the_next(far: Far) -> Script:
    """302 to one that redirects to a third, which is busy; then the one that was left over."""
    good, busy = far.another(up), far.another(says("486 Busy Here"))

    def on(other: Far) -> Script:
        invite = yield "INVITE"
        other.answer(invite, "302 Moved Temporarily", f"Contact: <{busy.uri}>", contact=None)
        yield "ACK"

    first = far.another(on)
    invite = yield "INVITE"
    far.answer(invite, "302 Moved Temporarily", f"Contact: <{first.uri}>;q=0.9, <{good.uri}>;q=0.8", contact=None)
    yield "ACK"


def without_end(far: Far) -> Script:
    """Each one points to the next."""

    def one(number: int) -> Callable[[Far], Script]:
        def script(other: Far) -> Script:
            invite = yield "INVITE"
            other.answer(invite, "302 Moved Temporarily", f"Contact: <sip:n{number}@[{HOME}]:{far.port}>", contact=None)
            yield "ACK"

        return script

    for number in range(6):
        yield from one(number)(far)


def many(far: Far) -> Script:
    """Thirty targets, all of them busy here."""
    invite = yield "INVITE"
    to = ", ".join(f"<sip:n{number}@[{HOME}]:{far.port}>" for number in range(30))
    far.answer(invite, "302 Moved Temporarily", f"Contact: {to}", contact=None)
    yield "ACK"
    for _ in range(9):
        invite = yield "INVITE"
        far.answer(invite, "486 Busy Here", contact=None)
        yield "ACK"
    yield 0.3


DOWN = says("503 Service Unavailable")
FOLLOWED = ANSWERED | {"redirects": 1}
REDIRECTED = {
    "the first answers 503": Case(
        "RFC 3261 §8.1.3.4; kirm/sip.js #43", sends_on(DOWN, up), FOLLOWED, reason="503",
        check=lambda far, _: tried(far) == [1, 1],
    ),
    "by q, not by order": Case(
        "RFC 3261 §20.10; hnimminh/libresbc #118", sends_on(up, DOWN, to="<@0>;q=0.2, <@1>;q=0.99"), FOLLOWED,
        check=lambda far, _: tried(far) == [1, 1],
    ),
    "without q first": Case(
        "RFC 2543 §6.13, RFC 3261 §20.10: as with q=1", sends_on(up, never, to="<@1>;q=0.9, <@0>"), FOLLOWED,
        check=lambda far, _: tried(far) == [1, 0], was_right=True,
    ),
    "the same q, in their order": Case(
        "RFC 3261 §16.6: any order will do, and this one is the sender's",
        sends_on(DOWN, up, to="<@0>;q=0.5, <@1>;q=0.5"),
        FOLLOWED, check=lambda far, _: tried(far) == [1, 1],
    ),
    "a header field each": Case(
        "RFC 3261 §7.3.1; OpenSIPS/opensips #656", sends_on(DOWN, up, to="<@0>;q=0.9|<@1>;q=0.5"), FOLLOWED,
        check=lambda far, _: tried(far) == [1, 1],
    ),
    "a comma within a name": Case(
        "RFC 3261 §7.3.1", sends_on(DOWN, up, to='"Down, first" <@0>;q=0.9, "Up, then" <@1>;q=0.5'), FOLLOWED,
        check=lambda far, _: tried(far) == [1, 1],
    ),
    "without angle brackets": Case(
        "RFC 3261 §20.10", sends_on(DOWN, up, to="@0;q=0.9, @1;q=0.5"), FOLLOWED,
        check=lambda far, _: tried(far) == [1, 1],
    ),
    "300": Case("RFC 3261 §21.3.1; sippy/b2bua #24", sends_on(DOWN, up, status="300 Multiple Choices"), FOLLOWED),
    "301": Case("RFC 3261 §21.3.2", sends_on(DOWN, up, status="301 Moved Permanently"), FOLLOWED),
    "the first is busy": Case("RFC 3261 §8.1.3.4: codes beyond 399", sends_on(says("486 Busy Here"), up), FOLLOWED),
    "the first is unknown": Case("RFC 3261 §8.1.3.4", sends_on(says("404 Not Found"), up), FOLLOWED),
    "the first has no common codec": Case("RFC 3261 §8.1.3.4", sends_on(says("488 Not Acceptable Here"), up), FOLLOWED),
    "the first times out": Case("RFC 3261 §8.1.3.4", sends_on(says("408 Request Timeout"), up), FOLLOWED),
    "the first rings, then refuses": Case(
        "RFC 3261 §8.1.3.4", sends_on(says("480 Temporarily Unavailable", rings=True), up), FOLLOWED
    ),
    "the first wants a password": Case(
        "RFC 3261 §8.1.3.4", sends_on(says("401 Unauthorized", 'WWW-Authenticate: Digest realm="x", nonce="n"'), up),
        FOLLOWED,
    ),
    "the first says nothing": Case(
        "RFC 3261 §8.1.3.4; OpenSIPS/opensips #2772: a transport failure counts too", sends_on(is_silent, up), FOLLOWED,
        reason="No response", check=lambda far, _: tried(far)[0] >= 2 and tried(far)[1] == 1,
    ),
    "6xx ends it": Case(
        "RFC 3261 §21.6: for all of them", sends_on(says("600 Busy Everywhere"), never),
        {"disposition": "busy", "sip_code": 600, "redirects": 1}, check=lambda far, _: tried(far) == [1, 0],
        was_right=True,
    ),
    "603 ends it": Case(
        "RFC 3261 §21.6.2", sends_on(says("603 Decline"), never), {"sip_code": 603, "redirects": 1},
        check=lambda far, _: tried(far) == [1, 0], was_right=True,
    ),
    "all of them refuse": Case(
        "RFC 3261 §8.1.3.4: the last one's answer, and what the others said", sends_on(DOWN, says("486 Busy Here")),
        {"disposition": "busy", "sip_code": 486, "redirects": 1}, reason="503 Service Unavailable",
    ),
    "a telephone number first": Case(
        "RFC 3261 §19.1.6: in the domain that was called; then the other one",
        a_number_and_a_uri, FOLLOWED, reason="404",
    ),
    "a conference's page first": Case(
        "RFC 3261 §19.1.5: no URI that can be invited",
        sends_on(up, to="<https://example.net/x>, <@0>;q=0.1"), FOLLOWED,
        reason="https:",
    ),
    "a mail address first": Case(
        "RFC 3261 §19.1.5", sends_on(up, to="<mailto:a@example.net>, <@0>;q=0.1"), FOLLOWED, reason="mailto:",
    ),
    "one that has expired": Case(
        "RFC 3261 §20.10: expires=0", sends_on(never, up, to="<@0>;expires=0, <@1>;q=0.1"), FOLLOWED,
        check=lambda far, _: tried(far) == [0, 1],
    ),
    "one that can't be reached from here": Case(
        "RFC 3263 §4.1: another address family", sends_on(up, to="<sip:x@127.0.0.1:9>, <@0>;q=0.1"), FOLLOWED,
        reason="can't be reached",
    ),
    "one over TCP, without an edge": Case(
        "RFC 3263 §4.1", sends_on(up, to=f"<sip:x@[{HOME}]:9;transport=tcp>, <@0>;q=0.1"), FOLLOWED, reason="TCP",
    ),
    "a name that nobody has": Case(
        "RFC 3263 §4.2", sends_on(up, to="<sip:x@nowhere.invalid>, <@0>;q=0.1"), FOLLOWED, reason="nowhere.invalid",
    ),
    "the same one twice": Case(
        "RFC 3261 §16.5: each once", sends_on(DOWN, to="<@0>;q=0.9, <@0>;q=0.5"), {"sip_code": 503, "redirects": 1},
        check=lambda far, _: tried(far) == [1], was_right=True),
    "back to where it came from": Case("RFC 3261 §8.1.3.4: no URI twice", back_again, FOLLOWED),
    "redirected once more, then what was left over": Case(
        "RFC 3261 §8.1.3.4", from_one_to_the_next, ANSWERED | {"redirects": 2}, reason="486"
    ),
    "redirected for ever": Case(
        "ours: five times", without_end, {"disposition": "failed", "sip_code": 302, "redirects": 5},
        reason="more than 5 times", was_right=True,
    ),
    "thirty targets": Case(
        "ours: ten", many, {"disposition": "busy", "sip_code": 486, "redirects": 1},
        check=lambda far, _: far.count("INVITE") == 10,
    ),
    "305": Case(
        "RFC 3261 §21.3.4: a proxy's own answer, and not followed", sends_on(never, to="<@0>", status="305 Use Proxy"),
        {"disposition": "failed", "sip_code": 305, "redirects": 0}, was_right=True,
    ),
    "nowhere": Case(
        "RFC 3261 §21.3.3",
        sends_on(to="<mailto:a@example.net>"), {"disposition": "failed", "sip_code": 302, "redirects": 0},
        reason="can't be called", was_right=True,
    ),
    "to this host's receiver": Case(
        "a proxy in front of the receiver that redirects", sends_on(to="<@receiver>"), FOLLOWED,
        check=lambda far, cdr: {each.direction for each in cdr.streams} == {"forward", "reverse"}
        and all(each.rtp_rx > 20 for each in cdr.streams), was_right=True,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def redirected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Played]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(call_module, "SILENT_MS", 700)
        patch.setattr(outcome, "NO_ANSWER_MS", 4000)
        return play(REDIRECTED, tmp_path_factory.mktemp("redirected"), calls=True)


@pytest.mark.parametrize("name", REDIRECTED)
def test_a_call_that_is_sent_elsewhere(redirected: dict[str, Played], name: str):
    judge(redirected[name])
