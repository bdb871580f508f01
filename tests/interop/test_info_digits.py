"""Digits that a far end tells of in INFOs (`application/dtmf-relay`, `application/dtmf`; RFC 6086), as gateways and
SBCs do that take them out of the sound: they count like those of RFC 4733, each once, and the record says how they
came.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.interop.cases import ANSWERED, RINGS_MS, Case, Played, judge, play
from tests.interop.messages import kinds
from tests.interop.scripted import QUIET, SDP, Caller, Far, Script
from tests.interop.turns import answer_to
from voice_sipapp.media.dtmf import DIGITS
from voice_sipapp.signalling import receiver

pytestmark = QUIET

RELAY, PLAIN = "application/dtmf-relay", "application/dtmf"
CODE = "1357"
WITH_CODE = {"confirm": True}


def relay(digit: str) -> str:
    return f"Signal={digit}\r\nDuration=160\r\n"


def talks(far: Caller, types: Sequence[int] = (8, 101)) -> Script:
    far.call(body=far.described(types=types))
    answer = yield "2xx"
    far.ack(answer)
    far.sound()


def ends(far: Caller) -> Script:
    yield 0.3
    far.hang_up()
    yield from answer_to(far, "BYE", "2xx")


def presses(*bodies: str, kind: str = RELAY, code: str = "2xx") -> Callable[[Caller], Script]:
    """The call is up, and an INFO tells of each digit."""

    def script(far: Caller) -> Script:
        yield from talks(far)
        for body in bodies:
            far.within("INFO", body=body, kind=kind)
            yield from answer_to(far, "INFO", code)
        yield from ends(far)

    return script


def while_it_rings(far: Caller) -> Script:
    """A gateway passes on what its caller presses before anybody answers."""
    far.call(body=far.described())
    first = yield "180"
    far.took(first)
    for digit in f"*{CODE}":
        far.within("INFO", body=relay(digit), kind=RELAY)
        yield from answer_to(far, "INFO", "2xx")
    answer = yield "2xx"
    far.ack(answer)
    far.sound()
    yield from ends(far)


def each_comes_again(far: Caller) -> Script:
    """Its answer is lost, and a proxy changes something in it on the way."""
    yield from talks(far)
    for number, digit in enumerate(f"*{CODE}"):
        branch = f"z9hG4bK{far.tag}{number}"
        far.within("INFO", body=relay(digit), kind=RELAY, branch=branch)
        yield from answer_to(far, "INFO", "2xx")
        far.within("INFO", "X-Again: 1", body=relay(digit), kind=RELAY, branch=branch, cseq=far.cseq)
        yield from answer_to(far, "INFO", "2xx")
    yield from ends(far)


def under_the_same_number(far: Caller) -> Script:
    """A far end that counts wrong: what has the number of the one before is not told of anew (RFC 3261 §12.2.2)."""
    yield from talks(far)
    for digit in f"*{CODE}":
        far.within("INFO", body=relay(digit), kind=RELAY)
        yield from answer_to(far, "INFO", "2xx")
        far.within("INFO", body=relay("9"), kind=RELAY, cseq=far.cseq)
        yield from answer_to(far, "INFO", "500")
    yield from ends(far)


def both_ways(far: Caller) -> Script:
    """Each digit comes with the sound, too."""
    yield from talks(far)
    for number, digit in enumerate(f"*{CODE}"):
        events(far, digit, 101, 5000 + 10 * number)
        far.within("INFO", body=relay(digit), kind=RELAY)
        yield from answer_to(far, "INFO", "2xx")
        yield 0.05
    yield from ends(far)


def is_told(code: str, body: str, kind: str, *told: str, more: Sequence[str] = ()) -> Callable[[Caller], Script]:
    """What can't be understood is refused, and told why; the call goes on, and the digits after it count."""

    def script(far: Caller) -> Script:
        yield from talks(far)
        far.within("INFO", *more, body=body, kind=kind)
        answer = yield from answer_to(far, "INFO", code)
        assert all(each in answer for each in told), answer
        for digit in f"*{CODE}":
            far.within("INFO", body=digit, kind=PLAIN)
            yield from answer_to(far, "INFO", "2xx")
        yield from ends(far)

    return script


def events(far: Caller, digits: str, kind: int, first: int) -> None:
    """Send `digits` as events (RFC 4733) under the payload type `kind`, numbered from `first` on."""
    for number, digit in enumerate(digits):
        for again in range(3):
            sequence = first + 3 * number + again
            event = struct.pack("!BBHII", 0x80, kind, sequence, 160 * (first + number), 77)
            far.media.sendto(event + struct.pack("!BBH", DIGITS.index(digit), 0x8A, 800), far.to_sound)


def moves_events(method: str) -> Callable[[Caller], Script]:
    """It wants and sends its events under another number, and some are under way under the old one."""

    def script(far: Caller) -> Script:
        yield from talks(far)
        events(far, "*1", 101, 5000)
        far.within(method, body=far.described("a=rtpmap:96 telephone-event/8000", types=(8, 96)))
        answer = yield from answer_to(far, method, "2xx")
        assert 96 in kinds(answer)
        if method == "INVITE":
            far.ack(answer)
        events(far, "3", 101, 5100)
        yield 0.05
        events(far, "57", 96, 5200)
        yield from ends(far)

    return script


def drops_events(far: Caller) -> Script:
    """It wants no events any more, and tells of its digits from then on."""
    yield from talks(far)
    far.within("UPDATE", body=far.described(types=(8,)))
    answer = yield from answer_to(far, "UPDATE", "2xx")
    assert kinds(answer) == [8]
    for digit in f"*{CODE}":
        far.within("INFO", body=relay(digit), kind=RELAY)
        yield from answer_to(far, "INFO", "2xx")
    yield from ends(far)


def before_its_ack(far: Caller) -> Script:
    far.call(body=far.described())
    answer = yield "2xx"
    far.took(answer)
    for digit in f"*{CODE}":
        far.within("INFO", body=relay(digit), kind=RELAY)
        yield from answer_to(far, "INFO", "2xx")
    far.ack(answer)
    far.sound()
    yield from ends(far)


def when_it_is_over(far: Caller) -> Script:
    yield from presses(*map(relay, f"*{CODE}"))(far)
    far.within("INFO", body=relay("*"), kind=RELAY)
    yield from answer_to(far, "INFO", "481")


def of_code(part: Any, code: str | None = CODE) -> bool:
    return bool(part.code == code)


HEARD = {"one_way": False, "rtp_lost": 0}
EVERY = [relay(each) for each in f"*{CODE}"]
PARTS = (
    "--b\r\nContent-Type: application/x-q931;x=1\r\nContent-Disposition: signal;handling=optional\r\n\r\n01\r\n--b\r\n"
)
OF_PARTS = [f"{PARTS}Content-Type: {RELAY}\r\n\r\n{relay(each)}\r\n--b--\r\n" for each in f"*{CODE}"]


def told(script: Callable[[Caller], Script], source: str, *, was_right: bool = False, code: str | None = CODE) -> Case:
    """Its digits are the code that the part has."""
    return Case(
        source, script, stream=HEARD, check=lambda _, part: of_code(part, code), probe=WITH_CODE, was_right=was_right
    )


TOLD = {
    "dtmf-relay": told(presses(*EVERY), "Cisco's, and the usual one"),
    "dtmf": told(presses(*f"*{CODE}", kind=PLAIN), "the digit alone"),
    "the codes of events": told(presses("Signal=10\r\n", *EVERY[1:]), "RFC 4733 §3.2: 10 is the star"),
    "spaces, and the lines the other way round": told(
        presses(*(f"Duration= 250\nSignal= {each}\n" for each in f"*{CODE}")), "seen: devices differ",
    ),
    "of no type": told(presses(*EVERY, kind=""), "RFC 3261 §20.15: must be there, and is not always"),
    "one part of several": told(presses(*OF_PARTS, kind="multipart/mixed;boundary=b"), "RFC 5621"),
    "before the answer": told(while_it_rings, "RFC 6086 §4.1: in an early dialog, too"),
    "each twice, changed by a proxy": told(each_comes_again, "RFC 3261 §17.2.2: a repeated request counts once"),
    "each twice, under the same CSeq": told(under_the_same_number, "RFC 3261 §12.2.2"),
    "with the sound, too": told(both_ways, "seen: gateways that do both; none counts twice", was_right=True),
    "a hook flash between": told(presses(EVERY[0], *EVERY[1:3], relay("16"), *EVERY[3:]), "RFC 4733 §3.2: no digit"),
    "no body": told(is_told("200", "", ""), "RFC 2976: a sign of life"),
    "a letter that is none": told(
        is_told("400", relay("E"), RELAY, "'E' is no digit"), "ours: 400, and why",
    ),
    "no signal": told(is_told("400", "Duration=160\r\n", RELAY, "Warning: 399"), "ours: 400, and why"),
    "several at once": told(is_told("400", "123", PLAIN, "'123' is no digit"), "ours: 400, and why"),
    "text": told(
        is_told("415", "5", "text/plain", f"Accept: {RELAY}, {PLAIN}", "text/plain"), "RFC 3261 §21.4.13",
    ),
    "a description": told(is_told("415", "v=0\r\n", SDP, "Accept: "), "RFC 3261 §21.4.13"),
    "text that need not be understood": told(
        is_told("200", "5", "text/plain", more=("Content-Disposition: signal;handling=optional",)), "RFC 3261 §20.11",
    ),
    "encoded": told(
        is_told("415", "5", PLAIN, "Accept-Encoding", more=("Content-Encoding: gzip",)), "RFC 3261 §21.4.13",
    ),
    "an Info Package": told(
        is_told("469", relay("5"), RELAY, "Recv-Info", more=("Info-Package: x-digits",)), "RFC 6086 §4.2.2",
    ),
    "before the ACK": told(before_its_ack, "RFC 6086 §4.1"),
    "events move to another number by a re-INVITE": told(
        moves_events("INVITE"), "RFC 3264 §8.3.2: those under the old one are still under way",
    ),
    "events move to another number by an UPDATE": told(moves_events("UPDATE"), "RFC 3264 §8.3.2"),
    "events are wanted no more": told(drops_events, "RFC 3264 §8.3.2"),
    "when the call is over": told(when_it_is_over, "RFC 3261 §12.2.2"),
    "another probe's call, which has no code": Case(
        "nothing waits for it", presses(*EVERY), stream=HEARD, check=lambda _, part: of_code(part, None),
        was_right=True,
    ),
}  # fmt: skip


def gateway() -> Callable[[Far], Script]:
    """A gateway between dialer and receiver: it takes the dialer's digits out of the sound, and tells of them."""

    def inner(far: Caller) -> Script:
        yield from talks(far, types=(8, 101))
        for digit in f"*{CODE}":
            far.within("INFO", body=relay(digit), kind=RELAY)
            yield from answer_to(far, "INFO", "2xx")
        far.talks = True
        yield 0.6
        far.hang_up()
        yield from answer_to(far, "BYE", "2xx")

    def script(far: Far) -> Script:
        invite = yield "INVITE"
        called: Any = far.calls(inner)
        while not called.talks:
            yield 0.02
        far.answer(invite, "200 OK", body=far.described())
        far.sound()
        yield "ACK"

    return script


def heard(*, tells: bool) -> Callable[[Far], Script]:
    """The receiver of another host has heard the code, which a gateway tells of (or does not)."""

    def script(far: Far) -> Script:
        invite = yield "INVITE"
        far.answer(invite, "200 OK", body=far.described(types=(8, 101)))
        far.sound()
        yield "ACK"
        yield 2.0
        assert 101 in far.heard_kinds, "the code is pressed"
        if tells:
            far.request("INFO", body=relay("#"), kind=RELAY)
            yield "2xx"
        far.heard_kinds.clear()
        yield 2.5
        assert (101 in far.heard_kinds) != tells, "it is pressed again, unless it was heard"

    return script


AWAITED = {"duration_ms": 5000, "confirm": True}
SWITCHED = {
    "a receiver that has heard the code": Case(
        "the hash that says so, by INFO", heard(tells=True), ANSWERED, probe=AWAITED,
    ),
    "a receiver that has not": Case("ours", heard(tells=False), ANSWERED, probe=AWAITED, was_right=True),
    "a gateway that takes digits out of the sound": Case(
        "the record says how they came", gateway(), ANSWERED, reason="at the receiver digits came by SIP INFO",
        probe={"answer_after_ms": RINGS_MS, "duration_ms": 1200},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(receiver, "OVERSTAY_MS", 1000)
        yield


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory, quick: None) -> dict[str, Played]:
    return play(TOLD, Path(tmp_path_factory.mktemp("told")), calls=False)


@pytest.fixture(scope="module")
def switched(tmp_path_factory: pytest.TempPathFactory, quick: None) -> dict[str, Played]:
    return play(SWITCHED, Path(tmp_path_factory.mktemp("switched")), calls=True)


@pytest.mark.parametrize("name", TOLD)
def test_a_far_end_that_tells_of_digits(taken: dict[str, Played], name: str):
    judge(taken[name])


@pytest.mark.parametrize("name", SWITCHED)
def test_a_path_on_which_digits_become_messages(switched: dict[str, Played], name: str):
    judge(switched[name])
